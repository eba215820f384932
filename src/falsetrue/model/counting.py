"""How often each n-gram stands in each text, counted once for many fits.

The same numbers as scikit-learn's ``CountVectorizer`` with its default token pattern, but n-grams are
integer keys over word numbers until the end, which is about ten times faster; and rows can be taken
out and fitted on without counting again.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack

from falsetrue.features.words import words

Positions = NDArray[np.int64]

#: Largest key of an n-gram.
LARGEST_KEY = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Counts of n-grams by text."""

    matrix: csr_matrix  #: shape (texts, terms), int32
    terms: NDArray[np.str_]  #: shape (terms,), sorted; the words of a term stand between single spaces

    def rows(self, positions: Positions) -> "Counts":
        """The counts of some of the texts, all terms kept."""
        return Counts(matrix=self.matrix[positions], terms=self.terms)

    def columns(self, positions: Positions) -> "Counts":
        """The counts of some of the terms, all texts kept."""
        return Counts(matrix=self.matrix[:, positions], terms=self.terms[positions])

    def text_frequency(self) -> NDArray[np.int64]:
        """In how many texts each term stands, shape (terms,)."""
        return np.bincount(self.matrix.indices, minlength=self.matrix.shape[1])


def count_ngrams(texts: Iterable[str], *, largest: int, fewest_texts: int = 1) -> Counts:
    """Count words and n-grams of up to ``largest`` words that stand in at least ``fewest_texts`` of the texts."""
    number: defaultdict[str, int] = defaultdict()
    number.default_factory = number.__len__  # every new word takes the next number
    numbers, lengths = _numbered(texts, number)
    rows = np.repeat(np.arange(len(lengths)), lengths + 1)
    names = np.array(list(number), dtype=object)
    parts = [
        _counted(rows[places], keys, len(lengths), fewest_texts)
        for places, keys in _ngrams(numbers, len(names), largest)
    ]
    terms = np.concatenate([_spelled(keys, length, names) for length, (_, keys) in enumerate(parts, start=1)])
    order = np.argsort(terms, kind="stable")
    matrix = hstack([part for part, _ in parts], format="csr")[:, order]
    matrix.sort_indices()
    return Counts(matrix=matrix, terms=terms[order].astype(np.str_))


def _numbered(texts: Iterable[str], number: Mapping[str, int]) -> tuple[Positions, Positions]:
    """The number of every word, in order, with -1 behind each text; and the word count of each text."""
    found: list[Positions] = []
    lengths: list[int] = []
    for text in texts:
        tokens = words(text)
        lengths.append(len(tokens))
        found.append(np.array([*map(number.__getitem__, tokens), -1], dtype=np.int64))
    return np.concatenate(found) if found else np.empty(0, dtype=np.int64), np.array(lengths, dtype=np.int64)


def _ngrams(numbers: Positions, size: int, largest: int) -> Iterator[tuple[Positions, Positions]]:
    """For each length: the places where n-grams start, and their keys ``(w1 * size + w2) * size + ...``."""
    if size**largest > LARGEST_KEY:
        raise OverflowError(f"{size} different words are more than {largest}-grams can be counted of")
    places = np.flatnonzero(numbers >= 0)
    keys = numbers[places]
    yield places, keys
    for length in range(2, largest + 1):
        following = numbers[places + length - 1]
        goes_on = following >= 0
        places, keys = places[goes_on], keys[goes_on] * size + following[goes_on]
        yield places, keys


def _counted(rows: Positions, keys: Positions, count: int, fewest_texts: int) -> tuple[csr_matrix, Positions]:
    """Counts by text and key, and the keys, of those in enough texts."""
    distinct, column, occurrences = np.unique(keys, return_inverse=True, return_counts=True)
    often = (occurrences >= fewest_texts)[column]  # first, because most n-grams stand in one text only
    ones = np.ones(int(often.sum()), dtype=np.int32)
    matrix = csr_matrix((ones, (rows[often], column[often])), shape=(count, len(distinct)))
    enough = np.flatnonzero(np.bincount(matrix.indices, minlength=len(distinct)) >= fewest_texts)
    return matrix[:, enough], distinct[enough]


def _spelled(keys: Positions, length: int, names: NDArray[np.object_]) -> NDArray[np.object_]:
    """The text of each n-gram."""
    parts: Sequence[NDArray[np.object_]] = ()
    for _ in range(length):
        keys, last = np.divmod(keys, len(names))
        parts = (names[last], *parts)
    spelled = parts[0]
    for part in parts[1:]:
        spelled = spelled + " " + part
    return spelled
