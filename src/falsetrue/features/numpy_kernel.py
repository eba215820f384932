"""The scoring kernel in NumPy, for where the compiled one is not: the same answers, more slowly."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from falsetrue.features.hashing import hash_columns
from falsetrue.features.kernel import Buffer, Floats, Forest, Integers, Link, Output, Parts
from falsetrue.features.languages import language_table
from falsetrue.features.vocabulary import Vocabulary
from falsetrue.features.weighing import weigh_counts
from falsetrue.features.words import words

#: Texts counted at a time, so that memory stays bounded whatever the batch.
CHUNK = 256


def sigmoid(value: Floats) -> Floats:
    """``1 / (1 + exp(-value))`` without overflow."""
    small = np.exp(-np.abs(value))
    return np.where(value >= 0, 1 / (1 + small), small / (1 + small))


@dataclass(frozen=True, kw_only=True)
class Features:
    """Values of the terms of n texts that hold them, as parallel arrays sorted by text, then term."""

    count: int
    rows: NDArray[np.int64]
    terms: NDArray[np.int64]
    values: Floats

    def said(self, output: Output) -> Floats:
        """What an output says, shape (count,)."""
        decision = np.bincount(self.rows, self.values * output.weights[self.terms], self.count) + output.intercept
        value = output.slope * decision + output.offset
        if output.link == Link.SIGMOID:
            return sigmoid(value)
        return (np.clip(value, -1, 1) + 1) / 2 if output.link == Link.CLIP else value


class NumpyKernel:
    """A :class:`falsetrue.features.kernel.Kernel`."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.vocabulary = Vocabulary(parts.terms, parts.largest)
        self.stop_words = frozenset(parts.stop_words)
        self.columns = parts.hash_columns or _count_terms(parts.terms)
        self._trees = None if parts.forest is None else _Trees(parts.forest, self.columns)

    def score(
        self,
        texts: Sequence[str],
        outputs: Buffer,
        integers: Buffer | None,
        halves: bool,  # noqa: FBT001
        /,
    ) -> None:
        """See :meth:`falsetrue.features.kernel.Kernel.score`."""
        said = np.frombuffer(outputs).reshape(len(texts), 3 if halves else 1, self.parts.said)
        width = 2 + len(language_table().languages)
        counts = None if integers is None else np.frombuffer(integers, dtype=np.int64).reshape(len(texts), width)
        for start in range(0, len(texts), CHUNK):
            chunk = slice(start, start + CHUNK)
            counted = Counted(self, texts[chunk])
            if counts is not None:
                counts[chunk] = counted.integers
            said[chunk, 0] = self._say(counted.features())
            if halves:
                shape = (len(counted.words), 2, self.parts.said)
                said[chunk, 1:] = self._say(counted.features(halves=True)).reshape(shape)

    def score_utf8(  # noqa: PLR0917 - as the compiled one
        self,
        columns: tuple[tuple[Buffer, Buffer, bool], ...],
        begin: int,
        count: int,
        outputs: Buffer,
        integers: Buffer | None,
        halves: bool,  # noqa: FBT001
        /,
    ) -> list[int]:
        """See :meth:`falsetrue.features.kernel.Kernel.score_utf8`."""
        texts, refused = [], []
        for row, parts in enumerate(zip(*(_slices(*column, begin, count) for column in columns), strict=True)):
            try:
                texts.append("\n".join(part.decode() for part in parts))
            except UnicodeDecodeError:
                texts.append("")
                refused.append(row)
        self.score(texts, outputs, integers, halves)
        return refused

    def _say(self, features: Features) -> Floats:
        """Shape (count, said)."""
        trees = [] if self._trees is None else [self._trees.mean(features)]
        with np.errstate(over="ignore", invalid="ignore"):
            return np.stack([*trees, *(features.said(output) for output in self.parts.outputs)], axis=-1)


def _count_terms(terms: NDArray[np.uint8] | None) -> int:
    return 0 if terms is None else int(np.count_nonzero(terms == ord("\n"))) + 1


def _slices(data: Buffer, offsets: Buffer, wide: bool, begin: int, count: int) -> list[bytes]:  # noqa: FBT001
    """Strings of an Arrow column."""
    held, whole = np.frombuffer(offsets, dtype=np.int64 if wide else np.int32), memoryview(data).cast("B")
    used = held[begin : begin + count + 1]
    if count and (len(used) != count + 1 or used[0] < 0 or used[-1] > len(whole) or np.any(np.diff(used) < 0)):
        raise ValueError("offsets that lie outside the data")
    return [bytes(whole[used[at] : used[at + 1]]) for at in range(count)]


