"""The share of false news in a feed: probabilities for another share, and the share itself from unlabelled news.

All of this supposes *prior shift*: false news looks as it did in training, and so does real news;
only their shares differ.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from falsetrue.errors import InputError
from falsetrue.model.decision import EVEN

Floats = NDArray[np.float64]
#: One probability, or an array of them.
Probability = TypeVar("Probability", float, Floats)

#: Probability mass that an interval covers.
COVERAGE = 0.95
#: Resamples, and halvings of the interval in which the most likely share is sought.
RESAMPLES = 400
_HALVINGS = 40
#: Bins of :class:`ScoreCounts`: so many log-odds to either side of even, in so many equal steps.
_WIDEST = 16.0
_BINS = 1024


@dataclass(frozen=True, kw_only=True)
class Prevalence:
    """An estimated share of false news with its 95 % interval; each in [0, 1]."""

    value: float
    low: float
    high: float


def check_prevalence(value: float) -> float:
    """The value; raises :class:`InputError` unless it lies between 0 and 1 and is neither."""
    if not 0 < value < 1:
        raise InputError(f"prevalence {value:g}: the share of false news lies between 0 and 1 and is neither")
    return value


def adjust(p_real: Probability, *, prevalence: float, trained_prevalence: float) -> Probability:
    """What ``p_real`` (a float or an array of any shape, in [0, 1]) is where another share of the news is false.

    Both shares are of *false* news, in (0, 1). Bayes' rule with the prior exchanged (Saerens,
    Latinne and Decaestecker, Neural Computation 14, 2002, equation 2.4).
    """
    real = p_real * ((1 - prevalence) / (1 - trained_prevalence))
    false = (1 - p_real) * (prevalence / trained_prevalence)
    return real / (real + false)


class ScoreCounts:
    """How many texts had which ``p_real``, in memory that does not grow with them."""

    def __init__(self) -> None:
        self._counts = np.zeros(_BINS, dtype=np.int64)
        self._sums = np.zeros(_BINS)
        self.called_false = 0  #: texts with ``p_real`` at most a half

    def add(self, p_real: Floats) -> None:
        """Count some texts; shape (n,)."""
        inside = np.clip(p_real, 1e-15, 1 - 1e-15)
        log_odds = np.log(inside / (1 - inside))
        at = np.clip((log_odds + _WIDEST) * (_BINS / (2 * _WIDEST)), 0, _BINS - 1).astype(np.int64)
        self._counts += np.bincount(at, minlength=_BINS)
        self._sums += np.bincount(at, p_real, minlength=_BINS)
        self.called_false += int(np.sum(p_real <= EVEN))

    @property
    def texts(self) -> int:
        """How many."""
        return int(self._counts.sum())

    def distinct(self) -> tuple[Floats, Floats]:
        """Mean ``p_real`` and count of each bin that holds a text."""
        held = self._counts > 0
        return self._sums[held] / self._counts[held], self._counts[held].astype(np.float64)


def estimate_saerens(
    p_real: Floats, *, trained_prevalence: float, counts: Floats | None = None, seed: int = 0
) -> Prevalence:
    """The share of false news under which unlabelled texts are likeliest to get the ``p_real`` they got.

    ``p_real``, shape (n,), in [0, 1], calibrated at ``trained_prevalence``; ``counts`` says how many
    texts each stands for. It is the fixed point of the EM algorithm of Saerens, Latinne and
    Decaestecker (Neural Computation 14, 2002). The likelihood is concave in the share, so that
    halving finds it surely where EM creeps. Percentile bootstrap interval (Efron, 1979) over the
    texts; what is uncertain about the model itself is not in it. Raises :class:`InputError` where
    there is no text.
    """
    counts = np.ones(len(p_real)) if counts is None else counts
    texts = int(counts.sum())
    if not texts:
        raise InputError("the share of false news cannot be estimated: there is no text that the model can judge")
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(texts, counts / counts.sum(), size=RESAMPLES)
    shares = _likeliest(p_real, np.vstack([counts, drawn]), trained_prevalence)
    return _with_interval(float(shares[0]), shares[1:])


def _likeliest(p_real: Floats, counts: Floats, trained: float) -> Floats:
    """Maximum-likelihood share for each row of ``counts``, shape (rows, n): where the slope changes its sign."""
    real, false = p_real / (1 - trained), (1 - p_real) / trained
    low, high = np.zeros(len(counts)), np.ones(len(counts))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        density = middle[:, None] * false + (1 - middle[:, None]) * real
        rising = np.sum(counts * (false - real) / density, axis=1) > 0
        low, high = np.where(rising, middle, low), np.where(rising, high, middle)
    return (low + high) / 2


def estimate_bbse(called_false: int, texts: int, *, confusion: dict[str, int], seed: int = 0) -> Prevalence:
    """The share of false news from how many of ``texts`` unlabelled ones a model calls false.

    ``confusion`` holds the counts of held-out labelled news, ``false_called_false`` and so on. The
    black-box shift estimator (Lipton, Wang and Smola, ICML 2018), for two classes; the interval is
    of draws from the Beta posteriors (Jeffreys) of the three shares it is made of. Raises
    :class:`InputError` where there is no text, or the model calls real news false as often as false news.
    """
    if not texts:
        raise InputError("the share of false news cannot be estimated: there is no text that the model can judge")
    hits, misses = confusion["false_called_false"], confusion["false_called_real"]
    alarms, passes = confusion["real_called_false"], confusion["real_called_real"]
    hit_rate, alarm_rate = hits / max(1, hits + misses), alarms / max(1, alarms + passes)
    if hit_rate <= alarm_rate:
        raise InputError("the share of false news cannot be estimated with a model that does not tell false from real")
    generator = np.random.default_rng(seed)

    def draws(yes: int, no: int) -> Floats:
        return generator.beta(yes + 0.5, no + 0.5, RESAMPLES)

    false_rate, hit_rates, alarm_rates = (
        draws(called_false, texts - called_false),
        draws(hits, misses),
        draws(alarms, passes),
    )
    told_apart = hit_rates > alarm_rates
    drawn = ((false_rate - alarm_rates) / np.where(told_apart, hit_rates - alarm_rates, 1))[told_apart]
    value = (called_false / texts - alarm_rate) / (hit_rate - alarm_rate)
    return _with_interval(float(np.clip(value, 0, 1)), np.clip(drawn, 0, 1))


def _with_interval(value: float, drawn: Floats) -> Prevalence:
    tail = 50 * (1 - COVERAGE)
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return Prevalence(value=value, low=min(float(low), value), high=max(float(high), value))
