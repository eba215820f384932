"""A file of news to a file of verdicts, in bounded memory, whatever its size."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from falsetrue.errors import InputError
from falsetrue.jobs.classify import Classification, Classifier, Item, Refusal
from falsetrue.jobs.progress import Progress
from falsetrue.model.decision import Policy, Reason
from falsetrue.model.prevalence import Floats, Prevalence, ScoreCounts, estimate_bbse, estimate_saerens
from falsetrue.news.reading import Row, Table, open_table, text_value
from falsetrue.news.writing import CsvStyle, Record, open_output

#: A batch is scored when it holds so many rows, or so many characters.
BATCH_ROWS = 512
BATCH_CHARACTERS = 4_000_000
#: Columns that are added, in this order.
VERDICT = ("label", "is_falsetrue", "p_real", "action", "reasons", "error")
#: One more, behind them, where ``p_real`` is re-derived for a prevalence.
UNADJUSTED = "p_real_unadjusted"
_OUR_TYPES = {"line": "int64", "is_falsetrue": "int8", "p_real": "float64", "reasons": "texts", UNADJUSTED: "float64"}


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


#: Told of each bad row: its line and what is wrong with it.
Report = Callable[[int, str], None]


def predict(
    prediction: Prediction, classifier: Classifier, policy: Policy, *, progress: Progress, report: Report
) -> Summary:
    """Score every row of a file.

    The output has a row for each row of the input, in order: ``line``, the input's columns (less
    the text, unless ``keep_text``; one that has the name of a column of ours is renamed
    ``input_…``), then :data:`VERDICT` and, with a prevalence, :data:`UNADJUSTED`. Raises
    :class:`InputError` where a file cannot be used.
    """
    _refuse_same_file(prediction)
    prediction = replace(prediction, prevalence=classifier.policies.prevalence(policy, prediction.prevalence))
    summary = Summary(prevalence=prediction.prevalence)
    with _open_input(prediction) as table:
        kept = _kept_columns(table, prediction)
        columns = ["line", *kept.values(), *_verdict_columns(prediction)]
        progress.phase("classify", table.size, "bytes" if table.source else "rows")
        with open_output(
            prediction.destination,
            columns,
            _types(table, kept),
            replace=prediction.replace,
            format_name=prediction.destination_format,
            style=prediction.style,
        ) as writer:
            for batch in _batches(table, prediction.text):
                writer.write(_score(batch, prediction, classifier, policy, kept=kept, summary=summary, report=report))
                progress.at(summary.rows if table.source is None or table.size is None else table.source.tell())
    return summary


@contextmanager
def _open_input(prediction: Prediction) -> Iterator[Table]:
    with open_table(prediction.source, format_name=prediction.source_format, delimiter=prediction.delimiter) as table:
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


def _batches(table: Table, text: str) -> Iterator[list[Row]]:
    batch: list[Row] = []
    characters = 0
    for row in table.rows:
        batch.append(row)
        value = row.values.get(text)
        characters += len(value) if isinstance(value, str) else 0
        if len(batch) >= BATCH_ROWS or characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _score(
    rows: list[Row],
    prediction: Prediction,
    classifier: Classifier,
    policy: Policy,
    *,
    kept: dict[str, str],
    summary: Summary,
    report: Report,
) -> list[Record]:
    readable = [_item(row, prediction) for row in rows]
    items = [item for item in readable if isinstance(item, Item)]
    verdicts = iter(classifier.classify(items, policy, prevalence=prediction.prevalence))
    records = []
    for row, item in zip(rows, readable, strict=True):
        verdict = next(verdicts) if isinstance(item, Item) else item
        summary.rows += 1
        if isinstance(verdict, Classification):
            summary.labels[verdict.label] += 1
        else:
            summary.bad_rows += 1
            report(row.line, _explain(verdict))
        record: Record = {name: row.values.get(column) for column, name in kept.items()}
        records.append({"line": row.line} | record | _verdict(verdict) | _unadjusted(verdict, prediction))
    summary.bytes += sum(len(item.text.encode("utf-8", "replace")) + len(item.title or "") for item in items)
    return records


def _item(row: Row, prediction: Prediction) -> Item | str:
    """What to classify, or what is wrong with the row."""
    if row.problem:
        return row.problem
    try:
        text = text_value(row, prediction.text)
        title_column = prediction.title or "title"
        title = None if title_column == prediction.text else text_value(row, title_column)
        return Item(text=text or "", title=title)
    except ValueError as error:
        return str(error)


def _explain(refusal: Refusal | str) -> str:
    return "the text is empty" if refusal is Refusal.EMPTY else str(refusal)


def _verdict(found: Classification | Refusal | str) -> Record:
    if not isinstance(found, Classification):
        return dict.fromkeys(VERDICT) | {"reasons": [], "error": _explain(found)}
    return {
        "label": str(found.label),
        "is_falsetrue": found.is_falsetrue,
        "p_real": found.p_real,
        "action": found.action,
        "reasons": [str(reason) for reason in found.reasons],
        "error": None,
    }


def _unadjusted(found: Classification | Refusal | str, prediction: Prediction) -> Record:
    if prediction.prevalence is None:
        return {}
    return {UNADJUSTED: found.p_real_unadjusted if isinstance(found, Classification) else None}


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
        for batch in _batches(table, prediction.text):
            counts.add(_plain_scores(batch, prediction, classifier, policy))
            rows += len(batch)
            progress.at(rows if table.source is None or table.size is None else table.source.tell())
    p_real, times = counts.distinct()
    manifest = classifier.manifest
    return EstimatedPrevalence(
        texts=counts.texts,
        by_scores=estimate_saerens(p_real, trained_prevalence=manifest.trained_prevalence, counts=times),
        by_calls=estimate_bbse(counts.called_false, counts.texts, confusion=manifest.metrics.confusion),
    )


def _plain_scores(rows: list[Row], prediction: Prediction, classifier: Classifier, policy: Policy) -> Floats:
    """The model's own probabilities of the texts that it knows how to judge."""
    items = [item for item in (_item(row, prediction) for row in rows) if isinstance(item, Item)]
    return np.array(
        [
            found.p_real_unadjusted
            for found in classifier.classify(items, policy)
            if isinstance(found, Classification) and set(found.reasons) <= {Reason.NEAR_THRESHOLD}
        ],
        dtype=np.float64,
    )
