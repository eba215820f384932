"""What is known of each of many texts that were classified, as columns: rows of the journal, or of a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from falsetrue.features.sketches import BINS, STYLES, Features, mixed, read_sketches
from falsetrue.model.decision import EVEN, Outcome, Thresholds

Flags = NDArray[np.bool_]

#: What :attr:`Observations.labels` and :attr:`Observations.truth` hold.
FALSE: Final = 0
REAL: Final = 1
UNSURE: Final = -1  #: of ``labels``: no decision
UNKNOWN: Final = -1  #: of ``truth``: nobody said
#: How a verdict is written in ``labels``.
SAID: Final[Mapping[str, int]] = {Outcome.FALSE: FALSE, Outcome.REAL: REAL, Outcome.UNSURE: UNSURE}


@dataclass(frozen=True, kw_only=True)
class Observations:
    """n texts. Of one whose sketch was not kept, ``styles`` are NaN, ``minhash`` is 0 and ``features`` has no entry."""

    seconds: NDArray[np.float64]  #: (n,), when each was classified, since 1970 UTC
    p_real: NDArray[np.float64]  #: (n,), in [0, 1], as the model says it: not re-derived for another prevalence
    labels: NDArray[np.int8]  #: (n,), what was said: 0 false, 1 real, -1 unsure
    languages: NDArray[np.object_]  #: (n,), BCP 47, or ``None``
    keys: NDArray[np.object_]  #: (n,), id of the key that asked, or ``None``
    characters: NDArray[np.int64]  #: (n,)
    words: NDArray[np.int64]  #: (n,)
    known_words: NDArray[np.int64]  #: (n,), how many of them the model's vocabulary holds; -1: not known
    styles: NDArray[np.float32]  #: (n, 16), in the order of :data:`falsetrue.features.sketches.STYLES`
    minhash: NDArray[np.uint16]  #: (n, 64)
    features: Features | None  #: n rows; ``None`` where nobody read them
    priority: NDArray[np.uint64]  #: (n,), uniformly random and no two the same: see :func:`priorities_of_ids`
    truth: NDArray[np.int8] | None = None  #: (n,), 0 false, 1 real, -1 not known; ``None``: of none is it known
    forced: Flags | None = None  #: (n,), whether a verdict was demanded, as by ``POST /falsetrue``; ``None``: of none

    def __len__(self) -> int:
        """How many texts."""
        return len(self.p_real)

    @property
    def sketched(self) -> Flags:
        """(n,), of which texts there is a sketch."""
        return ~np.isnan(self.styles[:, 0])

    def where(self, wanted: Flags) -> "Observations":
        """Those texts of which ``wanted``, shape (n,), is true."""
        rows = np.flatnonzero(wanted)
        changed: dict[str, Any] = {}
        for field in fields(self):
            column = getattr(self, field.name)
            if isinstance(column, Features):
                changed[field.name] = rows_of_features(column, rows)
            else:
                changed[field.name] = None if column is None else column[rows]
        return Observations(**changed)


def rows_of_features(features: Features, rows: NDArray[np.int64]) -> Features:
    """Some rows, in the order given."""
    begins, sizes = features.begins[rows], np.diff(features.begins)[rows]
    ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    at = np.repeat(begins - ends[:-1], sizes) + np.arange(ends[-1])
    return Features(begins=ends, buckets=features.buckets[at], times=features.times[at])


def joined_features(parts: Sequence[Features]) -> Features:
    """The rows of several, one after another; there is at least one."""
    sizes = [np.diff(part.begins) for part in parts]
    return Features(
        begins=np.concatenate([np.zeros(1, np.int64), np.cumsum(np.concatenate(sizes))]),
        buckets=np.concatenate([part.buckets for part in parts]),
        times=np.concatenate([part.times for part in parts]),
    )


def no_features(texts: int) -> Features:
    """As many rows without an entry."""
    return Features(begins=np.zeros(texts + 1, np.int64), buckets=np.empty(0, np.uint16), times=np.empty(0, np.uint8))


def no_sketches(texts: int) -> tuple[NDArray[np.float32], NDArray[np.uint16]]:
    """``styles`` and ``minhash`` of texts whose sketch was not kept."""
    return np.full((texts, len(STYLES)), np.nan, np.float32), np.zeros((texts, BINS), np.uint16)


def observed(
    *,
    p_real: NDArray[np.float64],
    labels: NDArray[np.int8],
    languages: Sequence[str | None],
    characters: Sequence[int],
    words: Sequence[int],
    known_words: Sequence[int],
    sketches: Sequence[bytes],
    seconds: NDArray[np.float64],
    priority: NDArray[np.uint64],
    truth: NDArray[np.int8] | None = None,
) -> Observations:
    """Texts that were classified here, each with its sketch, for nobody's key; n of everything.

    Raises :class:`InputError` for what is no sketch.
    """
    read = read_sketches(sketches)
    return Observations(
        seconds=seconds,
        p_real=p_real,
        labels=labels,
        languages=np.array([*languages, None], dtype=object)[:-1],
        keys=np.full(len(p_real), None, dtype=object),
        characters=np.array(characters, dtype=np.int64),
        words=np.array(words, dtype=np.int64),
        known_words=np.array(known_words, dtype=np.int64),
        styles=read.styles,
        minhash=read.minhash,
        features=read.features,
        priority=priority,
        truth=truth,
    )


def priorities_of_ids(ids: Sequence[str]) -> NDArray[np.uint64]:
    """A random rank for each id of the journal, shape (n,), always the same for the same id.

    ``ids`` are UUIDs in their canonical form. A version 7 (RFC 9562) has 74 random bits; all of them sway the rank.
    """
    digits = bytes.fromhex("".join(ids).replace("-", ""))
    halves = np.frombuffer(digits, ">u8").reshape(-1, 2).astype(np.uint64)
    return mixed(mixed(halves[:, 0]) ^ halves[:, 1])


def priorities_of_rows(first: int, count: int, seed: int) -> NDArray[np.uint64]:
    """A random rank for each of ``count`` rows of a file from number ``first`` on, shape (count,)."""
    numbers = np.arange(first + 1, first + count + 1, dtype=np.uint64)
    return mixed(numbers ^ mixed(np.array([seed + 1], dtype=np.uint64)))


def labels_of(p_real: NDArray[np.float64], thresholds: Thresholds | None = None) -> NDArray[np.int8]:
    """What is said of each ``p_real``: by some thresholds, or, where a model must choose, by a half."""
    if thresholds is None:
        return (p_real > EVEN).astype(np.int8)
    said = np.full(len(p_real), UNSURE, np.int8)
    said[p_real < thresholds.false_below] = FALSE
    said[p_real > thresholds.real_above] = REAL
    return said
