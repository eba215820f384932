"""Whole files: ``falsetrue predict`` and a short script around the pipeline."""

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.comparison.machine import SERVER_CORE, pinned
from benchmarks.comparison.material import Material
from benchmarks.comparison.servers import BARE


def measure(side: str, recipe: str, material: Material) -> dict[str, float]:
    """MB of text (title and text, UTF-8) a second, by file format; start-up and model loading are not counted."""
    bundle = material.models[recipe]
    return {
        f"{kind}_mb_s": material.text_bytes / 1e6 / _seconds(side, bundle, path) for kind, path in material.news.items()
    }


def _seconds(side: str, bundle: Path, source: Path) -> float:
    destination = source.with_name(f"scored{source.suffix}")
    if side == "falsetrue":
        command = [sys.executable, "-m", "falsetrue", "predict", str(source), "-o", str(destination)]
        command += ["--model", str(bundle), "--replace", "--json"]
    else:
        command = [sys.executable, str(BARE / "predict_file.py"), str(source), str(destination)]
    done = subprocess.run(pinned(SERVER_CORE, command), check=True, capture_output=True, text=True, cwd=bundle)
    return float(json.loads(done.stdout)["seconds"])
