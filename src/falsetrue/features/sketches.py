"""What is kept of a text for monitoring, read: style numbers, a MinHash signature, and counts of hashed words.

:mod:`falsetrue.features.sketching` makes it; docs/reference/sketch.md has every byte.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from falsetrue.errors import InputError

try:
    from falsetrue.features import _sketching as compiled
except ImportError:
    compiled = None  # type: ignore[assignment]

#: First byte of every sketch.
FORMAT: Final = 1
#: Values of a MinHash signature.
BINS: Final = 64
#: Words are hashed to so many buckets.
BUCKETS: Final = 1 << 13
#: Of the buckets that a text fills, at most so many are kept: those of the lowest numbers.
MOST_BUCKETS: Final = 384


class Unit(Enum):
    """Steps of a style number that make 1; it has at most 65,535."""

    COUNT = 1
    MEAN = 64
    SHARE = 65535


#: What the style numbers are, in their order: share of what, is said in docs/reference/sketch.md.
STYLES: Final = {
    "characters": Unit.COUNT,
    "words": Unit.COUNT,
    "links": Unit.COUNT,
    "sentence_words": Unit.MEAN,
    "word_characters": Unit.MEAN,
    "capitals": Unit.SHARE,
    "capital_words": Unit.SHARE,
    "digits": Unit.SHARE,
    "punctuation": Unit.SHARE,
    "spaces": Unit.SHARE,
    "non_ascii": Unit.SHARE,
    "exclamations": Unit.SHARE,
    "questions": Unit.SHARE,
    "quotes": Unit.SHARE,
    "markup": Unit.SHARE,
    "debris": Unit.SHARE,
}
#: A feature is a byte: 4 * (buckets since the one before, less 1) + how often, as a step of these.
TIMES: Final = (1, 2, 3, 5)
#: Bytes from here on stand for no feature, only for so many buckets without one.
FIRST_SKIP: Final = 252
SKIPS: Final = (63, 126, 252, 504)


class Keys(NamedTuple):
    """What only the holder of the salt knows."""

    words: bytes  #: of SipHash, 16 bytes
    shingles: tuple[int, ...]  #: a summand, and by place in a shingle a factor; below 2**64


def mixed(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A permutation in which every bit in sways every bit out: the end of MurmurHash3 (Appleby 2011), 64 bits."""
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        value = (value ^ value >> np.uint64(33)) * np.uint64(factor)
    return np.asarray(value ^ value >> np.uint64(33), dtype=np.uint64)


@cache
def donors() -> NDArray[np.uint8]:
    """By bin, all others in the order in which an empty one asks them for their value; shape (BINS, BINS - 1)."""
    ranks = mixed(np.arange(1, BINS * BINS + 1, dtype=np.uint64)).reshape(BINS, BINS)
    order = np.argsort(ranks, axis=1).astype(np.uint8)
    return np.asarray(order[order != np.arange(BINS)[:, None]].reshape(BINS, BINS - 1), dtype=np.uint8)


_DISTINCT = slice(1, 3)
_STYLES = slice(3, 3 + 2 * len(STYLES))
_MINHASH = slice(_STYLES.stop, _STYLES.stop + 2 * BINS)
#: Bytes before the features.
HEAD: Final = _MINHASH.stop
_SCALES = np.array([1 / unit.value for unit in STYLES.values()], dtype=np.float32)
_ADVANCE = np.array([(byte >> 2) + 1 for byte in range(FIRST_SKIP)] + list(SKIPS), dtype=np.int32)
_TIMES = np.array(TIMES, dtype=np.uint8)
#: Sketches whose features are read at a time.
_CHUNK = 4096
_DAMAGED = f"a sketch has a feature beyond the last of {BUCKETS:,} buckets: it is damaged"


@dataclass(frozen=True, kw_only=True)
class Sketches:
    """What n sketches say."""

    styles: NDArray[np.float32]  #: (n, len(STYLES)), in the order of :data:`STYLES`; shares are in [0, 1]
    distinct: NDArray[np.uint16]  #: (n,), buckets that the words of a text filled
    minhash: NDArray[np.uint16]  #: (n, BINS); 0 everywhere for a text without words
    features: "Features | None"  #: ``None`` where nobody asked for them


