"""Words, pairs and triples of words: in which articles they stand, and where in these."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falsetrue.news.duplicates import NumberedWords

Indices = NDArray[np.int32]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

#: Most words in an n-gram.
LONGEST = 3
#: Positions worked on at a time.
_CHUNK = 500_000
#: Buckets in which n-grams are counted first, to leave out at once those that are too rare.
_BUCKETS = 1 << 22
#: Fewer n-grams than this are numbered in half the memory.
_FEW = 1 << 15
#: Words on each side of an occurrence that are looked at and, of these, shown.
CONTEXT = 12
SHOWN = 3
#: Occurrences, each in another article, from which examples and repeated wording are taken.
_SAMPLED = 60
#: A word belongs to repeated wording if it follows in this share of the occurrences.
_SAME = 0.8


@dataclass(frozen=True, kw_only=True)
class Text:
    """All words of all texts in a row, with -1 where a text ends."""

    tokens: Indices
    ends: Integers  #: where each text ends
    vocabulary: Sequence[str]

    def chunks(self) -> Iterator[slice]:
        """Ranges of positions that begin and end with texts."""
        begin = 0
        while begin < len(self.tokens):
            last = min(int(np.searchsorted(self.ends, begin + _CHUNK)), len(self.ends) - 1)
            stop = int(self.ends[last]) + 1
            yield slice(begin, stop)
            begin = stop

    def owners(self, at: slice) -> Indices:
        """Which text each position of a chunk belongs to."""
        first, last = np.searchsorted(self.ends, [at.start, at.stop - 1])
        lengths = np.diff(self.ends[first : last + 1], prepend=at.start - 1)
        return np.repeat(np.arange(first, last + 1, dtype=np.int32), lengths)

    def owner(self, positions: Integers) -> Integers:
        """Which text each of some positions belongs to."""
        return np.searchsorted(self.ends, positions)


@dataclass(frozen=True, kw_only=True)
class Held:
    """Which texts hold which n-grams: pairs, each once."""

    document: Indices
    feature: Indices


@dataclass(frozen=True, kw_only=True)
class Grams:
    """The n-grams of one length that are in enough texts."""

    text: Text
    length: int
    codes: Integers  #: (size,): ``previous n-gram * words + last word``, ascending
    index: NDArray[np.signedinteger[Any]]  #: of every position: which n-gram begins there; -1: none of these
    occurring: Integers  #: (size,): how often each occurs
    words: Indices  #: (size, length): the numbers of its words

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.codes)

    def name(self, feature: int) -> str:
        """Its words."""
        return " ".join(self.text.vocabulary[word] for word in self.words[feature])


def flatten(words: NumberedWords) -> Text:
    """Put an end after each text."""
    lengths = np.diff(words.starts)
    ends = np.cumsum(lengths + 1) - 1
    tokens = np.full(len(words.numbers) + len(lengths), -1, dtype=np.int32)
    inside = np.ones(len(tokens), dtype=bool)
    inside[ends] = False
    tokens[inside] = words.numbers
    return Text(tokens=tokens, ends=ends, vocabulary=words.vocabulary)


def find_grams(text: Text, fewest: int, wanted: Flags) -> Iterator[tuple[Grams, Held]]:
    """The n-grams of 1, 2 and 3 words that at least ``fewest`` texts hold, and which of the ``wanted`` texts do.

    A triple is in as many texts only if both its pairs are: what is rare is left out early
    (Agrawal and Srikant, VLDB 1994).
    """
    single, held = _grams(text, 1, lambda at: text.tokens[at].astype(np.int64), None, fewest, wanted)
    yield single, held
    grams = single
    for length in range(2, LONGEST + 1):
        shorter = grams

        def codes(at: slice, shorter: Grams = shorter, length: int = length) -> Integers:
            head = shorter.index[at].astype(np.int64)
            last = np.full(len(head), -1, dtype=np.int64)
            last[: max(len(head) - length + 1, 0)] = single.index[at][length - 1 :]
            return np.where((head >= 0) & (last >= 0), head * single.size + last, -1)

        grams, held = _grams(text, length, codes, (shorter, single), fewest, wanted)
        yield grams, held


def _grams(  # noqa: PLR0917
    text: Text,
    length: int,
    codes: Callable[[slice], Integers],
    parts: tuple[Grams, Grams] | None,
    fewest: int,
    wanted: Flags,
) -> tuple[Grams, Held]:
    kept = _often_enough(text, codes, fewest)
    index: NDArray[np.signedinteger[Any]] = np.full(
        len(text.tokens), -1, dtype=np.int16 if len(kept) < _FEW else np.int32
    )
    holders = np.zeros(len(kept), dtype=np.int64)
    documents, features = [np.empty(0, dtype=np.int32)], [np.empty(0, dtype=np.int32)]
    for at in text.chunks():
        own = codes(at)
        place = np.searchsorted(kept, own)
        found = place < len(kept)
        found[found] = kept[place[found]] == own[found]
        index[at][found] = place[found]
        document, feature = _pairs(text.owners(at)[found], place[found], len(kept))
        holders += np.bincount(feature, minlength=len(kept))
        documents.append(document[wanted[document]])
        features.append(feature[wanted[document]])
    enough = holders >= fewest
    # The last place takes positions without an n-gram, whose index is -1.
    renumbered = np.append(np.where(enough, np.cumsum(enough) - 1, -1), -1).astype(np.int32)
    occurring = np.zeros(int(enough.sum()), dtype=np.int64)
    for at in text.chunks():
        index[at] = renumbered[index[at]]
        occurring += np.bincount(index[at][index[at] >= 0], minlength=len(occurring))
    held = _renumber(documents, features, renumbered)
    kept = kept[enough]
    grams = Grams(text=text, length=length, codes=kept, index=index, occurring=occurring, words=_words(kept, parts))
    return grams, held


def _renumber(documents: list[Indices], features: list[Indices], renumbered: Indices) -> Held:
    """Chunk by chunk, so that the pairs are never there twice."""
    for at, feature in enumerate(features):
        features[at] = renumbered[feature]
        documents[at] = documents[at][features[at] >= 0]
        features[at] = features[at][features[at] >= 0]
    return Held(document=np.concatenate(documents), feature=np.concatenate(features))


def _words(codes: Integers, parts: tuple[Grams, Grams] | None) -> Indices:
    if parts is None:
        return codes.astype(np.int32)[:, None]
    head, last = parts
    return np.concatenate([head.words[codes // max(last.size, 1)], last.words[codes % max(last.size, 1)]], axis=1)


def _often_enough(text: Text, codes: Callable[[slice], Integers], fewest: int) -> Integers:
    """Codes that occur at least so often, ascending."""
    buckets = np.zeros(_BUCKETS, dtype=np.int64)
    for at in text.chunks():
        own = codes(at)
        np.add.at(buckets, own[own >= 0] % _BUCKETS, 1)
    found, counts = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for at in text.chunks():
        own = codes(at)
        own = own[own >= 0]
        distinct, occurring = _distinct(own[buckets[own % _BUCKETS] >= fewest])
        found.append(distinct)
        counts.append(occurring)
    every, inverse = np.unique(np.concatenate(found), return_inverse=True)
    total = np.bincount(inverse, weights=np.concatenate(counts), minlength=len(every))
    return every[total >= fewest]


def _pairs(owner: Indices | Integers, feature: Integers, size: int) -> tuple[Indices, Indices]:
    """Pairs of text and n-gram, each once."""
    size = max(size, 1)
    unique, _ = _distinct(owner.astype(np.int64) * size + feature)
    return (unique // size).astype(np.int32), (unique % size).astype(np.int32)


def _distinct(values: Integers) -> tuple[Integers, Integers]:
    """Distinct values, ascending, and how often each occurs (sorting is faster here than NumPy's hashing)."""
    ordered = np.sort(values)
    begins = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])[: len(ordered)])
    return ordered[begins], np.diff(begins, append=len(ordered))