class Counted:
    """The terms of a few texts, found."""

    def __init__(self, kernel: NumpyKernel, texts: Sequence[str]) -> None:
        self._parts, self._vocabulary, self._columns = kernel.parts, kernel.vocabulary, kernel.columns
        tokens = [words(text, lowercase=self._parts.lowercase) for text in texts]
        self._all_numbers = self._vocabulary.numbers(tokens)
        self._all_words = _lengths(tokens)
        if kernel.stop_words:
            tokens = [[word for word in found if word not in kernel.stop_words] for found in tokens]
        self.words = _lengths(tokens)  #: shape (n,), without stop words
        self._rows = np.repeat(np.arange(len(texts)), self.words + 1)
        #: For each length of n-grams, from the smallest: at which word those start that are terms, and their columns.
        #: Words are those that are no stop words, with one more behind each text.
        self.occurrences: list[tuple[Integers, Integers]]
        self._signs: list[Integers] = []  # of each occurrence; empty where all count upward
        if self._parts.hash_columns:
            self._hash(tokens)
        else:
            numbers = self._vocabulary.numbers(tokens) if kernel.stop_words else self._all_numbers
            numbers = self._vocabulary.terms_only(numbers)
            self.occurrences = list(self._vocabulary.ngrams(numbers, self._parts.smallest, self._parts.largest))

    def _hash(self, texts: Sequence[Sequence[str]]) -> None:
        starts = np.cumsum(self.words + 1) - self.words - 1
        self.occurrences = []
        for length in range(self._parts.smallest, self._parts.largest + 1):
            grams = [
                " ".join(found[at : at + length]).encode() for found in texts for at in range(len(found) - length + 1)
            ]
            counts = np.maximum(self.words - length + 1, 0)
            places = np.repeat(starts - np.cumsum(counts) + counts, counts) + np.arange(len(grams))
            columns, negative = hash_columns(grams, self._parts.hash_columns)
            self.occurrences.append((places, columns))
            if self._parts.alternate_sign:
                self._signs.append(np.where(negative, -1, 1))

    @cached_property
    def integers(self) -> Integers:
        """Words, known words and function words of each language, shape (n, 2 + languages)."""
        rows = np.repeat(np.arange(len(self.words)), self._all_words + 1)
        known = self._all_words
        if not self._parts.hash_columns:
            known = np.bincount(rows[self._vocabulary.terms_only(self._all_numbers) >= 0], minlength=len(self.words))
        return np.column_stack([self._all_words, known, self._function_words()])

    def _function_words(self) -> Integers:
        bits = self._vocabulary.language_bits
        ends = np.cumsum(self._all_words + 1) - 1
        counts = np.empty((len(self.words), bits.shape[1]), dtype=np.int64)
        for text, (end, size) in enumerate(zip(ends.tolist(), self._all_words.tolist(), strict=True)):
            bits[self._all_numbers[end - size : end]].sum(axis=0, dtype=np.int64, out=counts[text])
        return counts

    def features(self, *, halves: bool = False) -> Features:
        """Values of the terms: a row for each text or, with ``halves``, for each half of the words of each."""
        rows, count = self._rows, len(self.words)
        if halves:
            begin = np.cumsum(self.words + 1) - self.words - 1
            middle = begin + self.words // 2
            rows = 2 * rows + (np.arange(len(rows)) >= middle[rows])
            count = 2 * count
        keys = np.concatenate([rows[places] * self._columns + columns for places, columns in self.occurrences])
        keys, frequency = self._count(keys)
        if halves:  # in a half, what is counted up as often as down is as good as not there
            keys, frequency = keys[frequency != 0], frequency[frequency != 0]
        rows, terms = np.divmod(keys, self._columns)
        parts = self._parts
        values = weigh_counts(
            frequency, rows, terms, idf=parts.idf, binary=parts.binary, sublinear=parts.sublinear, norm=parts.norm
        )
        return Features(count=count, rows=rows, terms=terms, values=values)

    def _count(self, keys: Integers) -> tuple[Integers, Floats]:
        """Distinct keys in ascending order, and how often each is there, down-counted ones taken off."""
        order = np.argsort(keys, kind="stable") if self._signs else None
        keys = np.sort(keys) if order is None else keys[order]
        is_first = np.ones(len(keys), dtype=bool)
        np.not_equal(keys[1:], keys[:-1], out=is_first[1:])
        starts = np.flatnonzero(is_first)
        if order is None or not len(keys):
            return keys[starts], np.diff(starts, append=len(keys)).astype(np.float64)
        return keys[starts], np.add.reduceat(np.concatenate(self._signs)[order], starts).astype(np.float64)


def _lengths(texts: Sequence[Sequence[str]]) -> Integers:
    return np.fromiter(map(len, texts), np.int64, len(texts))


class _Trees:
    """The mean over decision trees, all walked at once level by level."""

    def __init__(self, forest: Forest, columns: int) -> None:
        used = np.unique(forest.feature[forest.feature >= 0])
        self._column = np.full(columns, -1, dtype=np.int64)
        self._column[used] = np.arange(len(used))
        self._width = max(1, len(used))
        self._roots = forest.roots.astype(np.int64)
        leaf = forest.feature < 0
        here = np.arange(len(leaf))
        left = np.where(leaf, here, forest.left)
        right = np.where(leaf, here, forest.right)
        self._child = np.column_stack([left, right]).ravel()  # of node n: left at 2n, right at 2n + 1
        self._test = self._column[np.where(leaf, used[0] if len(used) else 0, forest.feature)]
        self._threshold, self._value = forest.threshold, forest.value

    def mean(self, features: Features) -> Floats:
        """Shape (count,)."""
        # scikit-learn's trees compare float32 values with float64 thresholds.
        values = np.zeros(features.count * self._width, dtype=np.float32)
        columns = self._column[features.terms]
        tested = columns >= 0
        with np.errstate(over="ignore"):
            values[features.rows[tested] * self._width + columns[tested]] = features.values[tested]
        row = (np.arange(features.count) * self._width)[:, None]
        node = np.tile(self._roots, (features.count, 1))
        while True:
            below = self._child[2 * node + (values[row + self._test[node]] > self._threshold[node])]
            if np.array_equal(below, node):
                return np.asarray(self._value[node].mean(axis=1), dtype=np.float64)
            node = below
