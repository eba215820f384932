"""What ``/monitor`` shows: the newest report, alarms and the random sample, read from the database and put in words.

It takes long to import what this needs, so the page imports it once somebody looks.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

import msgspec

from falsetrue.errors import UnknownPredictionError
from falsetrue.journal.audit_items import AuditItem, AuditItems, Question, SliceCounts
from falsetrue.monitor.alarms import Event, is_by_detector
from falsetrue.monitor.findings import Alarm, Budget, Estimate, Finding, Report, State, Subject
from falsetrue.monitor.store import MonitorStore
from falsetrue.report.charts import sparkline
from falsetrue.report.monitoring import estimate_as_text, sparks
from falsetrue.report.watch_words import (
    Explained,
    Headline,
    baseline_in_words,
    budget_in_words,
    estimate_in_words,
    explain,
    gravest_first,
    headline,
    model_of,
    note_in_words,
    subject_in_words,
)
from falsetrue.service.monitor_files import FILES, as_csv
from falsetrue.service.monitor_past import LOOKS, Key, Past, past_of
from falsetrue.service.problems import RequestProblem
from falsetrue.settings import Settings
from falsetrue.wiring import Storage

#: Alarms that are shown beside those that are open, the newest first.
MOST_ALARMS = 50
#: A report that is older was not followed by the one of the next day.
STALE = timedelta(days=2)
_STYLE = "style."


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A finding with its words, and its days as a line."""

    finding: Finding
    words: Explained  #: of the last test
    tested: date | None  #: the last day of that test's texts, where the look itself had too little
    has_changed: bool  #: by the last test, or an alarm is open
    alarm: str  #: id of the one that is open; empty: none is
    spark: str  #: markup


@dataclass(frozen=True, kw_only=True)
class Group:
    """Watches of the same texts: those of style are apart, but for a language or a key."""

    subject: str
    is_style: bool
    watches: tuple[Watched, ...]

    @property
    def changed(self) -> int:
        """How many changed."""
        return sum(each.has_changed for each in self.watches)


