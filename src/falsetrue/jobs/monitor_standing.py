"""Where watching a model stands between looks, and which days a look therefore goes by.

Texts of a subject are carried forward until there are enough of them, and a watch that still has too little goes by
more days than the others of its subject: no watch tests a text twice.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import Final, NamedTuple

import msgspec

from falsetrue.jobs.monitor_detectors import Stream, spent
from falsetrue.jobs.monitor_subjects import ALL, Watched, order_of
from falsetrue.monitor.alarms import ALPHA_LOOK, ALPHA_YEAR
from falsetrue.monitor.findings import Budget, Finding, Severity, State, Subject
from falsetrue.monitor.profile import Profile, all_merged
from falsetrue.monitor.reference import LEAST
from falsetrue.monitor.store import DayProfile, MonitorStore

#: Days before the first look that it still covers, and days that are carried forward at most.
BACK: Final = 31
#: Texts that make the profile of the first ones, or :data:`LEAST` of them after so many days.
FIRST: Final = 2000
FIRST_DAYS: Final = 14
ONE_DAY: Final = timedelta(days=1)


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


def read_standing(store: MonitorStore, model_version: str) -> tuple[date | None, Standing]:
    """The last day that a look covered, and where it stood then. Raises :class:`DatabaseError`."""
    last, content = store.state(model_version)
    return last, Standing() if content is None else msgspec.json.decode(content, type=Standing)


def budgets(standing: Standing, day: date) -> tuple[Budget, ...]:
    """What has been spent when a day ended."""
    month_is_now = standing.month == f"{day:%Y-%m}"
    return (
        Budget(severity=Severity.CRITICAL, allowed=ALPHA_YEAR, spent=spent(standing.streams, day.year)),
        Budget(severity=Severity.WARNING, allowed=1.0, spent=standing.looks * ALPHA_LOOK if month_is_now else 0.0),
    )


class Carried(NamedTuple):
    """Texts of a subject that are in no test yet."""

    profile: Profile
    since: date  #: their first day


@dataclass(frozen=True, kw_only=True, eq=False)
class Days:
    """A day that is looked at, and those before it. What is read raises :class:`DatabaseError`."""

    store: MonitorStore
    watched: Watched
    standing: Standing  #: before the look
    day: date
    profiles: Mapping[Subject, Profile]  #: of the day
    _read: dict[Subject, tuple[date, dict[date, Profile]]] = field(default_factory=dict)

    def of(self, subject: Subject, since: date) -> dict[date, Profile]:
        """A subject's profiles by day, the oldest first, from ``since`` up to the day; each is read once."""
        own = {self.day: self.profiles[subject]} if subject in self.profiles else {}
        begin, found = self._read.get(subject, (self.day, own))
        if since < begin:
            rows = self.store.days(self.watched.version, since, begin - ONE_DAY, subject)
            found = {row.day: Profile.from_bytes(row.profile) for row in rows} | found
            self._read[subject] = since, found
        return {day: profile for day, profile in found.items() if day >= since}

    def rows(self) -> tuple[DayProfile, ...]:
        """What is to be kept of the day."""
        return tuple(
            DayProfile(day=self.day, subject=subject, texts=profile.texts, profile=profile.to_bytes())
            for subject, profile in self.profiles.items()
        )

    # --- what is carried forward --------------------------------------------------------------------------

    @cached_property
    def carried(self) -> dict[Subject, Carried]:
        """By subject, in the order of :func:`order_of`."""
        oldest, found = self.day - timedelta(days=BACK), {}
        there = {subject for subject, _ in self.store.subjects(self.watched.version, oldest, self.day - ONE_DAY)}
        for subject in sorted(there | self.profiles.keys(), key=order_of):
            last = self.standing.tested.get(_named(subject))
            days = self.of(subject, oldest if last is None else max(oldest, last + ONE_DAY))
            if days:
                found[subject] = Carried(all_merged(reversed(days.values())), min(days))
        return found

    def longer(self) -> dict[Subject, dict[str, Profile]]:
        """Of subjects that are tested now, the profiles of watches that go by more days than the others."""
        found: dict[Subject, dict[str, Profile]] = {}
        made: dict[tuple[Subject, date], Profile] = {}
        for each in self.standing.waiting:
            subject, since = each.subject, each.since
            if not self._is_tested(subject) or since >= self.carried[subject].since:
                continue
            if (subject, since) not in made:
                made[subject, since] = all_merged(reversed(self.of(subject, since).values()))
            found.setdefault(subject, {})[each.watch] = made[subject, since]
        return found

    def dated(self, findings: list[Finding]) -> list[Finding]:
        """The same, with the days that they go by: those carried, or those that a watch has waited for.

        Detectors go by all that came since they began: of these only the last day is known.
        """
        waited = {(each.watch, each.subject): each.since for each in self.standing.waiting}
        return [msgspec.structs.replace(each, since=self._since(each, waited), until=self.day) for each in findings]

    def _since(self, finding: Finding, waited: Mapping[tuple[str, Subject], date]) -> date | None:
        if finding.evidence is not None:
            return None
        since = self.carried[finding.subject].since
        return min(since, waited.get((finding.watch, finding.subject), since))

    def _is_tested(self, subject: Subject) -> bool:
        return subject in self.carried and self.carried[subject].profile.received >= LEAST

    def _waiting(self, findings: list[Finding]) -> Iterator[Waiting]:
        """The watches that still had too little to go by, for at most as many days as are carried."""
        before = {(each.watch, each.subject): each.since for each in self.standing.waiting}
        for finding in findings:
            if not self._is_tested(finding.subject) or not _is_short(finding):
                continue
            since = before.get((finding.watch, finding.subject), self.carried[finding.subject].since)
            if (self.day - since).days < BACK:
                yield Waiting(watch=finding.watch, subject=finding.subject, since=since)
        yield from (each for each in self.standing.waiting if not self._is_tested(each.subject))

    # --- what sketches are held against -------------------------------------------------------------------

    def comparable(self) -> Profile | None:
        """A reference made under the installation's own salt, else the first texts that were answered here."""
        if self.watched.comparable is not None or self.standing.first_until is None:
            return self.watched.comparable
        content = self.store.first_texts(self.watched.version)
        return None if content is None else Profile.from_bytes(content)

    def first_texts(self) -> Profile | None:
        """The first texts, where this day completes them."""
        if self.watched.comparable is not None or self.standing.first_until is not None:
            return None
        days = self.of(ALL, date.min)
        profile = all_merged(days.values())
        is_late = (self.day - min(days, default=self.day)).days >= FIRST_DAYS
        return profile if profile.sketched >= (LEAST if is_late else FIRST) else None

    # --- where it stands then -----------------------------------------------------------------------------

    def after(self, findings: list[Finding], *, has_first_texts: bool) -> Standing:
        """After the look, but for the streams. First texts that the day completed are never tested themselves."""
        before, month = self.standing, f"{self.day:%Y-%m}"
        oldest = self.day - timedelta(days=BACK)
        subjects = [*filter(self._is_tested, self.carried), *([ALL] if has_first_texts else [])]
        still = {name: day for name, day in before.tested.items() if day >= oldest}
        has_tested = any(finding.p is not None for finding in findings)
        return Standing(
            tested=still | {_named(subject): self.day for subject in subjects},
            waiting=tuple(self._waiting(findings)),
            month=month,
            looks=(before.looks if before.month == month else 0) + has_tested,
            first_until=self.day if has_first_texts else before.first_until,
        )


def _named(subject: Subject) -> str:
    return f"{subject.language or ''}|{subject.key or ''}"


def _is_short(finding: Finding) -> bool:
    """Whether a watch that goes by texts had some, and too few."""
    is_by_texts = finding.state is State.INSUFFICIENT and finding.evidence is None
    return is_by_texts and 0 < finding.texts < finding.least
