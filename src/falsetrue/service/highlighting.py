"""What the page shows of an explanation: the text cut at what moved the model, and what pulled each way."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from falsetrue.features.spans import Span
from falsetrue.features.words import words
from falsetrue.model.explanation import (
    Contribution,
    Explanation,
    Field,
    Piece,
    Pull,
    strongest_sentence,
    strongest_words,
)

#: Words listed for each side.
MOST_WORDS = 8
#: Characters of a text that are shown at once; the rest is folded away.
SHOWN_CHARACTERS = 1500
#: Characters of a sentence that are quoted.
QUOTED_CHARACTERS = 240
#: Shares of the strongest word's contribution from which a word is highlighted lightly, clearly and strongly.
STEPS = (0.1, 0.25, 0.5)
_MASKED = "masked"


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A stretch of text that looks the same throughout."""

    text: str
    kind: str  #: classes of the stylesheet; empty for plain text


@dataclass(frozen=True, kw_only=True)
class Side:
    """What pulled toward one of the two verdicts."""

    label: str  #: ``false`` or ``real``
    share: float  #: of the pull of all words, in [0, 1]
    words: list[tuple[Pull, float]]  #: strongest first, with their size as a share of the strongest of both sides
    sentence: str  #: the one that pulled most; empty where none did


@dataclass(frozen=True, kw_only=True)
class Highlights:
    """An explanation, ready for the template."""

    title: list[Run]
    text: list[Run]  #: all of it, or its beginning
    rest: list[Run]
    rest_words: int
    masked: bool  #: whether something was hidden from the model
    sides: tuple[Side, ...]  #: empty where no word pulled


def highlight(explanation: Explanation, *, text: str, title: str) -> Highlights:
    """Cut title and text at the words that moved the model and at what was hidden from it."""
    cut = _cut(explanation, text)
    return Highlights(
        title=_runs(explanation, Field.TITLE, title, (0, len(title))) if title.strip() else [],
        text=_runs(explanation, Field.TEXT, text, (0, cut)),
        rest=_runs(explanation, Field.TEXT, text, (cut, len(text))),
        rest_words=len(words(text[cut:])),
        masked=bool(explanation.masked),
        sides=_sides(explanation, text, title),
    )


def _cut(explanation: Explanation, text: str) -> int:
    """Where to fold a long text: behind a sentence or else, where that would leave less than half, behind a word."""
    if len(text) <= SHOWN_CHARACTERS:
        return len(text)
    ends = [piece.end for piece in explanation.sentences if piece.field is Field.TEXT]
    spaces = [found.end() for found in re.finditer(r"\s+", text[:SHOWN_CHARACTERS])]
    fitting = [end for end in ends if SHOWN_CHARACTERS / 2 <= end <= SHOWN_CHARACTERS]
    return fitting[-1] if fitting else [SHOWN_CHARACTERS, *spaces][-1]


# --- the text ---------------------------------------------------------------------------------------


def _runs(explanation: Explanation, field: Field, text: str, within: Span) -> list[Run]:
    """The part of a field as runs of one kind each; white space between two runs of a kind belongs to them."""
    pieces = [piece for piece in (*explanation.spans, *explanation.masked) if piece.field is field]
    strongest = max((abs(span.contribution) for span in explanation.spans), default=1.0)
    cut = _cut_up(text, sorted(pieces, key=lambda piece: piece.start), within, strongest)
    by_kind = groupby(filter(itemgetter(0), cut), key=itemgetter(1))
    return [Run(text="".join(part for part, _ in run), kind=kind) for kind, run in by_kind]


def _cut_up(text: str, pieces: Sequence[Piece], within: Span, strongest: float) -> Iterator[tuple[str, str]]:
    """Each stretch of the text with its kind, in order."""
    at, last = within
    before = ""
    for piece in pieces:
        start, end = max(piece.start, at), min(piece.end, last)
        kind = _kind(piece, strongest)
        if start < end and kind:
            gap = text[at:start]
            yield gap, kind if kind == before and gap.isspace() else ""
            yield text[start:end], kind
            at, before = end, kind
    yield text[at:last], ""


def _kind(piece: Piece, strongest: float) -> str:
    if not isinstance(piece, Contribution):
        return _MASKED
    step = sum(abs(piece.contribution) >= share * strongest for share in STEPS)
    return f"{'to-real' if piece.contribution > 0 else 'to-false'} step-{step}" if step else ""


# --- the lists --------------------------------------------------------------------------------------


def _sides(explanation: Explanation, text: str, title: str) -> tuple[Side, ...]:
    pulls = {
        toward_real: strongest_words(explanation, text=text, title=title, toward_real=toward_real, most=MOST_WORDS)
        for toward_real in (False, True)
    }
    largest = max((abs(pull.contribution) for each in pulls.values() for pull in each), default=0.0)
    pull_of_all = sum(abs(span.contribution) for span in explanation.spans)
    return tuple(
        Side(
            label="real" if toward_real else "false",
            share=sum(abs(span.contribution) for span in explanation.spans if (span.contribution > 0) == toward_real)
            / pull_of_all,
            words=[(pull, abs(pull.contribution) / largest) for pull in found],
            sentence=_quoted(strongest_sentence(explanation, toward_real=toward_real), text, title),
        )
        for toward_real, found in (pulls.items() if largest else ())
    )


def _quoted(sentence: Contribution | None, text: str, title: str) -> str:
    """On one line, and not for ever."""
    said = " ".join(sentence.of(text, title).split()) if sentence else ""
    if len(said) <= QUOTED_CHARACTERS:
        return said
    return f"{said[:QUOTED_CHARACTERS].rpartition(' ')[0] or said[:QUOTED_CHARACTERS]} …"