# --- where in the text -----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Edge:
    """N-grams that stand at one end of the texts."""

    document: Indices
    feature: Indices
    concentration: NDArray[np.float64]  #: by n-gram: share of its occurrences that stand here


def at_edge(grams: Grams, words: int, *, closing: bool) -> Edge:
    """N-grams within the first (or last) so many words, of texts that are at least three times as long."""
    text = grams.text
    ends = text.ends
    lengths = np.diff(ends, prepend=-1) - 1
    long = np.flatnonzero(lengths >= 3 * words)
    starts = (ends - words) if closing else (ends - lengths)
    offsets = np.arange(words - grams.length + 1)
    positions = (starts[long][:, None] + offsets).ravel()
    positions = positions[grams.index[positions] >= 0]
    feature = grams.index[positions].astype(np.int64)
    here = np.bincount(feature, minlength=grams.size)
    document, unique = _pairs(text.owner(positions), feature, grams.size)
    return Edge(document=document, feature=unique, concentration=here / np.maximum(grams.occurring, 1))


# --- examples ----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Occurrences:
    """Where some n-gram occurs, once in each of some texts."""

    documents: list[int]
    examples: tuple[str, ...]
    repeated: tuple[str, ...]  #: the words around and in it that are the same nearly everywhere


def occurrences(grams: Grams, features: Sequence[int], *, last: bool = False) -> dict[int, Occurrences]:
    """Examples of some n-grams; ``last`` takes the last occurrence in each text instead of the first."""
    number = np.full(grams.size + 1, -1, dtype=np.int32)
    number[list(features)] = np.arange(len(features))
    positions, numbers = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int32)]
    for chunk in grams.text.chunks():
        own = number[grams.index[chunk]]
        positions.append(np.flatnonzero(own >= 0) + chunk.start)
        numbers.append(own[own >= 0])
    at, which = np.concatenate(positions), np.concatenate(numbers)
    order = np.argsort(which, kind="stable")
    bounds = np.searchsorted(which[order], np.arange(len(features) + 1))
    return {
        feature: _occurrences(grams, at[order[bounds[place] : bounds[place + 1]]], last=last)
        for place, feature in enumerate(features)
    }


