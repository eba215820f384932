"""The looks at a journal: one for each day that ended, each in one transaction, whenever they are made up for.

A day, UTC, is closed :data:`GRACE` after it ended; what is written of it later, as from a spool after a long time, is
in the journal and in no look. A look reads, counts and tests without keeping anybody waiting, and then writes all that
it found at once: whoever kills it before leaves everything as it was, and the next one finds the same.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from hashlib import blake2b
from typing import Final

import msgspec
from sqlalchemy import Engine

from falsetrue.jobs.monitor_detectors import Stream, advance, findings_of, restarted, spent, streams_of
from falsetrue.jobs.monitor_labels import as_scored, by_audit
from falsetrue.jobs.monitor_subjects import ALL, MOST_KEYS, Watched, count, examine_all, observe, order_of
from falsetrue.journal.audit_items import AuditItems
from falsetrue.journal.columns import largest_keys, read_columns
from falsetrue.journal.records import Filters
from falsetrue.monitor.alarms import ALPHA_LOOK, ALPHA_YEAR, follow
from falsetrue.monitor.drift import examine
from falsetrue.monitor.findings import Audit, Budget, Day, Estimate, Finding, Marker, Report, Severity, State, Subject
from falsetrue.monitor.observations import Observations
from falsetrue.monitor.profile import Profile
from falsetrue.monitor.reference import LEAST, SCORE_EDGES, score_counts
from falsetrue.monitor.store import DayProfile, Kept, MonitorStore

#: How long after its end a day is closed.
GRACE: Final = timedelta(minutes=15)
#: Days before the first look that it still covers, and days that a report shows.
BACK: Final = 31
#: Texts that make the profile of the first ones, or :data:`LEAST` of them after so many days.
FIRST: Final = 2000
FIRST_DAYS: Final = 14
#: Days over which the audit slice is counted.
AUDITED: Final = 30


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where watching a version of a model stands."""

    format: int = 1
    tested: dict[str, date] = {}  #: by subject: the last day that is in a test; what came since is carried forward
    waiting: tuple["Waiting", ...] = ()  #: watches that had too little to go by when their subject was tested
    streams: dict[str, Stream] = {}
    reference: str = ""  #: digest of the baseline that the streams began with
    month: str = ""  #: of the last look that tested, as ``2026-01``
    looks: int = 0  #: that tested in it
    first_until: date | None = None  #: the last day of the first texts; those after it are compared with them


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A watch that is to go by more days than the others of its subject."""

    watch: str
    subject: Subject
    since: date  #: the first day that it has not tested


@dataclass(frozen=True, kw_only=True)
class Journalled:
    """A journal that is watched."""

    engine: Engine
    store: MonitorStore
    audit: AuditItems
    audited: bool  #: whether an audit slice is drawn
    audit_daily: int


#: Told of each look: which, and of how many.
Progress = Callable[[int, int], object]


def closed_until(now: datetime) -> date:
    """The last day that is closed."""
    return (now.astimezone(UTC) - GRACE).date() - timedelta(days=1)


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
    day = until - timedelta(days=BACK - 1) if last is None else last + timedelta(days=1)
    if last is None:
        first = _first_day(journal, watched, day)
        day = until + timedelta(days=1) if first is None else first
    while day <= until:
        yield day
        day += timedelta(days=1)


def _first_day(journal: Journalled, watched: Watched, since: date) -> date | None:
    """The first day with texts of the version; before it there is nothing to look at."""
    filters = Filters(since=begin_of(since), model_version=watched.version)
    first = next(read_columns(journal.engine, filters, rows=1), None)
    return None if first is None else datetime.fromtimestamp(float(first.seconds[0]), UTC).date()


def begin_of(day: date) -> datetime:
    """Midnight, UTC."""
    return datetime.combine(day, time(), UTC)


@dataclass(frozen=True, kw_only=True)
class _Day:
    """A look, half done."""

    journal: Journalled
    watched: Watched
    day: date
    now: datetime
    standing: Standing
    profiles: dict[Subject, Profile]  #: of the day


def look_at_day(journal: Journalled, watched: Watched, day: date, now: datetime) -> Report:
    """One look: read, count, test, and keep; all of it or nothing."""
    previous, content = journal.store.state(watched.version)
    standing = Standing() if content is None else msgspec.json.decode(content, type=Standing)
    filters = Filters(since=begin_of(day), until=begin_of(day + timedelta(days=1)), model_version=watched.version)
    keys = largest_keys(journal.engine, filters, MOST_KEYS)
    profiles = count(observed(journal.engine, filters, watched), watched.languages, keys)
    this = _Day(journal=journal, watched=watched, day=day, now=now, standing=standing, profiles=profiles)

    carried = dict(_carried(this))
    comparable, first_texts = _comparable(this)
    tested, estimates = examine_all(
        {subject: profile for subject, (profile, _) in carried.items()},
        replace(watched, comparable=comparable),
        seed=day.toordinal(),
        alpha=ALPHA_LOOK,
        longer=_longer(this, carried),
    )
    open_alarms = journal.store.open_alarms()
    labels = journal.store.labels(watched.version)
    wanted = streams_of(watched.languages, watched.reference)
    known = {(each.alarm.watch, each.alarm.subject) for each in open_alarms}
    digest = blake2b(watched.reference.to_bytes(), digest_size=16).hexdigest()
    is_rebased = standing.reference not in ("", digest)
    streams = restarted(standing.streams, wanted, known, daily=journal.audit_daily, is_rebased=is_rebased)
    told = [as_scored(label, watched) for label in labels]
    streams = advance(streams, wanted, watched.reference, told, profiles, year=day.year)
    findings = [*tested, *findings_of(streams, wanted, watched.reference, audited=journal.audited)]
    after = _after(this, carried, findings, comparable_from=day if first_texts is not None else None)
    after = msgspec.structs.replace(after, streams=streams, reference=digest)
    report = msgspec.structs.replace(
        _report(this, carried),
        findings=tuple(findings),
        estimates=(*_by_audit(this), *estimates),
        budgets=budgets(after, day),
    )
    outcome = follow(open_alarms, findings, now=now, model_version=watched.version, new_id=journal.store.new_id)
    kept = Kept(
        model_version=watched.version,
        day=day,
        previous=previous,
        days=tuple(
            DayProfile(day=day, subject=subject, texts=profile.texts, profile=profile.to_bytes())
            for subject, profile in profiles.items()
        ),
        state=msgspec.json.encode(after).decode(),
        outcome=outcome,
        first_texts=first_texts,
        counted=tuple(labels),
        report=report,
    )
    journal.store.keep(kept, now)
    return report


def observed(engine: Engine, filters: Filters, watched: Watched) -> Iterator[Observations]:
    """Rows of the journal."""
    for columns in read_columns(engine, filters):
        yield observe(columns, watched)


# --- what is carried forward ----------------------------------------------------------------------------


def _named(subject: Subject) -> str:
    return f"{subject.language or ''}|{subject.key or ''}"


def _carried(this: _Day) -> Iterator[tuple[Subject, tuple[Profile, date]]]:
    """Of each subject all texts that are in no test yet, and their first day."""
    store, version, yesterday = this.journal.store, this.watched.version, this.day - timedelta(days=1)
    since = this.day - timedelta(days=BACK)
    there = {subject for subject, _ in store.subjects(version, since, yesterday)}
    for subject in sorted(there | this.profiles.keys(), key=order_of):
        last = this.standing.tested.get(_named(subject))
        begin = since if last is None else max(since, last + timedelta(days=1))
        profile, first = this.profiles.get(subject), this.day
        before = store.days(version, begin, yesterday, subject) if begin <= yesterday else []
        for each in reversed(before):
            older = Profile.from_bytes(each.profile)
            profile, first = older if profile is None else older.merged(profile), each.day
        if profile is not None:
            yield subject, (profile, first)


def _longer(this: _Day, carried: dict[Subject, tuple[Profile, date]]) -> dict[Subject, dict[str, Profile]]:
    """Of subjects that are tested now, the profiles of watches that go by more days than the others."""
    store, version, found = this.journal.store, this.watched.version, dict[Subject, dict[str, Profile]]()
    made: dict[tuple[Subject, date], Profile] = {}
    for each in this.standing.waiting:
        profile, first = carried.get(each.subject, (Profile.empty(), this.day))
        if profile.texts < LEAST or each.since >= first:
            continue
        if (each.subject, each.since) not in made:
            days = store.days(version, each.since, first - timedelta(days=1), each.subject)
            longer = profile
            for older in reversed(days):
                longer = Profile.from_bytes(older.profile).merged(longer)
            made[each.subject, each.since] = longer
        found.setdefault(each.subject, {})[each.watch] = made[each.subject, each.since]
    return found


def _waiting(this: _Day, carried: dict[Subject, tuple[Profile, date]], findings: list[Finding]) -> Iterator[Waiting]:
    """The watches that still had too little to go by, for at most as many days as are carried."""
    before = {(each.watch, each.subject): each.since for each in this.standing.waiting}
    for finding in findings:
        profile, first = carried.get(finding.subject, (Profile.empty(), this.day))
        since = before.get((finding.watch, finding.subject), first)
        is_short = (
            finding.state is State.INSUFFICIENT and finding.evidence is None and 0 < finding.texts < finding.least
        )
        if is_short and profile.texts >= LEAST and (this.day - since).days < BACK:
            yield Waiting(watch=finding.watch, subject=finding.subject, since=since)
    for each in this.standing.waiting:  # of subjects that were not tested now
        if carried.get(each.subject, (Profile.empty(), this.day))[0].texts < LEAST:
            yield each


def _comparable(this: _Day) -> tuple[Profile | None, bytes | None]:
    """What sketches are held against; and the profile of the first texts, where this day completes it.

    A reference made under the installation's own salt, else the first texts that were answered here, once there are
    enough. These are not compared with themselves.
    """
    watched, store = this.watched, this.journal.store
    if watched.comparable is not None:
        return watched.comparable, None
    if this.standing.first_until is not None:
        content = store.first_texts(watched.version)
        return (None if content is None else Profile.from_bytes(content)), None
    profile = Profile.empty()
    days = store.days(watched.version, date.min, this.day - timedelta(days=1), ALL)
    for each in days:
        profile = Profile.from_bytes(each.profile).merged(profile)
    if ALL in this.profiles:
        profile = this.profiles[ALL].merged(profile)
    is_late = bool(days) and (this.day - days[0].day).days >= FIRST_DAYS
    enough = profile.sketched >= FIRST or (is_late and profile.sketched >= LEAST)
    return None, profile.to_bytes() if enough else None


def _after(
    this: _Day,
    carried: dict[Subject, tuple[Profile, date]],
    findings: list[Finding],
    *,
    comparable_from: date | None,
) -> Standing:
    """Where it stands after the look, but for the streams. The first texts are never compared with themselves."""
    before = this.standing
    has_tested = any(finding.p is not None for finding in findings)
    enough = {_named(subject): this.day for subject, (profile, _) in carried.items() if profile.texts >= LEAST}
    if comparable_from is not None:
        enough[_named(ALL)] = this.day
    month = f"{this.day:%Y-%m}"
    looks = before.looks if before.month == month else 0
    oldest = this.day - timedelta(days=BACK)
    tested = {name: day for name, day in before.tested.items() if day >= oldest} | enough
    return Standing(
        tested=tested,
        waiting=tuple(_waiting(this, carried, findings)),
        month=month,
        looks=looks + has_tested,
        first_until=comparable_from or before.first_until,
    )


def budgets(standing: Standing, day: date) -> tuple[Budget, ...]:
    """What has been spent when a day ended."""
    month_is_now = standing.month == f"{day:%Y-%m}"
    return (
        Budget(severity=Severity.CRITICAL, allowed=ALPHA_YEAR, spent=spent(standing.streams, day.year)),
        Budget(severity=Severity.WARNING, allowed=1.0, spent=standing.looks * ALPHA_LOOK if month_is_now else 0.0),
    )


def _by_audit(this: _Day) -> list[Estimate]:
    """What labels of the last days say of all the texts of these days."""
    store, version, end = this.journal.store, this.watched.version, this.day + timedelta(days=1)
    since = end - timedelta(days=AUDITED)
    profiles, texts = {}, {this.day: this.profiles[ALL].texts if ALL in this.profiles else 0}
    for subject in (ALL, *(Subject(language=language) for language in this.watched.languages)):
        profile = this.profiles.get(subject, Profile.empty(sample=0))
        for each in store.days(version, since, this.day - timedelta(days=1), subject):
            profile = Profile.from_bytes(each.profile).merged(profile)
            if subject == ALL:
                texts[each.day] = each.texts
        profiles[subject] = profile
    return by_audit(store, this.watched, profiles, texts, since=since, until=end)


# --- what is told ------------------------------------------------------------------------------------------


def _report(this: _Day, carried: dict[Subject, tuple[Profile, date]]) -> Report:
    """A report without findings."""
    watched, store = this.watched, this.journal.store
    profile, since = carried.get(ALL, (Profile.empty(), this.day))
    days = {
        each.day: Profile.from_bytes(each.profile)
        for each in store.days(watched.version, this.day - timedelta(days=BACK - 1), this.day - timedelta(days=1), ALL)
    }
    if ALL in this.profiles:
        days[this.day] = this.profiles[ALL]
    first_days = {watched.version: this.day, **store.first_days()}
    return Report(
        made_at=this.now,
        model_name=watched.name,
        model_version=watched.version,
        baseline=watched.reference.name,
        baseline_texts=watched.reference.texts,
        since=begin_of(since),
        until=begin_of(this.day + timedelta(days=1)),
        texts=profile.texts,
        findings=(),
        estimates=(),
        budgets=(),
        days=tuple(day_of(day, each, watched) for day, each in sorted(days.items())),
        markers=tuple(Marker(day=day, version=version) for version, day in first_days.items()),
        score_edges=SCORE_EDGES,
        score_counts=score_counts(profile),
        score_baseline=watched.reference.score_shares,
        audit=audit_of(this.journal, this.now),
        notes=notes_of(this.journal, watched),
    )


def day_of(day: date, profile: Profile, watched: Watched) -> Day:
    """What a report says of a day."""
    found = examine(profile, watched.reference)
    return Day(
        day=day,
        texts=profile.texts,
        false=profile.false,
        real=profile.real,
        unsure=profile.unsure,
        mean_p_real=profile.mean_p_real,
        sparks={each.watch: each.current for each in found if each.current is not None},
    )


def audit_of(journal: Journalled, now: datetime) -> Audit:
    """The audit slices of the last days."""
    counts = journal.audit.counts(now, since=now.date() - timedelta(days=AUDITED))
    return Audit(
        on=journal.audited,
        drawn=counts.drawn,
        labelled=counts.labelled,
        refused=counts.refused,
        waiting=counts.waiting,
    )


def notes_of(journal: Journalled, watched: Watched) -> tuple[str, ...]:
    """What a reader must know."""
    notes = ["cbpe_is_blind_to_concept_drift", "bbse_assumes_label_shift", *watched.notes]
    return (*notes, *([] if journal.audited else ["harm_alarms_have_no_data"]))


def drifts(report: Report) -> list[Finding]:
    """What was found."""
    return [finding for finding in report.findings if finding.state is State.DRIFT]
