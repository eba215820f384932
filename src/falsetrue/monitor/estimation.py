"""How often it is right, from few labels and many texts without one: figures with 95 % intervals.

The labels are those of the audit slice, drawn uniformly from the traffic. Of every text, labelled or not, the
model itself says how likely its verdict is wrong. Where what it says goes with what is true, the mean of that over all
texts, corrected by how far it was off where there are labels, is nearer the truth than the labels alone:
*prediction-powered inference* (Angelopoulos, Bates, Fannjiang, Jordan and Zrnic, Science 382, 2023). It stays
right where the model is badly wrong about itself; it then only gains nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from falsetrue.errors import InputError
from falsetrue.model.metrics import COVERAGE, proportion
from falsetrue.monitor.findings import Estimate, Subject

Floats = NDArray[np.float64]
Labels = NDArray[np.int8]
_Wanted: TypeAlias = "tuple[str, NDArray[np.bool_], Floats, Floats, Traffic]"

CLOPPER_PEARSON: Final = "Clopper-Pearson"
PPI: Final = "PPI"
#: Labels of either kind, as expected and as they came, below which the normal approximation of PPI is not trusted.
_SUPPOSED_OF_EITHER: Final = 30
_LEAST_OF_EITHER: Final = 10


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """What the model expects of texts, labelled or not: as of how many, mean and variance are enough."""

    texts: int
    mean: float  #: of the expected share, in [0, 1]
    variance: float  #: of one text's

    @classmethod
    def of_counts(cls, expected: Floats, counts: NDArray[np.int64]) -> "Traffic":
        """Of ``counts`` texts each with an ``expected`` value in [0, 1]; both of shape (bins,)."""
        texts = int(counts.sum())
        mean = float(expected @ counts / texts) if texts else 0.0
        variance = float((expected - mean) ** 2 @ counts / texts) if texts else 0.0
        return cls(texts=texts, mean=mean, variance=variance)


@dataclass(frozen=True, kw_only=True)
class Audited:
    """Labelled texts of the audit slice; arrays of shape (n,)."""

    truth: Labels  #: 0 false, 1 real
    said: Labels  #: 0 false, 1 real, -1 unsure
    p_real: Floats  #: in [0, 1]
    weights: Floats | None = None  #: texts that each stands for, above 0; ``None``: all the same


def estimate_share(
    happened: Floats, expected: Floats, traffic: Traffic, weights: Floats | None = None
) -> tuple[str, float, float, float]:
    """Method, value, and 95 % interval of the share of texts to which something happened.

    ``happened``, 0 or 1, and what was ``expected`` of the same labelled texts, in [0, 1]; both of shape (n,), n at
    least 1. ``traffic`` is what was expected of all texts. The method is settled by how many labels of either kind
    were to be expected, never by whose interval came out shorter, which would make it too short: PPI from 30 on
    (unless fewer than 10 came), else the exact interval of the labels alone. How much the expectation counts is
    tuned to the least variance (PPI++: Angelopoulos, Duchi and Zrnic, arXiv:2311.01453), within [0, 1], so that a
    useless one does no harm. ``weights``, shape (n,), say how many texts each label stands for, where some were
    likelier to be drawn than others; they then count for fewer (Kish, Survey Sampling, 1965). Raises
    :class:`InputError` where there is no label, or lengths differ.
    """
    n = len(happened)
    if not n or len(expected) != n:
        raise InputError(f"{n} labels with {len(expected)} expectations: an estimate needs labels, and one for each")
    weights = np.ones(n) if weights is None else weights
    counted = _effective(weights)
    yes = int(happened.sum())
    supposed = counted * min(traffic.mean, 1 - traffic.mean)
    if not traffic.texts or supposed < _SUPPOSED_OF_EITHER or min(yes, n - yes) < _LEAST_OF_EITHER:
        exact = proportion(float(np.average(happened, weights=weights)) * counted, counted)
        return CLOPPER_PEARSON, exact.value, exact.low, exact.high
    return PPI, *_prediction_powered(happened, expected, traffic, weights)


def _effective(weights: Floats) -> float:
    """How many labels of the same weight tell as much."""
    return float(weights.sum() ** 2 / (weights**2).sum())


def _prediction_powered(
    happened: Floats, expected: Floats, traffic: Traffic, weights: Floats
) -> tuple[float, float, float]:
    """Value and interval; two labels of either kind are added for the interval (Agresti and Coull, 1998).

    Without these, the interval of a share far from a half covers less than it says.
    """
    n = _effective(weights)
    together = float(np.cov(happened, expected, aweights=weights)[0, 1])
    spread = traffic.variance * (1 + n / traffic.texts)
    weight = float(np.clip(together / spread, 0, 1)) if spread > 0 else 0.0
    residuals = happened - weight * expected
    shift = weight * traffic.mean
    more = np.concatenate([residuals, np.array([0.0, 0.0, 1.0, 1.0]) - shift])
    among = np.concatenate([weights / weights.mean(), np.ones(4)])
    variance = float(np.cov(more, aweights=among)) / _effective(among)
    error = (weight**2 * traffic.variance / traffic.texts + variance) ** 0.5
    wide = float(norm.ppf((1 + COVERAGE) / 2)) * error
    middle = shift + float(np.average(more, weights=among))
    estimate = shift + float(np.average(residuals, weights=weights))
    low, value, high = np.clip([middle - wide, estimate, middle + wide], 0, 1).tolist()
    return value, min(low, value), max(high, value)


def estimate_labelled(
    audited: Audited,
    middles: Floats,
    scores: NDArray[np.int64],
    *,
    subject: Subject = Subject(),  # noqa: B008 - frozen
) -> list[Estimate]:
    """Error of the verdicts, precision of either, and the share of false news; those of which there are labels.

    ``scores``, shape (3, bins), are all texts said to be false, real and unsure, by bin of ``p_real``, whose
    middles, shape (bins,), are ``middles`` (of :class:`falsetrue.monitor.profile.Profile`). Of few labels a figure is
    there all the same, with its ``labels``: whoever shows it says "not enough labels" instead. Raises
    :class:`InputError` where arrays of ``audited`` are of other lengths or labels.
    """
    _check(audited)
    found = []
    for name, chosen, happened, expected, traffic in _wanted(audited, middles, scores):
        if not chosen.any():
            continue
        weights = None if audited.weights is None else audited.weights[chosen]
        method, value, low, high = estimate_share(happened[chosen], expected[chosen], traffic, weights)
        found.append(
            Estimate(
                name=name,
                method=method,
                subject=subject,
                value=value,
                low=low,
                high=high,
                labels=int(chosen.sum()),
                texts=traffic.texts,
            )
        )
    return found


def _wanted(audited: Audited, middles: Floats, scores: NDArray[np.int64]) -> Iterator[_Wanted]:
    """Name, of which labels, what happened to each, what was expected of each, and of the traffic."""
    false, real, all_of_them = audited.said == 0, audited.said == 1, np.ones(len(audited.said), dtype=np.bool_)
    is_real, p_real, p_false = audited.truth.astype(np.float64), audited.p_real, 1 - audited.p_real
    wrong, doubt = np.where(false, is_real, 1 - is_real), np.where(false, p_real, p_false)
    both = np.concatenate([middles, 1 - middles])
    traffic_of = Traffic.of_counts
    yield "error", false | real, wrong, doubt, traffic_of(both, scores[:2].ravel())
    yield "precision_false", false, 1 - is_real, p_false, traffic_of(1 - middles, scores[0])
    yield "precision_real", real, is_real, p_real, traffic_of(middles, scores[1])
    yield "prevalence_false", all_of_them, 1 - is_real, p_false, traffic_of(1 - middles, scores.sum(axis=0))


def _check(audited: Audited) -> None:
    n = len(audited.truth)
    if not (len(audited.said) == len(audited.p_real) == n):
        raise InputError(
            f"{n} labels, {len(audited.said)} verdicts and {len(audited.p_real)} p_real: one of each a text"
        )
    if not np.isin(audited.truth, (0, 1)).all() or not np.isin(audited.said, (-1, 0, 1)).all():
        raise InputError("labels are 0 or 1, and verdicts 0, 1 or -1")
    if not ((audited.p_real >= 0) & (audited.p_real <= 1)).all():
        raise InputError("p_real lies between 0 and 1")
