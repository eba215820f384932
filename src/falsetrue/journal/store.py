"""◆ The journal in the database: what was said, what people say of it, and what was answered to whom."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec.structs import asdict, replace
from sqlalchemy import BigInteger, ColumnElement, Connection, Engine, Text, cast, delete, func, or_, select, update

from falsetrue.database.engine import Standing, empty_log, in_blocks, insert_into, is_sqlite, reading, writing
from falsetrue.database.tables import answers, facts, feedback, metadata, predictions, refused_items
from falsetrue.errors import UnknownPredictionError
from falsetrue.journal.audit_items import add_drawn
from falsetrue.journal.identifiers import first_identifier, is_identifier, milliseconds_of
from falsetrue.journal.records import (
    Entry,
    Feedback,
    Filters,
    Page,
    Pruned,
    Statistics,
    StoredAnswer,
    Writing,
    keepable,
)
from falsetrue.journal.rows import Encoder, decode_entry, decode_reasons, insert_for

#: Rows that are read, or forgotten, in one transaction.
BLOCK = 500
#: Entries that are looked at for one page.
WINDOW = 20_000
#: Milliseconds by which identifiers and times of entries differ at most, unless the database says that it is more.
_SPREAD = 3_600_000
_SPREAD_FACT = "identifier_spread"
_PROBE_FACT = "probed_at"
#: A key is taken where there is none, or one that has expired.
_CLAIM = (
    "ON CONFLICT (key) DO UPDATE SET body_hash = excluded.body_hash, created_at = excluded.created_at, "
    "expires_at = excluded.expires_at, content = excluded.content WHERE answers.expires_at <= excluded.created_at "
    "RETURNING key"
)


class Journal:
    """All that is kept of predictions. For any number of threads; a process makes its own after it was forked.

    One for an engine: it keeps a connection once it has written.

    Every method raises :class:`DatabaseError` where the database cannot do it.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._standing = Standing(engine)
        self._encoder = Encoder(engine)
        self._add_entries = insert_for(engine, predictions, "ON CONFLICT (id) DO NOTHING")
        self._claim_answers = insert_for(engine, answers, _CLAIM)
        self._add_answers = insert_for(engine, answers, "ON CONFLICT (key) DO NOTHING")
        self._add_refused = insert_for(engine, refused_items, "ON CONFLICT (id) DO NOTHING")
        self._spread = _SPREAD

    # --- writing --------------------------------------------------------------------------------------

    def write(self, batch: Sequence[Writing]) -> list[StoredAnswer | None]:
        """Write what some requests leave behind, in one transaction.

        Returns for each ``None``, or what was answered before to its idempotency key: then nothing of it is
        written. An entry whose id is there already is passed over. If this raises, nothing of the batch is
        written, unless the connection was lost just then: to write the same again is right in either case.
        """
        claims = {each.answer.key: each.answer for each in reversed(batch) if each.answer is not None}
        with self._standing.writing() as connection:
            taken = self._claim(connection, claims) if claims else {}
            before = [_answered_before(each, claims, taken) for each in batch]
            wanted = [each for each, old in zip(batch, before, strict=True) if old is None]
            spread = self._add(connection, wanted)
        self._spread = max(self._spread, spread)
        return before

    def probe(self) -> None:
        """Write something that is of no use: an empty transaction is kept on a full disk, too."""
        insert = insert_into(self._engine, facts).values(name=_PROBE_FACT, value=str(time.time_ns()))
        with writing(self._engine) as connection:
            connection.execute(
                insert.on_conflict_do_update(index_elements=[facts.c.name], set_={"value": insert.excluded.value})
            )

    def catch_up(self, batch: Sequence[Writing]) -> None:
        """Write, in one transaction, what was answered while the database was away.

        Entries, and what was refused, are written whatever became of their idempotency keys meanwhile: the answers are
        with the callers.
        """
        kept = {each.answer.key: each.answer for each in reversed(batch) if each.answer is not None}
        with writing(self._engine) as connection:
            self._add_answers.run(connection, [self._encoder.answer(kept[key]) for key in sorted(kept)])
            spread = self._add(connection, batch)
        self._spread = max(self._spread, spread)

    def _claim(self, connection: Connection, claims: Mapping[bytes, StoredAnswer]) -> dict[bytes, StoredAnswer]:
        """Take idempotency keys; what is there of those that were taken before."""
        # In their order: two that wait for each other's keys would wait for ever.
        rows = [self._encoder.answer(claims[key]) for key in sorted(claims)]
        ours = {bytes(row[0]) for row in self._claim_answers.run(connection, rows)}
        others = claims.keys() - ours
        return {each.key: each for each in _select_answers(connection, others)} if others else {}

    def _add(self, connection: Connection, batch: Sequence[Writing]) -> int:
        """Insert entries; by how many milliseconds their identifiers and times differ, or somewhat more."""
        refused = [self._encoder.refused(each) for written in batch for each in written.refused]
        if refused:
            self._add_refused.run(connection, refused)
        entries = [entry for each in batch for entry in each.entries]
        self._add_entries.run(connection, list(map(self._encoder.entry, entries)))
        add_drawn(connection, self._engine, entries)
        spread = max((abs(milliseconds_of(e.id) - e.created_at.timestamp() * 1000) for e in entries), default=0)
        if spread <= self._spread:
            return 0
        found = 2 * int(spread)  # not to be told of each millisecond more
        self._remember_spread(connection, found)
        return found

    def _remember_spread(self, connection: Connection, spread: int) -> None:
        """What keeps a search by time right although the clock was wrong: the identifiers tell where to look."""
        insert = insert_into(self._engine, facts).values(name=_SPREAD_FACT, value=str(spread))
        less = cast(facts.c.value, BigInteger) < cast(insert.excluded.value, BigInteger)
        connection.execute(
            insert.on_conflict_do_update(index_elements=[facts.c.name], set_={"value": str(spread)}, where=less)
        )

    # --- reading --------------------------------------------------------------------------------------

    def answer(self, key: bytes, now: datetime) -> StoredAnswer | None:
        """What was answered to an idempotency key and has not expired."""
        with reading(self._engine) as connection:
            found = _select_answers(connection, [key])
        return found[0] if found and found[0].expires_at > now else None

    def get(self, identifier: str) -> Entry | None:
        """One entry; ``None`` where there is none, or never can be."""
        if not is_identifier(identifier):
            return None
        with reading(self._engine) as connection:
            row = connection.execute(select(predictions).where(predictions.c.id == identifier)).first()
        return None if row is None else decode_entry(row)

    def search(self, filters: Filters, before: str | None = None, limit: int = 50) -> Page:
        """The newest entries, the newest first, of those before the id that the page before named.

        Looks at :data:`WINDOW` of them at most, however rare what is wanted: a page with fewer than ``limit`` entries,
        or none, need not be the last.
        """
        ids = predictions.c.id
        with reading(self._engine) as connection:
            where, end = bounds_of(connection, filters, before=before), None
            if filters.item_id is None:  # an index finds these
                end = connection.scalar(select(ids).where(*where).order_by(ids.desc()).offset(WINDOW - 1).limit(1))
            where = bounds_of(connection, filters, since=end, before=before) + conditions_of(filters)
            query = select(predictions).where(*where).order_by(ids.desc()).limit(limit + 1)
            found = list(map(decode_entry, connection.execute(query)))
        if len(found) > limit:
            return Page(entries=found[:limit], next=found[limit - 1].id)
        return Page(entries=found, next=end)

    def export(self, filters: Filters, after: str | None = None) -> Iterator[Entry]:
        """All entries, the oldest first, of those after an id; read :data:`BLOCK` at a time as they are wanted.

        An entry that is written meanwhile, as by another worker, may stand before one that was read; none is
        returned twice. No transaction stays open between blocks.
        """
        ids = predictions.c.id
        query = select(predictions).where(*conditions_of(filters)).order_by(ids).limit(BLOCK)
        with reading(self._engine, wait=True) as connection:
            while True:
                rows = connection.execute(query.where(*bounds_of(connection, filters, after=after))).all()
                connection.rollback()
                yield from map(decode_entry, rows)
                if len(rows) < BLOCK:
                    return
                after = rows[-1].id

    # --- what people say of it ------------------------------------------------------------------------

    def add_feedback(self, given: Feedback) -> Feedback:
        """Keep what somebody says of a prediction; raises :class:`UnknownPredictionError`.

        Returns what is kept: where the same caller said the same last, that, with the new reason if there is one.
        """
        (kept,) = self.add_feedbacks([given])
        if kept is None:
            raise UnknownPredictionError("there is no prediction with this id; it may have been kept for long enough")
        return kept

    def add_feedbacks(self, given: Sequence[Feedback]) -> list[Feedback | None]:
        """The same for many at once, in one transaction; ``None`` where there is no such prediction."""
        asked = {each.prediction_id for each in given if is_identifier(each.prediction_id)}
        with writing(self._engine) as connection:
            # Locked, in their order, so that two who say the same at the same time are one.
            known = select(predictions.c.id).where(predictions.c.id.in_(asked)).order_by(predictions.c.id)
            there = set(connection.scalars(known.with_for_update(key_share=True)))
            latest = {(each.prediction_id, each.key_id): each for each in _select_feedback(connection, there)}
            return [_keep_feedback(connection, each, latest) if each.prediction_id in there else None for each in given]

    def feedback_for(self, identifiers: Sequence[str]) -> dict[str, list[Feedback]]:
        """What is said of some predictions, of each caller the latest, the oldest of these first."""
        with reading(self._engine) as connection:
            said = _select_feedback(connection, identifiers)
        latest = {(each.prediction_id, each.key_id): each for each in said}
        found: dict[str, list[Feedback]] = defaultdict(list)
        for each in sorted(latest.values(), key=lambda each: (each.created_at, each.id)):
            found[each.prediction_id].append(each)
        return dict(found)

    # --- counting and forgetting ----------------------------------------------------------------------

    def statistics(self, filters: Filters, *, wait: bool = True) -> Statistics:
        """Count all entries that the filters let through; that may take long, unless it is not to ``wait``."""
        with reading(self._engine, wait=wait) as connection:
            groups = connection.execute(_grouped(connection, filters)).all()
            said = connection.scalar(select(func.count()).select_from(feedback)) or 0
            size = _size(self._engine, connection)
        counts: dict[str, Counter[str]] = {name: Counter() for name in _COUNTED}
        for group in groups:
            for name, counted in counts.items():
                values = decode_reasons(group.reason) if name == "reason" else (_said(getattr(group, name)),)
                counted.update(dict.fromkeys(values, group.rows))
        return Statistics(
            rows=sum(group.rows for group in groups),
            with_text=sum(group.with_text for group in groups),
            oldest=min((group.oldest for group in groups), default=None),
            newest=max((group.newest for group in groups), default=None),
            feedback=said,
            bytes=size,
            counts={name: dict(sorted(counted.items())) for name, counted in counts.items()},
        )

    def prune(self, now: datetime, texts_after: timedelta | None, rows_after: timedelta | None) -> Pruned:
        """Forget texts and titles, and whole entries with what was said of them, that are older; expired answers too.

        Of refused items goes what is older than the entries that stay.

        In transactions of :data:`BLOCK` rows with pauses between them, so that others write meanwhile.
        """
        with reading(self._engine) as connection:
            spread = _read_spread(connection)
        rows = texts = 0
        if rows_after is not None:
            forget = delete(predictions).where(predictions.c.id.in_(_older(now - rows_after, spread)))
            rows = in_blocks(self._engine, forget, BLOCK)
            old = select(refused_items.c.id).where(refused_items.c.created_at < now - rows_after).limit(BLOCK)
            in_blocks(self._engine, delete(refused_items).where(refused_items.c.id.in_(old)), BLOCK)
        if texts_after is not None:
            with_text = or_(predictions.c.text.is_not(None), predictions.c.title.is_not(None))
            older = _older(now - texts_after, spread).where(with_text)
            bare = update(predictions).where(predictions.c.id.in_(older)).values(text=None, title=None)
            texts = in_blocks(self._engine, bare, BLOCK)
        expired = select(answers.c.key).where(answers.c.expires_at <= now).limit(BLOCK)
        forgotten = in_blocks(self._engine, delete(answers).where(answers.c.key.in_(expired)), BLOCK)
        empty_log(self._engine)
        return Pruned(texts=texts, rows=rows, answers=forgotten)


