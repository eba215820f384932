"""Alarms, events and reports as rows of the tables of monitoring, and back."""

from typing import Any

import msgspec
from sqlalchemy import Row

from falsetrue.monitor.alarms import Event, Followed, What, gravest
from falsetrue.monitor.findings import Alarm, Finding, Report, Subject


def subject_of(row: Any) -> Subject:
    """Whose texts a row is of; there, all of them are the empty string."""
    return Subject(language=row.language or None, key=row.key_id or None)


def subject_columns(subject: Subject) -> dict[str, str]:
    """What :func:`subject_of` reads."""
    return {"language": subject.language or "", "key_id": subject.key or ""}


def event_columns(event: Event) -> dict[str, Any]:
    """What :func:`event_of` reads."""
    return {
        "id": event.id,
        "alarm_id": event.alarm_id,
        "created_at": event.at,
        "what": event.what,
        "by_whom": event.by,
        "note": event.note,
    }


def event_of(row: Row[Any]) -> Event:
    """What became of an alarm."""
    return Event(
        id=row.id, alarm_id=row.alarm_id, at=row.created_at, what=What(row.what), by=row.by_whom, note=row.note
    )


def report_columns(identifier: str, report: Report) -> dict[str, Any]:
    """A report as JSON, and what it is found by."""
    return {
        "id": identifier,
        "made_at": report.made_at,
        "model_version": report.model_version,
        "severity": gravest(report.findings),
        "report": msgspec.json.encode(report).decode(),
    }


def alarm_columns(followed: Followed) -> dict[str, Any]:
    """What :func:`followed_of` reads, but for the notes, which are in its events."""
    alarm = followed.alarm
    return {
        "id": alarm.id,
        "watch": alarm.watch,
        "kind": alarm.kind,
        "severity": alarm.severity,
        **subject_columns(alarm.subject),
        "model_version": alarm.model_version,
        "raised_at": alarm.raised_at,
        "last_seen_at": alarm.last_seen_at,
        "ended_at": alarm.ended_at,
        "acknowledged_at": alarm.acknowledged_at,
        "acknowledged_by": alarm.acknowledged_by,
        "quiet_looks": followed.quiet_looks,
        "finding": msgspec.json.encode(alarm.finding).decode(),
        "first_day": alarm.first_day,
        "last_day": alarm.last_day,
    }


def followed_of(row: Row[Any], notes: tuple[str, ...]) -> Followed:
    """An alarm, with what people noted of it."""
    finding = msgspec.json.decode(row.finding, type=Finding)
    alarm = Alarm(
        id=row.id,
        watch=row.watch,
        kind=finding.kind,
        severity=finding.severity,
        subject=subject_of(row),
        model_version=row.model_version,
        raised_at=row.raised_at,
        last_seen_at=row.last_seen_at,
        ended_at=row.ended_at,
        first_day=row.first_day,
        last_day=row.last_day,
        acknowledged_at=row.acknowledged_at,
        acknowledged_by=row.acknowledged_by,
        notes=notes,
        finding=finding,
    )
    return Followed(alarm=alarm, quiet_looks=row.quiet_looks)
