"""Fitting a linear model: ours, and ``TfidfVectorizer`` with ``LogisticRegression``.

Run as a program it measures one side once in its own process and prints JSON; :func:`measure` starts it.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from benchmarks.comparison.machine import LOAD_CORE, SERVER_CORE, run
from benchmarks.comparison.material import Material
from benchmarks.comparison.sample import OURS, Effort, Found, Sample
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from falsetrue.features.ngrams import NgramVectorizer
from falsetrue.model.regression import fit_regression

PIPELINE = "pipeline"
#: What both vectorizers are told.
OPTIONS: dict[str, Any] = {"ngram_range": (1, 2), "min_df": 3}
#: How much smaller the objective of the other side may be, as a share.
SLACK = 1e-4

Labels: TypeAlias = NDArray[np.int64]


def measure(material: Material, effort: Effort) -> Iterator[Found]:
    """A fresh process for each side and repetition; both cores, and who begins changes."""
    articles = material.articles[: effort.fit]
    rows = [(article.content, article.label) for article in articles]
    source = material.write_json("fit.json", rows)
    for repetition in range(effort.repetitions):
        found: dict[str, dict[str, float]] = {}
        for side in list(SIDES)[:: 1 if repetition % 2 == 0 else -1]:
            command = [sys.executable, "-m", __name__, side, str(source)]
            found[side] = run(command, cores=tuple({SERVER_CORE, LOAD_CORE}))
        if found[OURS]["objective"] > found[PIPELINE]["objective"] * (1 + SLACK):
            raise RuntimeError("the objective is minimised less well than by scikit-learn; there is nothing to compare")
        for side, figures in found.items():
            for row in ("seconds", "vectorize_s", "regress_s", "cpu_s"):
                yield Sample(row=f"fit.{row}", contestant=side, value=figures[row])


def main(side: str, source: Path) -> dict[str, float]:
    """Seconds of each step, seconds of processor time, and the objective that the regression reached."""
    rows = json.loads(source.read_text(encoding="utf-8"))
    texts, labels = [text for text, _ in rows], np.array([label for _, label in rows])
    del rows
    vectorizer, regress = SIDES[side]
    begun, begun_cpu = time.perf_counter(), time.process_time()
    values = vectorizer(**OPTIONS).fit_transform(texts)
    between = time.perf_counter()
    regression = regress(values, labels)
    ended, ended_cpu = time.perf_counter(), time.process_time()
    return {
        "seconds": ended - begun,
        "vectorize_s": between - begun,
        "regress_s": ended - between,
        "cpu_s": ended_cpu - begun_cpu,
        "objective": objective(regression, values, labels),
    }


def fit_sklearn(values: Any, labels: Labels) -> LogisticRegression:
    """As scikit-learn does unless told otherwise."""
    return LogisticRegression().fit(values, labels)


def objective(regression: LogisticRegression, values: Any, labels: Labels) -> float:
    """What both sides minimise, with ``C`` of 1."""
    margins = np.where(labels == 1, 1, -1) * regression.decision_function(values)
    return float(np.logaddexp(0, -margins).sum() + np.square(regression.coef_).sum() / 2)


SIDES: dict[str, tuple[type[TfidfVectorizer], Callable[[Any, Labels], LogisticRegression]]] = {
    OURS: (NgramVectorizer, fit_regression),
    PIPELINE: (TfidfVectorizer, fit_sklearn),
}

if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]))))
