"""Figures of a model on held-out news, each with a 95 % interval."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

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


def proportion(successes: float, trials: float) -> Estimate:
    """A share with its exact interval (Clopper and Pearson, Biometrika 26, 1934); ``trials >= 1``.

    Both are whole numbers but where trials are clusters that are partly right, or have weights.
    """
    tail = (1 - COVERAGE) / 2
    low = float(beta.ppf(tail, successes, trials - successes + 1)) if successes else 0.0
    high = float(beta.ppf(1 - tail, successes + 1, trials - successes)) if successes < trials else 1.0
    return Estimate(value=min(1.0, successes / trials), low=low, high=high)


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
