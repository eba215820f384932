"""A file of news to a file of verdicts, in bounded memory, whatever its size, and on all cores."""

import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from falsetrue import __version__
from falsetrue.errors import InputError
from falsetrue.jobs.classify import Classifier
from falsetrue.jobs.processes import Load, judging_processes
from falsetrue.jobs.progress import Progress
from falsetrue.jobs.scoring import NOT_CLASSIFIED, REASON_NUMBERS, Judge, Judged, Texts, holds_lock, reasons_of
from falsetrue.model.deciding import OUTCOMES
from falsetrue.model.decision import Outcome, Policy, Reason
from falsetrue.model.prevalence import Floats, Prevalence, ScoreCounts, estimate_bbse, estimate_saerens
from falsetrue.news.reading import Row, Table, is_text, not_utf8_rows, open_table, parquet_batches, values_of
from falsetrue.news.writing import Column, Columns, CsvStyle, Output, open_output

#: A batch is scored when it holds so many rows, or so many characters.
BATCH_ROWS = 1024
BATCH_CHARACTERS = 2_000_000
#: What is written is made safe after so many batches, or bytes of text (which may be kept in memory until then).
PART_BATCHES = 24
PART_BYTES = 48_000_000
#: Bytes of a file, and cores, from which processes are worth starting; what they cost beside threads is as much as two
#: cores gain.
LARGE_FILE = 100_000_000
MANY_CORES = 3
#: Columns that are added, in this order.
VERDICT = ("label", "is_falsetrue", "p_real", "action", "reasons", "error")
#: One more, behind them, where ``p_real`` is re-derived for a prevalence.
UNADJUSTED = "p_real_unadjusted"
_OUR_TYPES = {"line": "int64", "is_falsetrue": "int8", "p_real": "float64", "reasons": "texts", UNADJUSTED: "float64"}
_IS_FALSETRUE = {Outcome.FALSE: 0, Outcome.REAL: 1, Outcome.UNSURE: None}


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What to score and where to put it."""

    source: str  #: a file, or ``-``
    destination: str  #: a file, or ``-``
    text: str = "text"
    title: str | None = None  #: ``None``: use ``title`` where there is such a column
    prevalence: float | None = None  #: share of false news in the file; ``None``: what the policy was fitted at, if any
    keep_text: bool = False  #: give title and text back as well
    replace: bool = False
    resume: bool = False  #: go on with what there is of a run that was stopped
    shard: tuple[int, int] = (1, 1)  #: which, from 1, of how many shares of the rows
    style: CsvStyle = field(default_factory=CsvStyle)  #: of a CSV file written
    source_format: str | None = None
    destination_format: str | None = None
    delimiter: str | None = None


@dataclass(kw_only=True)
class Summary:
    """What came of it."""

    prevalence: float | None = None  #: share of false news that was supposed, if any
    rows: int = 0
    bytes: int = 0  #: of text scored, as UTF-8
    labels: Counter[str] = field(default_factory=Counter)
    bad_rows: int = 0  #: rows that could not be read or classified; each stands in the output with its error
    resumed_rows: int = 0  #: how many of the rows were scored by a run before this one
    resumed_bytes: int = 0  #: the same of the bytes


#: Told of each bad row: its line and what is wrong with it.
Report = Callable[[int, str], None]


def predict(
    prediction: Prediction,
    classifier: Classifier,
    policy: Policy,
    *,
    progress: Progress,
    report: Report,
    load: Load | None = None,
) -> Summary:
    """Score every row of a file, or of a share of it.

    The output has a row for each row of the input, in order: ``line``, the input's columns (less
    the text, unless ``keep_text``; one that has the name of a column of ours is renamed
    ``input_…``), then :data:`VERDICT` and, with a prevalence, :data:`UNADJUSTED`. Of Parquet, a share is a
    run of rows; of other files, whose length is not known beforehand, every so-manieth row. ``load`` loads the
    classifier again, for a large file, in processes of their own, where threads would wait for each other. Raises
    :class:`InputError` where a file cannot be used; what was made safe by then is kept.
    """
    _refuse_same_file(prediction)
    prediction = replace(prediction, prevalence=classifier.policies.prevalence(policy, prediction.prevalence))
    if prediction.source == "-" and prediction.resume:
        raise InputError("standard input cannot be read again from where a run was stopped; name a file to --resume")
    done = _Done()
    with _open_input(prediction, done) as table:
        kept = _kept_columns(table, prediction)
        columns = ["line", *kept.values(), *_verdict_columns(prediction)]
        with open_output(
            prediction.destination,
            columns,
            _types(table, kept),
            run=None if prediction.source == "-" else describe_run(prediction, classifier, policy),
            replace=prediction.replace,
            resume=prediction.resume,
            format_name=prediction.destination_format,
            style=prediction.style,
        ) as output:
            done.rows = output.kept.rows
            summary = restore(output.kept.summary) if output.kept.rows else Summary(prevalence=prediction.prevalence)
            pace = _Pace(table, prediction)
            progress.phase("classify", pace.total, "bytes")
            batches = _batches(table, prediction, done.rows)
            with _judge(prediction, classifier, policy, load) as judge:
                scored = _in_order(batches, _Scoring(prediction, kept, policy, judge), _cores())
                _write(scored, output, summary, report=report, at=lambda: progress.at(pace.done(summary.rows)))
    return summary


@contextmanager
def _judge(
    prediction: Prediction, classifier: Classifier, policy: Policy, load: Load | None
) -> Iterator[Callable[[Texts], Judged]]:
    is_large = prediction.source != "-" and Path(prediction.source).stat().st_size >= LARGE_FILE
    if load is None or not is_large or _cores() < MANY_CORES or not holds_lock(classifier):
        yield Judge(classifier, policy, prediction.prevalence)
        return
    version = classifier.manifest.version
    with judging_processes(load, version, policy, prediction.prevalence, _cores()) as judge:
        yield judge


def describe_run(prediction: Prediction, classifier: Classifier, policy: Policy) -> dict[str, Any]:
    """All that the bytes of an output depend on; raises :class:`InputError` where the input is not there."""
    try:
        source = Path(prediction.source).stat()
    except OSError as error:
        raise InputError(f"{prediction.source}: cannot be opened ({error.strerror})") from error
    options = (
        *(prediction.text, prediction.title, prediction.prevalence, prediction.keep_text, prediction.shard),
        *(prediction.source_format, prediction.destination_format, prediction.delimiter, prediction.style),
    )
    return {
        "input": [source.st_size, source.st_mtime_ns],
        "model": [classifier.manifest.name, classifier.manifest.version],
        "policy": policy,
        "options": options,
        "version of falsetrue": __version__,
    }


def restore(kept: dict[str, Any]) -> Summary:
    """The summary of what a run before this one has made safe, from its plain form."""
    summary = Summary(**kept | {"labels": Counter(kept["labels"])})
    return replace(summary, resumed_rows=summary.rows, resumed_bytes=summary.bytes)


@dataclass
class _Done:
    """How many rows of our share are done already; known only once the output is open."""

    rows: int = 0


@contextmanager
def _open_input(prediction: Prediction, done: _Done | None = None) -> Iterator[Table]:
    shard, shards = prediction.shard
    done = done or _Done()

    def wanted(number: int) -> bool:
        return number % shards == shard - 1 and number // shards >= done.rows

    with open_table(
        prediction.source, format_name=prediction.source_format, delimiter=prediction.delimiter, wanted=wanted
    ) as table:
        table.require(prediction.text)
        if prediction.title:
            table.require(prediction.title)
        yield table


def _verdict_columns(prediction: Prediction) -> tuple[str, ...]:
    return VERDICT if prediction.prevalence is None else (*VERDICT, UNADJUSTED)


def _refuse_same_file(prediction: Prediction) -> None:
    """The output lacks the text (unless it is kept): in the place of the input it would lose it."""
    source, destination = Path(prediction.source), Path(prediction.destination)
    if destination.exists() and source.exists() and source.samefile(destination):
        raise InputError(f"{destination}: is the file to be classified; choose another name")


def _kept_columns(table: Table, prediction: Prediction) -> dict[str, str]:
    """Input column -> name in the output."""
    texts = set() if prediction.keep_text else {prediction.text, prediction.title or "title"}
    ours = {"line", *_verdict_columns(prediction)}
    return {column: f"input_{column}" if column in ours else column for column in table.columns if column not in texts}


def _types(table: Table, kept: dict[str, str]) -> dict[str, Any]:
    """Types of the columns that are not text, as :func:`open_output` takes them."""
    theirs = {kept[column]: kind for column, kind in table.types.items() if column in kept}
    return _OUR_TYPES | theirs


class _Pace:
    """How far a reading is, in bytes: of the file, or of the texts in a Parquet file, of which rows are known."""

    def __init__(self, table: Table, prediction: Prediction) -> None:
        self._source = table.source if table.size is not None else None
        self.total = table.size  #: ``None``: not known
        self._bytes_a_row = 0.0
        if table.parquet is None:
            return
        texts = {prediction.text, prediction.title or "title"}
        size = sum(
            chunk.total_uncompressed_size
            for group in range(table.parquet.metadata.num_row_groups)
            for chunk in map(table.parquet.metadata.row_group(group).column, range(table.parquet.metadata.num_columns))
            if chunk.path_in_schema in texts
        )
        self._bytes_a_row = size / max(1, table.parquet.metadata.num_rows)
        self.total = size // prediction.shard[1]

    def done(self, rows: int) -> int:
        """Bytes, after so many rows of our share."""
        return int(rows * self._bytes_a_row) if self._source is None else self._source.tell()


# --- batches in ----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Some rows of the input, as columns; where one ends depends on the rows alone."""

    lines: list[int]
    columns: dict[str, Column]  #: lists, or Arrow arrays
    problems: dict[int, str]  #: row, from 0 -> why it cannot be read

    def texts(self, prediction: Prediction) -> Texts:
        """What of them is to be classified."""
        title = prediction.title or "title"
        problems = dict(self.problems)
        return Texts(
            text=self._texts(prediction.text, problems),
            title=self._texts(title, problems) if title != prediction.text and title in self.columns else None,
            problems=problems,
        )

    def _texts(self, name: str, problems: dict[int, str]) -> Column:
        column = self.columns[name]
        if not isinstance(column, list):
            if is_text(column.type):
                return column
            column = values_of(column)
        if not set(map(type, column)) <= {str, type(None)}:
            for row, value in enumerate(column):
                if value is not None and not isinstance(value, str):
                    problems.setdefault(row, f"column {name!r} holds {type(value).__name__}, not text")
        return column