# --- idempotency keys ---------------------------------------------------------------------------------


def _answered_before(
    wanted: Writing, claims: Mapping[bytes, StoredAnswer], taken: Mapping[bytes, StoredAnswer]
) -> StoredAnswer | None:
    if wanted.answer is None:
        return None
    key = wanted.answer.key
    first = taken.get(key, claims[key])
    return None if first is wanted.answer else first


def _select_answers(connection: Connection, keys: Any) -> list[StoredAnswer]:
    found = connection.execute(select(answers).where(answers.c.key.in_(list(keys))))
    return [StoredAnswer(**row._mapping) for row in found]  # noqa: SLF001 - its documented name


# --- which entries --------------------------------------------------------------------------------------


def conditions_of(filters: Filters) -> list[ColumnElement[bool]]:
    """What is true of the entries that are wanted."""
    columns = predictions.c
    equal = {name: getattr(filters, name) for name in _EQUAL}
    found = [columns[name] == keepable(value) for name, value in equal.items() if value is not None]
    if filters.since is not None:
        found.append(columns.created_at >= filters.since)
    if filters.until is not None:
        found.append(columns.created_at < filters.until)
    return found


def bounds_of(
    connection: Connection,
    filters: Filters,
    *,
    after: str | None = None,
    since: str | None = None,
    before: str | None = None,
) -> list[ColumnElement[bool]]:
    """Between which identifiers the times that are wanted can be: the database need not look elsewhere.

    With ``after``, ``since`` or ``before`` only those beyond, from, or before such an identifier. There is at most one
    bound on either side: of two SQLite would begin at either one, and go through all that the other leaves out.
    """
    ids = predictions.c.id
    spread = _read_spread(connection) if filters.since or filters.until else 0
    lows = [since] if since else []
    highs = [before] if before else []
    if filters.since is not None:
        lows.append(first_identifier(_milliseconds(filters.since) - spread))
    if filters.until is not None:
        highs.append(_end_of(filters.until, spread))
    found: list[ColumnElement[bool]] = []
    if after is not None and after >= max(lows, default=""):
        found.append(ids > after)
    elif lows:
        found.append(ids >= max(lows))
    return found + ([ids < min(highs)] if highs else [])


