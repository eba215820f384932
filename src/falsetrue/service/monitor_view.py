"""What ``/monitor`` shows: the newest report, alarms and the random sample, read from the database and put in words.

It takes long to import what this needs, so the page imports it once somebody looks.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from falsetrue.errors import UnknownPredictionError
from falsetrue.journal.audit_items import AuditItem, AuditItems, Question, SliceCounts
from falsetrue.monitor.alarms import Event
from falsetrue.monitor.findings import Alarm, Budget, Estimate, Finding, Report, Severity, State
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
from falsetrue.service.problems import RequestProblem
from falsetrue.settings import Settings
from falsetrue.wiring import Storage

#: Alarms that are shown, the newest first; all that are open are among them, unless there are still more.
MOST_ALARMS = 50
#: A report that is older was not followed by the one of the next day.
STALE = timedelta(days=2)


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A finding with its words, and its days as a line."""

    finding: Finding
    words: Explained
    spark: str  #: markup


@dataclass(frozen=True, kw_only=True)
class Told:
    """An alarm with what became of it."""

    alarm: Alarm
    words: Explained
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
    headline: Headline
    baseline: str
    budgets: tuple[tuple[Budget, str, str], ...]  #: each with its name, and what is spent of it
    watches: tuple[Watched, ...]  #: those that found a change first
    bars: tuple[Bar, ...]
    estimates: tuple[Estimated, ...]
    notes: tuple[str, ...]
    began: dict[str, str]  #: by day: the version that began to answer
    is_old: bool  #: nobody watches any more

    @property
    def changed(self) -> list[Watched]:
        """Watches that found a change."""
        return [each for each in self.watches if each.finding.state is State.DRIFT]


@dataclass(frozen=True, kw_only=True)
class View:
    """All that the page shows."""

    shown: Monitored | None  #: ``None``: nobody has looked yet
    alarms: tuple[Told, ...]  #: the most urgent first
    slice: Slice


def look(storage: Storage, settings: Settings, *, labelled: str, language: str, now: datetime) -> View:
    """Read everything and put it in words; ``labelled`` is what somebody has just labelled, if anything.

    Raises :class:`DatabaseError`.
    """
    store = MonitorStore(storage.engine())
    report = store.latest_report()
    name = "MODEL" if report is None else report.model_name
    return View(
        shown=None if report is None else gather(report, language, now),
        alarms=tuple(_told(each, store, name, language) for each in _alarms(store)),
        slice=_slice(storage.audit_items(), settings, labelled, now),
    )


def make_file(storage: Storage, wanted: str) -> bytes:
    """A table of :data:`FILES` as CSV; raises :class:`RequestProblem` for another, and :class:`DatabaseError`."""
    table = FILES.get(wanted)
    if table is None:
        raise RequestProblem("invalid_query", "this page has no such file", where=["csv"])
    store = MonitorStore(storage.engine())
    return as_csv(table(store.latest_report(), _alarms(store)))


def gather(report: Report, language: str, now: datetime) -> Monitored:
    """Put everything of a report together; ``now`` is UTC."""
    model, total = model_of(report), sum(report.score_counts) or 1
    return Monitored(
        report=report,
        headline=headline(report, language),
        baseline=baseline_in_words(report.baseline, language),
        budgets=tuple((each, *budget_in_words(each, language)) for each in report.budgets),
        watches=tuple(
            Watched(
                finding=each,
                words=explain(each, language, model=model),
                spark=sparkline(sparks(report, each)),
            )
            for each in gravest_first(report.findings)
        ),
        bars=tuple(
            Bar(low=low, high=high, now=count / total, before=before, count=count)
            for (low, high), count, before in zip(
                pairwise(report.score_edges), report.score_counts, report.score_baseline, strict=True
            )
        ),
        estimates=tuple(_estimated(each, language) for each in report.estimates),
        notes=tuple(note_in_words(each, language) for each in report.notes),
        began={each.day.isoformat(): each.version for each in report.markers},
        is_old=now - report.made_at > STALE,
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
    """All that are open and some of the others, the most urgent first."""
    found = [*(each.alarm for each in store.open_alarms()), *store.alarms(limit=MOST_ALARMS)]
    return sorted({each.id: each for each in found}.values(), key=_urgency, reverse=True)[:MOST_ALARMS]


def _urgency(alarm: Alarm) -> tuple[bool, bool, str]:
    """The more urgent, the larger: open ones before others, of these the critical, then the newest."""
    is_open = alarm.ended_at is None
    return is_open, is_open and alarm.severity is Severity.CRITICAL, alarm.id


def _told(alarm: Alarm, store: MonitorStore, name: str, language: str) -> Told:
    words = explain(alarm.finding, language, model=f"{name}@{alarm.model_version}")
    return Told(alarm=alarm, words=words, events=tuple(store.events(alarm.id)))


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
