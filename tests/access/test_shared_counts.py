import asyncio
import os
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsetrue.access.quotas import CountsAwayError
from falsetrue.access.shared_counts import SharedCounts

TAG = b"0123456789abcdef"


class Clock:
    """A monotonic clock that stands still."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def counts(clock: Clock) -> Iterator[SharedCounts]:
    counts = SharedCounts(buckets=2, clock=clock)
    yield counts
    counts.close()


def _add(counts: SharedCounts, tag: bytes = TAG, seconds: int = 60) -> tuple[int, float]:
    return asyncio.run(counts.add(tag, seconds))


def test_a_window_opens_with_the_first_request_and_ends_on_time(counts: SharedCounts, clock: Clock) -> None:
    assert _add(counts) == (1, 60.0)
    clock.now += 59
    assert _add(counts) == (2, 1.0)
    clock.now += 1
    assert _add(counts) == (1, 60.0)


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from([1, 60]), st.floats(0, 40)), max_size=60))
def test_counts_are_those_of_a_dictionary(hits: list[tuple[int, int, float]]) -> None:
    clock = Clock()
    counts = SharedCounts(buckets=2, clock=clock)
    windows: dict[bytes, tuple[float, int]] = {}
    for who, seconds, pause in hits:
        clock.now += pause
        tag = bytes([who, seconds]) * 8
        ends, used = windows.get(tag, (0.0, 0))
        ends, used = (ends, used + 1) if clock.now < ends else (clock.now + seconds, 1)
        windows[tag] = ends, used
        assert _add(counts, tag, seconds) == (used, ends - clock.now)
    counts.close()


def test_a_full_bucket_forgets_the_caller_with_the_fewest_requests(counts: SharedCounts, clock: Clock) -> None:
    tags = [b"\0\0\0\0" + bytes([number]) * 12 for number in range(17)]
    assert [_add(counts, tag)[0] for tag in tags[:16]] == [1] * 16
    assert [_add(counts, tag)[0] for tag in tags[:16] if tag != tags[7]] == [2] * 15
    assert _add(counts, tags[16]) == (1, 60.0)
    assert [_add(counts, tag)[0] for tag in tags[:16] if tag != tags[7]] == [3] * 15
    assert _add(counts, tags[7])[0] == 1
    clock.now += 60
    assert [_add(counts, tag)[0] for tag in tags[:16]] == [1] * 16


def test_a_tag_is_found_whole_and_in_its_place(counts: SharedCounts) -> None:
    """The end of one tag and the beginning of the next may look like a third."""
    first, second = b"\0\0\0\0BBBBBBBBBBBB", b"\0\0\0\0CCCCCCCCCCCC"
    _add(counts, first)
    _add(counts, second)
    assert _add(counts, (first + second)[8:24])[0] == 1


def test_windows_survive_no_clock_that_is_not_theirs(counts: SharedCounts, clock: Clock) -> None:
    """The monotonic clock does not go back; if it did, no caller would wait for longer than a window."""
    for _ in range(3):
        _add(counts)
    clock.now -= 400 * 86_400
    assert _add(counts) == (1, 60.0)


def test_no_clock_on_the_wall_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = SharedCounts()
    for days in (0, 400, -400):
        monkeypatch.setattr(time, "time", lambda days=days: 1.7e9 + days * 86_400)
        used, reset = _add(counts)
        assert 0 < reset <= 60
    assert used == 3
    counts.close()


# --- several processes ----------------------------------------------------------------------------------


def _fork(work: Callable[[], None]) -> int:
    with warnings.catch_warnings():
        # Threads that other tests left behind; the child only counts.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if not pid:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return pid


def _hit(counts: SharedCounts, tags: list[bytes], times: int) -> None:
    async def hit() -> None:
        for number in range(times):
            await counts.add(tags[number % len(tags)], 3600)

    asyncio.run(hit())


def test_eight_processes_count_exactly() -> None:
    counts = SharedCounts()
    tags = [TAG, b"1" * 16, b"2" * 16]
    workers = [_fork(lambda: _hit(counts, tags, 3000)) for _ in range(8)]
    assert [os.waitpid(pid, 0)[1] for pid in workers] == [0] * 8
    assert [_add(counts, tag, 3600)[0] for tag in tags] == [8001] * 3
    counts.close()


def test_a_process_killed_while_it_counts_blocks_nobody() -> None:
    counts = SharedCounts()
    for _ in range(20):
        killed = _fork(lambda: _hit(counts, [TAG], 10**9))
        before = _add(counts)[0]
        while _add(counts)[0] < before + 50:
            pass
        os.kill(killed, signal.SIGKILL)
        os.waitpid(killed, 0)
        assert _add(counts)[0] > before
    counts.close()


def test_a_process_killed_with_the_lock_in_its_hand_blocks_nobody() -> None:
    counts = SharedCounts()
    reader, writer = os.pipe()

    def lock_and_wait() -> None:
        counts._lock(int.from_bytes(TAG[:4], "little") % counts._buckets)  # noqa: SLF001 - to be killed there
        os.write(writer, b"!")
        signal.pause()

    holder = _fork(lock_and_wait)
    assert os.read(reader, 1) == b"!"
    with pytest.raises(CountsAwayError, match="does not let go"):
        _add(counts)
    assert _add(counts, b"another bucket..")[0] == 1
    os.kill(holder, signal.SIGKILL)
    os.waitpid(holder, 0)
    assert _add(counts)[0] == 1
    counts.close()
    os.close(reader)
    os.close(writer)


def test_nothing_is_left_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for platform in (sys.platform, "another"):
        monkeypatch.setattr(sys, "platform", platform)
        SharedCounts().close()
    assert list(tmp_path.iterdir()) == []
