"""The machine: which core does what, what a process uses, and how much of the processor others took."""

import json
import os
import platform
import subprocess
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_TICKS = os.sysconf("SC_CLK_TCK")
CORES = tuple(sorted(os.sched_getaffinity(0)))
#: The core that is measured, and the one that makes the load; the same where there is only one.
SERVER_CORE, LOAD_CORE = CORES[0], CORES[-1]


def pinned(cores: tuple[int, ...], command: list[str]) -> list[str]:
    """A command that runs on these cores."""
    return ["taskset", "-c", ",".join(map(str, cores)), *command]


def environment(**more: str) -> dict[str, str]:
    """The environment, without anybody's settings of falsetrue; what was compiled to bytecode is kept, as usual."""
    ours = ("FALSETRUE_", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | more


def run(
    command: list[str], *, cores: tuple[int, ...] = (SERVER_CORE,), cwd: Path = ROOT, packages: Path | None = None
) -> Any:
    """Run a command on some cores; returns the JSON in the last line that it prints.

    ``packages`` is a folder of packages for it alone. Raises :class:`RuntimeError` with its last words where it fails.
    """
    where = environment(PYTHONPATH=str(packages)) if packages else environment()
    done = subprocess.run(pinned(cores, command), check=False, capture_output=True, text=True, cwd=cwd, env=where)
    if done.returncode or not done.stdout.strip():
        said = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()
        raise RuntimeError(f"{Path(command[0]).name} {' '.join(command[1:3])}: {said[-1][:300]}")
    return json.loads(done.stdout.splitlines()[-1])


# --- what processes use ------------------------------------------------------------------------------


def family(pid: int) -> Iterator[int]:
    """A process and all that it started, directly or not."""
    yield pid
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in (thread / "children").read_text(encoding="utf-8").split():
            yield from family(int(child))


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and all that it started (``proc_pid_stat(5)``, fields 14 and 15)."""
    return sum(_cpu_seconds(each) for each in family(pid))


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory(pid: int) -> float:
    """Proportional set size in MB of a process and all that it started."""
    return sum(_proportional(each) for each in family(pid)) * 1024 / 1e6


def _proportional(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


# --- what a reader must know ---------------------------------------------------------------------------


def describe() -> dict[str, str | int]:
    """What a reader must know to compare, and nothing that names the machine."""
    libraries = ("falsetrue", "fastapi", "numpy", "pyarrow", "scikit-learn", "uvicorn", "uvloop", "httptools")
    found: dict[str, str | int] = {"cores": len(CORES), "processor": _processor(), "python": platform.python_version()}
    return found | {"kernel": _kernel()} | {name: version(name) for name in libraries}


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _kernel() -> str:
    from falsetrue.features.kernel import ABSENT  # noqa: PLC0415 - NumPy starts threads when it is imported

    return "compiled" if ABSENT is None else "NumPy"


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