def _end_of(limit: datetime, spread: int) -> str:
    """What all identifiers of entries that were made before are less than."""
    return first_identifier(_milliseconds(limit) + 1 + spread)


_EQUAL = tuple(name for name in Filters.__slots__ if name not in ("since", "until"))


def _older(limit: datetime, spread: int) -> Any:
    """Ids of a block of entries that were made before."""
    columns = predictions.c
    old = (columns.created_at < limit, columns.id < _end_of(limit, spread))
    return select(columns.id).where(*old).order_by(columns.id).limit(BLOCK)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _read_spread(connection: Connection) -> int:
    return int(connection.scalar(select(facts.c.value).where(facts.c.name == _SPREAD_FACT)) or 0) or _SPREAD


# --- feedback -------------------------------------------------------------------------------------------


def _select_feedback(connection: Connection, identifiers: Any) -> list[Feedback]:
    wanted = select(feedback).where(feedback.c.prediction_id.in_(list(identifiers))).order_by(feedback.c.id)
    return [Feedback(**row._mapping) for row in connection.execute(wanted)]  # noqa: SLF001


def _keep_feedback(connection: Connection, given: Feedback, latest: dict[tuple[str, str | None], Feedback]) -> Feedback:
    """Insert it, unless its caller said the same last; ``latest`` is kept up to date."""
    said = replace(
        given, key_id=given.key_id and keepable(given.key_id), reason=given.reason and keepable(given.reason)
    )
    before = latest.get((said.prediction_id, said.key_id))
    if before is None:
        connection.execute(feedback.insert().values(**asdict(said)))
    elif before.label == said.label and said.reason in (None, before.reason):
        return before
    else:  # one row of each caller, however often it changes its mind
        at = before.created_at if before.label == said.label else said.created_at
        said = replace(before, label=said.label, reason=said.reason, created_at=at)
        changed = {"label": said.label, "reason": said.reason, "created_at": said.created_at}
        connection.execute(update(feedback).where(feedback.c.id == said.id).values(**changed))
    latest[said.prediction_id, said.key_id] = said
    return said


