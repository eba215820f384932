import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from falsetrue.access import redis_counts
from falsetrue.access.principal import Kind, Principal, Quota
from falsetrue.access.quotas import CountsAwayError, Quotas
from falsetrue.access.redis_counts import RedisCounts
from falsetrue.errors import InputError, MissingExtraError

TAG = b"0123456789abcdef"
CALLER = Principal(kind=Kind.KEY, id="key_1", name="newsroom", scopes=frozenset(), quota=Quota(requests=3, seconds=60))
Answer = TypeVar("Answer")


@dataclass
class Redis:
    """A server of our own."""

    url: str
    process: "subprocess.Popen[bytes]"

    def forget(self) -> None:
        """Have it lose all that it keeps."""
        from redis import Redis as Client

        with Client.from_url(self.url) as client:
            client.flushall()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    """A server that keeps nothing, on a port of its own."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("there is no redis-server (Debian's package redis-server)")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--requirepass", "a:b@c"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL) as process:
        _wait_for(port, process)
        yield Redis(url=f"redis://:a%3Ab%40c@127.0.0.1:{port}/0", process=process)
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGCONT)
        process.kill()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take its time where time is not what a test is about."""
    monkeypatch.setattr(redis_counts, "_PATIENCE", 30)


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert process.poll() is None
            assert time.monotonic() < end
        else:
            return


def _with_counts(url: str, ask: Callable[[RedisCounts], Awaitable[Answer]]) -> Answer:
    async def run() -> Answer:
        counts = RedisCounts(url)
        try:
            return await ask(counts)
        finally:
            await counts.close()

    return asyncio.run(run())


@pytest.mark.usefixtures("patient")
def test_requests_are_counted_in_a_window(redis: Redis) -> None:
    async def ask(counts: RedisCounts) -> list[tuple[int, float]]:
        return [await counts.add(TAG, 60) for _ in range(3)] + [await counts.add(b"another caller..", 60)]

    counted = _with_counts(redis.url, ask)
    assert [used for used, _ in counted] == [1, 2, 3, 1]
    assert all(50 < reset <= 60 for _, reset in counted)


@pytest.mark.usefixtures("patient")
def test_a_window_ends(redis: Redis) -> None:
    async def ask(counts: RedisCounts) -> None:
        opened = time.monotonic()
        used = [(await counts.add(TAG, 1))[0]]
        while not (used[-1] == 1 and len(used) > 1):
            used.append((await counts.add(TAG, 1))[0])
            assert time.monotonic() < opened + 60
        assert used == [*range(1, len(used)), 1]
        assert time.monotonic() - opened > 0.9

    _with_counts(redis.url, ask)


@pytest.mark.usefixtures("patient")
def test_instances_count_together_and_tell_the_same_end(redis: Redis) -> None:
    async def ask(counts: RedisCounts) -> tuple[int, float]:
        return max(await asyncio.gather(*(counts.add(TAG, 600) for _ in range(300))))

    first, second = _with_counts(redis.url, ask), _with_counts(redis.url, ask)
    assert (first[0], second[0]) == (300, 600)
    assert abs(first[1] - second[1]) < 60


def test_a_server_that_says_nothing_is_waited_for_briefly_and_found_again(redis: Redis) -> None:
    clock = [1000.0]

    async def ask(counts: RedisCounts) -> None:
        quotas = Quotas(counts, open_when_away=True, clock=lambda: clock[0])

        async def spend() -> None:
            """Until the server was quick enough, and is asked again."""
            end = time.monotonic() + 60
            while not await quotas.spend(CALLER):
                assert time.monotonic() < end
                clock[0] += 2

        await spend()
        os.kill(redis.process.pid, signal.SIGSTOP)
        started = time.monotonic()
        assert await asyncio.gather(*(quotas.spend(CALLER) for _ in range(200))) == [None] * 200
        assert time.monotonic() - started < 1
        os.kill(redis.process.pid, signal.SIGCONT)
        assert await quotas.spend(CALLER) is None
        clock[0] += 2
        await spend()

    _with_counts(redis.url, ask)


def test_a_server_that_is_gone_is_said_without_its_url(redis: Redis) -> None:
    redis.process.kill()
    redis.process.wait()

    async def ask(counts: RedisCounts) -> None:
        await counts.add(TAG, 60)

    with pytest.raises(CountsAwayError, match=r"^Redis: ConnectionError$"):
        _with_counts(redis.url, ask)


@pytest.mark.usefixtures("patient")
def test_a_server_that_lost_everything_counts_anew(redis: Redis) -> None:
    async def ask(counts: RedisCounts) -> None:
        for _ in range(5):
            await counts.add(TAG, 60)
        await asyncio.to_thread(redis.forget)
        used, reset = await counts.add(TAG, 60)
        assert used == 1
        assert reset == 60

    _with_counts(redis.url, ask)


@pytest.mark.parametrize("url", ["", "http://a:secret@host", "redis://:secret@host:port/0", "redis+sentinel://secret"])
def test_a_url_that_cannot_be_used_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(InputError, match="the URL of Redis cannot be used") as refused:
        RedisCounts(url)
    assert "secret" not in str(refused.value)


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    with pytest.raises(MissingExtraError, match=r"\[redis\] extra"):
        RedisCounts("redis://localhost")


def test_counting_in_memory_imports_no_library_for_it() -> None:
    program = "import sys, falsetrue.access.quotas, falsetrue.access.shared_counts, falsetrue.access.redis_counts\n"
    program += "import falsetrue.access.keyring, falsetrue.access.sessions\n"
    program += (
        "print([name for name in ('limits', 'redis', 'sqlalchemy', 'joserfc', 'asyncio') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() in ("[]", "['asyncio']")
