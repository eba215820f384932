"""What a look found, as alarms that people can keep up with: one problem is one alarm, and budgets say what is spent.

An alarm opens at the first look that finds a drift, and is the same alarm as long as looks find it again. One that goes
by tests ends after :data:`QUIET_LOOKS` looks in a row that tested and found nothing, so that what comes and goes is
told once. One that goes by a detector, whose evidence does not fall by itself, ends when somebody acknowledges it; the
next look then restarts the detector. A drift of all texts is one problem, however many languages and keys show it.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from falsetrue.errors import InputError
from falsetrue.monitor.findings import Alarm, Finding, Severity, State, Subject

#: Looks in a row that tested, and found nothing, after which an alarm ends.
QUIET_LOOKS: Final = 7
#: An alarm that no look has found again for so long ends although its watch was not tested: its texts came no more.
FORGOTTEN: Final = timedelta(days=31)
#: Who an event is by that no person made.
OURSELVES: Final = "falsetrue"
#: Level of all tests of a look together: with a look a day, one false warning a month on average.
ALPHA_LOOK: Final = 1 / 31
#: Chance of a false critical alarm in a year, of all detectors together.
ALPHA_YEAR: Final = 0.05


class What(StrEnum):
    """What becomes of an alarm."""

    RAISED = "raised"
    SEEN = "seen"  #: found again, after a look that did not find it
    ENDED = "ended"
    ACKNOWLEDGED = "acknowledged"
    NOTED = "noted"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that became of an alarm."""

    id: str  #: UUIDv7
    alarm_id: str
    at: datetime  #: UTC
    what: What
    by: str  #: a person, or :data:`OURSELVES`
    note: str | None = None


class Followed(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm, and how long nothing was found of it."""

    alarm: Alarm
    quiet_looks: int = 0  #: in a row, up to now


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What changed."""

    changed: tuple[Followed, ...]  #: alarms as they are now
    events: tuple[Event, ...]


def is_by_detector(finding: Finding) -> bool:
    """Whether it is an e-detector that found it, whose evidence stays until it is restarted."""
    return finding.evidence is not None


def follow(
    open_alarms: Sequence[Followed],
    findings: Iterable[Finding],
    *,
    now: datetime,
    model_version: str,
    new_id: Callable[[], str],
) -> Outcome:
    """What a look's findings make of the alarms that are open; of each watch and subject there is one finding at most.

    Alarms of another version of the model end: it answers no more. Raises :class:`InputError` for two findings of one
    watch and subject.
    """
    found: dict[tuple[str, Subject], Finding] = {}
    for finding in findings:
        if (finding.watch, finding.subject) in found:
            raise InputError(f"two findings of {finding.watch} of the same texts in one look")
        found[finding.watch, finding.subject] = finding
    changed: list[Followed] = []
    events: list[Event] = []

    def tell(alarm: Alarm, what: What, note: str | None = None) -> None:
        events.append(Event(id=new_id(), alarm_id=alarm.id, at=now, what=what, by=OURSELVES, note=note))

    for followed in open_alarms:
        alarm = followed.alarm
        if alarm.model_version == model_version:
            after, what, note = _after(followed, found.pop((alarm.watch, alarm.subject), None), now)
        else:
            after, what, note = _end(followed, now), What.ENDED, f"version {model_version} answers now"
        if after != followed:
            changed.append(after)
        if what is not None:
            tell(alarm, what, note)
    everywhere = _everywhere(open_alarms, found.values())
    for new in found.values():
        if new.state is State.DRIFT and (new.subject == Subject() or new.watch not in everywhere):
            alarm = _raise(new, now, model_version, new_id())
            changed.append(Followed(alarm=alarm))
            tell(alarm, What.RAISED)
    return Outcome(changed=tuple(changed), events=tuple(events))


def _everywhere(open_alarms: Iterable[Followed], new: Iterable[Finding]) -> set[str]:
    """Watches of which all texts drift, or did: that a part of them does too is the same problem."""
    found = {each.watch for each in new if each.subject == Subject() and each.state is State.DRIFT}
    return found | {each.alarm.watch for each in open_alarms if each.alarm.subject == Subject()}


def _after(followed: Followed, finding: Finding | None, now: datetime) -> tuple[Followed, What | None, str | None]:
    """An open alarm after a look, and what is to be told of it."""
    alarm = followed.alarm
    if finding is not None and finding.state is State.DRIFT:
        last_day = finding.until or alarm.last_day
        seen = msgspec.structs.replace(alarm, last_seen_at=now, last_day=last_day, finding=finding)
        return Followed(alarm=seen), What.SEEN if followed.quiet_looks else None, None
    if is_by_detector(alarm.finding):
        return followed, None, None
    if now - alarm.last_seen_at > FORGOTTEN:
        return _end(followed, now), What.ENDED, f"not seen for {FORGOTTEN.days} days"
    if finding is None or finding.state is not State.QUIET:
        return followed, None, None
    quiet = msgspec.structs.replace(followed, quiet_looks=followed.quiet_looks + 1)
    if quiet.quiet_looks < QUIET_LOOKS:
        return quiet, None, None
    return _end(quiet, now), What.ENDED, f"nothing was found in {QUIET_LOOKS} looks"


def _end(followed: Followed, now: datetime) -> Followed:
    return msgspec.structs.replace(followed, alarm=msgspec.structs.replace(followed.alarm, ended_at=now))


def _raise(finding: Finding, now: datetime, model_version: str, identifier: str) -> Alarm:
    return Alarm(
        id=identifier,
        watch=finding.watch,
        kind=finding.kind,
        severity=finding.severity,
        subject=finding.subject,
        model_version=model_version,
        raised_at=now,
        last_seen_at=now,
        first_day=finding.until,
        last_day=finding.until,
        finding=finding,
    )


def acknowledge(
    followed: Followed, *, by: str, note: str | None, now: datetime, new_id: Callable[[], str]
) -> tuple[Followed, tuple[Event, ...]]:
    """Somebody has seen it: one by a detector ends with that, others stay until they are quiet.

    A note is kept with it. What was acknowledged before keeps its first name and time, and takes the note. Raises
    :class:`InputError` where ``by`` is empty.
    """
    if not by.strip():
        raise InputError("say who acknowledges the alarm")
    alarm = followed.alarm
    first = alarm.acknowledged_at is None

    def event(what: What, who: str, said: str | None = None) -> Event:
        return Event(id=new_id(), alarm_id=alarm.id, at=now, what=what, by=who, note=said)

    events = [event(What.ACKNOWLEDGED, by, note)] if first else [event(What.NOTED, by, note)] if note else []
    if first:
        alarm = msgspec.structs.replace(alarm, acknowledged_at=now, acknowledged_by=by)
    if note:
        alarm = msgspec.structs.replace(alarm, notes=(*alarm.notes, note))
    if is_by_detector(alarm.finding) and alarm.ended_at is None:
        alarm = msgspec.structs.replace(alarm, ended_at=now)
        events.append(event(What.ENDED, OURSELVES, "acknowledged: its detector begins anew"))
    return msgspec.structs.replace(followed, alarm=alarm), tuple(events)


def gravest(findings: Iterable[Finding]) -> Severity | None:
    """The severity of the gravest drift; ``None`` where there is none."""
    found = {finding.severity for finding in findings if finding.state is State.DRIFT}
    return Severity.CRITICAL if Severity.CRITICAL in found else Severity.WARNING if found else None