@dataclass(frozen=True, kw_only=True)
class Features:
    """Counts of hashed words, as the rows of a sparse matrix with :data:`BUCKETS` columns."""

    begins: NDArray[np.int64]  #: (n + 1,), where each row begins; the last: how many there are
    buckets: NDArray[np.uint16]  #: ascending in a row
    times: NDArray[np.uint8]  #: 1, 2, 3 (three or four times) or 5 (five times or more)


@dataclass(frozen=True, kw_only=True)
class Sketch:
    """What one sketch says."""

    styles: dict[str, float]  #: by the names of :data:`STYLES`
    distinct: int  #: buckets that the words of the text filled; more than ``features`` has, where it is a sample
    minhash: tuple[int, ...]  #: :data:`BINS` numbers below 65,536
    features: dict[int, int]  #: by bucket, how often: 1, 2, 3 (or 4), 5 (or more)


def read_sketch(content: bytes) -> Sketch:
    """What a sketch says. Raises :class:`InputError` for what is none of this format."""
    read = read_sketches([content])
    assert read.features is not None  # noqa: S101 - asked for
    return Sketch(
        styles=dict(zip(STYLES, read.styles[0].tolist(), strict=True)),
        distinct=int(read.distinct[0]),
        minhash=tuple(read.minhash[0].tolist()),
        features=dict(zip(read.features.buckets.tolist(), read.features.times.tolist(), strict=True)),
    )


def read_sketches(contents: Sequence[bytes], *, features: bool = True) -> Sketches:
    """What many sketches say; without features, 195 bytes a sketch. Raises :class:`InputError` as for one."""
    heads = np.frombuffer(b"".join([_head(content) for content in contents]), dtype=np.uint8).reshape(-1, HEAD)
    return Sketches(
        styles=_numbers(heads, _STYLES) * _SCALES,
        distinct=_numbers(heads, _DISTINCT)[:, 0],
        minhash=_numbers(heads, _MINHASH),
        features=_read_features(contents) if features else None,
    )


def _head(content: bytes) -> bytes:
    if len(content) < HEAD or content[0] != FORMAT:
        said = f"format {content[0]}" if content else "empty"
        raise InputError(
            f"a sketch of {len(content)} bytes ({said}) cannot be read: this version reads those of format {FORMAT}"
        )
    return content[:HEAD]


def _numbers(heads: NDArray[np.uint8], where: slice) -> NDArray[np.uint16]:
    return np.ascontiguousarray(heads[:, where]).view("<u2").astype(np.uint16, copy=False)


def _read_features(contents: Sequence[bytes]) -> Features:
    if compiled is not None:
        try:
            begins, *found = compiled.read_features(contents, HEAD)
        except ValueError as error:
            raise InputError(_DAMAGED) from error
        buckets, times = (np.frombuffer(part, kind) for part, kind in zip(found, (np.uint16, np.uint8), strict=True))
        return Features(begins=np.frombuffer(begins, np.int64), buckets=buckets, times=times)
    empty = np.zeros(1, np.int64), np.empty(0, np.uint16), np.empty(0, np.uint8)
    chunks = (contents[begin : begin + _CHUNK] for begin in range(0, len(contents), _CHUNK))
    sizes, buckets, times = map(np.concatenate, zip(empty, *map(_read_chunk, chunks), strict=True))
    return Features(begins=np.cumsum(sizes), buckets=buckets, times=times)


def _read_chunk(contents: Sequence[bytes]) -> tuple[NDArray[np.int64], NDArray[np.uint16], NDArray[np.uint8]]:
    """Of some sketches, how many features each has, and their buckets and times."""
    read = np.frombuffer(b"".join([content[HEAD:] for content in contents]), dtype=np.uint8)
    ends = np.concatenate([np.zeros(1, np.int64), np.cumsum([len(content) - HEAD for content in contents])])
    ahead = np.concatenate([np.zeros(1, np.int32), np.cumsum(_ADVANCE[read], dtype=np.int32)])
    before = ahead[ends]
    if np.any(np.diff(before) > BUCKETS):
        raise InputError(_DAMAGED)
    at = np.flatnonzero(read < FIRST_SKIP)
    sizes = np.diff(np.searchsorted(at, ends))
    buckets = ahead[1:][at] - np.repeat(before[:-1] + 1, sizes)
    return sizes, buckets.astype(np.uint16), _TIMES[read[at] & 3]
