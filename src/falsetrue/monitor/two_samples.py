"""Whether two samples differ by more than matters: tests that know the size of both.

A baseline is a sample as well: compared with as if it were the truth, it would differ from any traffic once there is
enough of that. And with enough of both, everything differs a little. So what is tested here is not that nothing has
changed, but that nothing has changed by more than ``least``; with ``least`` 0 the tests are the usual ones.
"""

from dataclasses import dataclass
from math import copysign, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, binom, kstwo, norm

Counts = NDArray[np.int64]

#: Texts that must be expected on either side of a share, in both samples, for the normal approximation to hold far out.
_ENOUGH: Final = 30
#: Probability, paid for in the p-value, that a baseline's share lies beyond the bound that it is taken to have.
_BEYOND: Final = 1e-7

#: Scaled statistic of Kuiper's test that all but one in a million exceed where nothing has changed.
_SMALL_KUIPER: Final = 0.4


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What a test says."""

    value: float  #: of its statistic
    p: float  #: in [0, 1]; at most alpha with probability at most alpha where nothing has changed by more than least
    at: int = 0  #: the bin where the samples differ most


def compare_distributions(current: Counts, baseline: Counts, *, least: float = 0.0) -> Compared:
    """Kolmogorov and Smirnov's test of two samples, from their counts in the same ascending bins; neither is empty.

    The statistic is the largest difference between the shares of texts up to a value. If it truly is at most
    ``least``, it exceeds ``least`` by no more than the two empirical distributions stray together, which is
    distributed, at most, as the statistic of equal samples (Raghavachari, Annals of Statistics 1, 1973): hence its
    p-value is that of the statistic less ``least``, by the distribution of Simard and L'Ecuyer (Journal of
    Statistical Software 39, 2011) for n m / (n + m) texts. Bins, and values that are equal, make it conservative.
    """
    n, m = int(current.sum()), int(baseline.sum())
    apart = np.abs(np.cumsum(current) / n - np.cumsum(baseline) / m)
    at = int(np.argmax(apart))
    value = float(apart[at])
    p = float(kstwo.sf(max(0.0, value - least), max(1, round(n * m / (n + m)))))
    return Compared(value=value, p=min(1.0, p), at=at)


def compare_spread(current: Counts, baseline: Counts, *, least: float = 0.0) -> Compared:
    """Kuiper's test of two samples, from their counts in the same ascending bins; neither is empty.

    The statistic is the largest excess of either share of texts up to a value over the other, both summed. Kolmogorov
    and Smirnov's test sees best what moves up or down; this one sees as well what moves to the ends or to the middle,
    as scores do that become surer or less sure. ``least`` is as in :func:`compare_distributions`. Kuiper (Proceedings
    KNAW A 63, 1960) with Stephens' (JRSS B 32, 1970) p-value for samples of finite size; bins make it conservative.
    """
    n, m = int(current.sum()), int(baseline.sum())
    apart = np.cumsum(current) / n - np.cumsum(baseline) / m
    value = float(max(0.0, apart.max()) - min(0.0, apart.min()))
    size = sqrt(n * m / (n + m))
    scaled = max(0.0, value - least) * (size + 0.155 + 0.24 / size)
    return Compared(value=value, p=_kuiper_tail(scaled), at=int(np.argmax(np.abs(apart))))


def _kuiper_tail(scaled: float) -> float:
    """Probability of a larger one; the series does not end where next to all are."""
    if scaled < _SMALL_KUIPER:
        return 1.0
    terms = (np.arange(1, 100) * scaled) ** 2
    return float(np.clip(np.sum(2 * (4 * terms - 1) * np.exp(-2 * terms)), 0, 1))


def compare_shares(
    current: int, texts: int, baseline: int, baseline_texts: int, *, least: float = 0.0, rises_only: bool = False
) -> Compared:
    """Whether a share has changed by more than ``least``: ``current`` of ``texts``, and the baseline's.

    Either way, unless ``rises_only``.

    The statistic is the difference of the shares. Where enough texts are expected on either side it is taken to be
    normal, with the variance that the shares have if they are ``least`` apart (Dunnett and Gent, Biometrics 33, 1977):
    with ``least`` 0, Pearson's test of a table of four without correction for continuity. Else the p-value is exact
    but for what the baseline may be: the largest over all shares up to the baseline's bound, plus the probability that
    it lies beyond (Berger and Boos, JASA 89, 1994).
    """
    difference = current / texts - baseline / baseline_texts
    both, together = current + baseline, texts + baseline_texts
    pooled = both / together
    if min(both, together - both) * min(texts, baseline_texts) >= _ENOUGH * together:
        error = _error(pooled, texts, baseline_texts, least if rises_only else copysign(least, difference))
        far = difference if rises_only else abs(difference)
        p = norm.sf((far - least) / error) + (0 if rises_only else norm.sf((far + least) / error))
    elif rises_only:
        p = _p_of_more(current, texts, baseline, baseline_texts, least)
    elif difference > 0:
        p = 2 * _p_of_more(current, texts, baseline, baseline_texts, least)
    else:
        p = 2 * _p_of_more(texts - current, texts, baseline_texts - baseline, baseline_texts, least)
    return Compared(value=difference, p=min(1.0, float(p)))


def _error(pooled: float, texts: int, baseline_texts: int, apart: float) -> float:
    """Standard error of the difference of two shares that are so far apart, and of which all texts have ``pooled``."""
    before = min(1.0, max(0.0, pooled - apart * texts / (texts + baseline_texts)))
    now = min(1.0, max(0.0, before + apart))
    return sqrt(now * (1 - now) / texts + before * (1 - before) / baseline_texts)


def _p_of_more(current: int, texts: int, baseline: int, baseline_texts: int, least: float) -> float:
    """That as many come, where the share is at most the bound of the baseline's, and ``least`` more."""
    missing = baseline_texts - baseline
    bound = float(beta.ppf(1 - _BEYOND, baseline + 1, missing)) if missing else 1.0
    return float(binom.sf(current - 1, texts, min(1.0, bound + least))) + _BEYOND


def compare_means(difference: float, error: float, *, least: float = 0.0) -> Compared:
    """Whether a mean has risen by more than ``least``: ``difference`` is normal with standard error ``error``."""
    if error <= 0:
        return Compared(value=difference, p=1.0 if difference <= least else 0.0)
    return Compared(value=difference, p=float(norm.sf((difference - least) / error)))


def interval_of_share(part: int, texts: int) -> tuple[float, float]:
    """95 % interval of a share (Clopper and Pearson, Biometrika 26, 1934); ``texts`` is at least 1."""
    low = float(beta.ppf(0.025, part, texts - part + 1)) if part else 0.0
    high = float(beta.ppf(0.975, part + 1, texts - part)) if part < texts else 1.0
    return low, high
