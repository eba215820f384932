"""Whether texts are about other things than those of a baseline: by counts of hashed words, without any text.

Both tests compare stories: of texts that are nearly the same one is drawn, blindly, so that a story that was printed a
hundred times neither counts as a hundred texts nor recognises itself. How often it was printed is what
:mod:`falsetrue.monitor.campaigns` says.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

import numpy as np
from msgspec import structs
from numpy.typing import NDArray
from scipy import sparse
from scipy.stats import rankdata

from falsetrue.features.sketches import BINS, BUCKETS, MOST_BUCKETS, Features, mixed
from falsetrue.model.metrics import Estimate
from falsetrue.monitor.campaigns import near_copies
from falsetrue.monitor.findings import Finding, Kind, Remedy, Severity, State, Subject

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

#: Stories on either side; fewer say nothing.
LEAST: Final = 200
#: Permutations at most, and permuted values as large as the observed one after which no more are drawn.
PERMUTATIONS: Final = 4_999
ENOUGH: Final = 20
#: Share of what the baseline's texts fill that its rarest buckets hold together: words there are called new.
RARE: Final = 0.05
#: Values of MinHash, of 64, in which texts agree that have nearly the same words. Stories that are told anew agree in
#: fewer than half of them.
_AGREEMENT = 48
#: Permutations that are tried together.
_BLOCK = 250
#: Parts of a cross-validation.
_FOLDS = 5
#: Of the baseline's stories, how many may score above a limit: the limits that are tried.
_TAILS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9)
#: Standard errors to either side of a 95 % interval.
_Z = 1.96


@dataclass(frozen=True, kw_only=True)
class PermutationTest:
    """What permuting which texts are the current ones says."""

    p: float  #: in (0, 1]
    permutations: int  #: that were drawn


def permutation_test(
    observed: float, permuted: Callable[[int], Floats], *, permutations: int = PERMUTATIONS, enough: int = ENOUGH
) -> PermutationTest:
    """One-sided p of ``observed`` against ``permuted(k)``, k further values of the statistic with labels permuted.

    It ends as soon as ``enough`` of these are as large: p is then ``enough`` over how many there were, else one more
    than were as large over one more than there were (Besag & Clifford, Sequential Monte Carlo p-values, Biometrika 78,
    1991). Either way P(p <= a) <= a for every a where labels are exchangeable: it is exact, not asymptotic.
    """
    larger = drawn = 0
    while drawn < permutations:
        values = permuted(min(_BLOCK, permutations - drawn))
        reached = larger + np.cumsum(values >= observed)
        if reached[-1] >= enough:
            drawn += int(np.searchsorted(reached, enough)) + 1
            return PermutationTest(p=enough / drawn, permutations=drawn)
        larger, drawn = int(reached[-1]), drawn + len(values)
    return PermutationTest(p=(larger + 1) / (drawn + 1), permutations=drawn)


# --- stories ----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Stories:
    """Texts of which no two are nearly the same, as the rows of a sparse matrix.

    Of a text that fills more buckets than a sketch keeps, those above its ``last`` are not known.
    """

    counts: sparse.csr_array  #: (n, BUCKETS), how often a bucket is filled
    last: Integers  #: (n,), the last bucket of which it is known whether it is filled
    is_current: Flags  #: (n,), whether it is one of the current texts, or one of the reference

    @classmethod
    def of(cls, reference: Features, current: Features, generator: np.random.Generator) -> "Stories":
        """One text of each group of near copies, drawn without a look at which side it is of; none without words.

        What groups texts are their words: MinHash of the filled buckets (Broder 1997).
        """
        parts = [_matrix(features) for features in (reference, current)]
        counts = sparse.vstack(parts, format="csr")
        is_current = np.repeat([False, True], [part.shape[0] for part in parts])
        drawn = generator.permutation(np.flatnonzero(np.diff(counts.indptr)))
        _, first = np.unique(near_copies(_signatures(counts[drawn]), agreement=_AGREEMENT), return_index=True)
        drawn = drawn[first]
        counts = counts[drawn]
        ends = counts.indices[counts.indptr[1:] - 1].astype(np.int64)
        is_cut = np.diff(counts.indptr) >= MOST_BUCKETS
        return cls(counts=counts, last=np.where(is_cut, ends, BUCKETS - 1), is_current=is_current[drawn])

    def __len__(self) -> int:
        """How many, of both sides."""
        return len(self.is_current)

    @property
    def current(self) -> int:
        """How many are current."""
        return int(self.is_current.sum())

    def where(self, wanted: Flags) -> "Stories":
        """Some of them."""
        return Stories(counts=self.counts[wanted], last=self.last[wanted], is_current=self.is_current[wanted])

    def known(self) -> Integers:
        """By bucket, of how many stories it is known whether they fill it."""
        return len(self) - np.concatenate([[0], np.cumsum(np.bincount(self.last, minlength=BUCKETS))[:-1]])

    def filled(self) -> Integers:
        """By bucket, how many stories fill it."""
        return np.bincount(self.counts.indices, minlength=BUCKETS)


def _matrix(features: Features) -> sparse.csr_array:
    shape = (len(features.begins) - 1, BUCKETS)
    return sparse.csr_array((features.times.astype(np.float32), features.buckets, features.begins), shape=shape)


@cache
def _ranks() -> NDArray[np.uint16]:
    """Orders of the buckets, as if random; (BINS, BUCKETS)."""
    numbers = np.arange(1, BINS * BUCKETS + 1, dtype=np.uint64).reshape(BINS, BUCKETS)
    return np.argsort(mixed(numbers), axis=1).astype(np.uint16)


def _signatures(counts: sparse.csr_array) -> NDArray[np.uint16]:
    """MinHash of rows that are not empty; (n, BINS)."""
    found = np.empty((counts.shape[0], BINS), dtype=np.uint16)
    for place, ranks in enumerate(_ranks() if len(found) else ()):
        found[:, place] = np.minimum.reduceat(ranks[counts.indices], counts.indptr[:-1])
    return found


# --- topic ------------------------------------------------------------------------------------------


def find_topic(
    reference: Features,
    current: Features,
    *,
    seed: int,
    subject: Subject | None = None,
    permutations: int = PERMUTATIONS,
) -> Finding:
    """Whether a classifier can tell the current texts from those of the reference by their words.

    The classifier is that of the nearest mean, of weighted and normalised counts, and judges each story by the means
    of all others (leave-one-out). ``value`` is its AUC. What is permuted is the difference between its mean scores of
    either side, the unbiased MMD squared of a linear kernel (Gretton et al., JMLR 13, 2012): where only few texts are
    about something else, to test by a classifier's scores has far more power than by whom it gets right (Cheng &
    Cloninger 2019; Kuebler et al. 2022). ``current`` says by how much the mixture has changed, at least
    (:func:`share_changed`), with the interval of that bound: it may be more. Where that interval begins at 0, so that
    nobody could say what has changed, the p-value is 1.

    Words tell more than topics: other lengths, styles and languages show as well.
    """
    generator = np.random.default_rng(seed)
    stories = Stories.of(reference, current, generator)
    finding = _finding("topic", stories, subject, "AUC", "share of texts by which the mixture differs, at least")
    if min(stories.current, len(stories) - stories.current) < LEAST:
        return finding
    vectors = Vectors.of(stories)
    tested = permutation_test(
        float(vectors.differences(stories.is_current[:, None])[0]),
        lambda count: vectors.differences(_permuted(stories.is_current, count, generator)),
        permutations=permutations,
    )
    share = share_changed(vectors, stories.is_current, generator)
    return structs.replace(
        finding,
        state=State.QUIET,
        value=_auc(vectors.left_out_scores(stories.is_current), stories.is_current),
        size=share.value,
        baseline=0.0,
        current=share.value,
        low=share.low,
        high=share.high,
        p=tested.p if share.low > 0 else 1.0,
        details={"permutations": tested.permutations},
    )


@dataclass(frozen=True, kw_only=True)
class Vectors:
    """Stories as vectors: what is more, or less, in them than in the mean of all; 0 where it is not known.

    They are made without a look at which story is current.
    """

    weighed: sparse.csr_array  #: (n, BUCKETS), before the mean is taken off
    mean: NDArray[np.float32]  #: (BUCKETS,)
    last: Integers  #: (n,), as in :class:`Stories`
    squares: Floats  #: (n,), lengths of the vectors, squared

    @classmethod
    def of(cls, stories: Stories) -> "Vectors":
        """Logarithms of counts, times that of how rare a bucket is (TF-IDF: Salton & Buckley 1988), and normalised.

        What is known of a story is a draw of its words by hash, so that the length of all of it is estimated from it.
        """
        known = stories.known()
        rarity = np.log((known + 1) / (stories.filled() + 1)).astype(np.float32)
        counts = stories.counts
        values = (1 + np.log(counts.data)) * rarity[counts.indices]
        weighed = sparse.csr_array((values, counts.indices, counts.indptr), shape=counts.shape)
        lengths = np.sqrt(_squares(weighed) * BUCKETS / (stories.last + 1))
        scales = 1 / np.where(lengths > 0, lengths, 1)
        weighed.data *= np.repeat(scales, np.diff(counts.indptr)).astype(np.float32)
        mean = (weighed.sum(axis=0) / np.maximum(known, 1)).astype(np.float32)
        squares = _squares(weighed) - 2 * (weighed @ mean) + _ahead(mean**2)[stories.last]
        return cls(weighed=weighed, mean=mean, last=stories.last, squares=squares)

    def sums(self, weights: NDArray[Any]) -> NDArray[np.float32]:
        """Of the vectors, weighted; shapes (n, k) and (BUCKETS, k)."""
        weights = weights.astype(np.float32)
        cut = np.flatnonzero(self.last < BUCKETS - 1)
        ends = sparse.csr_array(
            (np.ones(len(cut), np.float32), (self.last[cut] + 1, cut)), shape=(BUCKETS, len(weights))
        )
        known = weights.sum(axis=0) - np.cumsum(ends @ weights, axis=0)
        return np.asarray(self.weighed.T @ weights - self.mean[:, None] * known)

    def scores(self, direction: NDArray[np.float32]) -> Floats:
        """Product of each vector with one; shapes (BUCKETS,) and (n,)."""
        return np.asarray(self.weighed @ direction - _ahead(self.mean * direction)[self.last], dtype=np.float64)

    def differences(self, is_current: Flags) -> Floats:
        """Mean left-one-out score of the current stories less that of the others; shapes (n, k) and (k,).

        A story's own vector is in none of the means that it is judged by, so that 0 is expected where nothing differs.
        """
        size = len(is_current)
        current = is_current.sum(axis=0)
        other = size - current
        total = self.sums(np.ones((size, 1)))[:, 0]
        sums = self.sums(is_current)
        within, across = np.einsum("ij,ij->j", sums, sums), total @ sums
        own = self.squares @ is_current
        rest = total @ total - 2 * across + within - (self.squares.sum() - own)
        means = (within - own) / (current * (current - 1)), rest / (other * (other - 1))
        return np.asarray(means[0] + means[1] - 2 * (across - within) / (current * other), dtype=np.float64)

    def left_out_scores(self, is_current: Flags) -> Floats:
        """How much nearer each story is to the mean of the other current ones than to that of the rest; (n,)."""
        current = int(is_current.sum())
        other = len(is_current) - current
        sums = self.sums(np.column_stack([is_current, ~is_current]))
        to_current, to_other = self.scores(sums[:, 0]), self.scores(sums[:, 1])
        return np.where(
            is_current,
            (to_current - self.squares) / max(1, current - 1) - to_other / other,
            to_current / current - (to_other - self.squares) / max(1, other - 1),
        )

    def where(self, wanted: Flags) -> "Vectors":
        """Some of them."""
        return replace(self, weighed=self.weighed[wanted], last=self.last[wanted], squares=self.squares[wanted])


def share_changed(vectors: Vectors, is_current: Flags, generator: np.random.Generator) -> Estimate:
    """The share of the stories by which the mixture has changed, at least; in [0, 1], with its 95 % interval.

    At least so many of the current stories would have to be others for the mixture to be the reference's: it counts
    what has come and what has gone alike. The least share that would do is the distance in total variation, and no
    kind of story differs more in its shares of either side than by that; the kind is here: a score above a limit.
    Scores and limit are learnt on four fifths of the stories and counted on the other, five times. The interval of the
    difference of the shares is that of Agresti and Caffo (The American Statistician 54, 2000); what the five parts
    share is not in it.
    """
    folds = generator.permutation(len(is_current)) % _FOLDS
    above = np.zeros(2)
    for fold in range(_FOLDS):
        learnt, judged = folds != fold, folds == fold
        direction, limit = _learn(vectors.where(learnt), is_current[learnt])
        is_above = vectors.where(judged).scores(direction) > limit
        above += [np.sum(is_above & is_current[judged]), np.sum(is_above & ~is_current[judged])]
    current = int(is_current.sum())
    return _difference_of_shares(above, np.array([current, len(is_current) - current]))


def _learn(vectors: Vectors, is_current: Flags) -> tuple[NDArray[np.float32], float]:
    """From one mean to the other, and the score above which the shares of the two sides differ the most surely."""
    sides = np.column_stack([is_current / is_current.sum(), ~is_current / (~is_current).sum()])
    sums = vectors.sums(sides)
    scores = vectors.left_out_scores(is_current)
    sizes = np.array([is_current.sum(), (~is_current).sum()])
    limits = np.quantile(scores[~is_current], 1 - np.array(_TAILS)).tolist()
    bounds = [
        _difference_of_shares(np.array([np.sum(scores[side] > limit) for side in (is_current, ~is_current)]), sizes).low
        for limit in limits
    ]
    return sums[:, 0] - sums[:, 1], limits[int(np.argmax(bounds))]


def _difference_of_shares(above: NDArray[Any], sizes: NDArray[Any]) -> Estimate:
    """By how much the share of the first that is above exceeds that of the second; none that is below 0."""
    shares, shrunk = above / sizes, (above + 1) / (sizes + 2)
    error = np.sqrt(np.sum(shrunk * (1 - shrunk) / (sizes + 2)))
    value, middle = shares[0] - shares[1], shrunk[0] - shrunk[1]
    value, low, high = (float(np.clip(each, 0, 1)) for each in (value, middle - _Z * error, middle + _Z * error))
    return Estimate(value=value, low=low, high=high)


# --- new words --------------------------------------------------------------------------------------


def find_new_words(
    reference: Features,
    current: Features,
    *,
    seed: int,
    subject: Subject | None = None,
    permutations: int = PERMUTATIONS,
) -> Finding:
    """Whether the current texts have more words than usual that the texts of the reference hardly have.

    Half of the reference says which buckets are rare: of those that the fewest fill, as many as hold :data:`RARE` of
    what is filled. What share of a story's buckets is rare is then compared between the current stories and the other
    half, that is, by what is normal out of sample. The unit is the story, since words in a text depend on each other:
    one-sided permutation test of the difference of means.
    """
    generator = np.random.default_rng(seed)
    stories = Stories.of(reference, current, generator)
    learnt = generator.permutation(np.flatnonzero(~stories.is_current))[: (len(stories) - stories.current) // 2]
    is_judged = np.ones(len(stories), dtype=bool)
    is_judged[learnt] = False
    rare, judged = _rare(stories.where(~is_judged)), stories.where(is_judged)
    finding = _finding("new_words", judged, subject, "difference of means", "share of words new to the baseline")
    if min(judged.current, len(judged) - judged.current) < LEAST:
        return finding
    shares = np.asarray(judged.counts.astype(bool) @ rare.astype(np.float64)) / np.diff(judged.counts.indptr)
    tested = permutation_test(
        float(_differences(shares, judged.is_current[:, None])[0]),
        lambda count: _differences(shares, _permuted(judged.is_current, count, generator)),
        permutations=permutations,
    )
    now, before = shares[judged.is_current], shares[~judged.is_current]
    error = _Z * float(now.std() / np.sqrt(len(now)))
    return structs.replace(
        finding,
        state=State.QUIET,
        value=float(now.mean() - before.mean()),
        size=float(now.mean() - before.mean()),
        baseline=float(before.mean()),
        current=float(now.mean()),
        low=max(0.0, float(now.mean()) - error),
        high=min(1.0, float(now.mean()) + error),
        p=tested.p,
        details={"permutations": tested.permutations},
    )


def _rare(stories: Stories) -> Flags:
    """By bucket, whether it is one of those that the fewest stories fill; (BUCKETS,)."""
    shares = stories.filled() / np.maximum(stories.known(), 1)
    order = np.argsort(shares, kind="stable")
    rare = np.zeros(BUCKETS, dtype=bool)
    rare[order[np.cumsum(shares[order]) <= RARE * shares.sum()]] = True
    return rare


def _differences(values: Floats, is_current: Flags) -> Floats:
    """Of the means of either side; shapes (n,), (n, k) and (k,)."""
    current = is_current.sum(axis=0)
    sums = values @ is_current
    return np.asarray(sums / current - (values.sum() - sums) / (len(values) - current))


# --- both -------------------------------------------------------------------------------------------


def _permuted(is_current: Flags, count: int, generator: np.random.Generator) -> Flags:
    """``count`` columns of the same in random order."""
    return generator.permuted(np.repeat(is_current[:, None], count, axis=1), axis=0)


def _squares(rows: sparse.csr_array) -> Floats:
    return np.asarray(rows.power(2).sum(axis=1), dtype=np.float64)


def _ahead(values: NDArray[Any]) -> Floats:
    """Sums up to and with each."""
    return np.cumsum(values, dtype=np.float64)


def _auc(scores: Floats, is_current: Flags) -> float:
    """Chance that a current story scores higher than another (Hanley & McNeil 1982)."""
    current = int(is_current.sum())
    ranks = float(rankdata(scores)[is_current].sum())
    return (ranks - current * (current + 1) / 2) / (current * (len(scores) - current))


def _finding(watch: str, stories: Stories, subject: Subject | None, statistic: str, effect: str) -> Finding:
    return Finding(
        watch=watch,
        kind=Kind.TOPIC,
        severity=Severity.WARNING,
        subject=subject or Subject(),
        state=State.INSUFFICIENT,
        texts=stories.current,
        least=LEAST,
        statistic=statistic,
        value=None,
        effect=effect,
        size=None,
        baseline=None,
        current=None,
        remedies=(Remedy.LABEL, Remedy.RETRAIN, Remedy.RE_BASE),
    )