@dataclass(frozen=True, kw_only=True)
class Told:
    """An alarm with what became of it."""

    alarm: Alarm
    words: Explained
    figures: str  #: of the baseline and of now, without the interval
    events: tuple[Event, ...]


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A bin of ``p_real``."""

    low: float
    high: float
    now: float  #: share of these texts
    before: float  #: of the baseline's
    count: int


@dataclass(frozen=True, kw_only=True)
class Estimated:
    """An estimate with its words."""

    estimate: Estimate
    name: str
    method: str
    subject: str
    shown: str  #: with its interval, or why there is none


@dataclass(frozen=True, kw_only=True)
class Slice:
    """The random sample, as far as it is there."""

    is_on: bool
    counts: SliceCounts
    question: Question | None  #: what waits for a label
    labelled: AuditItem | None  #: what was labelled just now


@dataclass(frozen=True, kw_only=True)
class Monitored:
    """All that the page shows of a report."""

    report: Report
    headline: Headline  #: of what the look found, and of what is open
    baseline: str
    first_day: date  #: of the texts that the look goes by
    last_day: date
    budgets: tuple[tuple[Budget, str, str], ...]  #: each with its name, and what is spent of it
    groups: tuple[Group, ...]  #: all texts first
    meanings: tuple[Explained, ...]  #: one of each watch
    bars: tuple[Bar, ...]
    estimates: tuple[Estimated, ...]
    notes: tuple[str, ...]
    began: dict[str, str]  #: by day: the version that began to answer
    is_old: bool  #: nobody watches any more

    @property
    def states(self) -> Counter[State]:
        """Of how many watches the look says what."""
        return Counter(each.state for each in self.report.findings)


@dataclass(frozen=True, kw_only=True)
class View:
    """All that the page shows."""

    shown: Monitored | None  #: ``None``: nobody has looked yet
    open: tuple[Told, ...]  #: alarms, the gravest first
    history: tuple[Told, ...]  #: all alarms, the newest first
    slice: Slice


def look(storage: Storage, settings: Settings, *, labelled: str, language: str, now: datetime) -> View:
    """Read everything and put it in words; ``labelled`` is what somebody has just labelled, if anything.

    Raises :class:`DatabaseError`.
    """
    store = MonitorStore(storage.engine())
    report, alarms = store.latest_report(), _alarms(store)
    is_open = [each for each in alarms if each.ended_at is None]
    name = "MODEL" if report is None else report.model_name
    events = defaultdict[str, list[Event]](list)
    for event in store.events(*(each.id for each in alarms)):
        events[event.alarm_id].append(event)
    told = {each.id: _told(each, events[each.id], name, language) for each in alarms}
    looks = [] if report is None else store.reports(report.model_version, newest=LOOKS)
    return View(
        shown=None if report is None else gather(report, looks, is_open, language, now),
        open=tuple(told[each.id] for each in _gravest_first(is_open)),
        history=tuple(told.values()),
        slice=_slice(storage.audit_items(), settings, labelled, now),
    )


def make_file(storage: Storage, wanted: str) -> bytes:
    """A table of :data:`FILES` as CSV; raises :class:`RequestProblem` for another, and :class:`DatabaseError`."""
    table = FILES.get(wanted)
    if table is None:
        raise RequestProblem("invalid_query", "this page has no such file", where=["csv"])
    store = MonitorStore(storage.engine())
    return as_csv(table(store.latest_report(), _alarms(store)))


def gather(
    report: Report, looks: Sequence[Report], is_open: Sequence[Alarm], language: str, now: datetime
) -> Monitored:
    """Put everything of a report together, with the looks before it and what is open; ``now`` is UTC."""
    report, past = _without_acknowledged(report, is_open), past_of(looks, is_open)
    findings = gravest_first(report.findings)
    return Monitored(
        report=report,
        headline=headline(_with_open(report, is_open), language),
        baseline=baseline_in_words(report.baseline, language),
        first_day=report.since.date(),
        last_day=report.last_day,
        budgets=tuple((each, *budget_in_words(each, language)) for each in report.budgets),
        groups=_groups([_watch(report, each, past, language) for each in findings], language),
        meanings=tuple({each.watch: explain(each, language) for each in findings}.values()),
        bars=_bars(report),
        estimates=tuple(_estimated(each, language) for each in report.estimates),
        notes=tuple(note_in_words(each, language) for each in report.notes),
        began={each.day.isoformat(): each.version for each in report.markers},
        is_old=now - report.made_at > STALE,
    )


def _without_acknowledged(report: Report, is_open: Sequence[Alarm]) -> Report:
    """The report with nothing found by detectors whose alarms somebody has ended since: they begin anew."""
    keys = {(each.watch, each.subject) for each in is_open}
    findings = (
        msgspec.structs.replace(each, state=State.QUIET)
        if each.state is State.DRIFT and is_by_detector(each) and (each.watch, each.subject) not in keys
        else each
        for each in report.findings
    )
    return msgspec.structs.replace(report, findings=tuple(findings))


def _with_open(report: Report, is_open: Sequence[Alarm]) -> Report:
    """The report as if the look had found again what is open."""
    found: dict[Key, Finding] = {(each.watch, each.subject): each for each in report.findings}
    for alarm in is_open:
        own = found.get((alarm.watch, alarm.subject))
        if own is None or own.state is not State.DRIFT:
            found[alarm.watch, alarm.subject] = alarm.finding
    return msgspec.structs.replace(report, findings=tuple(found.values()))


def _watch(report: Report, finding: Finding, past: Past, language: str) -> Watched:
    key = finding.watch, finding.subject
    earlier = past.tested.get(key) if finding.state is State.INSUFFICIENT else None
    last = finding if earlier is None else earlier.finding
    return Watched(
        finding=finding,
        words=explain(last, language, model=model_of(report)),
        tested=None if earlier is None else earlier.day,
        has_changed=last.state is State.DRIFT or key in past.open,
        alarm=past.open.get(key, ""),
        spark=sparkline(sparks(report, finding)) or sparkline(past.values.get(key, ())),
    )


def _groups(watched: Sequence[Watched], language: str) -> tuple[Group, ...]:
    """In the order of the findings, but all texts first and those of their style after that."""
    found: dict[tuple[Subject, bool], list[Watched]] = {}
    for each in watched:
        subject = each.finding.subject
        is_style = subject == Subject() and each.finding.watch.startswith(_STYLE)
        found.setdefault((subject, is_style), []).append(each)
    keys = sorted(found, key=lambda key: (key[0] != Subject(), key[1], key[0].language or "", key[0].key or ""))
    return tuple(
        Group(
            subject=subject_in_words(key[0], language),
            is_style=key[1],
            watches=tuple(sorted(found[key], key=lambda each: not each.has_changed)),
        )
        for key in keys
    )


def _bars(report: Report) -> tuple[Bar, ...]:
    total = sum(report.score_counts) or 1
    bins = zip(pairwise(report.score_edges), report.score_counts, report.score_baseline, strict=True)
    return tuple(
        Bar(low=low, high=high, now=count / total, before=before, count=count) for (low, high), count, before in bins
    )


def _estimated(estimate: Estimate, language: str) -> Estimated:
    name, method = estimate_in_words(estimate, language)
    return Estimated(
        estimate=estimate,
        name=name,
        method=method,
        subject=subject_in_words(estimate.subject, language),
        shown=estimate_as_text(estimate, language),
    )


def _alarms(store: MonitorStore) -> list[Alarm]:
    """All that are open and some of the others, the newest first."""
    found = [*(each.alarm for each in store.open_alarms()), *store.alarms(limit=MOST_ALARMS)]
    return sorted({each.id: each for each in found}.values(), key=lambda each: each.id, reverse=True)


def _gravest_first(is_open: Sequence[Alarm]) -> list[Alarm]:
    by_finding = {id(each.finding): each for each in is_open}
    return [by_finding[id(each)] for each in gravest_first([each.finding for each in is_open])]


def _told(alarm: Alarm, events: Sequence[Event], name: str, language: str) -> Told:
    words = explain(alarm.finding, language, model=f"{name}@{alarm.model_version}")
    brief = explain(msgspec.structs.replace(alarm.finding, low=None, high=None), language)
    figures = f"{brief.baseline} → {brief.current}"
    return Told(alarm=alarm, words=words, figures=figures, events=tuple(events))


def _slice(items: AuditItems, settings: Settings, labelled: str, now: datetime) -> Slice:
    return Slice(
        is_on=settings.audit == "on",
        counts=items.counts(now, since=(now - timedelta(days=settings.audit_days)).date()),
        question=items.next(now),
        labelled=_labelled(items, labelled) if labelled else None,
    )


def _labelled(items: AuditItems, identifier: str) -> AuditItem | None:
    """What somebody labelled, with what the model said of it; nothing as long as nobody has."""
    try:
        item = items.get(identifier)
    except UnknownPredictionError:
        return None
    return None if item.label is None else item
