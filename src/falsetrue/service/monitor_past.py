"""What a watch last said where the newest look had too little to go by: from stored reports, and from open alarms."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from falsetrue.monitor.findings import Alarm, Finding, Report, State, Subject

#: Looks that are read: what has been carried forward for so many days is tested, or is no more.
LOOKS = 31
#: What tells findings of a look apart.
Key: TypeAlias = tuple[str, Subject]
_TESTED = (State.DRIFT, State.QUIET)


@dataclass(frozen=True, kw_only=True)
class Tested:
    """A finding that went by enough."""

    finding: Finding
    day: date  #: the last one of its texts; of old records that do not say, that of the look


@dataclass(frozen=True, kw_only=True)
class Past:
    """By watch and subject, what is known beside the newest look."""

    tested: Mapping[Key, Tested]  #: the last finding that went by enough
    values: Mapping[Key, Sequence[float]]  #: what each look that had enough found, the oldest first
    open: Mapping[Key, str]  #: ids of open alarms


def past_of(looks: Iterable[Report], is_open: Iterable[Alarm]) -> Past:
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
                tested[each.watch, each.subject] = Tested(finding=each, day=each.until or look.last_day)
                values[each.watch, each.subject] += [] if each.current is None else [each.current]
    return Past(tested=tested, values=values, open=alarms)
