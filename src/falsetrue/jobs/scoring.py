"""Columns of titles and texts to columns of verdicts, without an object for each text.

The verdicts are those of :meth:`falsetrue.jobs.classify.Classifier.classify`. Texts that Arrow holds are scored
where they lie, if the model can; all others as Python's.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falsetrue.bundle.scorer import CompiledScorer, Scores, StringScores
from falsetrue.jobs.classify import Classifier, Refusal, refusal
from falsetrue.model.deciding import OUTCOMES, REASONS, decide_all
from falsetrue.model.decision import Outcome, Policy, Reason
from falsetrue.model.prevalence import Floats, adjust
from falsetrue.news.article import join_title_and_text
from falsetrue.news.filtering import Filters
from falsetrue.news.reading import is_text, values_of

#: The place in :data:`falsetrue.model.deciding.OUTCOMES` of a row that is not classified.
NOT_CLASSIFIED = -1
#: A bit of :attr:`Judged.reasons` beyond those of :data:`falsetrue.model.deciding.REASONS`: a filter matches.
_NO_ARTICLE = len(REASONS)
_UNSURE = OUTCOMES.index(Outcome.UNSURE)
#: Bytes of these values begin no white space.
_BEHIND_SPACE, _BEYOND_ASCII = 0x21, 0x80

#: A list of ``str`` and ``None``, or an Arrow array of strings.
TextColumn = Any


@dataclass(frozen=True, kw_only=True)
class Texts:
    """What is to be classified, n rows."""

    text: TextColumn
    title: TextColumn | None
    problems: dict[int, str] = field(default_factory=dict)  #: row, from 0 -> why it cannot be classified


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What is said of n rows; shape (n,) each."""

    p_real: Floats  #: NaN where a row is not classified
    p_real_unadjusted: Floats  #: before it was re-derived for a prevalence
    outcomes: NDArray[np.int8]  #: places in ``OUTCOMES``, or :data:`NOT_CLASSIFIED`
    reasons: NDArray[np.uint8]  #: what :func:`reasons_of` spells out
    problems: dict[int, str]  #: row -> why it is not classified, in the order of the rows
    bytes: int  #: of texts and titles scored, as UTF-8


def reasons_of(bits: int) -> tuple[Reason, ...]:
    """The reasons that a number of :attr:`Judged.reasons` stands for."""
    reasons = tuple(reason for bit, reason in enumerate(REASONS) if bits >> bit & 1)
    if not bits >> _NO_ARTICLE & 1:
        return reasons
    return (Reason.OUT_OF_SCOPE, *(reason for reason in reasons if reason is not Reason.OUT_OF_SCOPE))


#: Every number that :attr:`Judged.reasons` may hold.
REASON_NUMBERS = range(1 << (_NO_ARTICLE + 1))


_Strings = Callable[[tuple[tuple[Any, Any, bool], ...], int, int], StringScores]


def _strings_of(classifier: Classifier) -> _Strings | None:
    """How a model scores texts where Arrow keeps them; ``None`` for one that must see them as Python's."""
    scorer = classifier.scorer
    if not isinstance(scorer, CompiledScorer) or scorer.header.masks or classifier.manifest.filters:
        return None
    return scorer.strings


def holds_lock(classifier: Classifier) -> bool:
    """Whether most of the work of a model holds Python's lock, so that threads do not help."""
    scorer = classifier.scorer
    return not isinstance(scorer, CompiledScorer) or not scorer.is_native or bool(scorer.header.masks)