# --- counting -------------------------------------------------------------------------------------------

_COUNTED = ("day", "label", "action", "reason", "language", "model", "key")


def _grouped(connection: Connection, filters: Filters) -> Any:
    """A row for each combination of what is counted."""
    columns = predictions.c
    if connection.dialect.name == "sqlite":
        day: Any = func.substr(columns.created_at, 1, 10, type_=Text)
    else:
        day = func.to_char(columns.created_at, "YYYY-MM-DD")  # the connection's time zone is UTC
    values = {
        "day": day,
        "label": columns.label,
        "action": columns.action,
        "reason": columns.reasons,
        "language": columns.language,
        "model": columns.model_name + "@" + columns.model_version,
        "key": columns.key_id,
    }
    return (
        select(
            *(value.label(name) for name, value in values.items()),
            func.count().label("rows"),
            func.count(columns.text).label("with_text"),
            func.min(columns.created_at).label("oldest"),
            func.max(columns.created_at).label("newest"),
        )
        .where(*conditions_of(filters), *bounds_of(connection, filters))
        .group_by(*values.values())
    )


def _said(value: str | None) -> str:
    return "none" if value is None else value


def _size(engine: Engine, connection: Connection) -> int:
    if is_sqlite(engine):
        file = str(engine.url.database)
        return sum(path.stat().st_size for path in map(Path, (file, f"{file}-wal")) if path.exists())
    sizes = " + ".join(f"pg_total_relation_size('{name}')" for name in metadata.tables)
    return int(connection.exec_driver_sql(f"SELECT {sizes}").scalar() or 0)
