"""◆ A file of texts to observations, and a file of labelled ones to a baseline of the team's own."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from falsetrue.bundle.folder import Bundle
from falsetrue.bundle.manifest import REFERENCE
from falsetrue.errors import BundleDamagedError, InputError, RowError
from falsetrue.features.languages import language_of
from falsetrue.features.sketching import Sketcher
from falsetrue.features.words import words
from falsetrue.jobs.classify import Classifier, Item, Refusal
from falsetrue.model.decision import EVEN, Policy
from falsetrue.monitor.observations import (
    SAID,
    UNKNOWN,
    UNSURE,
    Observations,
    labels_of,
    observed,
    priorities_of_rows,
)
from falsetrue.monitor.older import reference_of_baseline
from falsetrue.monitor.reference import LEAST, Reference, make_reference
from falsetrue.news.article import join_title_and_text, parse_label
from falsetrue.news.dates import read_dates
from falsetrue.news.labelled import Columns
from falsetrue.news.reading import Row, Table, open_table, text_value

#: Texts that are looked at together.
BATCH: Final = 4096


@dataclass(frozen=True, kw_only=True)
class TextFile:
    """A file of texts, and where in it things are."""

    path: str
    columns: Columns = field(default_factory=Columns)
    score: str | None = None  #: column with the ``p_real`` of another model, in [0, 1]; ``None``: a model is asked
    needs_labels: bool = False  #: whether the column of labels must be there


@dataclass(frozen=True, kw_only=True)
class Judge:
    """A model, and the policy it decides by."""

    classifier: Classifier
    policy: Policy


@dataclass(frozen=True, kw_only=True)
class _Text:
    """One row."""

    title: str | None
    text: str
    truth: int
    score: float | None

    @property
    def content(self) -> str:
        return join_title_and_text(self.title, self.text)


def rebase(file: TextFile, judge: Judge | None, *, salt: bytes, is_secret: bool, now: datetime) -> Reference:
    """A baseline of a file of labelled texts, with the scores of a model, or those in the file.

    ``salt`` is that of the sketches: the installation's secret one for a baseline that its journal is compared with,
    else any. It is written into the baseline unless it ``is_secret``. Raises :class:`InputError` where the file cannot
    be used, or fewer than 200 of its texts have a label.
    """
    labelled = replace(file, needs_labels=True)
    reference = make_reference(
        read_observations(labelled, judge, salt=salt, now=now),
        name=Path(file.path).name,
        model_name=judge.classifier.manifest.name if judge else "",
        model_version=judge.classifier.manifest.version if judge else "",
        salt=None if is_secret else salt,
    )
    if reference.all.outcomes.texts < LEAST:
        raise InputError(
            f"{file.path}: {reference.all.outcomes.texts} texts with a label are too few for a baseline; "
            f"{LEAST} are the least, and 2,000 are advised"
        )
    return reference


def reference_of_bundle(bundle: Bundle) -> Reference:
    """The baseline that came with a model; ``bundle`` was opened with :data:`BASELINE` and :data:`REFERENCE` kept.

    Of a model that was trained before there was one, what ``baseline.json`` tells
    (:func:`falsetrue.monitor.older.reference_of_baseline`). Raises :class:`BundleDamagedError`.
    """
    content = bundle.contents.get(REFERENCE)
    if content is None:
        return reference_of_baseline(bundle.baseline(), bundle.manifest)
    try:
        reference = Reference.from_bytes(content)
    except InputError as error:
        raise BundleDamagedError(f"{bundle.folder}: {REFERENCE}: {error}") from error
    return replace(reference, model_version=bundle.manifest.version)


def read_observations(
    file: TextFile, judge: Judge | None, *, salt: bytes, now: datetime, seed: int = 0
) -> Iterator[Observations]:
    """The texts of a file, at most :data:`BATCH` at a time: scored by ``judge``, or by a column of the file.

    A text counts as of the day in its column of dates, where there is one; else as of ``now``. Labels are read where
    there is a column of them. Without a model, what is said is what a half says, and unknown words are not known of.
    Raises :class:`InputError` naming file and line where a row cannot be used.
    """
    if (judge is None) == (file.score is None):
        raise InputError(f"{file.path}: give either a model to score the texts by, or the column that has their scores")
    sketcher, first = Sketcher(salt), 0
    seconds = _seconds_of(file, now)
    with open_table(file.path) as table:
        _require(table, file)
        texts = (_text(table, row, file) for row in table.rows)
        while batch := list(islice(texts, BATCH)):
            when = np.full(len(batch), now.timestamp()) if seconds is None else seconds[first : first + len(batch)]
            priority = priorities_of_rows(first, len(batch), seed)
            yield _observe(batch, judge, sketcher, when, priority)
            first += len(batch)


def _require(table: Table, file: TextFile) -> None:
    labels = [file.columns.label] if file.needs_labels else []
    for name in (*file.columns.named(), *labels, *([] if file.score is None else [file.score])):
        table.require(name)


def _seconds_of(file: TextFile, now: datetime) -> NDArray[np.float64] | None:
    """When the texts came, by their dates; of those without one, ``now``. How dates are written, only all tell."""
    column = file.columns.date or "date"
    with open_table(file.path) as table:
        if column not in table.columns:
            return None
        written = [row.values.get(column) for row in table.rows]
    days = read_dates([None if value is None else str(value) for value in written], now.date()).days
    return np.array(
        [now.timestamp() if day is None else datetime.combine(day, time(), UTC).timestamp() for day in days]
    )


def _text(table: Table, row: Row, file: TextFile) -> _Text:
    if row.problem:
        raise RowError(table.name, row.line, row.problem)
    columns = file.columns
    title = columns.title or "title"
    try:
        label = parse_label(row.values.get(columns.label))
        return _Text(
            title=None if title == columns.text else text_value(row, title),
            text=text_value(row, columns.text) or "",
            truth=UNKNOWN if label is None else int(label),
            score=None if file.score is None else _score(row.values.get(file.score)),
        )
    except ValueError as error:
        raise RowError(table.name, row.line, str(error)) from error


def _score(value: object) -> float:
    try:
        score = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        score = math.nan
    if not 0 <= score <= 1:
        raise ValueError(f"score {str(value)[:40]!r} is no probability that a text is real: a number from 0 to 1")
    return score


def _observe(
    batch: Sequence[_Text],
    judge: Judge | None,
    sketcher: Sketcher,
    seconds: NDArray[np.float64],
    priority: NDArray[np.uint64],
) -> Observations:
    contents = [text.content for text in batch]
    found = _by_file(batch, contents) if judge is None else _by_model(batch, judge)
    return observed(
        p_real=found.p_real,
        labels=found.labels,
        languages=found.languages,
        characters=[len(content) for content in contents],
        words=found.words,
        known_words=found.known_words,
        sketches=sketcher.sketch(contents),
        seconds=seconds,
        priority=priority,
        truth=np.array([text.truth for text in batch], dtype=np.int8),
    )


class _Found(NamedTuple):
    """What is said of some texts."""

    p_real: NDArray[np.float64]
    labels: NDArray[np.int8]
    languages: list[str | None]
    words: list[int]
    known_words: list[int]


def _by_file(batch: Sequence[_Text], contents: Sequence[str]) -> _Found:
    p_real = np.array([text.score for text in batch], dtype=np.float64)
    return _Found(
        p_real=p_real,
        labels=labels_of(p_real),
        languages=[language_of(content) for content in contents],
        words=[len(words(content)) for content in contents],
        known_words=[-1] * len(batch),
    )


def _by_model(batch: Sequence[_Text], judge: Judge) -> _Found:
    """An empty text, on which a model says nothing, is one of no words without a decision."""
    items = [Item(text=text.text, title=text.title) for text in batch]
    said = judge.classifier.classify(items, judge.policy)
    return _Found(
        p_real=np.array([EVEN if isinstance(each, Refusal) else each.p_real_unadjusted for each in said]),
        labels=np.array([UNSURE if isinstance(each, Refusal) else SAID[each.label] for each in said], dtype=np.int8),
        languages=[None if isinstance(each, Refusal) else each.language for each in said],
        words=[0 if isinstance(each, Refusal) else each.words for each in said],
        known_words=[0 if isinstance(each, Refusal) else each.known_words for each in said],
    )
