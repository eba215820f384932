"""How texts are cut into n-grams and counted: what is asked of a counter, and what it answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from falsetrue.features.kernel import Buffer, Floats, Integers, Norm
from falsetrue.features.weighing import weigh_counts
from falsetrue.features.words import is_word


@dataclass(frozen=True, kw_only=True)
class Cut:
    """How texts are cut into n-grams."""

    smallest: int = 1  #: words of the shortest n-gram
    largest: int = 1  #: of the longest, at most :data:`falsetrue.features.kernel.LARGEST_NGRAM`
    lowercase: bool = True
    stop_words: tuple[str, ...] = ()  #: left out before n-grams are made

    @property
    def spelled_stop_words(self) -> bytes:
        """Those that a text can hold, a line feed between them."""
        return "\n".join(sorted(word for word in set(self.stop_words) if is_word(word))).encode()


@dataclass(frozen=True, kw_only=True)
class Weighing:
    """From counts to values, as scikit-learn's ``TfidfTransformer``."""

    idf: Floats | None = None  #: by column, what counts are multiplied by
    binary: bool = False  #: whether every count is 1
    sublinear: bool = False  #: whether a count is ``1 + log(count)``
    norm: Norm = Norm.NONE  #: what the values of a text are divided by


class Rows(NamedTuple):
    """A sparse matrix by rows, each sorted by column."""

    ends: Integers  #: by text, behind its last value
    columns: NDArray[np.int32]
    values: Floats


class Counter(Protocol):
    """Counts the n-grams of many texts; see ``_counting.pyi``."""

    @property
    def texts(self) -> int:
        """Number of texts read."""
        ...

    @property
    def longest(self) -> int:
        """Words of a text, at most, without stop words."""
        ...

    def add(self, texts: Sequence[str], /) -> None:
        """Read the words of more texts."""
        ...

    def keep(self, fewest: int, /) -> bytes:
        """Drop words of fewer than so many texts; the others, a line feed behind each, as they came."""
        ...

    def count(self, ranks: Buffer, fewest: int, /) -> tuple[Buffer, Buffer, Buffer, Buffer, Buffer, int]:
        """Number the words that were kept by ``ranks`` (uint32), and count their n-grams.

        Returns in how many texts each word stands and how often (uint32, by rank); the keys of n-grams (uint64), in how
        many texts each stands and how often (uint32, by entry); and how many of them, the first ones, have two words. A
        key is the rank of the first word, or the entry of the first two with bit 31 set, shifted left by 32, and the
        rank of the last word. N-grams in fewer than ``fewest`` texts may be there or not.
        """
        ...

    def rows(  # noqa: PLR0917 - C takes positions
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
        """Write the rows of a matrix of ``count`` columns.

        ``of_words`` by rank and ``of_ngrams`` by entry are columns (int32), -1 for none.
        """
        ...


class Matcher(Protocol):
    """Finds the terms of a vocabulary in texts; may be called from several threads at once."""

    def match(
        self,
        texts: Sequence[str],
        idf: Buffer | None,
        binary: bool,  # noqa: FBT001
        sublinear: bool,  # noqa: FBT001
        norm: int,
        /,
    ) -> tuple[Buffer, Buffer, Buffer]:
        """``ends``, ``columns`` and ``values`` of :class:`Rows`."""
        ...


def weigh(rows: Rows, weighing: Weighing) -> Rows:
    """Values of counts."""
    values = weigh_counts(
        rows.values.astype(np.float64),
        np.repeat(np.arange(len(rows.ends)), np.diff(rows.ends, prepend=0)),
        rows.columns,
        idf=weighing.idf,
        binary=weighing.binary,
        sublinear=weighing.sublinear,
        norm=weighing.norm,
    )
    return Rows(rows.ends, rows.columns, values)