def _batches(table: Table, prediction: Prediction, done: int = 0) -> Iterator[Batch]:
    """All rows of our share but the first ``done``."""
    if table.parquet is None:
        yield from (_of_rows(rows, table.columns) for rows in _gathered(table.rows, prediction.text))
        return
    shard, shards = prediction.shard
    rows = table.parquet.metadata.num_rows
    begin, end = rows * (shard - 1) // shards + done, rows * shard // shards
    for line, batch in parquet_batches(table.name, table.parquet, begin=begin, end=end):
        yield Batch(
            lines=list(range(line, line + batch.num_rows)),
            columns=dict(zip(batch.schema.names, batch.columns, strict=True)),
            problems=not_utf8_rows(batch),
        )


def _gathered(rows: Iterable[Row], text: str) -> Iterator[list[Row]]:
    batch: list[Row] = []
    characters = 0
    for row in rows:
        batch.append(row)
        value = row.values.get(text)
        characters += len(value) if isinstance(value, str) else 0
        if len(batch) >= BATCH_ROWS or characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _of_rows(rows: list[Row], columns: Iterable[str]) -> Batch:
    return Batch(
        lines=[row.line for row in rows],
        columns={column: [row.values.get(column) for row in rows] for column in columns},
        problems={at: row.problem for at, row in enumerate(rows) if row.problem},
    )


