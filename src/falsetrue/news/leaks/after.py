"""What the masks and filters of a recipe leave of what gave the label away."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from falsetrue.news.article import Article
from falsetrue.news.filtering import CATALOGUE as FILTERS
from falsetrue.news.filtering import Filters
from falsetrue.news.leaks.evidence import EDGES, Evidence
from falsetrue.news.leaks.shape import MEASURES, measure
from falsetrue.news.leaks.testing import Sides, auc_and_p
from falsetrue.news.masking import Masker

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: A mask or filter is a remedy of what it takes away from this share of the articles that have it.
REMEDIED = 0.8
#: Articles measured at a time; bounds the memory.
_CHUNK = 1000
_find_words = re.compile(r"\w+").findall


@dataclass(frozen=True, kw_only=True)
class Treatment:
    """What a recipe does to every text."""

    masker: Masker
    filters: Filters

    def said(self, articles: Sequence[Article]) -> list[str | None]:
        """Of each article, the name of the filter that says that it is none."""
        return [self.filters.first(article.content) for article in articles]


@dataclass(frozen=True, kw_only=True)
class Trace:
    """What a finding rests on, to look for it again."""

    where: str  #: as in a finding
    articles: Integers | None = None  #: those that have it; ``None``: a value that every article has
    #: Where and which words, in lower case with a space between; an article has it while any of these stand there.
    words: tuple[tuple[str, str], ...] = ()
    mask: str = ""  #: that must still find something
    column: int | None = None  #: of :data:`MEASURES`
    values: Floats | None = None  #: of each article, whatever is masked
    threshold: float = 0.0  #: an article above it has it

    @property
    def field(self) -> str:
        """``text`` or ``title``."""
        return self.where.split()[0]


@dataclass(frozen=True, kw_only=True)
class Again:
    """The same figures as before, of what is left of the same half."""

    share_real: float
    share_false: float
    auc: float  #: above 0.5 it is a sign of *real*
    filters: tuple[str, ...]  #: that leave out most of the articles that have it


def words_of(text: str) -> str:
    """The words of a text as a trace has them."""
    return " ".join(_find_words(text.lower()))


def look_again(evidence: Evidence, sides: Sides, traces: Sequence[Trace], treatment: Treatment) -> list[Again]:
    """Look for what was found once more, in the half that was not searched, after masks and filters."""
    said = treatment.said(evidence.articles)
    kept = sides.half(1) & np.array([name is None for name in said], dtype=bool)
    standing = _standing(evidence, traces, kept, treatment.masker)
    tables = {
        field: _measured(evidence, field, kept, treatment.masker)
        for field in {trace.field for trace in traces if trace.column is not None}
    }
    labels = sides.labels[kept]
    again = []
    for number, trace in enumerate(traces):
        values = _values(trace, kept, standing[number], tables)
        above = values > trace.threshold
        again.append(
            Again(
                share_real=_mean(above[labels == 1]),
                share_false=_mean(above[labels == 0]),
                auc=auc_and_p(values, labels)[0],
                filters=_filtering(trace, said),
            )
        )
    return again


def _mean(flags: Flags) -> float:
    return float(flags.mean()) if len(flags) else 0.0


def _values(trace: Trace, kept: Flags, standing: Flags, tables: dict[str, Floats]) -> Floats:
    """Of each article that is kept: 0 or 1 for what is there or not, else the measure or the value of the fact."""
    if trace.values is not None:
        return trace.values[kept]
    if trace.column is not None:
        values = tables[trace.field][:, trace.column]
        return values if trace.articles is None else (values > 0).astype(np.float64)
    return standing[kept].astype(np.float64)


def _filtering(trace: Trace, said: Sequence[str | None]) -> tuple[str, ...]:
    if trace.articles is None or not len(trace.articles):
        return ()
    names = Counter(said[at] for at in trace.articles.tolist())
    if len(trace.articles) - names[None] < REMEDIED * len(trace.articles):
        return ()
    return tuple(name for name in FILTERS if name in names)


def _standing(evidence: Evidence, traces: Sequence[Trace], kept: Flags, masker: Masker) -> Flags:
    """Which articles still have each: shape (traces, n). Each text is masked once, and only where it must be."""
    has = np.zeros((len(traces), len(evidence.articles)), dtype=bool)
    for number, trace in enumerate(traces):
        if trace.articles is not None and trace.mask not in masker.references:
            has[number, trace.articles] = True
    finders = {trace.mask: Masker([trace.mask]) for trace in traces if trace.mask}
    numbers = [number for number, trace in enumerate(traces) if trace.words or trace.mask]
    for at in np.flatnonzero(kept & has[numbers].any(axis=0)).tolist():
        left = {field: masker.mask(_text(evidence, field, at)) for field in EDGES}
        places = _places(left)
        for number in numbers:
            if has[number, at]:
                has[number, at] = _has(traces[number], left, places, finders)
    return has


def _places(texts: dict[str, str]) -> dict[str, str]:
    """The words of title and text, and those at their ends, by what findings call them."""
    parts: dict[str, list[str]] = {}
    for field, text in texts.items():
        words, edge = _find_words(text.lower()), EDGES[field]
        parts |= {field: words, f"{field} opening": words[:edge], f"{field} closing": words[-edge:]}
    return {where: f" {' '.join(part)} " for where, part in parts.items()}


def _has(trace: Trace, texts: dict[str, str], places: dict[str, str], finders: dict[str, Masker]) -> bool:
    if trace.mask:
        return bool(finders[trace.mask].spans(texts[trace.field]))
    return any(f" {words} " in places[where] for where, words in trace.words)


def _text(evidence: Evidence, field: str, at: int) -> str:
    article = evidence.articles[at]
    return (article.title or "") if field == "title" else article.text


def _measured(evidence: Evidence, field: str, kept: Flags, masker: Masker) -> Floats:
    """All measures of what masks leave of each text that is kept: shape (kept, measures)."""
    at = np.flatnonzero(kept)
    table = np.empty((len(at), len(MEASURES)))
    for begin in range(0, len(at), _CHUNK):
        chunk = at[begin : begin + _CHUNK].tolist()
        table[begin : begin + _CHUNK] = measure([_cut(_text(evidence, field, each), masker) for each in chunk])
    return table


def _cut(text: str, masker: Masker) -> str:
    """The text without what is masked: blanks in its place would be measured as white space."""
    pieces, done = [], 0
    for start, end in sorted(masker.spans(text)):
        if end > done:
            pieces.append(text[done:start])
            done = end
    if not done:
        return text
    return " ".join(piece.strip() for piece in (*pieces, text[done:]) if not piece.isspace() and piece)
