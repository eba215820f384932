"""Scoring without HTTP: one text at a time and all at once, the compiled scorer and the pipeline it was made from.

Run as a program it measures once in its own process and prints JSON; :func:`measure` starts it.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import joblib
from benchmarks.comparison.machine import run
from benchmarks.comparison.material import Material
from benchmarks.comparison.sample import OURS, Effort, Found, Sample

from falsetrue.bundle.folder import open_bundle

PIPELINE = "pipeline"
#: Texts on which both must say the same.
CHECKED = 500
Scores = Callable[[list[str]], Any]


def measure(material: Material, effort: Effort) -> Iterator[Found]:
    """A fresh process for each recipe and repetition; who begins changes."""
    texts = material.write_json("texts.json", material.texts[: effort.batch])
    for repetition in range(effort.repetitions):
        for recipe, bundle in material.models.items():
            first = OURS if repetition % 2 == 0 else PIPELINE
            command = [sys.executable, "-m", __name__, str(bundle), str(texts), str(effort.singles), first]
            for row, contestant, value in run(command):
                yield Sample(row=f"scoring.{recipe}.{row}", contestant=contestant, value=value)


def main(bundle: Path, source: Path, singles: int, first: str) -> list[tuple[str, str, float]]:
    """Load both, check that they say the same, and time them one after the other."""
    scorer = open_bundle(bundle).compiled_scorer()
    pipeline = joblib.load(bundle / "model_final.joblib")
    some = read(source)[:CHECKED]
    if abs(scorer.p_real(some) - pipeline.predict_proba(some)[:, 1]).max() > 1e-6:
        raise RuntimeError("the two sides do not answer the same; there is nothing to compare")
    sides: list[tuple[str, Scores, Scores]] = [
        (OURS, scorer.p_real, scorer.p_real),
        (PIPELINE, pipeline.predict_proba, pipeline.predict),
    ]
    figures = []
    for side, batch, one in sides if first == OURS else sides[::-1]:
        figures.append(("texts_s", side, _rate(batch, read(source))))
        if side == OURS or not scorer.header.masks:  # the pipeline takes 12 ms to make its masks for each text
            figures.append(("single_us", side, _one_by_one(one, read(source)[:singles]) * 1e6))
    figures.append(("verdicts_s", OURS, _rate(scorer.score, read(source))))
    figures.append(("verdict_us", OURS, _one_by_one(scorer.score, read(source)[:singles]) * 1e6))
    return figures


def read(source: Path) -> list[str]:
    """The texts, anew each time: nothing that a string remembers from before may help."""
    texts: list[str] = json.loads(source.read_text(encoding="utf-8"))
    return texts


def _rate(score: Scores, texts: list[str]) -> float:
    """Texts a second, all at once."""
    return len(texts) / _seconds(score, texts)


def _one_by_one(score: Scores, texts: list[str]) -> float:
    """Median seconds for one text."""
    return median(_seconds(score, [text]) for text in texts)


def _seconds(score: Scores, texts: list[str]) -> float:
    started = time.perf_counter()
    score(texts)
    return time.perf_counter() - started


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4])))
