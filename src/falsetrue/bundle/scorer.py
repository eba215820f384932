"""The compiled model: texts to probabilities with NumPy alone, from one safetensors blob.

Nothing here unpickles, opens files or needs scikit-learn. The blob is the safetensors format
(a JSON header, then plain arrays); on top of that library's own checks every count, index and
number is checked here before it is used.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from falsetrue.errors import BundleDamagedError, BundleFormatError, InputError
from falsetrue.features.languages import languages_of
from falsetrue.features.vocabulary import Vocabulary
from falsetrue.model.decision import TextScore
from falsetrue.news.masking import Masker

Floats = NDArray[np.float64]
Tensors = dict[str, NDArray[Any]]

#: Format of the blob; raised with every change that an older reader would misread.
#: 1: neither masks nor a measure of how much a text is like news. 2: both, where the header and the arrays say so.
SCORER_FORMAT = 2
_READABLE_FORMATS = (1, 2)
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
    masks: list[str] = []  #: names of the masks laid over a text before its words are counted
    news_intercept: float = 0.0  #: added to the sum weighted by ``news_weights``, where there are any


@dataclass(frozen=True, kw_only=True)
class Scores:
    """What is known of each of n texts."""

    p_real: Floats  #: shape (n,), in [0, 1]
    words: list[int]  #: number of words
    known_words: list[int]  #: how many of them the model's vocabulary holds
    languages: list[str] | None = None  #: BCP 47 or ``und``; ``None`` where nobody looked
    news_log_odds: Floats | None = None  #: shape (n,), that it is news at all; ``None``: no such measure
    halves: Floats | None = None  #: shape (n, 2), ``p_real`` of the first and the second half of the words alone

    def each(self) -> list[TextScore]:
        """The same, text by text."""
        count = len(self.words)
        nothing: list[None] = [None] * count
        columns = (
            self.p_real.tolist(),
            self.words,
            self.known_words,
            nothing if self.languages is None else self.languages,
            nothing if self.news_log_odds is None else self.news_log_odds.tolist(),
            nothing if self.halves is None else map(tuple, self.halves.tolist()),
        )
        return [
            TextScore(p_real=p, words=w, known_words=k, language=language, news_log_odds=news, halves=halves)
            for p, w, k, language, news, halves in zip(*columns, strict=True)
        ]


class Scorer(Protocol):
    """Anything that scores texts."""

    def score(self, texts: Sequence[str]) -> Scores:
        """Everything that a verdict may depend on; the answer keeps the order of the texts."""
        ...

    def p_real(self, texts: Sequence[str]) -> Floats:
        """The probabilities alone, shape (n,)."""
        ...


@dataclass(frozen=True, kw_only=True)
class Features:
    """Non-zero TF-IDF values of n texts, as parallel arrays sorted by text, then term."""

    count: int
    rows: NDArray[np.int64]
    terms: NDArray[np.int64]
    values: Floats  #: each row has Euclidean length 1, or no value at all

    def weighted_sum(self, weights: Floats) -> Floats:
        """Sum of values times weights by term, shape (count,)."""
        return np.bincount(self.rows, self.values * weights[self.terms], self.count)


class LinearHead:
    """A weighted sum and a sigmoid."""

    def __init__(self, header: Header, tensors: Tensors) -> None:
        self._header = header
        self.weights: Floats = tensors["weights"]

    def p_real(self, features: Features) -> Floats:
        """Probabilities, shape (n,)."""
        decision = features.weighted_sum(self.weights) + self._header.intercept
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
        self.header = header
        self.vocabulary = Vocabulary(tensors["terms"], header.largest_ngram)
        self.idf: Floats = tensors["idf"]
        self.head = LinearHead(header, tensors) if header.head == "linear" else ForestHead(header, tensors)
        self._news_weights: Floats | None = tensors.get("news_weights")
        self.masker = Masker(header.masks)

    def p_real(self, texts: Sequence[str]) -> Floats:
        """The probabilities alone, shape (n,)."""
        p_real = np.empty(len(texts))
        for start in range(0, len(texts), CHUNK):
            p_real[start : start + CHUNK] = self.head.p_real(self._count(texts[start : start + CHUNK]).features())
        return p_real

    def score(self, texts: Sequence[str]) -> Scores:
        """Everything that a verdict may depend on; the answer keeps the order of the texts."""
        parts = [self._score(texts[start : start + CHUNK]) for start in range(0, len(texts), CHUNK)]
        return _joined(parts or [self._score([])], has_news=self._news_weights is not None)

    def _score(self, texts: Sequence[str]) -> Scores:
        counted = self._count(texts)
        features = counted.features()
        return Scores(
            p_real=self.head.p_real(features),
            words=counted.words.tolist(),
            known_words=counted.known_words().tolist(),
            languages=languages_of(texts, counted.function_words(), counted.words),
            news_log_odds=self._news_log_odds(features),
            halves=self.head.p_real(counted.features(halves=True)).reshape(len(texts), 2),
        )

    def _news_log_odds(self, features: Features) -> Floats | None:
        if self._news_weights is None:
            return None
        return features.weighted_sum(self._news_weights) + self.header.news_intercept

    def _count(self, texts: Sequence[str]) -> "Counted":
        return Counted(self, [self.masker.mask(text) for text in texts] if self.header.masks else texts)


class Counted:
    """The terms of a few texts, found."""

    def __init__(self, scorer: CompiledScorer, texts: Sequence[str]) -> None:
        self._scorer = scorer
        word_counts: list[int] = []
        #: The number of every word, -1 for one in no term, and one -1 behind each text.
        self._numbers = scorer.vocabulary.numbers(texts, word_counts)
        self.words = np.array(word_counts, dtype=np.int64)  #: shape (n,)
        #: The same, -1 also for function words that are in no term.
        self._terms = scorer.vocabulary.terms_only(self._numbers)
        self._rows = np.repeat(np.arange(len(texts)), self.words + 1)
        #: For each length of n-grams, from the smallest: at which word those start that are terms, and their columns.
        self.occurrences: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = list(self._find())

    def _find(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """For each length of n-grams: at which word those start that are terms, and their columns."""
        header, vocabulary = self._scorer.header, self._scorer.vocabulary
        if header.smallest_ngram == 1:
            single = vocabulary.single[self._terms]
            places = np.flatnonzero(single >= 0)
            yield places, single[places]
        yield from vocabulary.ngrams(self._terms, header.smallest_ngram, header.largest_ngram)

    def known_words(self) -> NDArray[np.int64]:
        """How many words of each text the vocabulary holds, shape (n,)."""
        return np.bincount(self._rows[self._terms >= 0], minlength=len(self.words))

    def function_words(self) -> NDArray[np.int64]:
        """How many of the words of each text are function words of each language, shape (n, languages)."""
        bits = self._scorer.vocabulary.language_bits
        ends = np.cumsum(self.words + 1) - 1
        counts = np.empty((len(self.words), bits.shape[1]), dtype=np.int64)
        for text, (end, size) in enumerate(zip(ends.tolist(), self.words.tolist(), strict=True)):
            bits[self._numbers[end - size : end]].sum(axis=0, dtype=np.int64, out=counts[text])
        return counts

    def features(self, *, halves: bool = False) -> Features:
        """TF-IDF of the terms: a row for each text or, with ``halves``, for each half of the words of each."""
        rows, count = self._rows, len(self.words)
        if halves:
            begin = np.cumsum(self.words + 1) - self.words - 1
            middle = begin + self.words // 2
            rows = 2 * rows + (np.arange(len(rows)) >= middle[rows])
            count = 2 * count
        size = self._scorer.vocabulary.size
        keys = [rows[places] * size + columns for places, columns in self.occurrences]
        return self._weigh(count, np.concatenate(keys))

    def _weigh(self, count: int, keys: NDArray[np.int64]) -> Features:
        """TF-IDF of the terms found; a key is ``row * number of terms + term``."""
        keys.sort()
        is_first = np.ones(len(keys), dtype=bool)
        np.not_equal(keys[1:], keys[:-1], out=is_first[1:])
        starts = np.flatnonzero(is_first)
        rows, terms = np.divmod(keys[starts], self._scorer.vocabulary.size)
        frequency = np.diff(starts, append=len(keys)).astype(np.float64)
        if self._scorer.header.sublinear_tf:
            frequency = np.log(frequency) + 1
        values = frequency * self._scorer.idf[terms]
        length = np.sqrt(np.bincount(rows, values * values, count))
        return Features(count=count, rows=rows, terms=terms, values=values / length[rows])


def _joined(parts: Sequence[Scores], *, has_news: bool) -> Scores:
    """The scores of several chunks as one."""
    return Scores(
        p_real=np.concatenate([part.p_real for part in parts]),
        words=[count for part in parts for count in part.words],
        known_words=[count for part in parts for count in part.known_words],
        languages=[language for part in parts for language in part.languages or ()],
        news_log_odds=np.concatenate([part.news_log_odds for part in parts]) if has_news else None,
        halves=np.concatenate([part.halves for part in parts if part.halves is not None]),
    )


# --- the blob ----------------------------------------------------------------------------------

_DTYPES = {
    "terms": np.uint8,
    "idf": np.float64,
    "news_weights": np.float64,
    "weights": np.float64,
    "feature": np.int32,
    "threshold": np.float64,
    "left": np.int32,
    "right": np.int32,
    "value": np.float64,
    "roots": np.int32,
}
_NAMES = {
    "linear": {"terms", "idf", "weights"},  # and, where news is told from other texts, "news_weights"
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
    except (OverflowError, InputError) as error:
        raise BundleFormatError(f"scorer.safetensors: {error}") from error


def _header(blob: bytes) -> Header:
    length = int.from_bytes(blob[:8], "little")
    metadata = msgspec.json.decode(blob[8 : 8 + length], type=dict[str, Any])["__metadata__"]
    written = msgspec.json.decode(metadata["falsetrue"], type=dict[str, Any])
    if written.get("format", 0) not in _READABLE_FORMATS:
        raise BundleFormatError(
            f"scorer.safetensors has format {written.get('format')!r}; this version reads 1 to {SCORER_FORMAT}: "
            "upgrade falsetrue or train again"
        )
    return msgspec.convert(written, Header)


def _check(header: Header, tensors: Tensors) -> None:
    """Every name, type, length, index and number."""
    if header.head not in _NAMES or set(tensors) - {"news_weights"} != _NAMES[header.head]:
        raise BundleDamagedError("scorer.safetensors does not hold the arrays of a known model")
    if not 1 <= header.smallest_ngram <= header.largest_ngram <= LARGEST_NGRAM:
        raise BundleDamagedError("scorer.safetensors asks for n-grams that no model has")
    for name, tensor in tensors.items():
        if tensor.dtype != _DTYPES[name] or tensor.ndim != 1:
            raise BundleDamagedError(f"scorer.safetensors: array {name!r} has an unexpected type or shape")
        if tensor.dtype == np.float64 and not np.isfinite(tensor).all():
            raise BundleDamagedError(f"scorer.safetensors: array {name!r} holds a number that is not finite")
    if not np.isfinite([header.intercept, header.slope, header.offset, header.news_intercept]).all():
        raise BundleDamagedError("scorer.safetensors: a coefficient is not finite")
    terms = _terms(tensors)
    if not terms or len(terms) != len(tensors["idf"]) or len(set(terms)) != len(terms):
        raise BundleDamagedError("scorer.safetensors: vocabulary and weights do not fit together")
    if any(len(tensors[name]) != len(terms) for name in ("weights", "news_weights") if name in tensors):
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
