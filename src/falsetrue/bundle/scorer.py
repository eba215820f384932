"""The compiled model: texts to probabilities by the scoring kernel, from one safetensors blob.

Nothing here unpickles, opens files or needs scikit-learn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from falsetrue.bundle.blob import Blob, Header, Tensors, parts_of, read_blob
from falsetrue.errors import BundleFormatError, InputError
from falsetrue.features.kernel import ABSENT, Buffer, Kernel, native_kernel
from falsetrue.features.languages import (
    UNDETERMINED,
    judge_language,
    judge_languages,
    language_table,
    languages_of,
)
from falsetrue.features.numpy_kernel import NumpyKernel
from falsetrue.features.numpy_kernel import sigmoid as sigmoid  # noqa: PLC0414 - part of what a scorer says
from falsetrue.model.decision import TextScore
from falsetrue.news.masking import Masker

Floats = NDArray[np.float64]

#: One or two of (UTF-8, offsets, whether those have 8 bytes), as Arrow keeps strings.
Columns: TypeAlias = tuple[tuple[Buffer, Buffer, bool], ...]

#: Texts scored at a time with all that is counted in them, so that memory stays bounded whatever the batch.
CHUNK = 4096
_FIRST_LANGUAGE = 2  #: column of the kernel's integers, behind words and known words
#: Texts that are looked at one by one: for so few, arrays cost more than they save.
_FEW = 8
#: A text most of whose characters lie outside Latin-1 has at least this share of bytes that begin one.
_LEAST_BEGINNINGS = 1 / 8
#: First byte, in UTF-8, of a character outside Latin-1, or a higher one.
_OUTSIDE_LATIN_1 = 0xC4


class Scores(NamedTuple):
    """What is known of each of n texts. A tuple, as one is made for every single text that is asked for."""

    p_real: Floats  #: shape (n,), in [0, 1]
    words: list[int]  #: number of words
    known_words: list[int]  #: how many of them the model's vocabulary holds
    languages: list[str] | None = None  #: BCP 47 or ``und``; ``None`` where nobody looked
    news_log_odds: Floats | None = None  #: shape (n,), that it is news at all; ``None``: no such measure
    halves: Floats | None = None  #: shape (n, 2), ``p_real`` of the first and the second half of the words alone

    def each(self) -> list[TextScore]:
        """The same, text by text."""
        nothing = repeat(None)
        columns = zip(
            self.p_real.tolist(),
            self.words,
            self.known_words,
            nothing if self.languages is None else self.languages,
            nothing if self.news_log_odds is None else self.news_log_odds.tolist(),
            nothing if self.halves is None else map(tuple, self.halves.tolist()),
            strict=False,  # what is not known has no end
        )
        return [
            TextScore(p_real=p, words=w, known_words=k, language=language, news_log_odds=news, halves=halves)
            for p, w, k, language, news, halves in columns
        ]


@dataclass(frozen=True, kw_only=True, slots=True)
class StringScores:
    """What is known of each of n strings of a column; of those that are ``refused``, nothing that means anything."""

    p_real: Floats  #: shape (n,), in [0, 1]
    words: NDArray[np.int64]  #: shape (n,)
    known_words: NDArray[np.int64]  #: shape (n,)
    languages: list[str]  #: BCP 47 or ``und``
    news_log_odds: Floats | None  #: shape (n,)
    halves: Floats  #: shape (n, 2)
    refused: list[int]  #: rows, from 0, that are not UTF-8


class Scorer(Protocol):
    """Anything that scores texts."""

    def score(self, texts: Sequence[str]) -> Scores:
        """Everything that a verdict may depend on; the answer keeps the order of the texts."""
        ...

    def p_real(self, texts: Sequence[str]) -> Floats:
        """The probabilities alone, shape (n,)."""
        ...


class CompiledScorer:
    """A vectorizer of word n-grams and a classifier, read from a blob. May be asked from several threads at once.

    ``native`` says whether the compiled kernel is wanted where there is one. Raises :class:`ValueError`,
    :class:`OverflowError` or :class:`InputError` for what no kernel can do.
    """

    def __init__(self, header: Header, tensors: Tensors, *, native: bool = True) -> None:
        self.header = header
        self.is_native = native and ABSENT is None
        self.masker = Masker(header.masks)
        self._parts = parts_of(header, tensors)
        self._kernel: Kernel = native_kernel(self._parts) if self.is_native else NumpyKernel(self._parts)
        self._said = self._parts.said
        self._counted = _FIRST_LANGUAGE + len(language_table().languages)
        self._has_news = "news_weights" in tensors
        self._combine = _Combination(header, tensors)

    @property
    def weights(self) -> Floats:
        """Of the first weighted sum, by column."""
        return self._parts.outputs[0].weights

    @cached_property
    def numpy_kernel(self) -> NumpyKernel:
        """The kernel that can say where it found what, for explanations."""
        return self._kernel if isinstance(self._kernel, NumpyKernel) else NumpyKernel(self._parts)

    def p_real(self, texts: Sequence[str]) -> Floats:
        """The probabilities alone, shape (n,)."""
        said = np.empty((len(texts), self._said))
        self._ask(texts, said, None, halves=False)
        return self._combine(said)

    def score(self, texts: Sequence[str]) -> Scores:
        """Everything that a verdict may depend on; the answer keeps the order of the texts."""
        if len(texts) <= CHUNK:
            return self._score(texts)
        return _joined([self._score(texts[start : start + CHUNK]) for start in range(0, len(texts), CHUNK)])

    def _score(self, texts: Sequence[str]) -> Scores:
        said, counts = self._answers(len(texts))
        self._ask(texts, said, counts, halves=True)
        p_real = self._combine(said)
        return Scores(
            p_real[:, 0],
            *_counted(texts, counts),
            said[:, 0, -1] if self._has_news else None,
            p_real[:, 1:],
        )

    def _answers(self, count: int) -> tuple[Floats, NDArray[np.int64]]:
        """Room for what a kernel says and counts."""
        return np.empty((count, 3, self._said)), np.empty((count, self._counted), dtype=np.int64)

    def _ask(self, texts: Sequence[str], said: Floats, counts: NDArray[np.int64] | None, *, halves: bool) -> None:
        if self.header.masks:
            texts = [self.masker.mask(text) for text in texts]
        try:
            self._kernel.score(texts, said, counts, halves)
        except ValueError as error:
            raise InputError(f"a text cannot be scored: {error}") from error

    def strings(self, columns: Columns, begin: int, count: int) -> StringScores:
        """:meth:`score` of ``count`` strings from ``begin`` of Arrow columns, without making texts of most of them.

        ``columns`` are one or two of (UTF-8, offsets, whether those have 8 bytes); with two, a text is a string of
        the first, a line feed and one of the second. Only for a model without masks. Raises :class:`ValueError`
        for offsets outside the data.
        """
        if self.header.masks:
            raise ValueError("masks are laid over texts, not over columns")
        said, counts = self._answers(count)
        refused = self._kernel.score_utf8(columns, begin, count, said, counts, True)  # noqa: FBT003
        p_real = self._combine(said)
        return StringScores(
            p_real=p_real[:, 0],
            words=counts[:, 0],
            known_words=counts[:, 1],
            languages=_judge_strings(columns, begin, counts, set(refused)),
            news_log_odds=said[:, 0, -1] if self._has_news else None,
            halves=p_real[:, 1:],
            refused=refused,
        )


class _Combination:
    """From what a kernel says to probabilities: the mean of the members, each calibrated."""

    def __init__(self, header: Header, tensors: Tensors) -> None:
        self._members = header.members
        self._is_plain = len(header.members) == 1 and header.members[0].calibration == "none"
        self._steps: list[tuple[Floats, Floats]] = []
        if "isotonic_sizes" in tensors:
            ends = np.cumsum(tensors["isotonic_sizes"])[:-1]
            x, y = (np.split(tensors[name], ends) for name in ("isotonic_x", "isotonic_y"))
            self._steps = list(zip(x, y, strict=True))

    def __call__(self, said: Floats) -> Floats:
        """Shape (..., said) to shape (...)."""
        if self._is_plain:
            return said[..., 0]
        steps = iter(self._steps)
        p_real = np.zeros(said.shape[:-1])
        for number, member in enumerate(self._members):
            value = said[..., number]
            if member.calibration == "sigmoid":
                value = sigmoid(member.calibration_slope * value + member.calibration_offset)
            elif member.calibration == "isotonic":
                value = np.interp(value, *next(steps))
            p_real += value
        return p_real / len(self._members)


def _counted(texts: Sequence[str], counts: NDArray[np.int64]) -> tuple[list[int], list[int], list[str]]:
    """Words, known words and language of each text."""
    if len(texts) > _FEW:
        words = counts[:, 0]
        return words.tolist(), counts[:, 1].tolist(), languages_of(texts, counts[:, _FIRST_LANGUAGE:], words)
    rows = counts.tolist()
    languages = [judge_language(text, row[_FIRST_LANGUAGE:], row[0]) for text, row in zip(texts, rows, strict=True)]
    return [row[0] for row in rows], [row[1] for row in rows], languages


def _joined(parts: Sequence[Scores]) -> Scores:
    """The scores of several chunks as one."""
    news = [part.news_log_odds for part in parts if part.news_log_odds is not None]
    return Scores(
        p_real=np.concatenate([part.p_real for part in parts]),
        words=[count for part in parts for count in part.words],
        known_words=[count for part in parts for count in part.known_words],
        languages=[language for part in parts for language in part.languages or ()],
        news_log_odds=np.concatenate(news) if news else None,
        halves=np.concatenate([part.halves for part in parts if part.halves is not None]),
    )


def from_bytes(blob: Blob, *, native: bool = True) -> CompiledScorer:
    """Read the blob; raises :class:`BundleDamagedError` or :class:`BundleFormatError`, never anything else.

    The scorer's weights stay where they lie in the blob. ``native`` says whether the compiled kernel is wanted.
    """
    header, tensors = read_blob(blob)
    try:
        return CompiledScorer(header, tensors, native=native)
    except (OverflowError, ValueError, InputError) as error:
        raise BundleFormatError(f"scorer.safetensors: {error}") from error


# --- languages of strings ---------------------------------------------------------------------------


class _Strings:
    """Some strings of an Arrow column."""

    def __init__(self, data: Buffer, offsets: Buffer, wide: bool, begin: int, count: int) -> None:  # noqa: FBT001
        self._data = np.frombuffer(data, dtype=np.uint8) if memoryview(data).nbytes else np.empty(0, dtype=np.uint8)
        held = np.frombuffer(offsets, dtype=np.int64 if wide else np.int32)
        self._ends = held[begin : begin + count + 1].astype(np.int64)
        self.bytes = np.diff(self._ends)

    def beginnings(self) -> NDArray[np.int64]:
        """Of characters outside Latin-1 in each string."""
        here = self._data[self._ends[0] : self._ends[-1]]
        places = np.flatnonzero(here >= _OUTSIDE_LATIN_1)
        found: NDArray[np.int64] = np.diff(np.searchsorted(places, self._ends - self._ends[0]))
        return found

    def text(self, row: int) -> str:
        return self._data[self._ends[row] : self._ends[row + 1]].tobytes().decode()


def _judge_strings(columns: Columns, begin: int, counts: NDArray[np.int64], refused: set[int]) -> list[str]:
    """As :func:`judge_language` of every string; texts are made of those only whose script must be looked at."""
    judged = judge_languages(counts[:, _FIRST_LANGUAGE:], counts[:, 0])
    if not judged:
        return []
    strings = [_Strings(*column, begin, len(judged)) for column in columns]
    size = np.sum([each.bytes for each in strings], axis=0)
    beginnings = np.sum([each.beginnings() for each in strings], axis=0)
    may_be_foreign = (beginnings > _LEAST_BEGINNINGS * size).tolist()
    for row, language in enumerate(judged):
        if row not in refused and (may_be_foreign[row] or language == UNDETERMINED):
            text = "\n".join(each.text(row) for each in strings)
            judged[row] = judge_language(text, counts[row, _FIRST_LANGUAGE:].tolist(), int(counts[row, 0]))
    return judged
