"""What each word of a text added to the answer of a linear model, exactly.

A linear model on TF-IDF says ``log-odds = base + sum over terms of w_t * x_t``. The share of a term is split equally
over its occurrences in the text, and that of an occurrence equally over its words, so that the contributions of all
words and the base sum to the log-odds (an additive attribution in the sense of Lundberg and Lee, NeurIPS 2017, here
without approximation, as the model is linear; the base belongs to a text without a known word).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from falsetrue.features.spans import Span
from falsetrue.model.decision import Reason

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


class Field(StrEnum):
    """Which part of an item a span points into."""

    TITLE = "title"
    TEXT = "text"


class Unexplained(StrEnum):
    """Why a model's answers cannot be explained word by word."""

    NOT_LINEAR = "not_linear"  #: trees weigh words together, not one by one
    NOT_COMPILED = "not_compiled"  #: somebody's own estimator, which cannot be looked into


#: Where one of these speaks against a decision, the model does not know such texts, and which of their words moved its
#: score means little: people are not shown it.
NOT_TELLING = frozenset({Reason.TOO_SHORT, Reason.UNSUPPORTED_LANGUAGE, Reason.OUT_OF_SCOPE})


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A span of a title or a text."""

    field: Field
    start: int  #: code points from the start of the field
    end: int  #: of the first one behind the span

    def of(self, text: str, title: str | None) -> str:
        """What stands there."""
        return ((title or "") if self.field is Field.TITLE else text)[self.start : self.end]


@dataclass(frozen=True, kw_only=True, slots=True)
class Contribution(Piece):
    """What a span added to the log-odds."""

    contribution: float  #: above 0 toward *real*, below 0 toward *false*


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """Why a text got its probability: ``base`` and the contributions of ``spans`` sum to ``log_odds``."""

    log_odds: float  #: natural logarithm of ``p_real / (1 - p_real)``, before any correction for prevalence
    base: float  #: what the model says of a text without a known word
    spans: tuple[Contribution, ...]  #: of the words that added anything, in order
    sentences: tuple[Contribution, ...]  #: sums over their words; together they cover title and text
    masked: tuple[Piece, ...]  #: what the model was not shown


@dataclass(frozen=True, kw_only=True, slots=True)
class Pull:
    """What all occurrences of one word added to the log-odds."""

    word: str  #: in lower case
    contribution: float
    count: int  #: occurrences


@dataclass(frozen=True, kw_only=True)
class Occurrences:
    """Where a text holds terms of one length, as parallel arrays."""

    length: int  #: words in each
    places: Indices  #: number of the first word, from 0
    terms: Indices  #: which term


def contributions_of_words(
    count: int, occurrences: Iterable[Occurrences], terms: Indices, contributions: Floats
) -> Floats:
    """What each of the ``count`` words of a text added to the log-odds, shape (count,).

    ``terms`` are the terms of the text in ascending order and ``contributions`` what each of them added, both of shape
    (terms,).
    """
    words = np.zeros(count)
    for found in occurrences:
        at = np.searchsorted(terms, found.terms)
        shares = contributions[at] / np.bincount(at, minlength=len(terms))[at] / found.length
        for place in range(found.length):
            words += np.bincount(found.places + place, shares, count)
    return words


# --- sentences and masks ----------------------------------------------------------------------------

# Behind a sign that ends a sentence, what closes, and white space; or a line break. Each run of signs is looked at from
# its start only, and never again from within: else a text of dots alone would take a time that grows with its square.
_LINE_BREAKS = "\n\r\x0b\x0c\x85\u2028\u2029"
_ENDS = re.compile(rf"""(?<![.!?…])[.!?…]++["'”\u2019»)\]]*+\s+|[{_LINE_BREAKS}]\s*""")


def sentence_spans(text: str) -> list[Span]:
    """Spans that cover a text, each a sentence with the white space behind it; none of an empty text.

    A simple rule: a sentence ends at a line break, or behind ``.``, ``!``, ``?`` or ``…`` and white space unless a
    lower-case letter follows. "Mr. Smith" is cut in two.
    """
    ends = [found.end() for found in _ENDS.finditer(text) if _is_end(text, found)]
    return list(pairwise(sorted({0, *ends, len(text)})))


