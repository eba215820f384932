"""Every figure of some scores at once, with intervals from resampling whole clusters of texts.

Texts of one outlet, or near copies of one story, are right or wrong together; resampling single texts
would take each for news of its own and give intervals that are far too narrow. So whole
clusters are drawn (Cameron, Gelbach and Miller, Review of Economics and Statistics 90, 2008).
A draw is a weight for each cluster, so that scores are sorted once and each figure is a
weighted sum or a cumulative sum over all draws at a time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from falsetrue.errors import InputError
from falsetrue.model.decision import EVEN
from falsetrue.model.metrics import COVERAGE, FEWEST_DECIDED, RESAMPLES, Estimate, Floats, Labels, proportion

Integers = NDArray[np.int64]

#: Bins of the expected calibration error.
BINS = 15
#: Shares of the texts at which the risk-coverage curve is given.
COVERAGES = np.linspace(0.05, 1.0, 20)
#: Recalls of false news at which its precision is given.
RECALLS = (0.5, 0.8)
#: Shares of false news for which the precision of *false* is derived.
PREVALENCES = (0.01, 0.05, 0.2)
#: Precision that decided texts are to have.
TARGET_PRECISION = 0.95
#: Probabilities are kept this far from 0 and 1 in the log loss, as scikit-learn does.
_EDGE = float(np.finfo(np.float64).eps)
#: Weights held at a time; bounds the memory.
_CHUNK = 4_000_000


@dataclass(frozen=True, kw_only=True)
class Resampled:
    """Figures of the texts themselves and of every draw."""

    values: dict[str, Floats]  #: by name, shape (1,), or (k,) for the curves; NaN where not defined
    draws: dict[str, Floats]  #: the same, shape (resamples,) or (resamples, k)
    bin_texts: Integers  #: texts in each reliability bin, shape (BINS,)
    clusters: int
    #: Clusters that hold a text that is asked, of the figures that are shares of texts, by name; as ``values``.
    units: dict[str, Integers]

    def estimate(self, name: str) -> Estimate | None:
        """A figure with its interval; ``None`` where it is not defined."""
        units = int(self.units[name][0]) if name in self.units else None
        return interval(float(self.values[name][0]), self.draws[name], units)

    def curve(self, name: str) -> list[Estimate | None]:
        """The points of ``risk`` or ``reliability_real`` with their intervals."""
        points = zip(self.values[name].tolist(), self.draws[name].T, self.units[name].tolist(), strict=True)
        return [interval(value, draws, units) for value, draws, units in points]


def interval(value: float, draws: Floats, units: int | None = None) -> Estimate | None:
    """Percentile interval of ``draws``, leaving out NaN; ``None`` where ``value`` is NaN.

    It is widened to hold ``value`` where resampling shifts a figure, as it does the calibration error, which
    noise can only raise. For a share of ``units`` that is 0 or 1, or of which hardly a draw differs, Clopper and
    Pearson's interval is taken instead.
    """
    if not np.isfinite(value):
        return None
    defined = draws[np.isfinite(draws)]
    if not len(defined):
        defined = np.array([value])
    tail = 50 * (1 - COVERAGE)
    low, high = np.percentile(defined, [tail, 100 - tail])
    if units and (value in (0.0, 1.0) or low == high):
        return proportion(value * units, units)
    return Estimate(value=value, low=min(float(low), value), high=max(float(high), value))


def difference(one: Resampled, other: Resampled, name: str) -> Estimate | None:
    """``one`` minus ``other`` on the same texts, both drawn with the same clusters and seed."""
    return interval(float(one.values[name][0] - other.values[name][0]), one.draws[name] - other.draws[name])


def mean(several: Sequence[Resampled], name: str) -> Estimate | None:
    """Mean over corpora, each counting the same, that were drawn independently; ``None`` where one is not defined."""
    values, draws = _means(several, name)
    return interval(values, draws)


def mean_difference(one: Sequence[Resampled], other: Sequence[Resampled], name: str) -> Estimate | None:
    """Mean over corpora of the paired differences."""
    values, draws = _means(one, name)
    other_values, other_draws = _means(other, name)
    return interval(values - other_values, draws - other_draws)


def _means(several: Sequence[Resampled], name: str) -> tuple[float, Floats]:
    if not several:
        return float("nan"), np.empty(0)
    values = np.mean([each.values[name][0] for each in several])
    return float(values), np.mean([each.draws[name] for each in several], axis=0)


def resample(labels: Labels, p_real: Floats, *, clusters: Integers, seed: int, resamples: int = RESAMPLES) -> Resampled:
    """Every figure of ``p_real`` (in [0, 1]) on ``labels`` (0 false, 1 real), and of each draw.

    ``clusters`` are whole numbers, any, alike where texts belong together; all arrays have the shape
    (n,), n >= 1. The same clusters and seed give the same draws. Raises :class:`InputError` where a
    probability is none.
    """
    if not len(labels) or not np.all((p_real >= 0) & (p_real <= 1)):
        raise InputError("the model gave a probability that is not between 0 and 1; it cannot be judged")
    named, cluster = np.unique(clusters, return_inverse=True)
    size = len(named)
    sums = _Sums.of(labels, p_real, cluster, size)
    ranked = _Ranked.of(labels, p_real, cluster)
    surest = _Surest.of(labels, p_real, cluster)

    def figures(counts: Floats) -> dict[str, Floats]:
        return sums.figures(counts) | ranked.figures(counts) | surest.figures(counts)

    values = {name: value[0] if value.ndim > 1 else value for name, value in figures(np.ones((1, size))).items()}
    drawn = [figures(counts) for counts in _draw(size, len(labels), seed, resamples)]
    return Resampled(
        values=values,
        draws={name: np.concatenate([each[name] for each in drawn]) for name in values},
        bin_texts=np.bincount(_bins(p_real), minlength=BINS),
        clusters=size,
        units=_units(labels, p_real, cluster),
    )


def _units(labels: Labels, p_real: Floats, cluster: Integers) -> dict[str, Integers]:
    """Clusters that hold a text that is asked, by figure; one number, or one for each point of a curve."""

    def count(*asked: NDArray[np.bool_]) -> Integers:
        return np.array([len(np.unique(cluster[each])) for each in asked], dtype=np.int64)

    bins, sureness = _bins(p_real), _sureness(p_real)
    answered = np.ceil(COVERAGES * len(labels) - 1e-9).astype(np.int64)
    return {
        "accuracy": count(np.ones(len(labels), dtype=bool)),
        "false_alarm_rate": count(labels == 1),
        "reliability_real": count(*(bins == number for number in range(BINS))),
        "risk": count(*(sureness >= least for least in np.sort(sureness)[len(labels) - answered])),
    }


def _draw(clusters: int, texts: int, seed: int, resamples: int) -> Iterator[Floats]:
    """How often each cluster is drawn, shape (some, clusters), ``resamples`` rows in all."""
    generator = np.random.default_rng(seed)
    rows = max(1, _CHUNK // max(clusters, texts))
    for start in range(0, resamples, rows):
        count = min(rows, resamples - start)
        drawn = generator.integers(0, clusters, (count, clusters)) + np.arange(count)[:, None] * clusters
        yield np.bincount(drawn.ravel(), minlength=count * clusters).reshape(count, clusters).astype(np.float64)


def _ratio(above: Floats, below: Floats) -> Floats:
    """``above / below``, NaN where ``below`` is 0."""
    found: Floats = np.full(np.broadcast(above, below).shape, np.nan)
    np.divide(above, below, out=found, where=below > 0)
    return found


def _bins(p_real: Floats) -> Integers:
    return np.minimum((p_real * BINS).astype(np.int64), BINS - 1)


def _mass_bins(p_real: Floats) -> Integers:
    """Bins of equally many texts, as far as ties allow."""
    edges = np.unique(np.quantile(p_real, np.arange(1, BINS) / BINS))
    return np.searchsorted(edges, p_real, side="left").astype(np.int64)


@dataclass(frozen=True, kw_only=True)
class _Sums:
    """What is a sum over texts, by cluster: shape (clusters, columns)."""

    plain: Floats  #: false called false, false called real, real called false, real called real, Brier, log loss
    width: Floats  #: for each bin of equal width: texts, sum of probabilities, real ones
    mass: Floats  #: the same for bins of equal mass

    @classmethod
    def of(cls, labels: Labels, p_real: Floats, cluster: Integers, size: int) -> "_Sums":
        said = 2 * labels + (p_real > EVEN)
        kept = np.clip(p_real, _EDGE, 1 - _EDGE)
        columns = [(said == number).astype(np.float64) for number in range(4)]
        columns += [(p_real - labels) ** 2, -np.log(np.where(labels == 1, kept, 1 - kept))]
        plain = np.column_stack([np.bincount(cluster, column, size) for column in columns])
        binned = [_binned(bins, labels, p_real, cluster, size) for bins in (_bins(p_real), _mass_bins(p_real))]
        return cls(plain=plain, width=binned[0], mass=binned[1])

    def figures(self, counts: Floats) -> dict[str, Floats]:
        false_false, false_real, real_false, real_real, brier, log_loss = (counts @ self.plain).T
        texts = false_false + false_real + real_false + real_real
        hit, alarm = _ratio(false_false, false_false + false_real), _ratio(real_false, real_false + real_real)
        width = (counts @ self.width).reshape(len(counts), BINS, 3)
        mass = (counts @ self.mass).reshape(len(counts), BINS, 3)
        return {
            "accuracy": (false_false + real_real) / texts,
            "balanced_accuracy": (hit + 1 - alarm) / 2,
            "f1_false": _f1(false_false, real_false + false_real),
            "f1_real": _f1(real_real, real_false + false_real),
            "brier": brier / texts,
            "log_loss": log_loss / texts,
            "ece": _calibration_error(width, texts),
            "ece_equal_mass": _calibration_error(mass, texts),
            "false_alarm_rate": alarm,
            "reliability_mean": _ratio(width[:, :, 1], width[:, :, 0]),
            "reliability_real": _ratio(width[:, :, 2], width[:, :, 0]),
        } | {
            f"precision_at_prevalence_{round(100 * share)}": _ratio(share * hit, share * hit + (1 - share) * alarm)
            for share in PREVALENCES
        }


def _binned(bins: Integers, labels: Labels, p_real: Floats, cluster: Integers, size: int) -> Floats:
    columns = [
        np.bincount(cluster * BINS + bins, weights, size * BINS) for weights in (np.ones(len(bins)), p_real, labels)
    ]
    return np.stack(columns, axis=-1).reshape(size, BINS * 3)


def _f1(right: Floats, wrong: Floats) -> Floats:
    """NaN where the class neither occurs nor is said."""
    return _ratio(2 * right, 2 * right + wrong)


def _calibration_error(bins: Floats, texts: Floats) -> Floats:
    """Mean over texts of |mean probability - share| of their bin (Naeini, Cooper and Hauskrecht, AAAI 2015)."""
    return np.abs(bins[:, :, 1] - bins[:, :, 2]).sum(axis=1) / texts


@dataclass(frozen=True, kw_only=True)
class _Groups:
    """Texts in the order of a score, ties together."""

    order: Integers
    starts: Integers  #: where in ``order`` each distinct score begins
    score: Floats  #: the distinct scores

    @classmethod
    def of(cls, score: Floats) -> "_Groups":
        order = np.argsort(score, kind="stable")
        distinct, starts = np.unique(score[order], return_index=True)
        return cls(order=order, starts=starts.astype(np.int64), score=distinct)

    def cumulated(self, weights: Floats) -> Floats:
        """Sum of the weights (shape (draws, n), in this order) up to and with each distinct score."""
        each = weights if len(self.starts) == weights.shape[1] else np.add.reduceat(weights, self.starts, axis=1)
        return np.cumsum(each, axis=1)


@dataclass(frozen=True, kw_only=True)
class _Ranked:
    """Texts by probability, the falsest first."""

    groups: _Groups
    cluster: Integers
    real: Floats  #: 1 for real texts, in that order

    @classmethod
    def of(cls, labels: Labels, p_real: Floats, cluster: Integers) -> "_Ranked":
        groups = _Groups.of(p_real)
        return cls(groups=groups, cluster=cluster[groups.order], real=labels[groups.order].astype(np.float64))

    def figures(self, counts: Floats) -> dict[str, Floats]:
        weights = counts[:, self.cluster]
        texts = self.groups.cumulated(weights)
        real = self.groups.cumulated(weights * self.real)
        false = texts - real
        found = {"auc": _auc(false, real)} | _decided(texts, real, false, self.groups.score)
        for recall in RECALLS:
            at = np.argmax(false >= recall * false[:, -1:] - 1e-9, axis=1)[:, None]
            precision = _ratio(np.take_along_axis(false, at, 1), np.take_along_axis(texts, at, 1))[:, 0]
            found[f"precision_at_recall_{round(100 * recall)}"] = np.where(false[:, -1] > 0, precision, np.nan)
        return found


def _auc(false: Floats, real: Floats) -> Floats:
    """By trapezoids over the distinct scores: the rank statistic of Mann and Whitney, ties counted half."""
    before = np.concatenate([np.zeros((len(real), 1)), real[:, :-1]], axis=1)
    false_before = np.concatenate([np.zeros((len(real), 1)), false[:, :-1]], axis=1)
    area = ((real - before) * (false + false_before) / 2).sum(axis=1)
    return _ratio(area, false[:, -1] * real[:, -1])


def _decided(texts: Floats, real: Floats, false: Floats, score: Floats) -> dict[str, Floats]:
    """Share of the texts in the widest bands, below and above a half, in which the verdict is right often enough."""
    low, high = int(np.searchsorted(score, EVEN, "left")), int(np.searchsorted(score, EVEN, "right"))
    all_texts = texts[:, -1]
    below = _widest(texts[:, :low], false[:, :low])
    base = high - 1
    from_top = texts[:, -1:] - (texts[:, base:-1] if base >= 0 else _with_zero(texts[:, :-1]))
    real_from_top = real[:, -1:] - (real[:, base:-1] if base >= 0 else _with_zero(real[:, :-1]))
    above = _widest(from_top, real_from_top)
    return {
        "coverage_at_precision_95": (below + above) / all_texts,
        "coverage_at_precision_95_false": below / all_texts,
        "coverage_at_precision_95_real": above / all_texts,
    }


def _with_zero(cumulated: Floats) -> Floats:
    return np.concatenate([np.zeros((len(cumulated), 1)), cumulated], axis=1)


def _widest(texts: Floats, right: Floats) -> Floats:
    enough = (right >= TARGET_PRECISION * texts - 1e-9) & (texts >= FEWEST_DECIDED)
    return np.where(enough, texts, 0).max(axis=1, initial=0)


def _sureness(p_real: Floats) -> Floats:
    """How far from a half; rounded, as 0.9 and 0.1 are equally sure, whatever floating point makes of 0.9 - 0.5."""
    return np.round(np.abs(p_real - EVEN), 12)


@dataclass(frozen=True, kw_only=True)
class _Surest:
    """Texts by how far their probability lies from a half, the surest first."""

    groups: _Groups
    cluster: Integers
    wrong: Floats  #: 1 where the answer is wrong, in that order

    @classmethod
    def of(cls, labels: Labels, p_real: Floats, cluster: Integers) -> "_Surest":
        groups = _Groups.of(-_sureness(p_real))
        wrong = ((p_real > EVEN) != (labels == 1))[groups.order]
        return cls(groups=groups, cluster=cluster[groups.order], wrong=wrong.astype(np.float64))

    def figures(self, counts: Floats) -> dict[str, Floats]:
        """The area (Geifman, Uziel and El-Yaniv, ICLR 2019) is the mean risk over all numbers of texts answered."""
        weights = counts[:, self.cluster]
        texts = self.groups.cumulated(weights)
        risk = _ratio(self.groups.cumulated(weights * self.wrong), texts)
        share = np.diff(texts, axis=1, prepend=0) / texts[:, -1:]
        at = np.stack([np.argmax(texts >= cover * texts[:, -1:] - 1e-9, axis=1) for cover in COVERAGES], axis=1)
        return {"aurc": np.nansum(risk * share, axis=1), "risk": np.take_along_axis(risk, at, axis=1)}


def shares(
    flags: Mapping[str, tuple[NDArray[np.bool_], NDArray[np.bool_]]], *, clusters: Integers, seed: int
) -> dict[str, Estimate | None]:
    """Shares by name, each of (texts that have it, texts that are asked), with clustered intervals.

    ``None`` where no text is asked.
    """
    named, cluster = np.unique(clusters, return_inverse=True)
    above = np.stack([np.bincount(cluster, has & asked, len(named)) for has, asked in flags.values()], axis=1)
    below = np.stack([np.bincount(cluster, asked, len(named)) for _, asked in flags.values()], axis=1)
    # A few draws at a time: all of them at once would take a gigabyte for 100,000 clusters.
    sums = [(drawn @ above, drawn @ below) for drawn in _draw(len(named), len(cluster), seed, RESAMPLES)]
    drawn_shares = _ratio(*(np.concatenate(each) for each in zip(*sums, strict=True)))
    values = _ratio(above.sum(axis=0), below.sum(axis=0))
    units = np.sum(below > 0, axis=0)
    return {name: interval(float(values[at]), drawn_shares[:, at], int(units[at])) for at, name in enumerate(flags)}
