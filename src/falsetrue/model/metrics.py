"""Figures of a model on held-out news, each with a 95 % interval."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, rankdata

from falsetrue.model.decision import EVEN

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

#: Probability mass that every interval covers.
COVERAGE = 0.95
#: Texts that a band must hold before its precision is believed.
FEWEST_DECIDED = 10
#: Bootstrap resamples.
RESAMPLES = 1000


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


def proportion(successes: int, trials: int) -> Estimate:
    """A share with its exact interval (Clopper and Pearson, Biometrika 26, 1934); ``trials >= 1``."""
    tail = (1 - COVERAGE) / 2
    low = float(beta.ppf(tail, successes, trials - successes + 1)) if successes else 0.0
    high = float(beta.ppf(1 - tail, successes + 1, trials - successes)) if successes < trials else 1.0
    return Estimate(value=successes / trials, low=low, high=high)


def auc(labels: Labels, scores: Floats) -> float:
    """Area under the ROC curve by ranks (Mann-Whitney), ties counted half; NaN where a class is missing."""
    positives = int(labels.sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        return float("nan")
    rank_sum = float(rankdata(scores)[labels == 1].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def brier(labels: Labels, p_real: Floats) -> float:
    """Mean squared difference of probability and outcome (Brier, 1950); 0 is perfect."""
    return float(np.mean((p_real - labels) ** 2))


def f1(labels: Labels, predicted: Labels, of_class: int) -> float:
    """Harmonic mean of precision and recall of one class; 0 where it is never predicted nor present."""
    hits = int(np.sum((labels == of_class) & (predicted == of_class)))
    wrong = int(np.sum((labels == of_class) != (predicted == of_class)))
    return 2 * hits / (2 * hits + wrong) if hits or wrong else 0.0


def bootstrap(figure: Callable[[NDArray[np.int64]], float], size: int, seed: int) -> Estimate:
    """Percentile bootstrap interval (Efron, 1979) of ``figure``, a function of drawn positions.

    Draws on which the figure is not defined (NaN) are left out.
    """
    generator = np.random.default_rng(seed)
    drawn = np.array([figure(generator.integers(0, size, size)) for _ in range(RESAMPLES)])
    value = figure(np.arange(size))
    defined = drawn[np.isfinite(drawn)]
    if not len(defined):
        return Estimate(value=value, low=value, high=value)
    tail = 50 * (1 - COVERAGE)
    low, high = np.percentile(defined, [tail, 100 - tail])
    return Estimate(value=value, low=float(low), high=float(high))


def confusion(labels: Labels, predicted: Labels) -> dict[str, int]:
    """Counts, each key ``<what it is>_called_<what was said>``."""
    names = ("false", "real")
    return {
        f"{actual}_called_{said}": int(np.sum((labels == i) & (predicted == j)))
        for i, actual in enumerate(names)
        for j, said in enumerate(names)
    }


def judge(labels: Labels, p_real: Floats, seed: int) -> dict[str, Estimate]:
    """Accuracy, F1 of each class, Brier score and AUC of ``p_real`` (float in [0, 1]) on ``labels`` (0 or 1)."""
    predicted = (p_real > EVEN).astype(np.int64)
    size = len(labels)
    return {
        "accuracy": proportion(int(np.sum(predicted == labels)), size),
        "f1_false": bootstrap(lambda at: f1(labels[at], predicted[at], 0), size, seed),
        "f1_real": bootstrap(lambda at: f1(labels[at], predicted[at], 1), size, seed),
        "brier": bootstrap(lambda at: brier(labels[at], p_real[at]), size, seed),
        "auc": bootstrap(lambda at: auc(labels[at], p_real[at]), size, seed),
    }


def thresholds_for_precision(labels: Labels, p_real: Floats, target: float) -> tuple[float, float]:
    """``(false_below, real_above)``: the widest bands in which each verdict reaches ``target`` precision.

    Each walks from its extreme towards a half, which it does not cross, and keeps the last cut at
    which the share of right verdicts, of at least :data:`FEWEST_DECIDED`, is at least ``target``.
    Where no cut reaches it the band is empty (0 or 1), and that class is never decided.
    """
    low, high = p_real < EVEN, p_real > EVEN
    false_below = _cut(p_real[low], labels[low] == 0, target, EVEN)
    real_above = _cut(-p_real[high], labels[high] == 1, target, -EVEN)
    return 0.0 if false_below is None else false_below, 1.0 if real_above is None else -real_above


def _cut(scores: Floats, right: NDArray[np.bool_], target: float, bound: float) -> float | None:
    """The highest value, at most ``bound``, below which scores are ``right`` often enough; ``None``: there is none."""
    order = np.argsort(scores, kind="stable")
    ranked = np.append(scores[order], bound)
    precision = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    enough = np.arange(1, len(order) + 1) >= FEWEST_DECIDED
    reached = np.flatnonzero((ranked[1:] > ranked[:-1]) & (precision >= target) & enough)
    return float(ranked[reached[-1] + 1]) if len(reached) else None
