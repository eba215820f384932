"""The looks at a journal: one for each day that ended, each in one transaction, whenever they are made up for.

A day, UTC, is closed :data:`GRACE` after it ended; what is written of it later, as from a spool after a long time, is
in the journal and in no look. A look reads, counts and tests without keeping anybody waiting, and then writes all that
it found at once: whoever kills it before leaves everything as it was, and the next one finds the same.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final

import msgspec

from falsetrue.jobs.monitor_detectors import Stream, advance, findings_of, restarted, streams_of
from falsetrue.jobs.monitor_labels import as_scored, by_audit
from falsetrue.jobs.monitor_refused import refused_as_empty, with_refused
from falsetrue.jobs.monitor_reports import AUDITED, audit_of, begin_of, notes_of, report_of
from falsetrue.jobs.monitor_standing import BACK, ONE_DAY, Carried, Days, budgets, read_standing
from falsetrue.jobs.monitor_subjects import ALL, MOST_KEYS, Journalled, Profiles, Watched, count, examine_all, observed
from falsetrue.journal.audit_items import AuditLabel
from falsetrue.journal.columns import count_callers, largest_keys, read_columns
from falsetrue.journal.records import Filters
from falsetrue.monitor.alarms import ALPHA_LOOK, Followed, follow
from falsetrue.monitor.findings import Estimate, Finding, Marker, Report, Subject
from falsetrue.monitor.performance import cautions
from falsetrue.monitor.profile import Profile, all_merged
from falsetrue.monitor.store import Kept

#: How long after its end a day is closed.
GRACE: Final = timedelta(minutes=15)
#: Told of each look: which, and of how many.
Progress = Callable[[int, int], object]


def closed_until(now: datetime) -> date:
    """The last day that is closed."""
    return (now.astimezone(UTC) - GRACE).date() - ONE_DAY


def look(
    journal: Journalled,
    watched: Watched,
    clock: Callable[[], datetime],
    *,
    holder: str,
    progress: Progress | None = None,
    is_ended: Callable[[], bool] = lambda: False,
) -> list[Report]:
    """All looks that are due, the oldest first; none where today's was made already.

    ``holder`` says who looks, for others who want to; no look begins once it ``is_ended``. Raises
    :class:`InputError` where another one does, and :class:`DatabaseError`; looks that were made by then are kept.
    """
    reports = []
    with journal.store.lock(holder, clock()):
        days = list(due(journal, watched, closed_until(clock())))
        for number, day in enumerate(days, 1):
            if is_ended():
                break
            journal.store.renew(holder, clock())
            reports.append(look_at_day(journal, watched, day, clock()))
            if progress is not None:
                progress(number, len(days))
    return reports


def due(journal: Journalled, watched: Watched, until: date) -> Iterator[date]:
    """The days that no look covers."""
    last, _ = journal.store.state(watched.version)
    day = _first_day(journal, watched, until - (BACK - 1) * ONE_DAY, until) if last is None else last + ONE_DAY
    while day is not None and day <= until:
        yield day
        day += ONE_DAY


def _first_day(journal: Journalled, watched: Watched, since: date, until: date) -> date | None:
    """The first day with texts of the version, or with items that had none; before it there is nothing to look at."""
    filters = Filters(since=begin_of(since), model_version=watched.version)
    first = next(read_columns(journal.engine, filters, rows=1), None)
    days = [] if first is None else [datetime.fromtimestamp(float(first.seconds[0]), UTC).date()]
    refused = refused_as_empty(journal, watched.version, begin_of(since), begin_of(until + ONE_DAY))
    return min([*days, *(each.day for each in refused)], default=None)


def look_at_day(journal: Journalled, watched: Watched, day: date, now: datetime) -> Report:
    """One look: read, count, test, and keep; all of it or nothing."""
    previous, standing = read_standing(journal.store, watched.version)
    profiles = _count(journal, watched, day)
    days = Days(store=journal.store, watched=watched, standing=standing, day=day, profiles=profiles)
    first_texts = days.first_texts()
    tested, estimates = examine_all(
        {subject: profile for subject, (profile, _) in days.carried.items()},
        replace(watched, comparable=days.comparable()),
        seed=day.toordinal(),
        alpha=ALPHA_LOOK,
        longer=days.longer(),
    )
    open_alarms = journal.store.open_alarms()
    detected = _detect(journal, days, open_alarms)
    findings = days.dated([*tested, *detected.findings])
    after = msgspec.structs.replace(
        days.after(findings, has_first_texts=first_texts is not None),
        streams=detected.streams,
        reference=detected.reference,
    )
    report = msgspec.structs.replace(
        _report(journal, days, now),
        findings=tuple(findings),
        estimates=(*_by_audit(days), *estimates),
        budgets=budgets(after, day),
        notes=(*notes_of(journal, watched), *cautions(findings, estimates)),
    )
    kept = Kept(
        model_version=watched.version,
        day=day,
        previous=previous,
        days=days.rows(),
        state=msgspec.json.encode(after).decode(),
        outcome=follow(open_alarms, findings, now=now, model_version=watched.version, new_id=journal.store.new_id),
        first_texts=None if first_texts is None else first_texts.to_bytes(),
        counted=detected.labels,
        report=report,
    )
    journal.store.keep(kept, now)
    return report


def _count(journal: Journalled, watched: Watched, day: date) -> Profiles:
    """Profiles of the day."""
    filters = Filters(since=begin_of(day), until=begin_of(day + ONE_DAY), model_version=watched.version)
    keys = largest_keys(count_callers(journal.engine, filters), watched.version, MOST_KEYS)
    profiles = count(observed(journal.engine, filters, watched), watched.languages, keys)
    return with_refused(profiles, refused_as_empty(journal, watched.version, begin_of(day), begin_of(day + ONE_DAY)))


# --- detectors ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Detected:
    """The detectors after the day."""

    streams: dict[str, Stream]
    reference: str  #: digest of the baseline
    labels: tuple[AuditLabel, ...]  #: that they were given
    findings: list[Finding]


def _detect(journal: Journalled, days: Days, open_alarms: Sequence[Followed]) -> _Detected:
    """Give the detectors the labels that no look has given them, and the texts of the day."""
    watched, standing = days.watched, days.standing
    labels = journal.store.labels(watched.version)
    wanted = streams_of(watched.languages, watched.reference)
    known = {(each.alarm.watch, each.alarm.subject) for each in open_alarms}
    digest = watched.reference.digest
    is_rebased = standing.reference not in ("", digest)
    streams = restarted(standing.streams, wanted, known, daily=journal.audit_daily, is_rebased=is_rebased)
    told = [as_scored(label, watched) for label in labels]
    streams = advance(streams, wanted, watched.reference, told, days.profiles, year=days.day.year)
    return _Detected(
        streams=streams,
        reference=digest,
        labels=tuple(labels),
        findings=findings_of(streams, wanted, watched.reference, audited=journal.audited),
    )


# --- what is told ------------------------------------------------------------------------------------------


def _by_audit(days: Days) -> list[Estimate]:
    """What labels of the last days say of all the texts of these days."""
    watched, end = days.watched, days.day + ONE_DAY
    since = end - timedelta(days=AUDITED)
    subjects = (ALL, *(Subject(language=language) for language in watched.languages))
    profiles = {subject: all_merged(days.of(subject, since).values()) for subject in subjects}
    texts = {day: profile.texts for day, profile in days.of(ALL, since).items()}
    return by_audit(days.store, watched, profiles, texts, since=since, until=end)


def _report(journal: Journalled, days: Days, now: datetime) -> Report:
    """A report without findings, of all texts that were in no test yet; it shows the last days."""
    watched, end = days.watched, days.day + ONE_DAY
    profile, since = days.carried.get(ALL, Carried(Profile.empty(), days.day))
    shown = days.of(ALL, end - timedelta(days=BACK))
    first_days = {watched.version: days.day, **journal.store.first_days()}
    return msgspec.structs.replace(
        report_of(watched, profile, shown, now=now, since=begin_of(since), until=begin_of(end)),
        markers=tuple(Marker(day=day, version=version) for version, day in first_days.items()),
        audit=audit_of(journal, now),
    )