class Judge:
    """A model and a policy, applied to columns."""

    def __init__(self, classifier: Classifier, policy: Policy, prevalence: float | None) -> None:
        """``prevalence`` is the share of false news that is supposed; ``None``: probabilities stay as they are."""
        self._scorer = classifier.scorer
        self._policy = policy
        self._prevalence = prevalence
        self._trained_prevalence = classifier.manifest.trained_prevalence
        self._filters = Filters(classifier.manifest.filters)
        self._strings = _strings_of(classifier)

    def __call__(self, texts: Texts) -> Judged:
        """Score and decide."""
        if self._strings and _is_arrow(texts.text) and (texts.title is None or _is_arrow(texts.title)):
            return self._judge_arrow(texts, self._strings)
        return self._judge_lists(as_lists(texts))

    def _judge_arrow(self, texts: Texts, strings: "_Strings") -> Judged:
        columns = [column for column in (texts.title, texts.text) if column is not None]
        buffers = tuple(_buffers(column) for column in columns)
        scores = strings(buffers, 0, len(texts.text))
        problems = dict.fromkeys(scores.refused, "a byte is not UTF-8") | texts.problems
        empty = [row for row in _maybe_empty(*buffers[-1][:2]) if row not in problems and _is_empty(texts.text, row)]
        problems |= dict.fromkeys(empty, explain(Refusal.EMPTY))
        size = sum(len(data) for data, _, _ in buffers)
        return self._decide(scores, np.arange(len(texts.text)), problems, size)

    def _judge_lists(self, texts: Texts) -> Judged:
        count = len(texts.text)
        problems = dict(texts.problems)
        contents: list[str] = []
        titles = texts.title or [None] * count
        for row, (title, text) in enumerate(zip(titles, texts.text, strict=True)):
            if row in problems:
                continue
            content = join_title_and_text(title, text or "")
            if refused := refusal(text or "", content, None):
                problems[row] = explain(refused)
            else:
                contents.append(content)
        at = np.array([row for row in range(count) if row not in problems], dtype=np.int64)
        size = sum(len(each) if each.isascii() else len(each.encode("utf-8", "replace")) for each in contents)
        judged = self._decide(self._scorer.score(contents), at, problems, size, count)
        for row, content in zip(at.tolist(), contents, strict=True):
            if self._filters.first(content):
                judged.outcomes[row] = _UNSURE
                judged.reasons[row] |= 1 << _NO_ARTICLE
        return judged

    def _decide(
        self,
        scores: Scores | StringScores,
        at: NDArray[np.int64],
        problems: dict[int, str],
        size: int,
        count: int | None = None,
    ) -> Judged:
        """The scores of the rows ``at``, decided and spread over all ``count`` rows."""
        count = len(at) if count is None else count
        p_real, halves = self._adjusted(scores.p_real), scores.halves
        decisions = decide_all(
            self._policy,
            p_real=p_real,
            words=np.asarray(scores.words, dtype=np.int64),
            known_words=np.asarray(scores.known_words, dtype=np.int64),
            languages=scores.languages,
            news_log_odds=scores.news_log_odds,
            halves=None if halves is None else self._adjusted(halves),
        )
        bad = np.array(sorted(problems), dtype=np.int64)
        judged = Judged(
            p_real=np.full(count, np.nan),
            p_real_unadjusted=np.full(count, np.nan),
            outcomes=np.full(count, NOT_CLASSIFIED, dtype=np.int8),
            reasons=np.zeros(count, dtype=np.uint8),
            problems={row: problems[row] for row in bad.tolist()},
            bytes=size,
        )
        judged.p_real[at], judged.p_real_unadjusted[at] = p_real, scores.p_real
        judged.outcomes[at], judged.reasons[at] = decisions.outcomes, decisions.reasons
        judged.p_real[bad] = judged.p_real_unadjusted[bad] = np.nan
        judged.outcomes[bad], judged.reasons[bad] = NOT_CLASSIFIED, 0
        return judged

    def _adjusted(self, p_real: Floats) -> Floats:
        if self._prevalence is None:
            return p_real
        return adjust(p_real, prevalence=self._prevalence, trained_prevalence=self._trained_prevalence)


def explain(refused: Refusal) -> str:
    """A refusal, for people."""
    return "the text is empty" if refused is Refusal.EMPTY else str(refused)


def as_lists(texts: Texts) -> Texts:
    """The same with Python's texts."""
    text, title = (values_of(column) if _is_arrow(column) else column for column in (texts.text, texts.title))
    return Texts(text=text, title=title, problems=texts.problems)


def _is_arrow(column: TextColumn) -> bool:
    return hasattr(column, "type") and is_text(column.type)


def _buffers(column: Any) -> tuple[NDArray[np.uint8], Any, bool]:
    """(UTF-8, where each text begins and the last one ends, whether those are 64-bit numbers), from the first text."""
    if column.null_count and not _is_nothing_where_null(column):
        column = column.fill_null("")
    wide = str(column.type) == "large_string"
    _, offsets, data = column.buffers()
    kind = np.int64 if wide else np.int32
    if offsets is None or not len(column):
        return np.zeros(0, np.uint8), np.zeros(1, kind), wide
    ends = np.frombuffer(offsets, kind)[column.offset : column.offset + len(column) + 1]
    held = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    first = int(ends[0])
    return held[first : int(ends[-1])], ends - first, wide


def _is_nothing_where_null(column: Any) -> bool:
    """Whether no bytes stand in the places of missing texts, as is usual; else they would be read."""
    validity, offsets, _ = column.buffers()
    kind = np.int64 if str(column.type) == "large_string" else np.int32
    here = slice(column.offset, column.offset + len(column))
    sizes = np.diff(np.frombuffer(offsets, kind)[here.start : here.stop + 1])
    is_there = np.unpackbits(np.frombuffer(validity, np.uint8), bitorder="little")[here]
    return not sizes[is_there == 0].any()


def _maybe_empty(data: NDArray[np.uint8], ends: Any) -> list[int]:
    """Rows whose text is empty, or begins with what may be white space."""
    starts, sizes = ends[:-1], np.diff(ends)
    first = data[np.minimum(starts, len(data) - 1)] if len(data) else np.zeros(len(starts), np.uint8)
    begins = (first >= _BEHIND_SPACE) & (first < _BEYOND_ASCII)
    rows: list[int] = np.flatnonzero((sizes == 0) | ~begins).tolist()
    return rows


def _is_empty(column: Any, row: int) -> bool:
    text = column[row].as_py()
    return not text or text.isspace()
