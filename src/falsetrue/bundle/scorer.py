"""The compiled model: texts to probabilities with NumPy alone, from one safetensors blob.

Nothing here unpickles, opens files or needs scikit-learn. The blob is the safetensors format
(a JSON header, then plain arrays); on top of that library's own checks every count, index and
number is checked here before it is used.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from falsetrue.errors import BundleDamagedError, BundleFormatError
from falsetrue.features.vocabulary import Vocabulary

Floats = NDArray[np.float64]
Tensors = dict[str, NDArray[Any]]

#: Format of the blob; raised with every change that an older reader would misread.
SCORER_FORMAT = 1
#: Words in the longest n-gram that the format knows.
LARGEST_NGRAM = 3
#: Texts counted at a time, so that memory stays bounded whatever the batch.
CHUNK = 256


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the arrays mean."""

    format: int = SCORER_FORMAT
    head: str  #: ``linear`` or ``forest``
    smallest_ngram: int
    largest_ngram: int
    sublinear_tf: bool
    intercept: float = 0.0  #: linear: added to the weighted sum, giving the decision value
    slope: float = 1.0  #: linear: ``p_real = sigmoid(slope * decision + offset)``
    offset: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Scores:
    """What is known of each of n texts."""

    p_real: Floats  #: shape (n,), in [0, 1]
    words: list[int]  #: number of words
    known_words: list[int]  #: how many of them the model's vocabulary holds


class Scorer(Protocol):
    """Anything that scores texts."""

    def score(self, texts: Sequence[str]) -> Scores:
        """Score texts; the answer keeps their order."""
        ...


@dataclass(frozen=True, kw_only=True)
class Features:
    """Non-zero TF-IDF values of n texts, as parallel arrays sorted by text, then term."""

    count: int
    rows: NDArray[np.int64]
    terms: NDArray[np.int64]
    values: Floats  #: each row has Euclidean length 1, or no value at all


class LinearHead:
    """A weighted sum and a sigmoid."""

    def __init__(self, header: Header, tensors: Tensors) -> None:
        self._header = header
        self._weights = tensors["weights"]

    def p_real(self, features: Features) -> Floats:
        """Probabilities, shape (n,)."""
        products = features.values * self._weights[features.terms]
        decision = np.bincount(features.rows, products, features.count) + self._header.intercept
        return sigmoid(self._header.slope * decision + self._header.offset)


class ForestHead:
    """The mean over decision trees, all walked at once level by level."""

    def __init__(self, header: Header, tensors: Tensors) -> None:
        del header
        used = np.unique(tensors["feature"][tensors["feature"] >= 0])
        self._column = np.full(len(tensors["idf"]), -1, dtype=np.int64)
        self._column[used] = np.arange(len(used))
        self._width = len(used)
        self._roots = tensors["roots"].astype(np.int64)
        leaf = tensors["feature"] < 0
        here = np.arange(len(leaf))
        left = np.where(leaf, here, tensors["left"])
        right = np.where(leaf, here, tensors["right"])
        self._child = np.column_stack([left, right]).ravel()  # of node n: left at 2n, right at 2n + 1
        self._test = self._column[np.where(leaf, used[0] if len(used) else 0, tensors["feature"])]
        self._threshold = tensors["threshold"]
        self._value = tensors["value"]
        self._levels = self._count_levels()

    def _count_levels(self) -> int:
        """Steps after which every walk stands at a leaf."""
        levels, nodes = 0, np.unique(self._roots)
        while True:
            following = np.unique(np.concatenate([self._child[2 * nodes], self._child[2 * nodes + 1]]))
            if np.array_equal(following, nodes):
                return levels
            levels, nodes = levels + 1, following

    def p_real(self, features: Features) -> Floats:
        """Probabilities, shape (n,)."""
        # scikit-learn's trees compare float32 values with float64 thresholds.
        width = max(1, self._width)
        values = np.zeros(features.count * width, dtype=np.float32)
        columns = self._column[features.terms]
        tested = columns >= 0
        values[features.rows[tested] * width + columns[tested]] = features.values[tested]
        node = np.tile(self._roots, (features.count, 1))
        row = (np.arange(features.count) * width)[:, None]
        for _ in range(self._levels):
            node = self._child[2 * node + (values[row + self._test[node]] > self._threshold[node])]
        return np.asarray(self._value[node].mean(axis=1), dtype=np.float64)


