"""The machine: which core does what, what a process uses, and how much of the processor others took."""

import os
import platform
import time
from importlib.metadata import version
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_CORES = sorted(os.sched_getaffinity(0))
#: The core that is measured, and the one that makes the load; the same where there is only one.
SERVER_CORE, LOAD_CORE = _CORES[0], _CORES[-1]


def pinned(core: int, command: list[str]) -> list[str]:
    """A command that runs on one core."""
    return ["taskset", "-c", str(core), *command]


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its threads, in seconds (``proc_pid_stat(5)``, fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory(pid: int) -> tuple[float, float]:
    """Resident and proportional set size in MB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()[1:]
    kilobytes = {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines)}
    return kilobytes["Rss"] * 1024 / 1e6, kilobytes["Pss"] * 1024 / 1e6


def describe() -> dict[str, str | int]:
    """What a reader must know to compare, and nothing that names the machine."""
    libraries = ("falsetrue", "fastapi", "numpy", "scikit-learn", "uvicorn", "uvloop", "httptools")
    found: dict[str, str | int] = {"cores": len(_CORES), "python": platform.python_version()}
    return found | {name: version(name) for name in libraries}


class Others:
    """How much processor time other programs took since this object was made."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._busy, self._own = _busy_seconds(), _own_seconds()

    def share(self) -> float:
        """Share of all cores' time; our children count as ours once they have ended."""
        others = (_busy_seconds() - self._busy) - (_own_seconds() - self._own)
        cores = os.cpu_count() or 1
        return max(0.0, others) / ((time.perf_counter() - self._started) * cores)


def _busy_seconds() -> float:
    with Path("/proc/stat").open(encoding="utf-8") as file:
        user, nice, system, _idle, _wait, *rest = (int(value) for value in file.readline().split()[1:9])
    return (user + nice + system + sum(rest)) / _TICKS


def _own_seconds() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system
