"""Alarms that may be looked at after every label: e-detectors of harm, of calibration drift and of broken data.

Each is a game against "nothing has changed". A wager on one observation multiplies what is staked by a
*growth* whose mean is at most 1 while nothing has changed, given all that came before. With one unit
staked before every observation, a wager holds ``M <- growth * (M + 1)``; several wagers are averaged.
Then ``M_t - t`` is a supermartingale, so that with the alarm at ``M >= T / alpha``

- within the first ``T`` observations a false alarm has probability at most ``alpha``: by optional
  stopping at the alarm or at ``T``, ``P * T / alpha <= E[M] <= T``;
- over any number of years of ``T`` observations, with a new start after each alarm, at most ``alpha``
  false alarms a year are expected: ``M + (T / alpha) * alarms - t`` is a supermartingale too;
- without a change the first alarm takes at least ``T / alpha`` observations in the mean.

That is the e-detector of Shin, Ramdas and Rinaldo ("E-detectors: a nonparametric framework for sequential
change detection", New England Journal of Statistics in Data Science 2, 2024; definition 2.1, theorem 2.4,
the Shiryaev-Roberts kind of section 3), with the wagers of Waudby-Smith and Ramdas ("Estimating means of
bounded random variables by betting", JRSS B 86, 2024). Nothing is supposed of how observations are
distributed: only that the next one's mean is at most its limit, whatever came before. Every growth is
above 0, so that what is held never turns negative, and it is held at most at what an alarm needs, which
keeps numbers finite and can only delay.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from falsetrue.errors import InputError

Floats = NDArray[np.float64]

#: Format of a stored detector, and of stored limits.
FORMAT: Final = 1
#: Chance that a baseline of these labels shows less than the truth: of one-sided bounds.
BASELINE_MISSES: Final = 0.05
#: Days of a year, the longest.
YEAR: Final = 366
#: By what the odds of an error are supposed to have grown, one wager each.
HARM_ODDS: Final = (1.3, 1.8, 2.6, 5.0)
#: The same for the share of broken texts: a feed that breaks breaks much.
QUALITY_ODDS: Final = (3.0, 10.0, 40.0, 400.0)
#: A share of broken texts that no feed is woken for.
LEAST_QUALITY_LIMIT: Final = 0.02
#: Log-odds by which all texts are supposed to be more often real, or false, than said: two wagers each.
INTERCEPTS: Final = (0.5, 1.2)
#: What the log-odds are supposed to be multiplied by: below 1 it is too sure of itself, above not sure enough.
SLOPES: Final = (0.6, 0.3, 1.8)
#: Wagers of the calibration detector.
CALIBRATION_WAGERS: Final = 2 * len(INTERCEPTS) + len(SLOPES)
#: Labels that a bin of the baseline's reliability must hold, else it is joined with its neighbour.
LEAST_IN_BIN: Final = 100
#: Probabilities are bet on between this and 1 less this.
_EXTREME: Final = 1e-3


class Detector(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An e-detector between two observations; of fixed size. To restart it, start a new one."""

    format: int = FORMAT
    threshold: float  #: observations expected a year / false alarms allowed a year
    values: tuple[float, ...]  #: what each wager holds, in stakes; at least 0
    observations: int = 0  #: so far
    fired_at: int | None = None  #: number of the observation at which it first reached its threshold, from 1

    @property
    def evidence(self) -> float:
        """What is held over the threshold; an alarm at 1."""
        return sum(self.values) / len(self.values) / self.threshold

    @property
    def spent(self) -> float:
        """Upper bound of the false alarms to be expected of the observations so far."""
        return self.observations / self.threshold


class CalibrationLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Between what the share of real texts may lie, relative to ``p_real``, by bin of ``p_real``."""

    format: int = FORMAT
    edges: tuple[float, ...]  #: of ``p_real``, from 0 to 1; one more than bins
    low: tuple[float, ...]  #: of each bin, at most 0, to be added to ``p_real``
    high: tuple[float, ...]  #: at least 0


def start(wagers: int, *, observations_a_year: float, allowed: float) -> Detector:
    """A detector that has seen nothing.

    ``observations_a_year`` is the most to be expected (``YEAR`` times the labels a day, or ``YEAR`` for one
    share a day); ``allowed`` is the chance of a false alarm in a year, in (0, 1). Raises
    :class:`InputError` for others.
    """
    if not (0 < allowed < 1 and observations_a_year >= 1):
        raise InputError(
            f"a detector for {observations_a_year:g} observations and {allowed:g} false alarms a year: "
            "give at least 1 observation, and a chance between 0 and 1"
        )
    return Detector(threshold=observations_a_year / allowed, values=(0.0,) * wagers)


def advanced(values: Floats, growth: Floats, threshold: float) -> Floats:
    """What is held after one more observation; both of shape (..., wagers), ``growth`` above 0."""
    enough = threshold * values.shape[-1]
    return np.asarray(np.minimum(growth * (values + 1), enough))


def observe(detector: Detector, growth: Floats) -> Detector:
    """The detector after some observations, in their order; ``growth`` of shape (observations, wagers).

    Raises :class:`InputError` where ``growth`` is of another number of wagers, or no growth at all.
    """
    if growth.ndim != 2 or growth.shape[1] != len(detector.values):  # noqa: PLR2004
        raise InputError(f"growth of shape {growth.shape} for a detector of {len(detector.values)} wagers")
    if not (np.isfinite(growth).all() and (growth > 0).all()):
        raise InputError("the growth of a wager must be a number above 0")
    values, fired_at = np.array(detector.values), detector.fired_at
    for number, factors in enumerate(growth, detector.observations + 1):
        values = advanced(values, factors, detector.threshold)
        if fired_at is None and values.mean() >= detector.threshold:
            fired_at = number
    return msgspec.structs.replace(
        detector,
        values=tuple(values.tolist()),
        observations=detector.observations + len(growth),
        fired_at=fired_at,
    )


def error_limit(errors: int, labels: int) -> float:
    """The one-sided 95 % upper bound of a share (Clopper and Pearson, Biometrika 26, 1934).

    ``errors`` of ``labels``; raises :class:`InputError` where there are no labels, or fewer than errors.
    """
    if not (labels > 0 and 0 <= errors <= labels):
        raise InputError(f"{errors} of {labels} labels of the baseline cannot be wrong: a baseline needs labels")
    return float(beta.ppf(1 - BASELINE_MISSES, errors + 1, labels - errors)) if errors < labels else 1.0


def quality_limit(broken: int, texts: int) -> float:
    """The share of broken texts that is as usual: the baseline's upper bound, and at least 2 %.

    Held-out news has no bad days, and a feed has: what counts is the mean over days, bad ones included.
    """
    return max(LEAST_QUALITY_LIMIT, error_limit(broken, texts))


def share_growth(values: Floats, limit: float | Floats, odds: Sequence[float]) -> Floats:
    """``1 + stake * (value - limit)`` for each of ``odds``: shape (..., wagers).

    ``values``, shape (...), lie in [0, 1], and their mean is at most ``limit`` while nothing has changed;
    ``limit`` is one number in (0, 1], or one for each value. The stake is the one that grows fastest where the
    odds of an error are so many times those of the limit; it lies below 1 / limit, so that growth stays above 0.
    Raises :class:`InputError` for values outside [0, 1].
    """
    if not ((values >= 0) & (values <= 1)).all():
        raise InputError("a share, or an error, lies between 0 and 1")
    usual = np.clip(np.asarray(limit, dtype=np.float64), 1e-9, 1 - 1e-9)[..., None]
    worse = usual * np.array(odds) / (1 + usual * (np.array(odds) - 1))
    stake = (worse - usual) / (usual * (1 - usual))
    return np.asarray(1 + stake * (values[..., None] - usual))


def harm_growth(errors: Floats, limit: float | Floats) -> Floats:
    """Growth by labels of the audit slice: 1 where the verdict was wrong, 0 where it was right; shape (n,).

    ``limit`` is :func:`error_limit` of the baseline. It supposes that the slice is drawn uniformly.
    """
    return share_growth(errors, limit, HARM_ODDS)


def quality_growth(shares: Floats, limit: float | Floats) -> Floats:
    """Growth by days: the share of the day's texts that were broken; shape (days,).

    ``limit`` is :func:`quality_limit` of the baseline. One share a day whatever the number of texts, because
    those of one day are broken together: nothing but the mean over days is supposed.
    """
    return share_growth(shares, limit, QUALITY_ODDS)


def calibration_limits(
    edges: Sequence[float], texts: Sequence[int], real: Sequence[int], mean_p_real: Sequence[float | None]
) -> CalibrationLimits:
    """Limits from a baseline's reliability table, of bins between ``edges`` of ``p_real``.

    Each bin has ``texts`` labels, of which ``real`` are real, and the mean of their ``p_real`` (anything where
    there are none). Bins of fewer than 100 labels are joined with the next. The share of real texts has a
    Clopper-Pearson interval that holds in all bins together with 95 % confidence (Bonferroni); it is widened to what
    the model says itself, so that neither the baseline's own error of calibration nor its size is taken for a drift.
    Within a bin the error is supposed to be the same everywhere. Raises :class:`InputError` where there is no label.
    """
    joined = _join(np.array(texts), np.array(real), np.nan_to_num(np.array(mean_p_real, dtype=np.float64)))
    if not joined:
        raise InputError("calibration cannot be watched: the baseline has no labels")
    tail = BASELINE_MISSES / (2 * len(joined))
    low, high = [], []
    for _, count, successes, mean in joined:
        bottom = float(beta.ppf(tail, successes, count - successes + 1)) if successes else 0.0
        top = float(beta.ppf(1 - tail, successes + 1, count - successes)) if successes < count else 1.0
        low.append(min(0.0, bottom - mean))
        high.append(max(0.0, top - mean))
    inner = [float(edges[end]) for end, *_ in joined[:-1]]
    return CalibrationLimits(edges=(float(edges[0]), *inner, float(edges[-1])), low=tuple(low), high=tuple(high))


def _join(texts: NDArray[np.int64], real: NDArray[np.int64], means: Floats) -> list[tuple[int, int, int, float]]:
    """(index of the edge it ends at, texts, real, mean of ``p_real``) of each joined bin."""
    starts, held = [0], 0
    for index, count in enumerate(texts):
        held += int(count)
        if held >= LEAST_IN_BIN and texts[index + 1 :].sum() >= LEAST_IN_BIN:
            starts.append(index + 1)
            held = 0
    ends = [*starts[1:], len(texts)]
    joined = []
    for start_at, end in zip(starts, ends, strict=True):
        count = int(texts[start_at:end].sum())
        if count:
            total = float(np.sum(texts[start_at:end] * means[start_at:end]))
            joined.append((end, count, int(real[start_at:end].sum()), total / count))
    return joined


def calibration_growth(real: Floats, p_real: Floats, limits: CalibrationLimits) -> Floats:
    """Growth by labels of the audit slice: 1 where a text was real, 0 where false; with the ``p_real`` it got.

    Both of shape (...), the result (..., ``CALIBRATION_WAGERS``). The wagers are Cox's recalibrations (Two
    further applications of a model for binary regression, Biometrika 45, 1958): the log-odds shifted up or
    down, or stretched; each starts from the limit on its side, so that it gains only by what the
    limits do not explain. Raises :class:`InputError` where labels are other than 0 and 1, or ``p_real`` outside [0, 1].
    """
    if not (((real == 0) | (real == 1)).all() and ((p_real >= 0) & (p_real <= 1)).all()):
        raise InputError("labels are 0 or 1, and p_real lies between 0 and 1")
    at = np.searchsorted(np.array(limits.edges[1:-1]), p_real, side="right")
    low, high = np.clip(p_real + np.array(limits.low)[at], 0, 1), np.clip(p_real + np.array(limits.high)[at], 0, 1)
    shifts = [sign * step for step in INTERCEPTS for sign in (1, -1)]
    wagers = [_shifted(real, low, high, shift) for shift in shifts]
    wagers += [_stretched(real, low, high, slope) for slope in SLOPES]
    return np.stack(wagers, axis=-1)


def _shifted(real: Floats, low: Floats, high: Floats, shift: float) -> Floats:
    """Growth where the log-odds of being real lie above the upper limit, or below the lower, by ``shift``."""
    start_at = high if shift > 0 else low
    return _ratio(real, start_at, _log_odds(start_at) + shift)


def _stretched(real: Floats, low: Floats, high: Floats, slope: float) -> Floats:
    """Growth where the log-odds of being real are ``slope`` times those of the limit on that side."""
    sure_real = (low + high) / 2 > 0.5  # noqa: PLR2004 - even odds
    falling = sure_real if slope < 1 else ~sure_real
    start_at = np.where(falling, low, high)
    log_odds = _log_odds(start_at)
    beyond = np.where(falling, np.minimum(log_odds, slope * log_odds), np.maximum(log_odds, slope * log_odds))
    return _ratio(real, start_at, beyond)


def _ratio(real: Floats, usual: Floats, log_odds: Floats) -> Floats:
    """Likelihood of the label with ``log_odds`` over that with probability ``usual``; 1 at the extremes.

    Its mean is at most 1 where the true probability lies on the far side of ``usual`` from the wager.
    """
    supposed = 1 / (1 + np.exp(-log_odds))
    inside = (usual >= _EXTREME) & (usual <= 1 - _EXTREME)
    safe = np.clip(usual, _EXTREME, 1 - _EXTREME)
    return np.where(inside, np.where(real == 1, supposed / safe, (1 - supposed) / (1 - safe)), 1.0)


def _log_odds(p: Floats) -> Floats:
    inside = np.clip(p, _EXTREME, 1 - _EXTREME)
    return np.asarray(np.log(inside / (1 - inside)))