def _occurrences(grams: Grams, positions: Integers, *, last: bool) -> Occurrences:
    owner = grams.text.owner(positions)
    changes = owner[1:] != owner[:-1]
    chosen = np.concatenate([changes, [True]]) if last else np.concatenate([[True], changes])
    positions = positions[chosen]
    step = max(len(positions) // _SAMPLED, 1)
    positions = positions[::step][:_SAMPLED]
    window = np.arange(-CONTEXT, grams.length + CONTEXT)
    tokens = grams.text.tokens
    inside = np.clip(positions[:, None] + window, 0, len(tokens) - 1)
    documents = grams.text.owner(positions)
    around = np.where(grams.text.owner(inside) == documents[:, None], tokens[inside], -1)
    return Occurrences(
        documents=documents.tolist(),
        examples=tuple(dict.fromkeys(_example(grams, row) for row in around[:20].tolist()))[:3],
        repeated=_repeated(grams, around),
    )


def _example(grams: Grams, around: list[int]) -> str:
    """The n-gram in brackets with at most :data:`SHOWN` words on each side."""
    vocabulary = grams.text.vocabulary
    begin, end = CONTEXT, CONTEXT + grams.length

    def said(part: list[int]) -> str:
        return " ".join(vocabulary[word] for word in part if word >= 0)

    return (
        f"{said(around[begin - SHOWN : begin])} [{said(around[begin:end])}] {said(around[end : end + SHOWN])}".strip()
    )


def _repeated(grams: Grams, around: Indices) -> tuple[str, ...]:
    """Grow the n-gram while nearly all occurrences agree on the next word, to the right and then to the left."""

    def agreed(column: int) -> bool:
        values, counts = np.unique(around[:, column], return_counts=True)
        best = int(np.argmax(counts))
        return bool(values[best] >= 0 and counts[best] >= _SAME * len(around))

    begin, end = CONTEXT, CONTEXT + grams.length
    while end < around.shape[1] and agreed(end):
        end += 1
    while begin > 0 and agreed(begin - 1):
        begin -= 1
    words = []
    for column in range(begin, end):
        values, counts = np.unique(around[:, column], return_counts=True)
        words.append(grams.text.vocabulary[int(values[np.argmax(counts)])])
    return tuple(words)
