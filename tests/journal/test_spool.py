import errno
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.journal.entries import Maker, answer, any_texts, entries

from falsetrue.errors import SpoolError
from falsetrue.journal.records import Writing, keepable
from falsetrue.journal.spool import Spool

LARGE = 1 << 30


def replayed(spool: Spool) -> list[Writing]:
    found: list[Writing] = []
    spool.replay(found.extend)
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool" / "0"


@pytest.fixture
def spool(path: Path) -> Iterator[Spool]:
    with closing(Spool(path, max_bytes=LARGE)) as opened:
        yield opened


@pytest.mark.parametrize("sync", [False, True])
@pytest.mark.parametrize("count", [0, 1, 64, 65, 200])
def test_what_was_appended_comes_again_in_its_order_and_once(path: Path, count: int, sync: bool) -> None:  # noqa: FBT001
    writings = Maker().writings(count)
    with closing(Spool(path, max_bytes=LARGE, sync=sync)) as spool:
        for writing in writings:
            spool.append(writing)
        assert spool.pending == count
        assert replayed(spool) == writings
        assert spool.pending == 0
        assert replayed(spool) == []


@given(st.lists(st.lists(entries(any_texts), max_size=3), max_size=3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_anything_can_wait(path: Path, made: list[list[object]]) -> None:
    writings = [Writing(entries=tuple(each), answer=answer(b"k" * 32)) for each in made]  # type: ignore[arg-type]
    with closing(Spool(path, max_bytes=LARGE)) as spool:
        for writing in writings:
            spool.append(writing)
        found = replayed(spool)
    assert [writing.answer for writing in found] == [writing.answer for writing in writings]
    for writing, back in zip(writings, found, strict=True):
        for entry, same in zip(writing.entries, back.entries, strict=True):
            if entry != same:
                assert entry.text == same.text or keepable(entry.text or "") == same.text


def test_what_waits_outlasts_its_process(path: Path) -> None:
    writings = Maker().writings(3)
    for number, writing in enumerate(writings):
        with closing(Spool(path, max_bytes=LARGE)) as spool:
            assert spool.pending == number
            spool.append(writing)
    with closing(Spool(path, max_bytes=LARGE)) as spool:
        assert replayed(spool) == writings


def test_every_place_at_which_an_append_can_be_cut_leaves_the_records_before_it(path: Path) -> None:
    writings = Maker().writings(3, sketch=None)
    with closing(Spool(path, max_bytes=LARGE)) as spool:
        sizes = []
        for writing in writings:
            spool.append(writing)
            sizes.append(path.stat().st_size)
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with closing(Spool(path, max_bytes=LARGE)) as spool:
            spool.append(writings[2])
            assert replayed(spool) == [*writings[: sum(end <= size for end in sizes)], writings[2]]


@pytest.mark.parametrize("tail", [b"\0" * 4096, b"\xff" * 4096, struct.pack("<II", 3, 0) + b"abc"])
def test_what_a_power_loss_leaves_behind_the_records_is_dropped(path: Path, tail: bytes) -> None:
    writings = Maker().writings(2)
    with closing(Spool(path, max_bytes=LARGE)) as spool:
        for writing in writings:
            spool.append(writing)
    path.write_bytes(path.read_bytes() + tail)
    with closing(Spool(path, max_bytes=LARGE)) as spool:
        assert replayed(spool) == writings


def test_what_the_database_does_not_take_comes_again(spool: Spool) -> None:
    writings = Maker().writings(150)
    for writing in writings:
        spool.append(writing)
    taken: list[Writing] = []

    def take(batch: Sequence[Writing]) -> None:
        if len(taken) >= 64:
            raise ConnectionError
        taken.extend(batch)

    with pytest.raises(ConnectionError):
        spool.replay(take)
    late = Maker().writings(1)
    spool.append(late[0])
    assert spool.pending == 150 - len(taken) + 1
    assert taken + replayed(spool) == writings + late


def test_large_writings_come_in_small_batches(spool: Spool) -> None:
    for writing in Maker().writings(10, text="x" * 1_000_000):
        spool.append(writing)
    batches: list[int] = []
    spool.replay(lambda batch: batches.append(len(batch)))
    assert max(batches) <= 5
    assert sum(batches) == 10


def test_a_full_spool_is_an_error_and_stays_as_it_is(path: Path) -> None:
    writings = Maker().writings(20)
    with closing(Spool(path, max_bytes=8192)) as spool:
        with pytest.raises(SpoolError, match="is full"):
            any(map(spool.append, writings))
        kept = spool.pending
        assert 0 < kept < 20
        assert path.stat().st_size <= 8192
        assert replayed(spool) == writings[:kept]
        spool.append(writings[-1])


def test_a_full_disk_is_an_error_and_leaves_whole_records(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = Maker().writings(3)
    spool.append(first)
    write = os.pwrite
    left = [100]

    def write_until_full(descriptor: int, content: bytes, at: int) -> int:
        if not left[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = write(descriptor, bytes(content)[: left[0]], at)
        left[0] -= written
        return written

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", write_until_full)
        with pytest.raises(SpoolError, match="No space left"):
            spool.append(second)
    spool.append(third)
    assert replayed(spool) == [first, third]


def test_two_processes_have_each_their_own_file(path: Path, spool: Spool) -> None:
    first, second = Maker().writings(2)
    with closing(Spool(path, max_bytes=LARGE)) as other:
        spool.append(first)
        other.append(second)
        assert replayed(spool) == [first]
        assert replayed(other) == [second]


def test_what_others_left_behind_is_taken_over_once(path: Path) -> None:
    writings = Maker().writings(3)
    gone = [Spool(path.with_name(str(number)), max_bytes=LARGE) for number in (1, 2)]
    for spool, writing in zip(gone, writings[1:], strict=True):
        spool.append(writing)
    for spool in gone:
        spool.close()
    with closing(Spool(path, max_bytes=LARGE)) as spool, closing(Spool(path, max_bytes=LARGE)) as other:
        spool.append(writings[0])
        assert (spool.pending, other.pending) == (3, 0)
        assert replayed(spool) == [writings[1], writings[2], writings[0]]
        assert sorted(file.name for file in path.parent.iterdir()) == ["0", "0.1"]


def test_what_is_left_behind_later_is_taken_over_too(path: Path) -> None:
    left, found = Writing(entries=(Maker().entry(),)), Writing(entries=(Maker().entry(),))
    other = Spool(path.with_name("1"), max_bytes=LARGE)
    with closing(Spool(path, max_bytes=LARGE)) as spool:
        other.append(left)
        spool.take_over()
        assert spool.pending == 0  # somebody has it
        other.close()
        spool.append(found)
        spool.take_over()
        spool.take_over()
        assert spool.pending == 2
        assert replayed(spool) == [left, found]
        assert spool.pending == 0


def test_a_part_is_replayed_and_then_the_rest(path: Path) -> None:
    maker = Maker()
    writings = [Writing(entries=(maker.entry(),)) for _ in range(200)]
    with closing(Spool(path, max_bytes=LARGE)) as spool:
        for each in writings:
            spool.append(each)
        found: list[Writing] = []
        while spool.pending:
            before = len(found)
            spool.replay(found.extend, most=1)
            assert before < len(found) <= before + 64
            if len(found) == 128:
                writings.append(Writing(entries=(maker.entry(),)))
                spool.append(writings[-1])
        assert found == writings
        assert path.stat().st_size < 100  # nothing is left in the file


def test_nothing_else_in_its_folder_is_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To close the database's file would end this process's locks on it."""
    others = {
        "falsetrue.db": b"",
        "secret": b"short",
        "spool": b"",
        "spool-x": b"",
        "spool-1.old": b"",
        "a-spool-1": b"",
    }
    for name, content in others.items():
        (tmp_path / name).write_bytes(content)
    opened = set()
    system_open = os.open

    def note(path: Path, *arguments: int) -> int:
        opened.add(path.name)
        return system_open(path, *arguments)

    monkeypatch.setattr(os, "open", note)
    with closing(Spool(tmp_path / "spool-1", max_bytes=LARGE)) as spool:
        spool.append(Maker().writings(1)[0])
    with closing(Spool(tmp_path / "spool-0", max_bytes=LARGE)) as spool:
        assert spool.pending == 1
    assert opened == {"spool-0", "spool-1"}
    assert {name: (tmp_path / name).read_bytes() for name in others} == others


def test_a_file_of_another_version_stays_as_it_is(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"falsetrue spool 9\nsomething")
    writing = Maker().writings(1)[0]
    with closing(Spool(path, max_bytes=LARGE)) as spool:
        spool.append(writing)
        assert replayed(spool) == [writing]
    assert path.read_bytes() == b"falsetrue spool 9\nsomething"


def test_a_folder_that_cannot_be_made_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SpoolError, match="cannot be used"):
        Spool(tmp_path / "file" / "0", max_bytes=LARGE)


APPEND = """
import sys
from pathlib import Path
from tests.journal.entries import Maker
from falsetrue.journal.spool import Spool
spool, maker = Spool(Path(sys.argv[1]), max_bytes=1 << 30), Maker()
while True:
    writing = maker.writings(1, text="x" * 3000)[0]
    spool.append(writing)
    print(writing.entries[0].id, flush=True)
"""


def test_a_process_that_is_killed_loses_nothing_that_it_had_appended(path: Path) -> None:
    told: list[str] = []
    for _ in range(5):
        with subprocess.Popen([sys.executable, "-c", APPEND, str(path)], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            told += [process.stdout.readline().strip() for _ in range(200)]
            process.send_signal(signal.SIGKILL)
            told += [line.strip() for line in process.stdout if line.endswith("\n")]
    with closing(Spool(path, max_bytes=LARGE)) as spool:
        there = [writing.entries[0].id for writing in replayed(spool)]
    assert [each for each in there if each in set(told)] == told
    assert len(there) - len(told) <= 5


def test_a_replay_that_is_killed_is_begun_again(path: Path) -> None:
    """Nothing of a batch is forgotten before the database has it."""
    writings = Maker().writings(200)
    with closing(Spool(path, max_bytes=LARGE)) as spool:
        for writing in writings:
            spool.append(writing)
    program = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom falsetrue.journal.spool import Spool\n"
        "taken = []\n"
        "def take(batch):\n    taken.extend(batch)\n    if len(taken) > 100: os.kill(os.getpid(), signal.SIGKILL)\n"
        "Spool(Path(sys.argv[1]), max_bytes=1 << 30).replay(take)\n"
    )
    assert subprocess.run([sys.executable, "-c", program, str(path)], check=False).returncode == -signal.SIGKILL
    with closing(Spool(path, max_bytes=LARGE)) as spool:
        assert replayed(spool) == writings


def test_a_batch_may_hold_what_has_no_entries(spool: Spool) -> None:
    writing = Writing(entries=(), answer=answer(b"k" * 32))
    spool.append(writing)
    spool.append(replace(writing, answer=None))
    assert replayed(spool) == [writing, Writing(entries=())]