def sigmoid(value: Floats) -> Floats:
    """``1 / (1 + exp(-value))`` without overflow."""
    small = np.exp(-np.abs(value))
    return np.where(value >= 0, 1 / (1 + small), small / (1 + small))


class CompiledScorer:
    """A TF-IDF vectorizer and a classifier head, read from a blob."""

    def __init__(self, header: Header, tensors: Tensors) -> None:
        self._header = header
        self._vocabulary = Vocabulary(tensors["terms"], header.largest_ngram)
        self._idf: Floats = tensors["idf"]
        self._head = LinearHead(header, tensors) if header.head == "linear" else ForestHead(header, tensors)

    def score(self, texts: Sequence[str]) -> Scores:
        """Score texts; the answer keeps their order."""
        p_real = np.empty(len(texts))
        word_counts: list[int] = []
        known: list[int] = []
        for start in range(0, len(texts), CHUNK):
            features = self._features(texts[start : start + CHUNK], word_counts, known)
            p_real[start : start + CHUNK] = self._head.p_real(features)
        return Scores(p_real=p_real, words=word_counts, known_words=known)

    def _features(self, texts: Sequence[str], word_counts: list[int], known: list[int]) -> Features:
        numbers = self._vocabulary.numbers(texts, word_counts)
        rows = np.repeat(np.arange(len(texts)), np.array(word_counts[-len(texts) :]) + 1)
        single = self._vocabulary.single[numbers]
        is_known = single >= 0
        known += np.bincount(rows[numbers >= 0], minlength=len(texts)).tolist()
        width = self._vocabulary.size
        header = self._header
        keys = [rows[is_known] * width + single[is_known]] if header.smallest_ngram == 1 else []
        for places, columns in self._vocabulary.ngrams(numbers, header.smallest_ngram, header.largest_ngram):
            keys.append(rows[places] * width + columns)
        return self._weigh(len(texts), keys[0] if len(keys) == 1 else np.concatenate(keys))

    def _weigh(self, count: int, keys: NDArray[np.int64]) -> Features:
        """TF-IDF of the terms found; a key is ``row * number of terms + term``."""
        keys.sort()
        is_first = np.ones(len(keys), dtype=bool)
        np.not_equal(keys[1:], keys[:-1], out=is_first[1:])
        starts = np.flatnonzero(is_first)
        rows, terms = np.divmod(keys[starts], self._vocabulary.size)
        frequency = np.diff(starts, append=len(keys)).astype(np.float64)
        if self._header.sublinear_tf:
            frequency = np.log(frequency) + 1
        values = frequency * self._idf[terms]
        length = np.sqrt(np.bincount(rows, values * values, count))
        return Features(count=count, rows=rows, terms=terms, values=values / length[rows])


# --- the blob ----------------------------------------------------------------------------------

_DTYPES = {
    "terms": np.uint8,
    "idf": np.float64,
    "weights": np.float64,
    "feature": np.int32,
    "threshold": np.float64,
    "left": np.int32,
    "right": np.int32,
    "value": np.float64,
    "roots": np.int32,
}
_NAMES = {
    "linear": {"terms", "idf", "weights"},
    "forest": {"terms", "idf", "feature", "threshold", "left", "right", "value", "roots"},
}


def to_bytes(header: Header, tensors: Tensors) -> bytes:
    """Write the blob."""
    metadata = {"falsetrue": msgspec.json.encode(header).decode()}
    return safetensors.numpy.save(tensors, metadata)


