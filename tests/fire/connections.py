"""Thousands of connections that ask nothing, hundreds that send a byte a second, and small requests beside them.

``python tests/fire/connections.py`` starts a service, holds the connections, asks small requests meanwhile, and prints
one line of JSON; exit code 1 where the bar is missed. ``--url`` asks a service that runs already.
"""

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

#: What is asked, and how long the slowest hundredth of answers may take, in seconds.
BODY = b'{"texts":["The ministry published its yearly budget on Monday."]}'
BAR = 0.25
#: Connections that ask small requests, one after the other each.
PROBES = 8
#: Connections that are opened at the same time, less than a listening socket lets wait.
_OPENING = 200
_PATIENCE = 60.0

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, kw_only=True)
class Found:
    """How small requests fared."""

    idle: int
    slow: int
    requests: int
    failed: int  #: answered otherwise than 200, or not at all
    p50: float  #: seconds
    p99: float  #: seconds
    longest: float  #: seconds


# --- connections that ask nothing, or slowly --------------------------------------------------------


async def hold(host: str, port: int, idle: int, slow: int) -> None:
    """Keep so many connections, opening those again that the service closes; says ``held`` once all are there."""
    gate = asyncio.Semaphore(_OPENING)
    opened = [asyncio.Event() for _ in range(idle + slow)]
    async with asyncio.TaskGroup() as group:
        for number, event in enumerate(opened):
            group.create_task(_keep(host, port, gate, event, is_slow=number < slow))
        for event in opened:
            await event.wait()
        print("held", flush=True)  # noqa: T201 - whoever started this waits for it


async def _keep(host: str, port: int, gate: asyncio.Semaphore, opened: asyncio.Event, *, is_slow: bool) -> None:
    while True:
        try:
            async with gate:
                reader, writer = await asyncio.open_connection(host, port)
                if not is_slow:
                    writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    await _read_answer(reader)
            opened.set()
            await (_drip(reader, writer) if is_slow else reader.read())
            writer.close()
        except (OSError, asyncio.IncompleteReadError):
            await asyncio.sleep(0.1)


async def _drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A request whose body comes byte by byte, one a second, until it is refused."""
    writer.write(b"POST /falsetrue HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n")
    while not reader.at_eof() and not writer.is_closing():
        writer.write(b" ")
        try:
            async with asyncio.timeout(1):
                await reader.read(65536)
        except TimeoutError:
            continue
        return


async def _read_answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
    await reader.readexactly(length)
    return int(lines[0].split()[1])


# --- small requests --------------------------------------------------------------------------------


async def probe(host: str, port: int, seconds: float) -> tuple[list[float], int]:
    """Ask small requests for some time; returns how long each took, in seconds, and how many failed."""
    taken: list[float] = []
    ends = time.monotonic() + seconds
    failed = await asyncio.gather(*(_ask_on(host, port, ends, taken) for _ in range(PROBES)))
    return taken, sum(failed)


async def _ask_on(host: str, port: int, ends: float, taken: list[float]) -> int:
    failed = 0
    request = b"POST /falsetrue HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
    connection: Stream | None = None
    while time.monotonic() < ends:
        begin = time.perf_counter()
        try:
            reader, writer = connection or await asyncio.open_connection(host, port)
            writer.write(request)
            status = await asyncio.wait_for(_read_answer(reader), _PATIENCE)
            connection = (reader, writer)
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            status, connection = 0, None
        taken.append(time.perf_counter() - begin)
        failed += status != 200
        await asyncio.sleep(0.005)
    if connection is not None:
        connection[1].close()
    return failed


# --- both ------------------------------------------------------------------------------------------


def measure(host: str, port: int, *, idle: int = 5000, slow: int = 200, seconds: float = 20) -> Found:
    """Ask small requests beside connections that another process holds."""
    command = [sys.executable, __file__, "--hold", "--url", f"http://{host}:{port}"]
    counts = ["--idle", str(idle), "--slow", str(slow)]
    with subprocess.Popen([*command, *counts], stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout is not None
            if holder.stdout.readline() != b"held\n":
                raise RuntimeError("the connections could not be opened")
            taken, failed = asyncio.run(probe(host, port, seconds))
        finally:
            holder.kill()
    taken.sort()
    return Found(
        idle=idle,
        slow=slow,
        requests=len(taken),
        failed=failed,
        p50=taken[len(taken) // 2],
        p99=taken[len(taken) * 99 // 100],
        longest=taken[-1],
    )


@contextmanager
def service(*options: str) -> Iterator[tuple[str, int]]:
    """A service of this machine, for as long as the block lasts; gives its address and port."""
    command = [sys.executable, "-m", "falsetrue", "serve", "--port", "0", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        line = b""
        while b"running on http://" not in line:
            line = process.stderr.readline()
            if not line:
                raise RuntimeError("the service did not start")
        try:
            yield "127.0.0.1", int(line.rpartition(b":")[2].split()[0])
        finally:
            process.terminate()
            process.communicate()


def wait_until_ready(host: str, port: int) -> None:
    """Ask until a small request is answered."""
    while True:
        taken, failed = asyncio.run(probe(host, port, 0.1))
        if taken and not failed:
            return


def main() -> int:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url")
    parser.add_argument("--idle", type=int, default=5000)
    parser.add_argument("--slow", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--hold", action="store_true", help="only hold the connections")
    given = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    address = urlsplit(given.url or "")
    if given.hold:
        asyncio.run(hold(address.hostname or "127.0.0.1", address.port or 8000, given.idle, given.slow))
        return 0
    counts = {"idle": given.idle, "slow": given.slow, "seconds": given.seconds}
    if given.url:
        found = measure(address.hostname or "127.0.0.1", address.port or 80, **counts)
    else:
        with service() as (host, port):
            wait_until_ready(host, port)
            found = measure(host, port, **counts)
    print(json.dumps(asdict(found)))  # noqa: T201 - this is a program
    return int(found.p99 > BAR or found.failed > 0)


if __name__ == "__main__":
    sys.exit(main())
