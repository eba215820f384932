"""◆ The audit slice in the database: what was drawn, and what people say of it.

Drawn predictions come with their entries (:func:`add_drawn`). Those with the lowest ranks of a day, once it has ended,
are its slice; they alone are shown and labelled, and their labels alone tell the detectors that raise alarms.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, Select, and_, case, delete, func, or_, select, update

from falsetrue.database.engine import empty_log, in_blocks, insert_into, reading, writing
from falsetrue.database.tables import audit_items, predictions
from falsetrue.errors import InputError, UnknownPredictionError
from falsetrue.journal.identifiers import is_identifier
from falsetrue.journal.records import Entry, keepable
from falsetrue.news.article import join_title_and_text

#: What an item may be labelled. One that nobody can tell, ``unclear``, counts as without a label for the detectors.
LABELS = ("false", "real", "unclear")
_DECIDED = LABELS[:2]
#: Rows that are read in one transaction.
_BLOCK = 500
_ONE_DAY = timedelta(days=1)
_columns = audit_items.c
_has_text = or_(_columns.text.is_not(None), _columns.title.is_not(None))
_is_waiting = and_(_columns.label.is_(None), _has_text)


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """An item that waits for a label. What the model said of it is not told: it would sway whoever labels."""

    prediction_id: str
    day: date  #: UTC
    language: str | None  #: BCP 47
    title: str | None
    text: str | None  #: as much of it as is kept


class AuditItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item of the slice, but for its text."""

    prediction_id: str
    day: date  #: UTC
    rank: int
    model_version: str
    language: str | None  #: BCP 47
    refused: bool  #: the caller forbade that its text be kept
    has_text: bool  #: still
    p_real: float
    said: str  #: by the model: ``false``, ``real`` or ``unsure``
    first_label: str | None  #: by people, without knowing that: ``false`` or ``real``
    label: str | None  #: the same, ``unclear`` too, as corrected since
    labelled_at: datetime | None  #: UTC
    labelled_by: str | None
    note: str | None  #: with every label that it had before

    @property
    def is_open(self) -> bool:
        """Whether what the model said is still to be hidden: nobody has said ``false`` or ``real``."""
        return self.first_label is None


class AuditLabel(msgspec.Struct, frozen=True, kw_only=True):
    """A label for the detectors."""

    prediction_id: str
    day: date  #: UTC
    rank: int
    language: str | None  #: BCP 47
    p_real: float
    prevalence: float | None = None  #: that ``p_real`` was re-derived for
    said: str  #: ``false``, ``real`` or ``unsure``
    label: str  #: ``false`` or ``real``, as first said: a correction knows what the model said


@dataclass(frozen=True, kw_only=True, slots=True)
class SliceCounts:
    """Of the slices of some days that have ended."""

    drawn: int
    labelled: int  #: false or real
    unclear: int
    refused: int  #: their callers forbade that the text be kept
    waiting: int  #: with a text, and without a label


@dataclass(frozen=True, kw_only=True, slots=True)
class Forgotten:
    """What was forgotten of the slice."""

    texts: int
    rows: int


