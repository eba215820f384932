"""◆ Messages that are to be told to others, and what became of them.

One is written in the transaction that raises or ends its alarm (:func:`enqueue`), so that neither is there without the
other. Whoever sends takes one for a while (:meth:`Deliveries.take`), in which nobody else does; who dies meanwhile lets
it be sent again, with the same id.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, Row, case, delete, func, or_, select, update

from falsetrue.database.engine import reading, writing
from falsetrue.database.tables import webhook_deliveries
from falsetrue.errors import InputError
from falsetrue.monitor.alarms import Event, What
from falsetrue.monitor.findings import Alarm
from falsetrue.monitor.webhooks import Told, message_of, next_attempt

#: For how long one that was taken is left to whoever took it.
LEASE: Final = timedelta(minutes=2)
#: How long it is remembered what was delivered or given up.
REMEMBERED: Final = timedelta(days=30)
_TELLS: Final = {What.RAISED: Told.RAISED, What.ENDED: Told.ENDED}
_columns = webhook_deliveries.c
_IS_WAITING = _columns.delivered_at.is_(None) & _columns.dead_at.is_(None)


class Fate(StrEnum):
    """What became of a delivery."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"  #: given up


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One message to the receiver."""

    id: str  #: UUIDv7; the ``webhook-id`` of every attempt
    alarm_id: str | None
    event: str  #: a :class:`falsetrue.monitor.webhooks.Told`
    payload: str  #: JSON, sent as it is
    created_at: datetime  #: UTC
    attempts: int  #: that were begun
    next_attempt_at: datetime | None  #: UTC; while it is being sent, when it may be taken again
    delivered_at: datetime | None = None  #: UTC
    dead_at: datetime | None = None  #: UTC
    last_error: str | None = None  #: never what the receiver wrote

    @property
    def fate(self) -> Fate:
        """What became of it."""
        return Fate.DELIVERED if self.delivered_at else Fate.DEAD if self.dead_at else Fate.WAITING


def enqueue(connection: Connection, alarms: Iterable[Alarm], events: Iterable[Event], new_id: Callable[[], str]) -> int:
    """Have it told, in the caller's transaction, which alarms were raised or ended; how many messages that makes.

    ``alarms`` are those that ``events`` are of, as they are after them. An alarm is raised once and ends once: what was
    enqueued of it before is not again.
    """
    known = {alarm.id: alarm for alarm in alarms}
    told = 0
    for event in events:
        what = _TELLS.get(event.what)
        if what is None or _is_enqueued(connection, event.alarm_id, what):
            continue
        message = message_of(known[event.alarm_id], what, event.at, event.note)
        values = {"id": new_id(), "alarm_id": event.alarm_id, "event": what.value, "payload": message}
        times = {"created_at": event.at, "next_attempt_at": event.at}
        connection.execute(webhook_deliveries.insert().values(**values, **times, attempts=0))
        told += 1
    return told


def _is_enqueued(connection: Connection, alarm_id: str, what: Told) -> bool:
    same = (_columns.alarm_id == alarm_id, _columns.event == what.value)
    return connection.execute(select(_columns.id).where(*same)).first() is not None


class Deliveries:
    """The table of messages. Every method raises :class:`DatabaseError` where the database cannot do it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # --- for whoever sends ----------------------------------------------------------------------------

    def take(self, now: datetime, *, due: datetime) -> Delivery | None:
        """The one that has been due for longest at ``due``, which is then left to the caller for :data:`LEASE`."""
        due_ones = select(_columns.id).where(_IS_WAITING, _columns.next_attempt_at <= due)
        first = due_ones.order_by(_columns.next_attempt_at, _columns.id).limit(1).with_for_update(skip_locked=True)
        taken = {"attempts": _columns.attempts + 1, "next_attempt_at": now + LEASE}
        with writing(self._engine) as connection:
            identifier = connection.scalar(first)
            if identifier is None:
                return None
            connection.execute(update(webhook_deliveries).where(_columns.id == identifier).values(**taken))
            return _delivery(connection.execute(select(webhook_deliveries).where(_columns.id == identifier)).one())

    def delivered(self, delivery: Delivery, now: datetime) -> None:
        """The receiver has it, whoever took it since."""
        self._settle(delivery, delivered_at=now, next_attempt_at=None, last_error=None)

    def failed(self, delivery: Delivery, error: str, now: datetime, *, is_final: bool = False) -> bool:
        """The receiver has it not; whether it is given up, as after the last attempt, or where it ``is_final``."""
        again = None if is_final else next_attempt(delivery.id, delivery.attempts, now)
        # Where another took it meanwhile, what comes of that attempt counts.
        ours = _columns.attempts == delivery.attempts
        self._settle(delivery, ours, next_attempt_at=again, dead_at=now if again is None else None, last_error=error)
        return again is None

    def _settle(self, delivery: Delivery, *where: ColumnElement[bool], **values: Any) -> None:
        still = update(webhook_deliveries).where(_columns.id == delivery.id, _IS_WAITING, *where)
        with writing(self._engine) as connection:
            connection.execute(still.values(**values))

    def next_due(self) -> datetime | None:
        """When there is something to do; ``None``: nothing waits."""
        with reading(self._engine) as connection:
            found: datetime | None = connection.scalar(select(func.min(_columns.next_attempt_at)).where(_IS_WAITING))
        return found

    def forget(self, now: datetime) -> None:
        """What was delivered or given up so long ago that nobody asks any more."""
        oldest = now - REMEMBERED
        with writing(self._engine) as connection:
            connection.execute(
                delete(webhook_deliveries).where(or_(_columns.delivered_at < oldest, _columns.dead_at < oldest))
            )

    # --- for people -----------------------------------------------------------------------------------

    def newest(self, limit: int = 100) -> list[Delivery]:
        """The last ones, the newest first."""
        query = select(webhook_deliveries).order_by(_columns.id.desc()).limit(limit)
        with reading(self._engine) as connection:
            return [_delivery(row) for row in connection.execute(query)]

    def resend(self, identifier: str, now: datetime) -> Delivery:
        """Have one sent again, as at first and with the same id; one that waits, at once.

        ``identifier`` may be how it begins. Raises :class:`InputError` where there is none, or several.
        """
        wanted = identifier.strip().lower()
        anew = {"attempts": 0, "next_attempt_at": now, "delivered_at": None, "dead_at": None}
        with writing(self._engine) as connection:
            ids = connection.scalars(select(_columns.id)).all()
            found = [each for each in ids if wanted and each.startswith(wanted)]
            if len(found) != 1:
                many = "several deliveries have an id that begins so" if found else "there is no delivery with this id"
                raise InputError(f"{identifier[:40]}: {many}; falsetrue monitor webhook list shows them")
            connection.execute(update(webhook_deliveries).where(_columns.id == found[0]).values(**anew))
            return _delivery(connection.execute(select(webhook_deliveries).where(_columns.id == found[0])).one())

    def counts(self) -> dict[Fate, int]:
        """How many there are of each."""
        fate = case(
            (_columns.delivered_at.is_not(None), Fate.DELIVERED.value),
            (_columns.dead_at.is_not(None), Fate.DEAD.value),
            else_=Fate.WAITING.value,
        ).label("fate")
        with reading(self._engine) as connection:
            rows = connection.execute(select(fate, func.count()).select_from(webhook_deliveries).group_by(fate)).all()
        found = {row[0]: row[1] for row in rows}
        return {each: found.get(each.value, 0) for each in Fate}


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
