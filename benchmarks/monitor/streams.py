"""Made-up years of a deployed model: what it says, what was true, and how much of the feed was broken."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: ``p_real`` follows Beta(SHAPE, SHAPE): calibrated, such a model is wrong for one text in ten.
SHAPE = 0.1968
ERROR = 0.10
#: Labels of the baseline.
BASELINE = 2000
DAYS = 365
#: The day from which on it drifts, where it does; 265 days are left.
DRIFT_DAY = 100
#: Texts a day; usual share of broken ones; share of days on which the feed is bad, and of broken texts then.
TEXTS_A_DAY, BROKEN, BAD_DAYS, BROKEN_ON_BAD_DAYS = 500, 0.005, 0.02, 0.3
#: How alike the texts of a day are: their share of broken ones is Beta with this many pseudo-texts.
OVERDISPERSION = 50
#: Years that are held in memory at once.
BATCH = 50


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What happens in a year."""

    labels_a_day: int
    error: float = ERROR  #: from :data:`DRIFT_DAY` on
    broken: float | None = None  #: share of texts that are broken from then on; ``None``: as usual

    @property
    def drifts(self) -> bool:
        """Whether anything changes at all."""
        return self.error != ERROR or self.broken is not None


@dataclass(frozen=True, kw_only=True)
class Labels:
    """Some labels of each of some years; arrays of shape (years, labels)."""

    p_real: Floats
    real: Floats  #: 1 real, 0 false

    @property
    def errors(self) -> Floats:
        """1 where the verdict of even odds is wrong, else 0."""
        return np.asarray((self.p_real >= 0.5) != (self.real == 1), dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class Years:
    """Some years, each of another model of the same kind."""

    baseline: Labels
    slice: Labels  #: the audit slice, in the order in which it was labelled
    broken: Floats  #: share of broken texts, shape (years, days)
    baseline_broken: NDArray[np.int64]  #: of :data:`BASELINE` texts, shape (years,)


def years(scenario: Scenario, count: int, seed: int) -> Iterator[Years]:
    """``count`` years in batches; the same for the same ``seed``."""
    for number, first in enumerate(range(0, count, BATCH)):
        generator = np.random.default_rng([seed, number])
        size = min(BATCH, count - first)
        yield Years(
            baseline=_labels(generator, np.zeros((size, BASELINE))),
            slice=_labels(generator, np.broadcast_to(_flips(scenario), (size, DAYS * scenario.labels_a_day))),
            broken=_broken(generator, scenario, size),
            baseline_broken=generator.binomial(BASELINE, BROKEN, size),
        )


def _flips(scenario: Scenario) -> Floats:
    """Chance that a label is the opposite of what it was before the concept drifted, label by label."""
    chance = (scenario.error - ERROR) / (1 - 2 * ERROR)
    return np.repeat(np.where(np.arange(DAYS) < DRIFT_DAY, 0.0, chance), scenario.labels_a_day)


def _labels(generator: np.random.Generator, flips: Floats) -> Labels:
    p_real = generator.beta(SHAPE, SHAPE, flips.shape)
    real = generator.random(flips.shape) < p_real
    flipped = generator.random(flips.shape) < flips
    return Labels(p_real=p_real, real=(real != flipped).astype(np.float64))


def _broken(generator: np.random.Generator, scenario: Scenario, size: int) -> Floats:
    """Days differ more than chance alone would have it, and some are bad."""
    bad = generator.random((size, DAYS)) < BAD_DAYS
    mean = np.where(bad, BROKEN_ON_BAD_DAYS, BROKEN)
    if scenario.broken is not None:
        mean[:, DRIFT_DAY:] = scenario.broken
    share = generator.beta(mean * OVERDISPERSION, (1 - mean) * OVERDISPERSION)
    return np.asarray(generator.binomial(TEXTS_A_DAY, share) / TEXTS_A_DAY)
