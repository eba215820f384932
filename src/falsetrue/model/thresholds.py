"""Thresholds from a target, with a guarantee for finite samples (Learn then Test).

Each verdict has a fixed grid of cuts, from the extreme inward. At each cut an exact binomial test
asks whether the target holds there; the fallback procedure spends the allowed error along the
grid, so that with probability 1 - error *no* cut that passes misses the target, whatever the
scores are worth. The widest cut that passes is the threshold.

Angelopoulos, Bates, Candès, Jordan and Lei, "Learn then Test", Annals of Applied Statistics 19
(2025), arXiv 2110.01052; Wiens and Dmitrienko, "The fallback procedure", Journal of
Biopharmaceutical Statistics 15 (2005).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, binom

from falsetrue.errors import InputError
from falsetrue.model.decision import Outcome
from falsetrue.model.metrics import FEWEST_DECIDED, Floats, Labels

Counts = NDArray[np.int64]
Passed = NDArray[np.bool_]

#: Cuts for the verdict *false*, ``p_real`` below each, evenly spaced in log-odds from 0.001 to a
#: half; *real* takes them from the other end. They must not depend on the labelled news.
CUTS: Floats = np.unique(np.round(1 / (1 + np.exp(np.append(np.arange(6.9, 0, -0.1), 0.0))), 4))
#: Cut -> share of the allowed error that enters there. News with too few texts beyond the first cuts, or too many
#: wrong ones, can begin further in; where most enters depends on the target.
EARLY_ENTRIES = {0.001: 0.05, 0.01: 0.05, 0.03: 0.1}
#: The cut at which the rest enters lies no further out than this.
MAIN_ENTRY = 0.1
#: Share of a test's error spent on the rate of wrong texts, where that and the rate of right ones are bounded apart.
_ON_WRONG = 0.9
#: How many times the labelled texts are multiplied at most to see what would be enough.
LARGEST_FACTOR = 100


class Promise(StrEnum):
    """What is promised of a verdict."""

    PRECISION = "precision"  #: of the texts that get it, at least this share deserves it
    FALSE_ALARM = "false-alarm"  #: of the real news that can be decided, at most this share is called false


@dataclass(frozen=True, kw_only=True)
class Target:
    """A promise wanted for one verdict."""

    verdict: Outcome  #: *false* or *real*
    promise: Promise
    value: float  #: in (0, 1)


def parse_target(written: str) -> list[Target]:
    """Read ``precision=0.95`` (both verdicts), ``precision.false=0.97`` (or ``real``) or ``false-alarm=0.01``.

    Raises :class:`InputError` for anything else.
    """
    what, _, number = written.partition("=")
    promise, _, verdict = what.partition(".")
    verdicts = {"precision": [Outcome.FALSE, Outcome.REAL], "false-alarm": [Outcome.FALSE]}.get(promise)
    if verdicts is None or (verdict and (verdict not in verdicts or len(verdicts) == 1)):
        raise InputError(
            f"target {written[:80]!r}: say precision=0.95, precision.false=0.95, "
            "precision.real=0.95 or false-alarm=0.01"
        )
    try:
        value = float(number)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise InputError(f"target {written[:80]!r}: the number must lie between 0 and 1, neither of them")
    chosen = [Outcome(verdict)] if verdict else verdicts
    return [Target(verdict=each, promise=Promise(promise), value=value) for each in chosen]


def is_given(target: Target, share_false: float) -> bool:
    """Whether saying the verdict of every text would keep the target: it asks for nothing, and proves nothing.

    ``share_false`` in [0, 1] is that of the news in which it is to hold. An alarm rate is never given.
    """
    deserving = share_false if target.verdict is Outcome.FALSE else 1 - share_false
    return target.promise is Promise.PRECISION and deserving >= target.value


@dataclass(frozen=True, kw_only=True)
class Band:
    """What was found for one verdict."""

    threshold: (
        float | None
    )  #: ``p_real`` below (*false*) or above (*real*) it gets the verdict; ``None``: no cut passed
    deserving: int  #: labelled texts that the verdict would be right for
    others: int
    right: int  #: of the deserving ones, those in the band
    wrong: int  #: of the others, those in the band
    most_right: float | None  #: highest share of right ones at any cut with enough texts; ``None``: none has
    enough: int | None  #: without a threshold: labelled texts like these that would do; ``None``: far more


def cuts(verdict: Outcome) -> Floats:
    """The grid of a verdict's thresholds, from its extreme inward."""
    return np.round(1 - CUTS, 4) if verdict is Outcome.REAL else CUTS


def count(labels: Labels, p_real: Floats, verdict: Outcome) -> tuple[Counts, Counts]:
    """Right and wrong texts beyond each of a verdict's cuts; ``labels`` 0 or 1, both of shape (n,)."""
    is_real = verdict is Outcome.REAL
    deserved = labels == int(is_real)

    def beyond(scores: Floats) -> Counts:
        ranked = np.sort(-scores if is_real else scores)
        limits = -cuts(verdict) if is_real else cuts(verdict)
        return np.searchsorted(ranked, limits, side="left").astype(np.int64)

    return beyond(p_real[deserved]), beyond(p_real[~deserved])


@dataclass(frozen=True, kw_only=True)
class _Sample:
    """Counts of right and wrong texts beyond each cut, and in all."""

    right: NDArray[Any]
    wrong: NDArray[Any]
    all_right: int
    all_wrong: int

    def times(self, factor: float) -> "_Sample":
        """The same shares in a larger sample."""
        return _Sample(
            right=np.floor(self.right * factor),
            wrong=np.ceil(self.wrong * factor),
            all_right=int(self.all_right * factor),
            all_wrong=int(self.all_wrong * factor),
        )


