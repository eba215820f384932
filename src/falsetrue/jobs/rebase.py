"""◆ A file of texts to observations, and a file of labelled ones to a baseline of the team's own."""

import math
from collections.abc import Iterable, Iterator, Sequence
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
#: When the texts of a file came: s since 1970 UTC, shape (n,), the midnight that its day began with; NaN where a text
#: has no usable date. ``None``: the file has no column of dates.
Seconds = NDArray[np.float64] | None


@dataclass(frozen=True, kw_only=True)
class TextFile:
    """A file of texts, and where in it things are."""

    path: str
    columns: Columns = field(default_factory=Columns)
    score: str | None = None  #: column with the ``p_real`` of another model, in [0, 1]; ``None``: a model is asked
    name: str | None = None  #: of that other model; ``None``: that of the column
    needs_labels: bool = False  #: whether the column of labels must be there
    since: datetime | None = None  #: of days that began then or later; texts without a usable date are then left out
    until: datetime | None = None  #: of days that began before

    @property
    def has_period(self) -> bool:
        """Whether only texts of some days are asked for."""
        return (self.since, self.until) != (None, None)

    @property
    def scorer(self) -> str:
        """What the model is called whose scores are in the file; empty where there are none."""
        return self.name or self.score or ""


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
        timed(read_observations(labelled, judge, read_seconds(labelled, now), salt=salt), now),
        name=Path(file.path).name,
        model_name=judge.classifier.manifest.name if judge else file.scorer,
        model_version=judge.classifier.manifest.version if judge else "",
        salt=None if is_secret else salt,
        policy=judge.policy.reference if judge else "",
    )
    if reference.all.outcomes.texts < LEAST:
        raise InputError(
            f"{file.path}: {reference.all.outcomes.texts} texts with a label are too few for a baseline; "
            f"{LEAST} are the least, and 2,000 are advised"
        )
    return reference


def doubts(reference: Reference) -> list[str]:
    """What makes a baseline of little use, for whoever made it: labels of one class, or one score for all texts."""
    false, real = reference.all.outcomes.by_score.sum(axis=1).tolist()
    found = []
    if not false or not real:
        which, other = ("real", "false") if real else ("false", "real")
        found.append(f"all its labels say {which}: it cannot tell how often a {other} text is called {which}")
    if np.count_nonzero(reference.all.profile.counts("score")) == 1:
        found.append("all its texts have the same score: any other one will seem a change")
    return found


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
    file: TextFile, judge: Judge | None, seconds: Seconds, *, salt: bytes, seed: int = 0
) -> Iterator[Observations]:
    """The texts of a file, at most :data:`BATCH` at a time: scored by ``judge``, or by a column of the file.

    ``seconds`` are what :func:`read_seconds` has of it; they are NaN of texts without a usable date. Labels are read
    where there is a column of them. Without a model, what is said is what a half says, and unknown words are not known
    of. Raises :class:`InputError` naming file and line where a row cannot be used.
    """
    if (judge is None) == (file.score is None):
        raise InputError(f"{file.path}: give either a model to score the texts by, or the column that has their scores")
    sketcher, first = Sketcher(salt), 0
    wanted = None if seconds is None else _in_period(seconds, file)
    with open_table(file.path) as table:
        _require(table, file)
        rows = (row for number, row in enumerate(table.rows) if wanted is None or wanted[number])
        when = None if seconds is None else seconds[wanted]
        while batch := [_text(table, row, file) for row in islice(rows, BATCH)]:
            own = np.full(len(batch), np.nan) if when is None else when[first : first + len(batch)]
            yield _observe(batch, judge, sketcher, own, priorities_of_rows(first, len(batch), seed))
            first += len(batch)


def timed(batches: Iterable[Observations], moment: datetime) -> Iterator[Observations]:
    """The same, with a moment for the texts that have none."""
    for batch in batches:
        seconds = np.where(np.isnan(batch.seconds), moment.timestamp(), batch.seconds)
        yield replace(batch, seconds=seconds)


def _require(table: Table, file: TextFile) -> None:
    labels = [file.columns.label] if file.needs_labels else []
    for name in (*file.columns.named(), *labels, *([] if file.score is None else [file.score])):
        table.require(name)


def read_seconds(file: TextFile, now: datetime) -> Seconds:
    """When the texts came, by their dates. How dates are written, only all of them tell.

    Dates of after tomorrow are not usable. Raises :class:`InputError` where the file cannot be read, or where texts of
    a period are asked for and there are none, or no dates to tell by.
    """
    column = file.columns.date or "date"
    with open_table(file.path) as table:
        if file.columns.date:
            table.require(column)
        if column not in table.columns:
            if file.has_period:
                raise InputError(f"{file.path}: days can only be told by a column of dates: name one with --date")
            return None
        written = [row.values.get(column) for row in table.rows]
    days = read_dates([None if value is None else str(value) for value in written], now.date()).days
    seconds = np.array(
        [np.nan if day is None else datetime.combine(day, time(), UTC).timestamp() for day in days], np.float64
    )
    if file.has_period and len(seconds) and not _in_period(seconds, file).any():
        raise InputError(f"{file.path}: no text is of the days asked for; {_span(seconds, column)}")
    return seconds


def _in_period(seconds: NDArray[np.float64], file: TextFile) -> NDArray[np.bool_]:
    """(n,), whether each text is of the days that are asked for."""
    wanted = np.ones(len(seconds), np.bool_)
    if file.since is not None:
        wanted &= seconds >= file.since.timestamp()
    if file.until is not None:
        wanted &= seconds < file.until.timestamp()
    return wanted


def _span(seconds: NDArray[np.float64], column: str) -> str:
    """From when to when the dates are."""
    if np.isnan(seconds).all():
        return f"none of its dates, in the column {column!r}, can be used"
    first, last = (datetime.fromtimestamp(bound(seconds), UTC) for bound in (np.nanmin, np.nanmax))
    return f"its dates go from {first:%Y-%m-%d} to {last:%Y-%m-%d}"


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
        score = float(str(value).replace(",", "."))  # as Excel writes it in Spanish
    except ValueError:
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