# --- scored on all cores ---------------------------------------------------------------------------------

Given = TypeVar("Given")
Made = TypeVar("Made")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _in_order(given: Iterable[Given], make: Callable[[Given], Made], threads: int) -> Iterator[Made]:
    """What ``make`` makes of each, in order; at most two more than there are threads are under way or wait."""
    if threads == 1:
        yield from map(make, given)
        return
    waiting: deque[Future[Made]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="score")
    try:
        for each in given:
            waiting.append(pool.submit(make, each))
            if len(waiting) > threads + 1:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


@dataclass(frozen=True, kw_only=True)
class _Scored:
    """A batch of the output."""

    lines: list[int]
    columns: Columns
    judged: Judged


class _Scoring:
    """From a batch of the input to one of the output; called by several threads."""

    def __init__(
        self, prediction: Prediction, kept: dict[str, str], policy: Policy, judge: Callable[[Texts], Judged]
    ) -> None:
        self._prediction = prediction
        self._kept = kept
        self._judge = judge
        self._labels = [*map(str, OUTCOMES), None]  # the last is for rows that are not classified
        self._is_falsetrue = [*(_IS_FALSETRUE[outcome] for outcome in OUTCOMES), None]
        self._actions = [*(policy.actions[outcome] for outcome in OUTCOMES), None]
        self._reasons = [[str(reason) for reason in reasons_of(number)] for number in REASON_NUMBERS]

    def __call__(self, batch: Batch) -> _Scored:
        judged = self._judge(batch.texts(self._prediction))
        columns: dict[str, Column] = {"line": batch.lines}
        for column, name in self._kept.items():
            columns[name] = _without(batch.columns[column], batch.problems)
        return _Scored(lines=batch.lines, columns=columns | self._verdicts(judged), judged=judged)

    def _verdicts(self, judged: Judged) -> dict[str, Column]:
        outcomes = judged.outcomes.tolist()
        columns = {
            "label": [self._labels[outcome] for outcome in outcomes],
            "is_falsetrue": [self._is_falsetrue[outcome] for outcome in outcomes],
            "p_real": _numbers(judged.p_real, judged),
            "action": [self._actions[outcome] for outcome in outcomes],
            "reasons": [self._reasons[number] for number in judged.reasons.tolist()],
            "error": [judged.problems.get(row) for row in range(len(outcomes))],
        }
        if self._prediction.prevalence is not None:
            columns[UNADJUSTED] = _numbers(judged.p_real_unadjusted, judged)
        return columns