def fit_band(
    labels: Labels, p_real: Floats, targets: Sequence[Target], *, error: float, prevalence: float | None = None
) -> Band:
    """The widest band in which all ``targets`` of one verdict hold, but with probability ``error``.

    ``labels`` (0 or 1) and ``p_real`` (in [0, 1]), shape (n,), are of independent texts. With a
    ``prevalence`` (share of false news, in (0, 1)) precision is that among news of which so many
    are false, the share of each class in the sample counting for nothing; without one it is that of
    the sample's own source. ``error`` is shared equally by the targets.
    """
    verdict = targets[0].verdict
    right, wrong = count(labels, p_real, verdict)
    deserving = int(np.sum(labels == int(verdict is Outcome.REAL)))
    sample = _Sample(right=right, wrong=wrong, all_right=deserving, all_wrong=len(labels) - deserving)
    at = np.flatnonzero(_passed_all(sample, targets, error, prevalence))
    needed = None if len(at) else _enough(sample, targets, error, prevalence)
    return Band(
        threshold=float(cuts(verdict)[at[-1]]) if len(at) else None,
        deserving=sample.all_right,
        others=sample.all_wrong,
        right=int(right[at[-1]]) if len(at) else 0,
        wrong=int(wrong[at[-1]]) if len(at) else 0,
        most_right=_most_right(sample),
        enough=None if needed is None else int(np.ceil(len(labels) * needed)),
    )


def _most_right(sample: _Sample) -> float | None:
    decided = sample.right + sample.wrong
    seen = decided >= FEWEST_DECIDED
    return float(np.max(sample.right[seen] / decided[seen])) if seen.any() else None


def _passed_all(sample: _Sample, targets: Sequence[Target], error: float, prevalence: float | None) -> Passed:
    tests = [_passed(sample, target, error / len(targets), prevalence) for target in targets]
    return np.all(tests, axis=0)


def _passed(sample: _Sample, target: Target, error: float, prevalence: float | None) -> Passed:
    if target.promise is Promise.FALSE_ALARM:
        # Wider bands only hold more real news, so all of the error enters at the extreme.
        p_values = binom.cdf(sample.wrong, sample.all_wrong, target.value)
        return fall_back(lambda level: p_values <= level, _levels({CUTS[0]: 1.0}, error))
    levels = _levels(_entries(target.value), error)
    if prevalence is None:
        p_values = binom.sf(sample.right - 1, sample.right + sample.wrong, target.value)
        return fall_back(lambda level: p_values <= level, levels)
    share = prevalence if target.verdict is Outcome.FALSE else 1 - prevalence
    return fall_back(lambda level: _is_precise(sample, target.value, share, level), levels)


def _entries(precision: float) -> dict[float, float]:
    """Most of the error enters where a calibrated text is just as likely to be right as is wanted."""
    main = min(max(MAIN_ENTRY, 1 - precision), float(CUTS[-1]))
    return EARLY_ENTRIES | {main: 1 - sum(EARLY_ENTRIES.values())}


def _levels(entries: Mapping[float, float], error: float) -> Floats:
    """Error that enters at each cut."""
    levels = np.zeros(len(CUTS))
    levels[np.searchsorted(CUTS, list(entries))] = error * np.array(list(entries.values()))
    return levels


def fall_back(reject: Callable[[float], Passed], levels: Floats) -> Passed:
    """Which hypotheses of a fixed order are rejected by the fallback procedure.

    ``reject`` says which of them a test of the given level rejects, at least as many at a higher
    level. Each is tested at its own of the ``levels`` and those of an unbroken run of rejected ones
    before it. The probability to reject any true one is at most the sum of ``levels``.
    """
    reject = cache(reject)
    passed = np.zeros(len(levels), dtype=bool)
    carried = 0.0
    for at, level in enumerate(levels.tolist()):
        carried += level
        passed[at] = carried > 0 and reject(carried)[at]
        carried = carried if passed[at] else 0.0
    return passed


def _is_precise(sample: _Sample, target: float, share: float, level: float) -> Passed:
    """Whether precision is at least ``target`` where a ``share`` of all news deserves the verdict, but for ``level``.

    It is where the rate at which deserving texts get the verdict is at least ``ratio`` times the
    rate at which others do. The second is bounded from above at a part of ``level``, the first
    tested against that bound at the rest (Berger and Boos, JASA 89, 1994).
    """
    ratio = target / (1 - target) * (1 - share) / share
    not_wrong = sample.all_wrong - sample.wrong
    most = beta.ppf(1 - _ON_WRONG * level, sample.wrong + 1, np.maximum(not_wrong, 1))
    least = ratio * np.where(not_wrong > 0, most, 1.0)
    p_values = binom.sf(sample.right - 1, sample.all_right, np.minimum(least, 1.0))
    return np.asarray((least < 1) & (p_values <= (1 - _ON_WRONG) * level))


def _enough(sample: _Sample, targets: Sequence[Target], error: float, prevalence: float | None) -> float | None:
    """How many times the sample some cut would pass, were the shares beyond the cuts the same.

    ``None``: not even at :data:`LARGEST_FACTOR`.
    """
    seen = sample.right + sample.wrong >= FEWEST_DECIDED
    factor = 1.0
    while factor <= LARGEST_FACTOR:
        factor *= 1.1
        if (_passed_all(sample.times(factor), targets, error, prevalence) & seen).any():
            return factor
    return None
