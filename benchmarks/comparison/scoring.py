"""Scoring without HTTP: one text at a time and all at once, the compiled scorer and the pipeline it was made from.

Run as a program it measures once in its own process and prints JSON; :func:`measure` starts it.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.comparison.machine import SERVER_CORE, pinned

Measured = dict[str, dict[str, float]]


def measure(bundle: Path, texts: Path, *, count: int, falsetrue_first: bool) -> Measured:
    """``falsetrue`` and ``bare`` -> figures, of the first ``count`` texts."""
    command = [sys.executable, "-m", __name__, str(bundle), str(texts), str(count), str(int(falsetrue_first))]
    done = subprocess.run(
        pinned(SERVER_CORE, command), check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2]
    )
    measured: Measured = json.loads(done.stdout)
    return measured


def main(bundle: Path, texts: list[str], *, falsetrue_first: bool) -> Measured:
    """Load both, check that they say the same, and time them one after the other."""
    import joblib  # noqa: PLC0415 - only the measured process needs these

    from falsetrue.bundle.folder import open_bundle  # noqa: PLC0415

    scorer = open_bundle(bundle).compiled_scorer()
    pipeline = joblib.load(bundle / "model_final.joblib")
    if (scorer.score(texts).p_real > 0.5).astype(int).tolist() != pipeline.predict(texts).tolist():
        raise RuntimeError("the two sides do not answer the same; there is nothing to compare")
    sides: list[tuple[str, Callable[[list[str]], Any], Callable[[list[str]], Any]]] = [
        ("falsetrue", scorer.score, scorer.score),
        ("bare", pipeline.predict, pipeline.predict_proba),
    ]
    ordered = sides if falsetrue_first else sides[::-1]
    return {
        side: {"single_us": _one_by_one(one, texts) * 1e6, "texts_s": len(texts) / _seconds(batch, texts)}
        for side, one, batch in ordered
    }


def _one_by_one(score: Callable[[list[str]], Any], texts: list[str]) -> float:
    """Median seconds for one text."""
    return median(_seconds(score, [text]) for text in texts)


def _seconds(score: Callable[[list[str]], Any], texts: list[str]) -> float:
    started = time.perf_counter()
    score(texts)
    return time.perf_counter() - started


if __name__ == "__main__":
    asked = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))[: int(sys.argv[3])]
    print(json.dumps(main(Path(sys.argv[1]), asked, falsetrue_first=sys.argv[4] == "1")))
