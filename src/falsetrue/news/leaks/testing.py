"""Which features give the label away: searched for on one half of the articles, tested again on the other.

The halves are drawn at random from near-duplicate groups, so that no copy of an article that
suggested a leak confirms it. On the first half a feature must be strong, and significant after
Bonferroni's correction for all that were looked at; on the other half strong again, in the same
direction, and significant after correction for all that came that far. With random labels both
steps must err, so that a false finding is rarer than ``LEVEL`` squared.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: Chance of any false discovery in a corpus, at each of the two steps.
LEVEL = 0.01
#: A sign that is absent or present: at least this share of a class must have it ...
SHARE = 0.02
#: ... and of two articles that have it, drawn from classes of the same size, this share is of one class.
PURITY = 0.9
#: A measure must tell the classes apart by this area under the ROC curve (or one minus it).
AUC = 0.65
#: A near-duplicate group of more articles than this is a page that was put in their place.
COPIES = 10


@dataclass(frozen=True, kw_only=True)
class Sides:
    """The articles of both classes in both halves: a number 0 to 3 for each, ``2 * half + label``."""

    group: NDArray[np.int8]

    @property
    def sizes(self) -> Integers:
        """How many articles each number has: shape (4,)."""
        return np.bincount(self.group, minlength=4)

    def half(self, half: int) -> Flags:
        """Which articles are in one half."""
        return np.asarray(self.group // 2 == half)

    @property
    def labels(self) -> Integers:
        """1 real, 0 false."""
        return (self.group % 2).astype(np.int64)


def draw_sides(labels: Integers, duplicates: Integers, seed: int) -> Sides:
    """Deal near-duplicate groups to the two halves at random.

    More than :data:`COPIES` copies are no copies of an article, but of a page in its place; these
    are dealt out one by one, as all of them in one half could never be confirmed on the other.
    """
    generator = np.random.default_rng(seed)
    half = (generator.permutation(int(duplicates.max(initial=-1)) + 1) % 2)[duplicates]
    many = np.flatnonzero(np.bincount(duplicates)[duplicates] > COPIES) if len(duplicates) else duplicates
    half[many] = generator.permutation(len(many)) % 2
    return Sides(group=(2 * half + labels).astype(np.int8))


# --- present or absent -----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many false and real articles of one half have each feature."""

    real: Integers
    false: Integers
    real_size: int
    false_size: int

    @property
    def share_real(self) -> Floats:
        """In [0, 1]."""
        return self.real / max(self.real_size, 1)

    @property
    def share_false(self) -> Floats:
        """In [0, 1]."""
        return self.false / max(self.false_size, 1)

    @property
    def auc(self) -> Floats:
        """As the only feature; above 0.5 it is a sign of *real*."""
        return 0.5 + (self.share_real - self.share_false) / 2

    @property
    def purity(self) -> Floats:
        """Share of the class that has it more often, were both classes of one size; in [0.5, 1]."""
        both = self.share_real + self.share_false
        return np.maximum(self.share_real, self.share_false) / np.where(both > 0, both, 1)

    @property
    def strong(self) -> Flags:
        """A sign that is frequent enough and nearly always right, or one that tells much by itself."""
        frequent = np.maximum(self.share_real, self.share_false) >= SHARE
        return (frequent & (self.purity >= PURITY)) | (abs(self.auc - 0.5) >= AUC - 0.5)

    def only(self, at: Integers) -> "Counts":
        """Of some features."""
        return Counts(real=self.real[at], false=self.false[at], real_size=self.real_size, false_size=self.false_size)


def count_sides(document: NDArray[np.int32], feature: NDArray[np.int32], size: int, sides: Sides) -> tuple[Counts, ...]:
    """Counts of both halves, from pairs (each once) of a document and a feature that it has."""
    table = np.zeros(size * 4, dtype=np.int64)
    for start in range(0, len(document), 4_000_000):
        stop = start + 4_000_000
        table += np.bincount(
            feature[start:stop].astype(np.int64) * 4 + sides.group[document[start:stop]], minlength=size * 4
        )
    by_side = table.reshape(size, 4)
    sizes = sides.sizes
    return tuple(
        Counts(
            real=by_side[:, 2 * half + 1],
            false=by_side[:, 2 * half],
            real_size=int(sizes[2 * half + 1]),
            false_size=int(sizes[2 * half]),
        )
        for half in (0, 1)
    )


def exact_p_values(counts: Counts) -> Floats:
    """Fisher's exact test, two-sided by doubling the smaller tail, of each feature."""
    size = counts.real_size + counts.false_size
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, size + 1)))])
    return np.array(
        [
            _fisher(int(real), int(real + false), counts.real_size, size, log_factorial)
            for real, false in zip(counts.real, counts.false, strict=True)
        ]
    )


def _fisher(hits: int, having: int, real: int, size: int, log_factorial: Floats) -> float:
    """Of ``having`` articles drawn from ``size``, of which ``real`` are real, ``hits`` or more extreme are real."""
    values = np.arange(max(0, having - (size - real)), min(having, real) + 1)
    other = size - real

    def choose(total: int, of: Integers) -> Floats:
        return np.asarray(log_factorial[total] - log_factorial[of] - log_factorial[total - of])

    logs = choose(real, values) + choose(other, having - values)
    logs -= log_factorial[size] - log_factorial[having] - log_factorial[size - having]
    chances = np.exp(np.minimum(logs, 0.0))
    tail = min(chances[values <= hits].sum(), chances[values >= hits].sum())
    return float(min(2 * tail, 1.0))


# --- measures ----------------------------------------------------------------------------------------


def auc_and_p(values: Floats, labels: Integers) -> tuple[float, float]:
    """Area under the ROC curve of one measure, and its two-sided p-value (Mann and Whitney, ties corrected).

    (0.5, 1.0) where a class is missing or all values are the same.
    """
    positives = int(labels.sum())
    negatives = len(labels) - positives
    size = len(labels)
    if not positives or not negatives:
        return 0.5, 1.0
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    area = (float(ranks[labels == 1].sum()) - positives * (positives + 1) / 2) / (positives * negatives)
    ties = float((counts.astype(np.float64) ** 3 - counts).sum()) / (size * (size - 1)) if size > 1 else 0.0
    variance = (size + 1 - ties) / (12 * positives * negatives)
    if variance <= 0:
        return 0.5, 1.0
    return area, math.erfc(abs(area - 0.5) / math.sqrt(2 * variance))


def best_threshold(values: Floats, labels: Integers) -> float:
    """The value such that the shares of both classes above it differ most (Kolmogorov and Smirnov)."""
    order = np.argsort(values, kind="stable")
    steps = np.where(labels[order] == 1, 1 / max(int(labels.sum()), 1), -1 / max(int((1 - labels).sum()), 1))
    distance = np.abs(np.cumsum(steps))
    ends = np.concatenate([values[order][1:] != values[order][:-1], [False]])
    return float(values[order][np.argmax(np.where(ends, distance, -1.0))])


def encode(codes: Integers, labels: Integers, fit: Flags) -> Floats:
    """Each category as the share of *real* among the articles to fit on that have it, drawn toward their mean.

    A category that does not occur there takes the mean itself.
    """
    size = int(codes.max(initial=-1)) + 1
    real = np.bincount(codes[fit], weights=labels[fit], minlength=size)
    count = np.bincount(codes[fit], minlength=size)
    mean = float(labels[fit].mean()) if fit.any() else 0.5
    return ((real + mean) / (count + 1))[codes]