class AuditItems:
    """The slices of ``daily`` predictions each. For any number of threads.

    Every method raises :class:`DatabaseError` where the database cannot do it.
    """

    def __init__(self, engine: Engine, *, daily: int) -> None:
        self._engine = engine
        self._daily = daily

    # --- asking people ------------------------------------------------------------------------------

    def next(self, now: datetime) -> Question | None:
        """The item to label next, of the oldest day, and in that of the lowest rank; ``None``: nothing waits.

        Of a day of which only some are labelled, these are a uniform random sample too.
        """
        query = _of_slice(self._daily, before=now.date()).where(_is_waiting).order_by(_columns.day, _columns.rank)
        with reading(self._engine) as connection:
            row = connection.execute(query.limit(1)).first()
        return None if row is None else _question(row)

    def question(self, prediction_id: str) -> Question:
        """One item as it is shown to whoever labels; raises :class:`UnknownPredictionError`."""
        with reading(self._engine) as connection:
            return _question(_row(connection, prediction_id))

    def get(self, prediction_id: str) -> AuditItem:
        """One item; raises :class:`UnknownPredictionError`."""
        with reading(self._engine) as connection:
            return _item(_row(connection, prediction_id))

    def label(
        self,
        prediction_id: str,
        label: str,
        *,
        by: str,
        now: datetime,
        note: str | None = None,
        correct: bool = False,
    ) -> AuditItem:
        """Keep what somebody says of an item of the slice; returns it, with what the model said.

        The first ``false`` or ``real`` stands, as it was given without knowing what the model said. To say the same
        again changes nothing; another label is only taken with ``correct``, and what was said before, when and by
        whom, is then kept in the note. Detectors and estimates go by the first one, whatever is corrected.

        Raises :class:`UnknownPredictionError` where there is no such item, and :class:`InputError` where it cannot be
        labelled, or is already.
        """
        if label not in LABELS:
            raise InputError(f"a label {label[:40]!r} is none of {', '.join(LABELS)}")
        with writing(self._engine) as connection:
            row = _row(connection, prediction_id, lock=True)
            self._check(connection, row, now)
            changed = _changed(_item(row), label, keepable(by), now, note and keepable(note), correct=correct)
            if changed:
                connection.execute(
                    update(audit_items).where(_columns.prediction_id == row.prediction_id).values(**changed)
                )
            return _item(_row(connection, prediction_id))

    def _check(self, connection: Connection, row: Any, now: datetime) -> None:
        """Raise :class:`InputError` for what is not to be labelled."""
        if row.day >= now.date():
            raise InputError(f"{row.prediction_id}: its day has not ended; only then is it known which are drawn")
        if row.refused:
            raise InputError(f"{row.prediction_id}: its caller forbade that its text be kept; nobody can label it")
        lower = select(func.count()).where(_columns.day == row.day, _columns.rank < row.rank)
        if row.label is None and (connection.scalar(lower) or 0) >= self._daily:
            raise InputError(f"{row.prediction_id}: is not among the {self._daily} that were drawn of {row.day}")

    # --- telling what there is ----------------------------------------------------------------------

    def items(self, now: datetime, *, since: date | None = None, only_labelled: bool = False) -> Iterator[AuditItem]:
        """The slices of the days that have ended, from a day on, the oldest first."""
        for row in self._rows(now, since=since, only_labelled=only_labelled):
            yield _item(row)

    def labelled(self, now: datetime, *, since: date | None = None) -> Iterator[tuple[AuditItem, Question]]:
        """The same of what has a label, each with its text where that is still there."""
        for row in self._rows(now, since=since, only_labelled=True):
            yield _item(row), _question(row)

    def contents(self, now: datetime, model_version: str, since: datetime, until: datetime) -> Iterator[str]:
        """Title and text, joined, of items from ``since`` on and before ``until``, as far as they are kept."""
        before = min(until.date() + _ONE_DAY, now.date())
        query = _of_slice(self._daily, before=before, since=since.date()).where(
            _columns.model_version == model_version,
            _columns.drawn_at >= since,
            _columns.drawn_at < until,
            _has_text,
        )
        for row in self._read(query):
            yield join_title_and_text(row.title, row.text or "")

    def _rows(self, now: datetime, *, since: date | None, only_labelled: bool) -> Iterator[Any]:
        query = _of_slice(self._daily, before=now.date(), since=since).order_by(_columns.day, _columns.rank)
        if only_labelled:
            query = query.where(_columns.label.is_not(None))
        return self._read(query)

    def _read(self, query: Select[Any]) -> Iterator[Any]:
        with reading(self._engine, wait=True) as connection:
            for block in connection.execute(query, execution_options={"yield_per": _BLOCK}).partitions():
                yield from block

    def counts(self, now: datetime, *, since: date | None = None, until: date | None = None) -> SliceCounts:
        """Of the slices of days that have ended, from ``since`` on and before ``until``."""
        before = now.date() if until is None else min(until, now.date())
        found = _of_slice(self._daily, before=before, since=since).subquery()
        of = found.c
        ways = {
            "labelled": of.label.in_(_DECIDED),
            "unclear": of.label == LABELS[2],
            "refused": of.refused,
            "waiting": and_(of.label.is_(None), or_(of.text.is_not(None), of.title.is_not(None))),
        }
        counted = [func.coalesce(func.sum(case((way, 1), else_=0)), 0).label(name) for name, way in ways.items()]
        with reading(self._engine) as connection:
            row = connection.execute(select(func.count().label("drawn"), *counted).select_from(found)).one()
        return SliceCounts(**{name: int(value) for name, value in row._mapping.items()})  # noqa: SLF001 - documented

    # --- forgetting ---------------------------------------------------------------------------------

    def forget(self, now: datetime, texts_after: timedelta, rows_after: timedelta | None = None) -> Forgotten:
        """Forget what is not of the slice after all, texts that are older, and whole items that are older.

        An item with a label stays although one of a lower rank came late, as from a spool.
        """
        ids, engine = _columns.prediction_id, self._engine
        places = _places().subquery()
        beyond = select(ids).join(places, places.c.prediction_id == ids)
        beyond = beyond.where(places.c.place > self._daily, _columns.label.is_(None)).limit(_BLOCK)
        rows = in_blocks(engine, delete(audit_items).where(ids.in_(beyond)), _BLOCK)
        if rows_after is not None:
            old = select(ids).where(_columns.drawn_at < now - rows_after).limit(_BLOCK)
            rows += in_blocks(engine, delete(audit_items).where(ids.in_(old)), _BLOCK)
        told = select(ids).where(_columns.drawn_at < now - texts_after, _has_text).limit(_BLOCK)
        forget = update(audit_items).where(ids.in_(told)).values(title=None, text=None)
        texts = in_blocks(engine, forget, _BLOCK)
        empty_log(engine)
        return Forgotten(texts=texts, rows=rows)


# --- with the work of others, in their transactions ------------------------------------------------------


