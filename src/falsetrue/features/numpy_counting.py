"""Counting n-grams in NumPy, for where the compiled part is not: the same answers, more slowly."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from falsetrue.features.counters import Cut, Rows, Weighing, weigh
from falsetrue.features.kernel import Buffer, Floats, Integers, Norm
from falsetrue.features.vocabulary import Vocabulary
from falsetrue.features.words import words

_PAIR_BIT = 1 << 31


class NumpyCounter:
    """A :class:`falsetrue.features.counters.Counter`."""

    def __init__(self, cut: Cut) -> None:
        self._cut = cut
        self._stop_words = frozenset(cut.stop_words)
        self._number: defaultdict[str, int] = defaultdict()
        self._number.default_factory = self._number.__len__  # every new word takes the next number
        self._found: list[Integers] = [np.empty(0, dtype=np.int64)]
        self._lengths: list[int] = []
        self._numbers = self._rows = np.empty(0, dtype=np.int64)
        self._grams: list[Integers] = []  # by length, from 2: entries by place, -1 for none

    @property
    def texts(self) -> int:
        """Number of texts read."""
        return len(self._lengths)

    @property
    def longest(self) -> int:
        """Words of a text, at most, without stop words."""
        return max(self._lengths, default=0)

    def add(self, texts: Sequence[str], /) -> None:
        """See :class:`falsetrue.features.counters.Counter`."""
        for text in texts:
            found = [word for word in words(text, lowercase=self._cut.lowercase) if word not in self._stop_words]
            self._lengths.append(len(found))
            self._found.append(np.array([*map(self._number.__getitem__, found), -1], dtype=np.int64))

    def keep(self, fewest: int, /) -> bytes:
        """See :class:`falsetrue.features.counters.Counter`."""
        self._numbers = np.concatenate(self._found)
        self._rows = np.repeat(np.arange(self.texts), np.array(self._lengths, dtype=np.int64) + 1)
        texts, _ = self._tally(self._numbers, len(self._number))
        names = np.array([*self._number, ""], dtype=object)[:-1]
        kept = np.flatnonzero(texts >= fewest)
        place = np.full(len(names) + 1, -1)
        place[kept] = np.arange(len(kept))
        self._numbers = place[self._numbers]
        return "".join(f"{word}\n" for word in names[kept]).encode()

    def count(self, ranks: Buffer, fewest: int, /) -> tuple[Buffer, Buffer, Buffer, Buffer, Buffer, int]:
        """See :class:`falsetrue.features.counters.Counter`."""
        rank = np.append(np.frombuffer(ranks, dtype=np.uint32).astype(np.int64), -1)
        self._numbers = rank[self._numbers]
        by_length: list[Integers] = []
        for length in range(2, self._cut.largest + 1):
            places, keys = self._keys(length, fewest)
            distinct, entry = np.unique(keys, return_inverse=True)
            entries = np.full(len(self._numbers), -1)
            entries[places] = entry + sum(map(len, by_length))
            self._grams.append(entries)
            by_length.append(distinct)
        keys = np.concatenate([np.empty(0, dtype=np.int64), *by_length]).astype(np.uint64)
        counted = [self._tally(grams, len(keys)) for grams in self._grams]
        texts, times = (np.sum([np.zeros((2, len(keys))), *counted], axis=0)).astype(np.uint32)
        word_texts, word_times = (found.astype(np.uint32) for found in self._tally(self._numbers, len(rank) - 1))
        return word_texts, word_times, keys, texts, times, len(by_length[0]) if by_length else 0

    def _keys(self, length: int, fewest: int) -> tuple[Integers, Integers]:
        """Places where n-grams begin that may stay, and their keys."""
        begins = self._numbers
        if length > 2:  # noqa: PLR2004 - the shorter n-gram is itself one
            shorter = self._grams[-1]
            texts, _ = self._tally(shorter, int(shorter.max(initial=-1)) + 1)
            begins = np.where(np.append(texts, 0)[shorter] >= fewest, shorter, -1)
        places = np.flatnonzero((begins[:-1] >= 0) & (begins[1:] >= 0)) if len(begins) else np.empty(0, dtype=np.int64)
        first = begins[places] + (_PAIR_BIT if length > 2 else 0)  # noqa: PLR2004
        return places, first << 32 | self._numbers[places + length - 1]

    def _tally(self, entries: Integers, count: int) -> tuple[Integers, Integers]:
        """In how many texts each of ``count`` entries stands and how often; ``entries`` are those by place."""
        places = np.flatnonzero(entries >= 0)
        distinct = np.unique(self._rows[places] * max(1, count) + entries[places])
        return np.bincount(distinct % max(1, count), minlength=count), np.bincount(entries[places], minlength=count)

    def rows(  # noqa: PLR0917 - as in C
        self,
        of_words: Buffer,
        of_ngrams: Buffer,
        count: int,
        idf: Buffer | None,
        binary: bool,  # noqa: FBT001
        sublinear: bool,  # noqa: FBT001
        norm: int,
        ends: Buffer,
        columns: Buffer,
        values: Buffer,
        /,
    ) -> None:
        """See :class:`falsetrue.features.counters.Counter`."""
        weighing = Weighing(idf=_numbers(idf), binary=binary, sublinear=sublinear, norm=Norm(norm))
        by_entry = [np.append(np.frombuffer(held, dtype=np.int32), -1) for held in (of_words, of_ngrams)]
        found = [by_entry[0][self._numbers], *(by_entry[1][grams] for grams in self._grams)]
        counts = _counted([(self._rows[column >= 0], column[column >= 0]) for column in found], self.texts, count)
        for target, written in zip((ends, columns, values), weigh(counts, weighing), strict=True):
            np.asarray(target)[:] = written


class NumpyMatcher:
    """A :class:`falsetrue.features.counters.Matcher` of terms, UTF-8 with a line feed between them."""

    def __init__(self, terms: bytes, cut: Cut) -> None:
        self._cut = cut
        self._stop_words = frozenset(cut.stop_words)
        self._count = terms.count(b"\n") + 1
        self._vocabulary = Vocabulary(np.frombuffer(terms, dtype=np.uint8), cut.largest)

    def match(
        self,
        texts: Sequence[str],
        idf: Buffer | None,
        binary: bool,  # noqa: FBT001
        sublinear: bool,  # noqa: FBT001
        norm: int,
        /,
    ) -> tuple[Buffer, Buffer, Buffer]:
        """See :class:`falsetrue.features.counters.Matcher`."""
        tokens = [
            [word for word in words(text, lowercase=self._cut.lowercase) if word not in self._stop_words]
            for text in texts
        ]
        row = np.repeat(np.arange(len(texts)), [len(found) + 1 for found in tokens])
        numbers = self._vocabulary.terms_only(self._vocabulary.numbers(tokens))
        found = self._vocabulary.ngrams(numbers, self._cut.smallest, self._cut.largest)
        counts = _counted([(row[places], column) for places, column in found], len(texts), self._count)
        weighing = Weighing(idf=_numbers(idf), binary=binary, sublinear=sublinear, norm=Norm(norm))
        ends, columns, values = weigh(counts, weighing)
        return ends, columns, values


def _numbers(buffer: Buffer | None) -> Floats | None:
    return None if buffer is None else np.frombuffer(buffer)


def _counted(found: Sequence[tuple[Integers, Integers]], texts: int, count: int) -> Rows:
    """How often each pair of a text and one of ``count`` columns is there."""
    keys = np.concatenate([rows * max(1, count) + columns for rows, columns in found])
    distinct, counts = np.unique(keys, return_counts=True)
    rows, columns = np.divmod(distinct, max(1, count))
    ends = np.searchsorted(rows, np.arange(texts), side="right").astype(np.int64)
    return Rows(ends, columns.astype(np.int32), counts.astype(np.float64))
