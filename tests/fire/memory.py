"""A service that may not use more than 512 MB, at full load for long: it lives, and does not grow."""

import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.fire.ledger import sqlite_count
from tests.fire.load import Load, Plan, load
from tests.fire.service import Service, running

#: Bytes that the service may use, and megabytes that it may grow by in 100,000 requests.
LIMIT = 512 * 1024 * 1024
SLOPE = 1.0
#: Seconds between two looks.
_BETWEEN = 5.0
_GROUPS = Path("/sys/fs/cgroup")


def endure(seconds: float, *, clients: int = 16, warm_up: float = 0.2, bar: float | None = SLOPE) -> str:
    """Full load for so long; raises where the service died, or grew.

    ``warm_up`` is the share of the time before the growth is looked at.
    """
    with tempfile.TemporaryDirectory() as name, _limited() as (before, what):
        service = Service(Path(name), "--workers", "2", before=before)
        plan = Plan(clients=clients, kept=True, keyed=False)
        with running(service), load(service.port, plan) as asked:
            first = set(service.processes())
            seen = _watch(service, asked, seconds)
            last = set(service.processes())
        rows = sqlite_count(Path(name))
    tally = asked.tally
    assert first == last, f"processes ended:\n{service.log}"
    assert not tally.failed, str(tally)
    assert rows == tally.requests, f"{rows} rows of {tally.requests} requests"
    slope = _slope([point for point in seen if point[0] >= warm_up * tally.requests])
    assert bar is None or slope < bar, f"grows by {slope:.2f} MB with 100,000 requests: {seen}"
    return (
        f"{seconds / 60:.1f} minutes at full load within {what}: {tally}, {tally.requests / seconds:.0f}/s; memory "
        f"(Pss) {seen[0][1]:.0f} MB at first, {max(used for _, used in seen):.0f} MB at most, {slope:+.2f} MB with "
        "each 100,000 requests"
    )


def _watch(service: Service, asked: Load, seconds: float) -> list[tuple[int, float]]:
    """Requests so far, and megabytes, every now and then."""
    seen = []
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, _BETWEEN, seconds / 20))
        seen.append((asked.tally.requests, memory_of(service.processes())))
        asked.tally.seconds.clear()
        asked.tally.said.clear()
    return seen


def memory_of(processes: list[int]) -> float:
    """Megabytes that processes have in memory; what they share counts once."""
    total = 0
    for pid in processes:
        with suppress(OSError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def _slope(seen: list[tuple[int, float]]) -> float:
    """Megabytes for each 100,000 requests, by least squares."""
    count = len(seen)
    mean_x, mean_y = sum(x for x, _ in seen) / count, sum(y for _, y in seen) / count
    spread = sum((x - mean_x) ** 2 for x, _ in seen)
    return 100_000 * sum((x - mean_x) * (y - mean_y) for x, y in seen) / spread if spread else 0.0


@contextmanager
def _limited() -> Iterator[tuple[list[str], str]]:
    """What stands before a command so that it and its children get no more memory, and what limits them."""
    group, limit, joining = _make_group()
    if group is None:
        code = f"import os, resource, sys; resource.setrlimit(resource.RLIMIT_AS, ({2 * LIMIT}, {2 * LIMIT})); "
        yield [sys.executable, "-c", f"{code} os.execvp(sys.argv[1], sys.argv[1:])"], "1 GB of address space each"
        return
    try:
        code = f"import os, sys; open({str(group / joining)!r}, 'w').write('0'); os.execvp(sys.argv[1], sys.argv[1:])"
        yield [sys.executable, "-c", code], f"{limit // 2**20} MB of memory (control group)"
    finally:
        for pid in (group / joining).read_text().split():
            os.kill(int(pid), signal.SIGKILL)
        for _ in range(100):
            with suppress(OSError):
                group.rmdir()
                break
            time.sleep(0.05)


def _make_group() -> tuple[Path | None, int, str]:
    """A control group of either version, where this system lets us make one."""
    name = f"falsetrue-fire-{os.getpid()}"
    for parent, file in ((_GROUPS / "memory", "memory.limit_in_bytes"), (_GROUPS, "memory.max")):
        group = parent / name
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            (group / file).write_text(str(LIMIT))
        except OSError:
            group.rmdir()
        else:
            return group, LIMIT, "cgroup.procs"
    return None, LIMIT, ""
