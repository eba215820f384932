"""◆ What monitoring keeps: profiles of days, where it stands, alarms and what became of them, reports, the lock.

What a look has to write is written in one transaction (:meth:`MonitorStore.keep`), by whoever holds the lock
(:meth:`MonitorStore.lock`); what must not happen twice is checked again in it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Engine, Text, cast, delete, func, select, update

from falsetrue.database.engine import insert_into, reading, writing
from falsetrue.database.tables import (
    alarm_events,
    alarms,
    monitor_days,
    monitor_locks,
    monitor_references,
    monitor_reports,
    monitor_state,
)
from falsetrue.errors import DatabaseError, InputError
from falsetrue.journal.audit_items import AuditLabel, labels_between, mark_counted, uncounted_labels
from falsetrue.journal.identifiers import Identifiers
from falsetrue.journal.records import keepable
from falsetrue.monitor.alarms import Event, Followed, Outcome, What, acknowledge
from falsetrue.monitor.deliveries import enqueue
from falsetrue.monitor.findings import Alarm, Report, Subject
from falsetrue.monitor.rows import (
    alarm_columns,
    event_columns,
    event_of,
    followed_of,
    report_columns,
    subject_columns,
    subject_of,
)

#: Reports that are kept of all versions.
REPORTS: Final = 400
#: Days whose profiles are kept.
DAYS: Final = 62
#: How long a look may hold the lock before another takes it for dead, unless it says that it lives.
LEASE: Final = timedelta(minutes=10)
#: What the profile of the first texts is called among references.
FIRST_TEXTS: Final = "first texts"
_LOCK = "look"
_TIE = "a look at the same days was kept by another process meanwhile: nothing of this one was"


class DayProfile(msgspec.Struct, frozen=True, kw_only=True):
    """What came on a day of one subject."""

    day: date  #: UTC
    subject: Subject
    texts: int
    profile: bytes


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """All that one look has to write."""

    model_version: str
    day: date  #: the last one that it covers
    previous: date | None  #: the last one that was covered when it began
    days: tuple[DayProfile, ...]
    state: str  #: JSON
    outcome: Outcome
    first_texts: bytes | None  #: their profile, where this look is the first that has enough of them
    counted: tuple[AuditLabel, ...]  #: that the detectors were given
    report: Report


class MonitorStore:
    """The tables of monitoring. Every method raises :class:`DatabaseError` where the database cannot do it.

    With ``tells`` it is written down, in the same transaction, that others are to be told of alarms that begin or end.
    """

    def __init__(self, engine: Engine, *, tells: bool = False) -> None:
        self._engine = engine
        self._tells = tells
        self._identifiers = Identifiers()

    def new_id(self) -> str:
        """An identifier for an alarm, an event or a report."""
        return self._identifiers.new()

    # --- where it stands ------------------------------------------------------------------------------

    def state(self, model_version: str) -> tuple[date | None, str | None]:
        """The last day that a look covered, and what it left behind as JSON; ``None`` before the first."""
        with reading(self._engine) as connection:
            row = connection.execute(
                select(monitor_state.c.last_day, monitor_state.c.content).where(
                    monitor_state.c.model_version == model_version
                )
            ).first()
        return (None, None) if row is None else (row.last_day, row.content)

    def days(self, model_version: str, since: date, until: date, subject: Subject | None = None) -> list[DayProfile]:
        """Profiles of the days from ``since`` to ``until``, both included, the oldest first; of one subject, or all."""
        columns = monitor_days.c
        where = [columns.model_version == model_version, columns.day >= since, columns.day <= until]
        if subject is not None:
            where += [columns.language == (subject.language or ""), columns.key_id == (subject.key or "")]
        with reading(self._engine) as connection:
            rows = connection.execute(
                select(monitor_days).where(*where).order_by(columns.day, columns.language, columns.key_id)
            ).all()
        return [DayProfile(day=row.day, subject=subject_of(row), texts=row.texts, profile=row.profile) for row in rows]

    def subjects(self, model_version: str, since: date, until: date) -> list[tuple[Subject, date]]:
        """Whose texts came on which days, both included."""
        columns = monitor_days.c
        with reading(self._engine) as connection:
            rows = connection.execute(
                select(columns.language, columns.key_id, columns.day).where(
                    columns.model_version == model_version, columns.day >= since, columns.day <= until
                )
            ).all()
        return [(subject_of(row), row.day) for row in rows]

    def labels(self, model_version: str) -> list[AuditLabel]:
        """Labels of the audit slice that no look has given to the detectors, in the order in which they are to be."""
        with reading(self._engine) as connection:
            return uncounted_labels(connection, model_version)

    def labels_between(self, model_version: str, since: date, until: date) -> list[AuditLabel]:
        """All labels of texts that came on the days from ``since`` on and before ``until``."""
        with reading(self._engine) as connection:
            return labels_between(connection, model_version, since, until)

    def first_days(self) -> dict[str, date]:
        """The first day that was looked at, by version of the model; the oldest first."""
        first = func.min(monitor_days.c.day)
        query = select(monitor_days.c.model_version, first).group_by(monitor_days.c.model_version).order_by(first)
        with reading(self._engine) as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    # --- references -----------------------------------------------------------------------------------

    def add_reference(self, model_version: str, name: str, content: bytes, now: datetime) -> None:
        """Hold a version's traffic against this from now on; what was tested stays tested."""
        with writing(self._engine) as connection:
            connection.execute(_reference(model_version, name, content, now))

    def reference(self, model_version: str) -> bytes | None:
        """The newest one; ``None`` where there is none but the model's own."""
        return self._reference(model_version, monitor_references.c.name != FIRST_TEXTS)

    def first_texts(self, model_version: str) -> bytes | None:
        """The profile of the first texts that the version answered here; ``None`` before there were enough."""
        return self._reference(model_version, monitor_references.c.name == FIRST_TEXTS)

    def _reference(self, model_version: str, which: Any) -> bytes | None:
        columns = monitor_references.c
        query = select(columns.content).where(columns.model_version == model_version, which)
        with reading(self._engine) as connection:
            found: bytes | None = connection.scalar(query.order_by(columns.created_at.desc()).limit(1))
        return found

    # --- the lock -------------------------------------------------------------------------------------

    @contextmanager
    def lock(self, holder: str, now: datetime) -> Iterator[None]:
        """Be the only one at it, among all processes and machines with this database.

        One whose lease ended is taken for dead. Raises :class:`InputError` saying who else holds it.
        """
        with writing(self._engine) as connection:
            self._take(connection, holder, now)
        try:
            yield
        finally:
            with suppress(DatabaseError), writing(self._engine) as connection:  # else it ends by itself
                connection.execute(
                    delete(monitor_locks).where(monitor_locks.c.name == _LOCK, monitor_locks.c.holder == holder)
                )

    def _take(self, connection: Connection, holder: str, now: datetime) -> None:
        values = {"holder": holder, "taken_at": now, "expires_at": now + LEASE}
        insert = insert_into(self._engine, monitor_locks).values(name=_LOCK, **values)
        connection.execute(
            insert.on_conflict_do_update(
                index_elements=[monitor_locks.c.name], set_=values, where=monitor_locks.c.expires_at <= now
            )
        )
        row = connection.execute(select(monitor_locks).where(monitor_locks.c.name == _LOCK)).one()
        if row.holder != holder or row.taken_at != now:
            raise InputError(
                f"{row.holder} has been looking since {row.taken_at:%Y-%m-%d %H:%M} UTC; one does it for all: "
                f"wait, or until {row.expires_at:%H:%M} UTC where that one is dead"
            )

    def renew(self, holder: str, now: datetime) -> None:
        """Say that the holder lives. Raises :class:`InputError` where another has taken its place."""
        ours = (monitor_locks.c.name == _LOCK, monitor_locks.c.holder == holder)
        with writing(self._engine) as connection:
            done = connection.execute(update(monitor_locks).where(*ours).values(expires_at=now + LEASE))
        if not done.rowcount:
            raise InputError("another process took this one for dead, and looks in its place")

    # --- what a look writes ---------------------------------------------------------------------------

    def keep(self, look: Kept, now: datetime) -> str:
        """Write what a look found, all of it or nothing; the report's id.

        Raises :class:`InputError` where another one was kept since it began, by whatever it read.
        """
        identifier = self.new_id()
        with writing(self._engine) as connection:
            self._advance(connection, look)
            mark_counted(connection, look.counted, now)
            for profile in look.days:
                connection.execute(monitor_days.insert().values(model_version=look.model_version, **_day(profile)))
            if look.first_texts is not None:
                connection.execute(_reference(look.model_version, FIRST_TEXTS, look.first_texts, now))
            for followed in look.outcome.changed:
                self._keep_alarm(connection, followed)
            self._keep_events(connection, [each.alarm for each in look.outcome.changed], look.outcome.events)
            connection.execute(monitor_reports.insert().values(**report_columns(identifier, look.report)))
            _forget(connection, look)
        return identifier

    def _advance(self, connection: Connection, look: Kept) -> None:
        ours = monitor_state.c.model_version == look.model_version
        found = connection.execute(select(monitor_state.c.last_day).where(ours).with_for_update()).first()
        if (found and found.last_day) != look.previous:
            raise InputError(_TIE)
        values = {"last_day": look.day, "content": look.state}
        insert = insert_into(self._engine, monitor_state).values(model_version=look.model_version, **values)
        still = monitor_state.c.last_day.is_not_distinct_from(look.previous)
        done = connection.execute(
            insert.on_conflict_do_update(index_elements=[monitor_state.c.model_version], set_=values, where=still)
        )
        if not done.rowcount:
            raise InputError(_TIE)

    def _keep_alarm(self, connection: Connection, followed: Followed) -> None:
        values = alarm_columns(followed)
        insert = insert_into(self._engine, alarms).values(**values)
        # One that somebody acknowledged meanwhile stays so, and ended where that ended it.
        names = ("last_seen_at", "last_day", "ended_at", "quiet_looks", "finding")
        found = {name: insert.excluded[name] for name in names}
        connection.execute(
            insert.on_conflict_do_update(index_elements=[alarms.c.id], set_=found, where=alarms.c.ended_at.is_(None))
        )

    # --- alarms ---------------------------------------------------------------------------------------

    def open_alarms(self) -> list[Followed]:
        """Those that have not ended, of all versions, the oldest first."""
        return self._select_alarms(alarms.c.ended_at.is_(None))

    def alarms(self, *, limit: int = 100) -> list[Alarm]:
        """All, the newest first."""
        return [each.alarm for each in self._select_alarms(newest=limit)]

    def alarm(self, identifier: str) -> Alarm:
        """The one whose id begins so. Raises :class:`InputError` where there is none, or several."""
        return self._find(identifier).alarm

    def events(self, *alarm_ids: str) -> list[Event]:
        """What became of some alarms, the oldest first."""
        query = select(alarm_events).where(alarm_events.c.alarm_id.in_(alarm_ids)).order_by(alarm_events.c.id)
        with reading(self._engine) as connection:
            return [event_of(row) for row in connection.execute(query)]

    def acknowledge(self, identifier: str, *, by: str, note: str | None, now: datetime) -> Alarm:
        """Keep who has seen an alarm; see :func:`falsetrue.monitor.alarms.acknowledge`.

        Raises :class:`InputError` where somebody else, or a look, has changed it just now.
        """
        found = self._find(identifier)
        by, note = keepable(by), note and keepable(note)
        followed, events = acknowledge(found, by=by, note=note, now=now, new_id=self.new_id)
        alarm, before = followed.alarm, found.alarm
        changed = {"acknowledged_at": alarm.acknowledged_at, "acknowledged_by": alarm.acknowledged_by}
        ended = {} if alarm.ended_at is None else {"ended_at": alarm.ended_at}
        with writing(self._engine) as connection:
            same = (
                alarms.c.acknowledged_at.is_not_distinct_from(before.acknowledged_at),
                alarms.c.ended_at.is_not_distinct_from(before.ended_at),
            )
            is_same = connection.execute(
                update(alarms).where(alarms.c.id == alarm.id, *same).values(**changed, **ended)
            )
            if not is_same.rowcount:
                raise InputError(f"{alarm.id}: the alarm has changed meanwhile; look at it again")
            self._keep_events(connection, [alarm], events)
        return alarm

    def _keep_events(self, connection: Connection, changed: Sequence[Alarm], events: Sequence[Event]) -> None:
        for event in events:
            connection.execute(alarm_events.insert().values(**event_columns(event)))
        if self._tells:
            enqueue(connection, changed, events, self.new_id)

    def _find(self, identifier: str) -> Followed:
        wanted = identifier.strip().lower()
        found = self._select_alarms(cast(alarms.c.id, Text).startswith(wanted, autoescape=True)) if wanted else []
        exact = [each for each in found if each.alarm.id == wanted] or found
        if len(exact) != 1:
            many = "several alarms have an id that begins so" if exact else "there is no alarm with this id"
            raise InputError(f"{identifier[:40]}: {many}; falsetrue monitor alarms lists them")
        return exact[0]

    def _select_alarms(self, *where: Any, newest: int | None = None) -> list[Followed]:
        order = alarms.c.id if newest is None else alarms.c.id.desc()
        with reading(self._engine) as connection:
            rows = connection.execute(select(alarms).where(*where).order_by(order).limit(newest)).all()
            ids = [row.id for row in rows]
            said = connection.execute(
                select(alarm_events.c.alarm_id, alarm_events.c.note)
                .where(
                    alarm_events.c.alarm_id.in_(ids),
                    alarm_events.c.note.is_not(None),
                    alarm_events.c.what.in_((What.ACKNOWLEDGED, What.NOTED)),
                )
                .order_by(alarm_events.c.id)
            ).all()
        notes: dict[str, list[str]] = {}
        for alarm_id, note in said:
            notes.setdefault(alarm_id, []).append(note)
        return [followed_of(row, tuple(notes.get(row.id, ()))) for row in rows]

    # --- reports --------------------------------------------------------------------------------------

    def latest_report(self, model_version: str | None = None) -> Report | None:
        """The newest, of one version or of any."""
        columns = monitor_reports.c
        where = [] if model_version is None else [columns.model_version == model_version]
        with reading(self._engine) as connection:
            found = connection.scalar(select(columns.report).where(*where).order_by(columns.id.desc()).limit(1))
        return None if found is None else msgspec.json.decode(found, type=Report)

    def reports(self, model_version: str, *, newest: int) -> list[Report]:
        """So many of a version, the oldest of them first."""
        columns = monitor_reports.c
        query = select(columns.report).where(columns.model_version == model_version).order_by(columns.id.desc())
        with reading(self._engine) as connection:
            found = connection.scalars(query.limit(newest)).all()
        return [msgspec.json.decode(each, type=Report) for each in reversed(found)]


def _forget(connection: Connection, look: Kept) -> None:
    oldest = look.day - timedelta(days=DAYS)
    connection.execute(delete(monitor_days).where(monitor_days.c.day < oldest))
    ids = monitor_reports.c.id
    last = connection.scalar(select(ids).order_by(ids.desc()).offset(REPORTS).limit(1))
    if last is not None:
        connection.execute(delete(monitor_reports).where(ids <= last))


def _reference(model_version: str, name: str, content: bytes, now: datetime) -> Any:
    return monitor_references.insert().values(model_version=model_version, created_at=now, name=name, content=content)


def _day(profile: DayProfile) -> dict[str, Any]:
    given = {"day": profile.day, "texts": profile.texts, "profile": profile.profile}
    return given | subject_columns(profile.subject)
