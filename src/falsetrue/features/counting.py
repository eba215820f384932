"""How often each n-gram stands in each text: in compiled C where there is some, else in NumPy, which says the same.

The only place that imports the compiled part. Terms are sorted as Python sorts ``str``; the values of a text
stand in the order of their columns.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from falsetrue.features.counters import Counter, Cut, Matcher, Rows, Weighing
from falsetrue.features.kernel import Integers
from falsetrue.features.numpy_counting import NumpyCounter, NumpyMatcher
from falsetrue.features.words import is_word

try:
    from falsetrue.features import _counting as compiled
except ImportError:
    compiled = None  # type: ignore[assignment]

#: Texts read at a time, so that an iterator of many need never be held as a whole.
CHUNK = 1000


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Terms, sorted, and how often they are there."""

    spelled: NDArray[np.object_]  #: str; the words of a term stand between single spaces
    texts: Integers  #: in how many texts each stands
    times: Integers  #: how often each stands anywhere
    entry: Integers  #: the number of each in the counter that found it

    def __getitem__(self, which: Integers) -> "Terms":
        """Some of them, by ascending positions."""
        return Terms(
            spelled=self.spelled[which], texts=self.texts[which], times=self.times[which], entry=self.entry[which]
        )

    def __len__(self) -> int:
        return len(self.spelled)


class NgramCounter:
    """Counts the n-grams of texts, once: :meth:`add` them, ask for the :meth:`terms`, then for the :meth:`rows`.

    Takes 4 bytes for each word and each length of n-gram, and what the terms take. Raises :class:`OverflowError`
    beyond 2**32 words in all, and :class:`TypeError` for what is no ``str``.
    """

    def __init__(self, cut: Cut) -> None:
        self._cut = cut
        self._counter = _make_counter(cut)
        self._words = self._ngrams = 0  # entries: the words that were kept, then the n-grams

    def add(self, texts: Iterable[str]) -> None:
        """Read more texts."""
        for chunk in _chunks(texts):
            self._counter.add(chunk)

    @property
    def texts(self) -> int:
        """Number of texts read."""
        return self._counter.texts

    @property
    def has_ngrams(self) -> bool:
        """Whether some text has as many words as the shortest n-gram."""
        return self._counter.longest >= self._cut.smallest

    def terms(self, *, fewest: int = 1, most: int | None = None) -> Terms:
        """The n-grams that stand in at least ``fewest`` and at most ``most`` texts; no more texts can be added."""
        fewest = min(max(1, fewest), 2**32 - 1)
        words = self._counter.keep(fewest).decode().split("\n")[:-1]
        order = sorted(range(len(words)), key=words.__getitem__)
        ranks = np.empty(len(words), dtype=np.uint32)
        ranks[order] = np.arange(len(words))
        *counted, pairs = self._counter.count(ranks, fewest)
        word_texts, word_times, keys, texts, times = (
            np.frombuffer(buffer, dtype=np.uint64 if at == 2 else np.uint32).astype(np.int64)  # noqa: PLR2004
            for at, buffer in enumerate(counted)
        )
        self._words, self._ngrams = len(words), len(keys)
        found = Terms(
            spelled=np.empty(0, dtype=object),
            texts=np.concatenate([word_texts, texts]),
            times=np.concatenate([word_times, times]),
            entry=np.arange(len(words) + len(keys)),
        )
        return self._sorted(found, fewest, most, np.array(words, dtype=object)[order], _parts(len(words), keys, pairs))

    def _sorted(
        self, found: Terms, fewest: int, most: int | None, words: NDArray[np.object_], parts: list[Integers]
    ) -> Terms:
        wanted = found.texts >= fewest
        if most is not None:
            wanted &= found.texts <= most
        if self._cut.smallest > 1:
            wanted &= parts[self._cut.smallest - 1] >= 0
        entry = np.flatnonzero(wanted)
        # A space comes before every word character, so that terms sort as the ranks of their words.
        entry = entry[np.lexsort([part[entry] for part in parts[: self._cut.largest][::-1]])]
        spelled = words[parts[0][entry]]
        for part in parts[1 : self._cut.largest]:
            longer = np.flatnonzero(part[entry] >= 0)
            spelled[longer] += " " + words[part[entry[longer]]]
        return Terms(spelled=spelled, texts=found.texts[entry], times=found.times[entry], entry=entry)

    def rows(self, terms: Terms, weighing: Weighing) -> Rows:
        """The values of some of the terms in each text."""
        column = np.full(self._words + self._ngrams, -1, dtype=np.int32)
        column[terms.entry] = np.arange(len(terms))
        size = int(terms.texts.sum())
        rows = Rows(np.empty(self.texts, dtype=np.int64), np.empty(size, dtype=np.int32), np.empty(size))
        self._counter.rows(
            column[: self._words],
            column[self._words :],
            len(terms),
            weighing.idf,
            weighing.binary,
            weighing.sublinear,
            int(weighing.norm),
            *rows,
        )
        return rows


def match(matcher: Matcher, texts: Iterable[str], weighing: Weighing) -> Rows:
    """The values of the terms of a vocabulary in each text."""
    options = weighing.idf, weighing.binary, weighing.sublinear, int(weighing.norm)
    empty = Rows(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int32), np.empty(0))
    parts, size = [empty], 0
    for chunk in _chunks(texts):
        ends, columns, values = matcher.match(chunk, *options)
        rows = Rows(
            np.frombuffer(ends, dtype=np.int64) + size, np.frombuffer(columns, dtype=np.int32), np.frombuffer(values)
        )
        size += len(rows.values)
        parts.append(rows)
    return Rows(
        np.concatenate([part.ends for part in parts]),
        np.concatenate([part.columns for part in parts]),
        np.concatenate([part.values for part in parts]),
    )


def make_matcher(terms: Sequence[str], cut: Cut) -> Matcher:
    """What finds terms, in column order, in texts; terms that no text can hold have a column that stays empty."""
    spelled = "\n".join(term if all(map(is_word, term.split(" "))) else "" for term in terms).encode()
    if compiled is None:
        return NumpyMatcher(spelled, cut)
    return compiled.Matcher(
        terms=spelled,
        stop_words=cut.spelled_stop_words,
        lowercase=cut.lowercase,
        smallest=cut.smallest,
        largest=cut.largest,
    )


def _make_counter(cut: Cut) -> Counter:
    if compiled is None:
        return NumpyCounter(cut)
    return compiled.Counter(stop_words=cut.spelled_stop_words, lowercase=cut.lowercase, largest=cut.largest)


def _parts(words: int, keys: Integers, pairs: int) -> list[Integers]:
    """By entry, the ranks of the first, second and third word, -1 where there is none."""
    begins, last = keys >> 32, keys & 0xFFFFFFFF
    first = np.concatenate([np.arange(words), begins])
    second = np.concatenate([np.full(words, -1), last])
    third = np.full(len(first), -1)
    shorter = words + (begins[pairs:] & 0x7FFFFFFF)
    first[words + pairs :], second[words + pairs :] = first[shorter], second[shorter]
    third[words + pairs :] = last[pairs:]
    return [first, second, third]


def _chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    iterator = iter(texts)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk
