"""Packages that only the comparison needs, installed beside the project and not into it."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

#: Both sides compute with the same versions of these.
SAME = ("joblib", "numpy", "scikit-learn", "scipy")


def install(folder: Path, *packages: str) -> Path:
    """The folder, for ``PYTHONPATH``, in which these packages are; raises :class:`RuntimeError` where it fails."""
    target = folder / "packages" / packages[0]
    if not target.is_dir():
        wanted = target.with_suffix(".txt")
        wanted.parent.mkdir(exist_ok=True)
        wanted.write_text("".join(f"{name}=={version(name)}\n" for name in SAME), encoding="utf-8")
        partial = target.with_suffix(".partial")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"]
        command += [str(partial), "--upgrade", "--constraint", str(wanted), *packages]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["pip failed"]
            raise RuntimeError(f"{', '.join(packages)} cannot be installed: {said[-1].removeprefix('ERROR: ')[:200]}")
        partial.rename(target)
    return target