def add_drawn(connection: Connection, engine: Engine, entries: Sequence[Entry]) -> None:
    """Add what is drawn of entries that are just written; what is there already is passed over."""
    rows = [_as_row(entry) for entry in entries if entry.drawn is not None]
    if rows:
        insert = insert_into(engine, audit_items)
        connection.execute(insert.on_conflict_do_nothing(index_elements=[_columns.prediction_id]), rows)


def uncounted_labels(connection: Connection, model_version: str) -> list[AuditLabel]:
    """Labels that the detectors of a version of a model were not told yet, in the order in which they are to be.

    That is by day, and in a day by rank: it depends on nothing but chance.
    """
    return _labels(connection, _columns.model_version == model_version, _columns.counted_at.is_(None))


def labels_between(connection: Connection, model_version: str, since: date, until: date) -> list[AuditLabel]:
    """All labels of a version of a model, of texts that came on the days from ``since`` on and before ``until``."""
    return _labels(connection, _columns.model_version == model_version, _columns.day >= since, _columns.day < until)


def _labels(connection: Connection, *which: ColumnElement[bool]) -> list[AuditLabel]:
    names = [name for name in AuditLabel.__struct_fields__ if name not in ("prevalence", "label")]
    others = predictions.c.prevalence, _columns.first_label.label("label")
    query = select(*(_columns[name] for name in names), *others).outerjoin(
        predictions, predictions.c.id == _columns.prediction_id
    )
    rows = connection.execute(
        query.where(_columns.first_label.is_not(None), *which).order_by(_columns.day, _columns.rank)
    )
    return [AuditLabel(**row._mapping) for row in rows]  # noqa: SLF001 - documented


def mark_counted(connection: Connection, labels: Sequence[AuditLabel], now: datetime) -> None:
    """Have these labels never come again: for the transaction that keeps what the detectors made of them."""
    for at in range(0, len(labels), _BLOCK):
        ids = [label.prediction_id for label in labels[at : at + _BLOCK]]
        connection.execute(update(audit_items).where(_columns.prediction_id.in_(ids)).values(counted_at=now))


# --- rows ----------------------------------------------------------------------------------------------


def _as_row(entry: Entry) -> dict[str, Any]:
    drawn = entry.drawn
    assert drawn is not None  # noqa: S101 - the caller looked
    return {
        "prediction_id": entry.id,
        "day": entry.created_at.date(),
        "rank": drawn.rank,
        "model_version": entry.model_version,
        "language": entry.language,
        "refused": drawn.refused,
        "title": drawn.title,
        "text": drawn.text,
        "p_real": entry.p_real,
        "said": entry.label,
        "drawn_at": entry.created_at,
    }


def _places() -> Select[Any]:
    """The place of each item among those of its day, from 1 on; the lowest rank is first."""
    order = (_columns.rank, _columns.prediction_id)
    place = func.row_number().over(partition_by=_columns.day, order_by=order)
    return select(_columns.prediction_id, place.label("place"))


def _of_slice(daily: int, *, before: date, since: date | None = None) -> Select[Any]:
    """Items of the slices of some days; one with a label is of it, whatever came later."""
    days = [_columns.day < before] + ([] if since is None else [_columns.day >= since])
    places = _places().where(*days).subquery()
    return (
        select(audit_items)
        .join(places, places.c.prediction_id == _columns.prediction_id)
        .where(or_(places.c.place <= daily, _columns.label.is_not(None)))
    )


def _row(connection: Connection, prediction_id: str, *, lock: bool = False) -> Any:
    query = select(audit_items).where(_columns.prediction_id == prediction_id)
    row = None
    if is_identifier(prediction_id):
        row = connection.execute(query.with_for_update() if lock else query).first()
    if row is None:
        raise UnknownPredictionError(f"{prediction_id[:40]!r}: there is no such prediction in the audit slice")
    return row


def _question(row: Any) -> Question:
    return Question(**{name: getattr(row, name) for name in Question.__struct_fields__})


def _item(row: Any) -> AuditItem:
    named = {name: getattr(row, name) for name in AuditItem.__struct_fields__ if name != "has_text"}
    return AuditItem(has_text=row.title is not None or row.text is not None, **named)


# --- labels --------------------------------------------------------------------------------------------


def _changed(item: AuditItem, label: str, by: str, now: datetime, note: str | None, *, correct: bool) -> dict[str, Any]:
    """What changes of an item; raises :class:`InputError` where its label is to stand."""
    if item.label == label:
        return {"note": _joined(item.note, note)} if note else {}
    first = {"first_label": label} if item.is_open and label in _DECIDED else {}
    if item.label is None:
        return {"label": label, "labelled_at": now, "labelled_by": by, "note": note, **first}
    before = f"{item.label!r} by {item.labelled_by} on {item.labelled_at:%Y-%m-%d %H:%M} UTC"
    if not (correct or item.is_open):
        raise InputError(f"{item.prediction_id}: is labelled {before} already; correct it only if that is a mistake")
    history = _joined(item.note, f"labelled {before}")
    return {"label": label, "labelled_at": now, "labelled_by": by, "note": _joined(history, note), **first}


def _joined(before: str | None, more: str | None) -> str | None:
    return "\n".join(each for each in (before, more) if each) or None
