"""What a scoring kernel is made of and what it does; and the compiled one, where it was built.

The only place that imports it. Where it is not, ``falsetrue.features.numpy_kernel`` says the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from mmap import mmap
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from falsetrue.features.languages import language_table

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
#: Anything that holds bytes in one piece.
Buffer: TypeAlias = bytes | bytearray | memoryview | mmap | NDArray[np.generic]

#: Words in the longest n-gram that a kernel knows.
LARGEST_NGRAM = 3
#: Weighted sums and forests of one kernel, at most.
MOST_OUTPUTS = 16


class Norm(IntEnum):
    """What the values of a text are divided by."""

    NONE = 0  #: nothing
    L1 = 1  #: the sum of their absolute values
    L2 = 2  #: their Euclidean length


class Link(IntEnum):
    """From a weighted sum to what is said."""

    NONE = 0  #: itself
    SIGMOID = 1  #: ``1 / (1 + exp(-value))``
    CLIP = 2  #: ``(clip(value, -1, 1) + 1) / 2``


class Output(NamedTuple):
    """``link(slope * (weighted sum + intercept) + offset)``."""

    weights: Floats  #: by column
    intercept: float
    link: int  #: a :class:`Link`
    slope: float
    offset: float


class Forest(NamedTuple):
    """Decision trees as parallel arrays over the nodes of all of them, children behind their parents."""

    feature: NDArray[np.int32]  #: the column that is tested; -1 in a leaf
    threshold: Floats  #: left where the value is at most this
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: Floats  #: of a leaf
    roots: NDArray[np.int32]


@dataclass(frozen=True, kw_only=True)
class Parts:
    """A vectorizer of word n-grams, and what is said of its values."""

    terms: NDArray[np.uint8] | None  #: UTF-8, a line feed between them, in column order; ``None``: by hashes
    stop_words: tuple[str, ...] = ()  #: left out before n-grams are made
    smallest: int  #: words of the shortest n-gram
    largest: int
    lowercase: bool = True
    hash_columns: int = 0  #: columns that n-grams are hashed to; 0: those of ``terms``
    alternate_sign: bool = False  #: whether an n-gram with a negative hash is counted down
    binary: bool = False  #: whether every count is 1
    sublinear: bool = False  #: whether a count is ``1 + log(count)``
    norm: Norm = Norm.L2
    idf: Floats | None = None  #: by column, what counts are multiplied by
    outputs: tuple[Output, ...]
    forest: Forest | None = None  #: its mean is said before what ``outputs`` say

    @property
    def said(self) -> int:
        """How many numbers are said of a text."""
        return len(self.outputs) + (self.forest is not None)


class Kernel(Protocol):
    """Texts to numbers; may be called from several threads at once."""

    def score(
        self,
        texts: Sequence[str],
        outputs: Buffer,
        integers: Buffer | None,
        halves: bool,  # noqa: FBT001
        /,
    ) -> None:
        """Fill ``outputs`` and ``integers`` with what is said of n texts.

        ``outputs`` is float64 of shape (n, 3 if ``halves`` else 1, said): of the whole text, and of the first and the
        second half of its words alone. ``integers``, unless ``None``, is int64 of shape (n, 2 + languages): words,
        words that are part of a term (with hashes: all), and function words of each language.
        """
        ...

    def score_utf8(  # noqa: PLR0917 - called once a batch
        self,
        columns: tuple[tuple[Buffer, Buffer, bool], ...],
        begin: int,
        count: int,
        outputs: Buffer,
        integers: Buffer | None,
        halves: bool,  # noqa: FBT001
        /,
    ) -> list[int]:
        """The same of ``count`` strings from ``begin`` as Arrow keeps them; returns which of these are not UTF-8.

        ``columns`` are one or two of (data, offsets, whether those have 8 bytes); with two, a text is a string of the
        first, something that is no word, and one of the second. Raises :class:`ValueError` for offsets outside the
        data.
        """
        ...


try:
    from falsetrue.features._kernel import Kernel as _Native
except ImportError as error:
    _Native = None  # type: ignore[assignment, misc]
    #: Why there is no compiled kernel; ``None`` where there is one.
    ABSENT: str | None = str(error)
else:
    ABSENT = None


def native_kernel(parts: Parts) -> Kernel:
    """The compiled kernel, only where it is not :data:`ABSENT`.

    Raises :class:`ValueError` for parts that do not fit together.
    """
    table = language_table()
    return _Native(
        terms=parts.terms,
        stop_words="\n".join(parts.stop_words).encode(),
        function_words="\n".join(table.words).encode(),
        function_bits=table.bits,
        function_count=len(table.words),
        languages=len(table.languages),
        smallest=parts.smallest,
        largest=parts.largest,
        lowercase=parts.lowercase,
        hash_columns=parts.hash_columns,
        alternate_sign=parts.alternate_sign,
        binary=parts.binary,
        sublinear=parts.sublinear,
        norm=int(parts.norm),
        idf=parts.idf,
        outputs=parts.outputs,
        forest=parts.forest,
    )