def _is_end(text: str, found: re.Match[str]) -> bool:
    breaks_line = any(character in _LINE_BREAKS for character in found[0])
    return breaks_line or not text[found.end() : found.end() + 1].islower()


def masked_spans(text: str, masked: str) -> list[Span]:
    """The spans of ``text`` that are blanked in ``masked``, which is as long; white space between two joins them."""
    if masked == text:
        return []
    differs = [before != after for before, after in zip(text, masked, strict=True)]
    spans: list[Span] = []
    end = 0
    for is_masked, run in groupby(differs):
        start, end = end, end + sum(1 for _ in run)
        if is_masked and spans and text[spans[-1][1] : start].isspace():
            spans[-1] = (spans[-1][0], end)
        elif is_masked:
            spans.append((start, end))
    return spans


# --- one text ---------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Place:
    """A field, and where it stands in the content that the model read."""

    field: Field
    text: str
    start: int  #: code points from the start of the content

    def words(self, spans: Sequence[Span], contributions: Floats) -> tuple[Contribution, ...]:
        """The contributions of this field's words that are not zero; ``spans`` are of the content."""
        return tuple(
            Contribution(field=self.field, start=start - self.start, end=end - self.start, contribution=value)
            for (start, end), value in zip(spans, contributions.tolist(), strict=True)
            if value and self.start <= start < self.start + len(self.text)
        )

    def masked(self, spans: Sequence[Span]) -> tuple[Piece, ...]:
        """The part of each span of the content that lies in this field."""
        last = self.start + len(self.text)
        return tuple(
            Piece(field=self.field, start=max(start, self.start) - self.start, end=min(end, last) - self.start)
            for start, end in spans
            if start < last and end > self.start
        )


def by_sentence(field: Field, text: str, words: Sequence[Contribution]) -> tuple[Contribution, ...]:
    """The sum of the contributions of the words in each sentence of a field."""
    spans = sentence_spans(text)
    starts = np.array([start for start, _ in spans])
    inside = np.searchsorted(starts, [word.start for word in words], side="right") - 1
    sums = np.bincount(inside, [word.contribution for word in words], len(spans))
    return tuple(
        Contribution(field=field, start=start, end=end, contribution=value)
        for (start, end), value in zip(spans, sums.tolist(), strict=True)
    )


def explanation_of(
    places: Iterable[Place], *, base: float, spans: Sequence[Span], contributions: Floats, masked: Sequence[Span]
) -> Explanation:
    """Put together what is said of one content; ``spans`` and ``contributions`` are of its words."""
    places = list(places)
    words = [place.words(spans, contributions) for place in places]
    sentences = [by_sentence(place.field, place.text, found) for place, found in zip(places, words, strict=True)]
    return Explanation(
        log_odds=base + float(contributions.sum()),
        base=base,
        spans=tuple(word for found in words for word in found),
        sentences=tuple(sentence for found in sentences for sentence in found),
        masked=tuple(piece for place in places for piece in place.masked(masked)),
    )


def strongest_words(
    explanation: Explanation, *, text: str, title: str | None, toward_real: bool, most: int
) -> list[Pull]:
    """Up to ``most`` words that, over all their occurrences, pulled most toward *real*, or toward *false*."""
    sums: dict[str, list[float]] = {}
    for word in explanation.spans:
        sums.setdefault(word.of(text, title).lower(), []).append(word.contribution)
    pulls = [Pull(word=word, contribution=sum(values), count=len(values)) for word, values in sums.items()]
    sign = 1 if toward_real else -1
    pulling = [pull for pull in pulls if pull.contribution * sign > 0]
    return sorted(pulling, key=lambda pull: (-sign * pull.contribution, pull.word))[:most]


def strongest_sentence(explanation: Explanation, *, toward_real: bool) -> Contribution | None:
    """The sentence that pulled most toward *real*, or toward *false*; ``None`` where none did."""
    sign = 1 if toward_real else -1
    found = max(explanation.sentences, key=lambda sentence: sign * sentence.contribution, default=None)
    return found if found and sign * found.contribution > 0 else None
