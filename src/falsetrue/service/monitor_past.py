"""What a watch last said where the newest look had too little to go by: from stored reports, and from open alarms."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeAlias

import msgspec
from sqlalchemy import Engine, select

from falsetrue.database.engine import reading
from falsetrue.database.tables import monitor_reports
from falsetrue.monitor.findings import Alarm, Finding, State, Subject

#: Looks that are read: what has been carried forward for so many days is tested, or is no more.
LOOKS = 31
#: What tells findings of a look apart.
Key: TypeAlias = tuple[str, Subject]
_TESTED = (State.DRIFT, State.QUIET)


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What is read of a stored report."""

    until: datetime  #: UTC
    findings: tuple[Finding, ...]

    @property
    def day(self) -> date:
        """The last one that it covers."""
        return (self.until - timedelta(microseconds=1)).date()


@dataclass(frozen=True, kw_only=True)
class Tested:
    """A finding that went by enough."""

    finding: Finding
    day: date  #: the last one of its texts; of old records that do not say, that of the look


def read_looks(engine: Engine, model_version: str) -> list[Look]:
    """The last looks at a version, the oldest first. Raises :class:`DatabaseError`."""
    columns = monitor_reports.c
    query = select(columns.report).where(columns.model_version == model_version).order_by(columns.id.desc())
    with reading(engine) as connection:
        found = connection.scalars(query.limit(LOOKS)).all()
    return [msgspec.json.decode(each, type=Look) for each in reversed(found)]


@dataclass(frozen=True, kw_only=True)
class Past:
    """By watch and subject, what is known beside the newest look."""

    tested: Mapping[Key, Tested]  #: the last finding that went by enough
    values: Mapping[Key, Sequence[float]]  #: what each look that had enough found, the oldest first
    open: Mapping[Key, str]  #: ids of open alarms


def past_of(looks: Iterable[Look], is_open: Iterable[Alarm]) -> Past:
    """What looks, the oldest first, and open alarms tell."""
    tested: dict[Key, Tested] = {}
    values: defaultdict[Key, list[float]] = defaultdict(list)
    alarms: dict[Key, str] = {}
    for alarm in is_open:
        key = alarm.watch, alarm.subject
        alarms[key] = alarm.id
        tested[key] = Tested(finding=alarm.finding, day=alarm.last_day or alarm.last_seen_at.date())
    for look in looks:
        for each in look.findings:
            if each.state in _TESTED:
                tested[each.watch, each.subject] = Tested(finding=each, day=each.until or look.day)
                values[each.watch, each.subject] += [] if each.current is None else [each.current]
    return Past(tested=tested, values=values, open=alarms)
