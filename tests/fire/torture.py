"""Everything that the service must bear, in a day's work rather than a test's: ``make torture``.

Prints a dated line for each trial, and ends with 1 where one failed. What else stands on the command line is for
``tests/native/torture.py``, the trials of the compiled kernel, which run after these.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.fire import attacks, clocks, full_disks, kills, made_up, memory, outages, restarts, strangers

_HERE = Path(__file__).parent
_KERNEL = _HERE.parent / "native" / "torture.py"


def _hold_connections() -> str:
    done = subprocess.run([sys.executable, str(_HERE / "connections.py")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


#: Name of each trial, and its whole form.
TRIALS: dict[str, Callable[[], str]] = {
    "kills": lambda: kills.kill(50),
    "rolling restarts": lambda: restarts.restart(10),
    "database away, refuse": lambda: outages.stop_database(60, "refuse"),
    "database away, degrade": lambda: outages.stop_database(60, "degrade"),
    "full disk, journal": full_disks.fill_journal,
    "full disk, predict": full_disks.fill_output,
    "full disk, train": full_disks.fill_models,
    "connections": _hold_connections,
    "clock": clocks.jump,
    "hostile requests": attacks.attack,
    "requests made up": lambda: made_up.make_up(300),
    "strangers": strangers.intrude,
    "memory": lambda: memory.endure(1800),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as the command line says; 0 where nothing failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="*", metavar="TRIAL", help=f"of {', '.join(TRIALS)}, or of the kernel's")
    options, others = parser.parse_known_args(arguments)
    names = list(TRIALS) if options.only is None else [name for name in options.only if name in TRIALS]
    failed = [name for name in names if not _run(name, TRIALS[name])]
    for_kernel = [name for name in options.only or () if name not in TRIALS]
    if options.only is not None and not for_kernel:
        return int(bool(failed))
    only = ["--only", *for_kernel] if for_kernel else []
    return int(bool(failed)) | subprocess.run([sys.executable, str(_KERNEL), *only, *others], check=False).returncode


def _run(name: str, trial: Callable[[], str]) -> bool:
    begun = time.monotonic()
    try:
        found, good = trial(), True
    except (AssertionError, clocks.NoFaketimeError, outages.NoPostgresError) as error:
        found, good = f"FAILED: {error}", False
    now = datetime.now(UTC)
    sys.stdout.write(f"{now:%Y-%m-%d} {name} ({time.monotonic() - begun:.0f} s): {found}\n")
    sys.stdout.flush()
    return good


if __name__ == "__main__":
    sys.exit(main())