def from_bytes(blob: bytes) -> CompiledScorer:
    """Read the blob; raises :class:`BundleDamagedError` or :class:`BundleFormatError`, never anything else."""
    try:
        tensors = safetensors.numpy.load(blob)
        header = _header(blob)
    except (safetensors.SafetensorError, msgspec.MsgspecError, ValueError, KeyError, TypeError) as error:
        raise BundleDamagedError(f"scorer.safetensors cannot be read ({type(error).__name__})") from error
    _check(header, tensors)
    try:
        return CompiledScorer(header, tensors)
    except OverflowError as error:
        raise BundleFormatError(f"scorer.safetensors: {error}") from error


def _header(blob: bytes) -> Header:
    length = int.from_bytes(blob[:8], "little")
    metadata = msgspec.json.decode(blob[8 : 8 + length], type=dict[str, Any])["__metadata__"]
    written = msgspec.json.decode(metadata["falsetrue"], type=dict[str, Any])
    if written.get("format", 0) != SCORER_FORMAT:
        raise BundleFormatError(
            f"scorer.safetensors has format {written.get('format')!r}; this version reads {SCORER_FORMAT}: "
            "upgrade falsetrue or train again"
        )
    return msgspec.convert(written, Header)


def _check(header: Header, tensors: Tensors) -> None:
    """Every name, type, length, index and number."""
    if header.head not in _NAMES or set(tensors) != _NAMES[header.head]:
        raise BundleDamagedError("scorer.safetensors does not hold the arrays of a known model")
    if not 1 <= header.smallest_ngram <= header.largest_ngram <= LARGEST_NGRAM:
        raise BundleDamagedError("scorer.safetensors asks for n-grams that no model has")
    for name, tensor in tensors.items():
        if tensor.dtype != _DTYPES[name] or tensor.ndim != 1:
            raise BundleDamagedError(f"scorer.safetensors: array {name!r} has an unexpected type or shape")
        if tensor.dtype == np.float64 and not np.isfinite(tensor).all():
            raise BundleDamagedError(f"scorer.safetensors: array {name!r} holds a number that is not finite")
    if not np.isfinite([header.intercept, header.slope, header.offset]).all():
        raise BundleDamagedError("scorer.safetensors: a coefficient is not finite")
    terms = _terms(tensors)
    if not terms or len(terms) != len(tensors["idf"]) or len(set(terms)) != len(terms):
        raise BundleDamagedError("scorer.safetensors: vocabulary and weights do not fit together")
    if header.head == "linear" and len(tensors["weights"]) != len(terms):
        raise BundleDamagedError("scorer.safetensors: vocabulary and weights do not fit together")
    if header.head == "forest":
        _check_forest(tensors, len(terms))


def _check_forest(tensors: Tensors, terms: int) -> None:
    nodes = len(tensors["feature"])
    sizes = {len(tensors[name]) for name in ("threshold", "left", "right", "value")}
    inner = tensors["feature"] >= 0
    here = np.arange(nodes)[inner]
    children = np.concatenate([tensors["left"][inner], tensors["right"][inner]])
    sound = (
        sizes == {nodes}
        and len(tensors["roots"]) > 0
        and bool(np.all((tensors["roots"] >= 0) & (tensors["roots"] < nodes)))
        and bool(np.all(tensors["feature"] < terms))
        and bool(np.all(children < nodes))
        # Children stand behind their parent, so that every walk ends.
        and bool(np.all(children > np.concatenate([here, here])))
        and bool(np.all((tensors["value"] >= 0) & (tensors["value"] <= 1)))
    )
    if not sound:
        raise BundleDamagedError("scorer.safetensors: the trees do not fit together")


def _terms(tensors: Tensors) -> list[str]:
    try:
        return tensors["terms"].tobytes().decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise BundleDamagedError("scorer.safetensors: the vocabulary is not UTF-8") from error


def make_terms(vocabulary: Sequence[str]) -> NDArray[np.uint8]:
    """The vocabulary, in column order, as the blob holds it (no term can contain a line feed)."""
    return np.frombuffer("\n".join(vocabulary).encode("utf-8"), dtype=np.uint8)
