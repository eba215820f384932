"""Which articles are kept aside, so that figures are about news the model has not seen."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from falsetrue.errors import InputError
from falsetrue.news.article import Article, Label
from falsetrue.news.duplicates import near_duplicate_groups

Positions = NDArray[np.int64]

#: Share of the articles kept aside for the figures.
HELD_OUT_SHARE = 0.2
#: Sources never straddle where every class of a corpus has at least this many of them.
FEWEST_SOURCES = 5
#: Share of each class that must have a day before a corpus is split by time.
DATED_SHARE = 0.8
#: Corpora of which the smaller one shares more than this part of its articles with the other leave together.
SHARED_SHARE = 0.01
#: Ways of dealing out groups that are tried; the one nearest to the wanted shares is taken.
_ATTEMPTS = 20


def split_at_random(count: int, seed: int) -> tuple[Positions, Positions]:
    """Positions to fit on and positions held out, as ``train_test_split(test_size=0.2)`` draws them.

    The same permutation as scikit-learn's ``ShuffleSplit`` (one permutation, the test part
    first, its size rounded up), so that both recipes stand on the very split of the deployed
    project. ``count`` is the number of articles (at least 2).
    """
    order = np.random.RandomState(seed).permutation(count)
    held_out = int(np.ceil(count * HELD_OUT_SHARE))
    return order[held_out:], order[:held_out]


# --- by group ------------------------------------------------------------------------------------


def sources_known(articles: Sequence[Article]) -> dict[str, bool]:
    """By corpus, whether every class has at least :data:`FEWEST_SOURCES` distinct sources."""
    found: dict[str, dict[Label, set[str]]] = {}
    for article in articles:
        sources = found.setdefault(article.corpus, {}).setdefault(article.label, set())
        if article.source:
            sources.add(article.source.lower())
    return {
        corpus: all(len(sources) >= FEWEST_SOURCES for sources in by_label.values())
        for corpus, by_label in found.items()
    }


def linked_groups(articles: Sequence[Article], duplicates: Positions) -> Positions:
    """The number of the group of each article: shape (n,), in the order of first members.

    Articles share a group if they are near duplicates (share a number of ``duplicates``), if they
    are of one source in corpora whose sources are known (:func:`sources_known`), or through others.
    """
    known = sources_known(articles)
    first: dict[str | int, int] = {}
    parent = list(range(len(articles)))

    def root(member: int) -> int:
        while parent[member] != member:
            parent[member] = parent[parent[member]]
            member = parent[member]
        return member

    for position, (article, duplicate) in enumerate(zip(articles, duplicates.tolist(), strict=True)):
        own_source = [article.source.lower()] if article.source and known[article.corpus] else []
        for key in (duplicate, *own_source):
            low, high = sorted((root(first.setdefault(key, position)), root(position)))
            parent[high] = low
    roots = np.array([root(member) for member in range(len(articles))], dtype=np.int64)
    return np.unique(roots, return_inverse=True)[1].astype(np.int64)


def grouped_split(
    articles: Sequence[Article], seed: int, duplicates: Positions | None = None, *, share: float = HELD_OUT_SHARE
) -> tuple[Positions, Positions]:
    """Positions to fit on and positions held out; no group (:func:`linked_groups`) stands on both sides.

    About ``share`` of each class of each corpus is held out, as near as the groups
    allow. ``duplicates`` are the groups of :func:`near_duplicate_groups`, found here unless given.
    """
    sides = _deal(articles, (1 - share, share), seed, duplicates)
    return np.flatnonzero(sides == 0), np.flatnonzero(sides == 1)


def draw_rows(articles: Sequence[Article], rows: int, seed: int) -> list[Article]:
    """At most ``rows`` of the articles by lot, in their order, half of each class as far as there are."""
    if len(articles) <= rows:
        return list(articles)
    generator = np.random.default_rng(seed)
    labels = np.array([int(article.label) for article in articles], dtype=np.int64)
    few, many = sorted((generator.permutation(np.flatnonzero(labels == label)) for label in Label), key=len)
    few = few[: rows // 2]
    return [articles[at] for at in np.sort(np.concatenate([few, many[: rows - len(few)]]))]


def without_sources(articles: Sequence[Article]) -> list[Article]:
    """The same articles as if nobody knew their sources, so that groups are near duplicates alone."""
    return [replace(article, source=None) for article in articles]


def balanced_positions(articles: Sequence[Article], seed: int) -> Positions:
    """Positions, in order, of as many false as real articles of each corpus: all of the rarer class, others by lot."""
    generator = np.random.default_rng(seed)
    labels = np.array([int(article.label) for article in articles], dtype=np.int64)
    kept = []
    for at in positions_by(article.corpus for article in articles).values():
        classes = [at[labels[at] == label] for label in Label]
        fewest = min(map(len, classes))
        kept += [generator.permutation(positions)[:fewest] for positions in classes]
    return np.sort(np.concatenate(kept)) if kept else np.empty(0, dtype=np.int64)


def grouped_folds(articles: Sequence[Article], folds: int, seed: int, duplicates: Positions | None = None) -> Positions:
    """The fold, 0 to ``folds - 1``, of each article; no group (:func:`linked_groups`) stands in two.

    Each fold holds about the same share of each class of each corpus, as near as the groups allow:
    one that is larger than a fold has that fold to itself. Raises :class:`InputError` for fewer articles
    than folds.
    """
    if len(articles) < folds:
        raise InputError(f"{len(articles)} articles cannot be dealt out to {folds} folds")
    return _deal(articles, (1 / folds,) * folds, seed, duplicates)


def _deal(articles: Sequence[Article], shares: Sequence[float], seed: int, duplicates: Positions | None) -> Positions:
    """The side of each article: the best of some random ways to deal out the groups, then single articles fill up."""
    if duplicates is None:
        duplicates = near_duplicate_groups([article.content for article in articles])
    groups = linked_groups(articles, duplicates)
    names = sorted({(article.corpus, int(article.label)) for article in articles})
    number = {name: at for at, name in enumerate(names)}
    strata = np.array([number[article.corpus, int(article.label)] for article in articles], dtype=np.int64)
    counts = np.zeros((int(groups.max(initial=-1)) + 1, len(names)))
    np.add.at(counts, (groups, strata), 1)
    targets = np.outer(shares, counts.sum(axis=0))
    generator = np.random.default_rng(seed)
    several = np.flatnonzero(counts.sum(axis=1) > 1)
    ways = [_deal_groups(counts[several], targets, generator) for _ in range(_ATTEMPTS)]
    best, filled = min(ways, key=lambda way: _excess(way[1], targets))
    sides = np.full(len(counts), -1, dtype=np.int64)
    sides[several] = best
    for stratum in range(len(names)):
        single = np.flatnonzero((sides < 0) & (counts[:, stratum] > 0))
        room = np.maximum(targets[:, stratum] - filled[:, stratum], 0)
        sides[generator.permutation(single)] = _fill(room, len(single))
    return sides[groups]


def _deal_groups(
    counts: NDArray[np.float64], targets: NDArray[np.float64], generator: np.random.Generator
) -> tuple[Positions, NDArray[np.float64]]:
    """A side for each group, and how much of each stratum the sides then hold.

    Large groups choose first, each by lot among the sides with room for it, the more room the
    likelier; where there is none, the side that is filled beyond its share the least.
    """
    filled = np.zeros_like(targets)
    sides = np.zeros(len(counts), dtype=np.int64)
    for group in np.argsort(-counts.sum(axis=1) + generator.random(len(counts)), kind="stable"):
        own = np.flatnonzero(counts[group])
        wanted = targets[:, own]
        room = (wanted - filled[:, own] - counts[group, own]) / wanted.sum(axis=0)
        fits = (room >= 0).all(axis=1)
        left = np.where(fits, (wanted - filled[:, own]).sum(axis=1), 0)
        side = generator.choice(len(left), p=left / left.sum()) if left.any() else np.argmax(room.min(axis=1))
        sides[group] = side
        filled[side] += counts[group]
    return sides, filled


def _excess(filled: NDArray[np.float64], targets: NDArray[np.float64]) -> float:
    """How far the sides are filled beyond their shares, each stratum counting the same."""
    return float((np.maximum(filled - targets, 0) / targets.sum(axis=0)).sum())


def _fill(room: NDArray[np.float64], count: int) -> Positions:
    """Sides for ``count`` single articles, in proportion to the room that is left on each."""
    share = room / room.sum() if room.sum() > 0 else np.full(len(room), 1 / len(room))
    ends = np.round(np.cumsum(share) * count).astype(np.int64)
    return np.repeat(np.arange(len(room)), np.diff(ends, prepend=0))


# --- by time -------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class LaterInTime:
    """The past of some corpora to fit on, and their last days."""

    fit: Positions
    held_out: Positions
    first_day: dict[str, date]  #: by corpus, the first day that is held out
    removed: dict[str, int]  #: by corpus, articles of the last days left out as near duplicates of the past
    skipped: dict[str, str]  #: by corpus that takes no part, why


def later_in_time(articles: Sequence[Article], days: Sequence[date | None], duplicates: Positions) -> LaterInTime:
    """Split each corpus by day, about :data:`HELD_OUT_SHARE` of the dated articles into the later part.

    A corpus takes part if :data:`DATED_SHARE` of each of its classes have a day. Undated articles
    are on neither side, and no later article is a near duplicate of an earlier one of any corpus.
    """
    fit: list[int] = []
    held_out: list[int] = []
    first_day: dict[str, date] = {}
    skipped: dict[str, str] = {}
    for corpus, found in positions_by(article.corpus for article in articles).items():
        positions = found.tolist()
        if reason := _not_by_time(positions, articles, days):
            skipped[corpus] = reason
            continue
        first_day[corpus] = cut = _first_held_out([day for at in positions if (day := days[at])])
        for at in positions:
            if (day := days[at]) is not None:
                (held_out if day >= cut else fit).append(at)
    past = set(duplicates[fit].tolist())
    kept = [at for at in held_out if duplicates[at] not in past]
    removed = dict.fromkeys(first_day, 0)
    for at in set(held_out) - set(kept):
        removed[articles[at].corpus] += 1
    return LaterInTime(
        fit=np.array(fit, dtype=np.int64),
        held_out=np.array(kept, dtype=np.int64),
        first_day=first_day,
        removed=removed,
        skipped=skipped,
    )


def positions_by(keys: Iterable[str]) -> dict[str, Positions]:
    """Where each key stands, ascending; keys in the order in which they come."""
    positions: dict[str, list[int]] = {}
    for position, key in enumerate(keys):
        positions.setdefault(key, []).append(position)
    return {key: np.array(found, dtype=np.int64) for key, found in positions.items()}


def _not_by_time(positions: Sequence[int], articles: Sequence[Article], days: Sequence[date | None]) -> str | None:
    for label in Label:
        dated = [days[at] is not None for at in positions if articles[at].label is label]
        share = sum(dated) / len(dated) if dated else 0.0
        if share < DATED_SHARE:
            name = label.name.lower()
            return (
                f"{100 * share:.0f} % of its {name} articles have a usable date; {100 * DATED_SHARE:.0f} % are needed"
            )
    if len({days[at] for at in positions} - {None}) == 1:
        return "all its dates are one day"
    return None


def _first_held_out(days: Sequence[date]) -> date:
    """The day from which on the share of articles is nearest to the wanted one; never the first day."""
    distinct, counts = np.unique(np.array(days, dtype="datetime64[D]"), return_counts=True)
    later = np.cumsum(counts[::-1])[::-1] / len(days)
    best = 1 + int(np.argmin(np.abs(later[1:] - HELD_OUT_SHARE)))
    day: date = distinct[best].item()
    return day


# --- by corpus -----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """Corpora that leave together, and what a model that is to be judged on them may be fitted on."""

    corpora: tuple[str, ...]
    fit: Positions
    held_out: Positions
    removed: int  #: articles of other corpora left out as near duplicates of one that is held out


def corpus_families(
    articles: Sequence[Article], duplicates: Positions, given: Iterable[Sequence[str]] = ()
) -> list[tuple[str, ...]]:
    """Corpora that leave together, in the order in which they come; a corpus of its own is a family of one.

    Those that are ``given`` together; and those of which the smaller one has more than
    :data:`SHARED_SHARE` near duplicates in the other. Raises :class:`InputError` for a name that is none of
    the corpora.
    """
    positions = positions_by(article.corpus for article in articles)
    groups = {corpus: set(duplicates[at].tolist()) for corpus, at in positions.items()}
    family = {corpus: {corpus} for corpus in positions}
    for names in given:
        for name in names:
            if name not in positions:
                raise InputError(f"a family names {name!r}; the corpora are {', '.join(positions)}")
            _join(family, names[0], name)
    for one in positions:
        for other in positions:
            shared, smaller = len(groups[one] & groups[other]), min(len(groups[one]), len(groups[other]))
            if one < other and shared > SHARED_SHARE * smaller:
                _join(family, one, other)
    return list(dict.fromkeys(tuple(name for name in positions if name in family[corpus]) for corpus in positions))


def _join(family: dict[str, set[str]], one: str, other: str) -> None:
    together = family[one] | family[other]
    for name in together:
        family[name] = together


def leave_one_corpus_out_splits(
    articles: Sequence[Article], families: Iterable[Sequence[str]], duplicates: Positions
) -> list[LeftOut]:
    """For each family, its articles held out and all others to fit on, less near duplicates of the family's."""
    positions = positions_by(article.corpus for article in articles)
    everything = np.arange(len(articles))
    splits = []
    for family in families:
        held_out = np.concatenate([positions[corpus] for corpus in family])
        others = np.setdiff1d(everything, held_out)
        own = ~np.isin(duplicates[others], duplicates[held_out])
        splits.append(LeftOut(corpora=tuple(family), fit=others[own], held_out=held_out, removed=int(np.sum(~own))))
    return splits
