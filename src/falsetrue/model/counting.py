"""How often each n-gram stands in each text, counted once for many fits."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from falsetrue.features.counters import Cut, Weighing
from falsetrue.features.counting import NgramCounter

Positions = NDArray[np.int64]


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
    """Count words and n-grams of up to ``largest`` words that stand in at least ``fewest_texts`` of the texts.

    Raises :class:`OverflowError` where there are more of them than can be numbered.
    """
    counter = NgramCounter(Cut(largest=largest))
    counter.add(texts)
    terms = counter.terms(fewest=fewest_texts)
    rows = counter.rows(terms, Weighing())
    held = rows.values.astype(np.int32), rows.columns, np.concatenate([[0], rows.ends])
    return Counts(matrix=csr_matrix(held, shape=(counter.texts, len(terms))), terms=terms.spelled.astype(np.str_))
