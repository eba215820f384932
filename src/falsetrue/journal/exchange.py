"""◆ Entries out to a file, and labels in from one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from falsetrue.journal.identifiers import Identifiers
from falsetrue.journal.records import Entry, Feedback, Filters
from falsetrue.journal.store import Journal
from falsetrue.news.article import Label, parse_label
from falsetrue.news.reading import Row, open_table, text_value
from falsetrue.news.writing import open_output

#: Rows that are read, or written, together.
_BLOCK = 500
#: Rows of a row group of Parquet.
_PART = 20_000
#: What a file of entries has of each: its name, and its type where it is not text.
_COLUMNS = {
    "id": None,
    "created_at": None,
    "route": None,
    "request_id": None,
    "key_id": None,
    "item_id": None,
    "model_name": None,
    "model_version": None,
    "policy": None,
    "label": None,
    "p_real": "float64",
    "prevalence": "float64",
    "action": None,
    "reasons": "texts",
    "language": None,
    "characters": "int64",
    "words": "int64",
    "known_words": "int64",
    "text_hash": None,  # hexadecimal
    "latency": "float64",  # seconds
    "shadow": None,
    "title": None,
    "text": None,
}
#: How many callers say, at last, that it is false, and real.
_SAID = {"said_false": "int64", "said_real": "int64"}


def export(
    journal: Journal,
    filters: Filters,
    path: str,
    *,
    format_name: str | None,
    replace: bool,
    report: Callable[[int], object],
) -> int:
    """Write entries, the oldest first, and what people say of them; returns how many.

    ``path`` is CSV, JSON Lines or Parquet by its name, ``-`` standard output; ``report`` is told how many are done.
    Raises :class:`InputError` where it exists (unless ``replace``) or cannot be written.
    """
    columns = _COLUMNS | _SAID
    types = {name: kind for name, kind in columns.items() if kind}
    entries = journal.export(filters)
    done = 0
    with open_output(path, list(columns), types, replace=replace, format_name=format_name) as output:
        while block := list(islice(entries, _BLOCK)):
            said = journal.feedback_for([entry.id for entry in block])
            output.write(_as_columns(block, said))
            done += len(block)
            report(done)
            if done % _PART == 0:
                output.end_part(done, {})
        output.end_part(done, {})
    return done


def _as_columns(entries: list[Entry], said: dict[str, list[Feedback]]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {name: [getattr(entry, name) for entry in entries] for name in _COLUMNS}
    columns["created_at"] = [moment.isoformat() for moment in columns["created_at"]]
    columns["reasons"] = list(map(list, columns["reasons"]))
    columns["text_hash"] = [digest.hex() for digest in columns["text_hash"]]
    for label in ("false", "real"):
        columns[f"said_{label}"] = [sum(each.label == label for each in said.get(entry.id, ())) for entry in entries]
    return columns


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What became of a file of labels."""

    rows: int  #: with a label
    unlabelled: int
    bad: int  #: each reported


def load_feedback(
    journal: Journal,
    path: str,
    *,
    by: str,
    now: Callable[[], datetime],
    report: Callable[[int, str], object],
    progress: Callable[[int], object],
) -> Loaded:
    """Take what a file says predictions should have been, in its columns ``prediction_id``, ``label`` and ``reason``.

    ``by`` is who says so; ``report`` is told the line of each row that cannot be used and why, ``progress`` how many
    rows are done. Raises :class:`InputError` where the file cannot be read.
    """
    identifiers = Identifiers()
    rows = unlabelled = bad = done = 0
    with open_table(path) as table:
        for column in ("prediction_id", "label"):
            table.require(column)
        while block := list(islice(table.rows, _BLOCK)):
            given: list[tuple[int, Feedback]] = []
            for row in block:
                try:
                    said = _read(row, by, now(), identifiers)
                except ValueError as error:
                    report(row.line, str(error))
                    bad += 1
                    continue
                if said is None:
                    unlabelled += 1
                else:
                    given.append((row.line, said))
            kept = journal.add_feedbacks([said for _, said in given])
            unknown = [line for (line, _), each in zip(given, kept, strict=True) if each is None]
            for line in unknown:
                report(line, "there is no prediction with this id; it may have been kept for long enough")
            bad += len(unknown)
            rows += len(given) - len(unknown)
            progress(done := done + len(block))
    return Loaded(rows=rows, unlabelled=unlabelled, bad=bad)


def _read(row: Row, by: str, now: datetime, identifiers: Identifiers) -> Feedback | None:
    """``None`` where there is no label; raises :class:`ValueError`."""
    if row.problem:
        raise ValueError(row.problem)
    label = parse_label(row.values.get("label"))
    if label is None:
        return None
    return Feedback(
        id=identifiers.new(),
        prediction_id=(text_value(row, "prediction_id") or "").strip(),
        created_at=now,
        key_id=by,
        label="real" if label is Label.REAL else "false",
        reason=text_value(row, "reason") or None,
    )