def _numbers(values: Floats, judged: Judged) -> list[float | None]:
    numbers: list[float | None] = values.tolist()
    for row in judged.problems:
        numbers[row] = None
    return numbers


def _without(column: Column, problems: dict[int, str]) -> Column:
    """Nothing of rows that cannot be read: what they hold cannot be written either."""
    if not problems or isinstance(column, list):
        return column
    values = values_of(column)
    return [None if row in problems else value for row, value in enumerate(values)]


def _write(
    scored: Iterable[_Scored], output: Output, summary: Summary, *, report: Report, at: Callable[[], None]
) -> None:
    batches_since = bytes_before = 0
    for batch in scored:
        if batches_since == 0:
            bytes_before = summary.bytes
        output.write(batch.columns)
        _count(batch, summary, report)
        batches_since += 1
        if batches_since == PART_BATCHES or summary.bytes - bytes_before >= PART_BYTES:
            output.end_part(summary.rows, msgspec.to_builtins(summary))
            batches_since = 0
        at()
    if batches_since or not output.kept.parts:
        output.end_part(summary.rows, msgspec.to_builtins(summary))


def _count(batch: _Scored, summary: Summary, report: Report) -> None:
    judged = batch.judged
    summary.rows += len(batch.lines)
    summary.bytes += judged.bytes
    summary.bad_rows += len(judged.problems)
    counts = np.bincount(judged.outcomes[judged.outcomes != NOT_CLASSIFIED], minlength=len(OUTCOMES))
    summary.labels.update({str(outcome): int(count) for outcome, count in zip(OUTCOMES, counts, strict=True) if count})
    for row, problem in judged.problems.items():
        report(batch.lines[row], problem)


# --- how much of it is false ---------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class EstimatedPrevalence:
    """The share of false news in a file, estimated from what the model says of its texts."""

    texts: int  #: it was estimated from
    by_scores: Prevalence  #: Saerens' maximum likelihood
    by_calls: Prevalence  #: from the share called false, and how often that is wrong on held-out news

    @property
    def value(self) -> float:
        """The estimate by scores, as far from 0 and 1 as half a text."""
        edge = 0.5 / self.texts
        return min(max(self.by_scores.value, edge), 1 - edge)

    @property
    def agrees(self) -> bool:
        """Whether the two intervals meet. If not, more than the share differs from the training news."""
        return self.by_scores.low <= self.by_calls.high and self.by_calls.low <= self.by_scores.high


def estimate_prevalence(
    prediction: Prediction, classifier: Classifier, policy: Policy, *, progress: Progress
) -> EstimatedPrevalence:
    """Read a file once, in bounded memory, for its share of false news.

    Only texts count that ``policy`` has nothing against but their probability. Raises
    :class:`InputError` where there are none, and for standard input, which cannot be read twice.
    """
    if prediction.source == "-":
        raise InputError(
            "the share of false news takes a first reading, which standard input does not allow; name a file"
        )
    counts = ScoreCounts()
    rows = 0
    with _open_input(prediction) as table:
        progress.phase("estimate prevalence", table.size, "bytes" if table.source else "rows")
        judge = Judge(classifier, policy, None)
        for judged in _in_order(_batches(table, prediction), lambda batch: judge(batch.texts(prediction)), _cores()):
            counts.add(judged.p_real_unadjusted[_is_plain[judged.reasons] & (judged.outcomes != NOT_CLASSIFIED)])
            rows += len(judged.outcomes)
            progress.at(rows if table.source is None or table.size is None else table.source.tell())
    p_real, times = counts.distinct()
    manifest = classifier.manifest
    return EstimatedPrevalence(
        texts=counts.texts,
        by_scores=estimate_saerens(p_real, trained_prevalence=manifest.trained_prevalence, counts=times),
        by_calls=estimate_bbse(counts.called_false, counts.texts, confusion=manifest.metrics.confusion),
    )


#: By number of reasons, whether the model knows how to judge such a text.
_is_plain = np.array([set(reasons_of(number)) <= {Reason.NEAR_THRESHOLD} for number in REASON_NUMBERS])
