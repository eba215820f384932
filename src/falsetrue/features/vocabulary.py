"""Which terms a text holds, found without putting its n-grams together as text."""

from collections.abc import Iterator, Sequence
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from falsetrue.features.languages import function_words, language_table


class Vocabulary:
    """The terms as numbers: words by a dictionary, n-grams by sorted integer keys over the words' numbers.

    A word counts only where it is part of some term; the function words of all known languages are numbered
    behind those words, so that one look at each word also tells the language. The key of the n-gram ``w1 w2 ...`` is
    ``(w1 * n + w2) * n + ...`` with n the number of words, so that no n-gram is ever put together as text.
    ``terms`` is UTF-8 with a line feed between terms and a space between the words of one, in column
    order; ``None`` for no terms at all. Raises :class:`OverflowError` where the keys of ``largest``-grams do not fit
    into 63 bits.
    """

    def __init__(self, terms: NDArray[np.uint8] | None, largest: int) -> None:
        parts = [] if terms is None else terms.tobytes().decode("utf-8").replace("\n", " ").split(" ")
        self._words = len(dict.fromkeys(parts))
        if self._words**largest >= 2**63:
            raise OverflowError(f"{self._words} words are more than this version can number {largest}-grams of")
        others = sorted(frozenset().union(*function_words().values()))
        self._number = {word: number for number, word in enumerate(dict.fromkeys([*parts, *others]))}
        #: By word number and language, whether it is a function word; the last row is for unknown words (-1).
        self.language_bits = language_table().bits_of([*self._number, ""])
        #: By word number, the column of the word as a term of its own or -1; the last is for unknown words (-1).
        self.single = np.full(len(self._number) + 1, -1, dtype=np.int64)
        self._keys: dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
        if terms is not None:
            numbers = np.fromiter(map(self._number.__getitem__, parts), np.int64, len(parts))
            self._number_terms(terms, numbers, largest)

    def _number_terms(self, terms: NDArray[np.uint8], numbers: NDArray[np.int64], largest: int) -> None:
        breaks = terms[(terms == ord("\n")) | (terms == ord(" "))]
        last = np.append(np.flatnonzero(breaks == ord("\n")), len(numbers) - 1)
        first = np.concatenate([[0], last[:-1] + 1])
        for length in range(1, largest + 1):
            columns = np.flatnonzero(last - first + 1 == length)
            keys = np.zeros(len(columns), dtype=np.int64)
            for place in range(length):
                keys = keys * self._words + numbers[first[columns] + place]
            order = np.argsort(keys)
            # Never empty, so that a search always ends somewhere; no run of words has the key -1.
            self._keys[length] = np.append(-1, keys[order]), np.append(-1, columns[order])
        single_keys, single_columns = self._keys[1]
        self.single[single_keys] = single_columns

    def numbers(self, texts: Sequence[Sequence[str]]) -> NDArray[np.int64]:
        """The number of every word of the texts, -1 where it is not known and behind each text."""
        found: list[int] = []
        for words in texts:
            found += map(self._number.get, words, repeat(-1))
            found.append(-1)
        return np.array(found, dtype=np.int64)

    def terms_only(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """The same numbers, -1 also for function words that are in no term."""
        return np.where(numbers < self._words, numbers, -1)

    def ngrams(
        self, numbers: NDArray[np.int64], smallest: int, largest: int
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """For each length from ``smallest`` to ``largest``: places and columns of the terms found.

        ``numbers`` are those of :meth:`terms_only`.
        """
        if smallest == 1:
            single = self.single[numbers]
            places = np.flatnonzero(single >= 0)
            yield places, single[places]
        if largest == 1:
            return
        starts = np.flatnonzero(numbers >= 0)
        keys = numbers[starts]
        for length in range(2, largest + 1):
            # The -1 behind each text ends every run, so this never reads past the end.
            following = numbers[starts + length - 1]
            goes_on = following >= 0
            starts, keys = starts[goes_on], keys[goes_on] * self._words + following[goes_on]
            if length >= smallest:
                known, column = self._keys[length]
                at = np.searchsorted(known[:-1], keys)  # the last is as good as "behind the last"
                hit = np.flatnonzero(known[at] == keys)
                yield starts[hit], column[at[hit]]
