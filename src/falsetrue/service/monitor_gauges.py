"""Figures of monitoring for Prometheus, read from the database once a minute."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from falsetrue.errors import DatabaseError
from falsetrue.monitor.findings import Alarm, Report, Severity, State
from falsetrue.service.journaling import Journaling
from falsetrue.service.metrics import (
    ALARMS,
    AUDIT_ITEMS,
    BUDGET_SPENT,
    DELIVERIES,
    FINDINGS,
    LAST_DAY,
    LAST_LOOK,
    Family,
    Metrics,
)
from falsetrue.settings import Settings
from falsetrue.wiring import Storage

if TYPE_CHECKING:
    from falsetrue.journal.store import Journal

#: Seconds between two readings.
BETWEEN_READINGS = 60.0
#: Values by labels.
Values: TypeAlias = Mapping[tuple[str, ...], float]


async def watch_monitoring(journaling: Journaling, storage: Storage, settings: Settings, metrics: Metrics) -> None:
    """Keep the figures up to date until cancelled; while the database is away they stay as they were."""

    def read(_journal: "Journal") -> dict[Family, Values]:
        return read_monitoring(storage, settings, datetime.now(UTC))

    await journaling.opened.wait()
    while True:
        try:
            found = await journaling.ask(read)
        except (DatabaseError, msgspec.MsgspecError):  # the latter of a report that a newer version wrote
            found = {}
        for family, values in found.items():
            metrics.publish(family, values)
        await asyncio.sleep(BETWEEN_READINGS)


def read_monitoring(storage: Storage, settings: Settings, now: datetime) -> dict[Family, Values]:
    """What the database says now; raises :class:`DatabaseError`. Takes long: for a thread."""
    from falsetrue.monitor.deliveries import Deliveries  # noqa: PLC0415 - not before the service answers
    from falsetrue.monitor.store import MonitorStore  # noqa: PLC0415

    engine = storage.engine()
    store = MonitorStore(engine)
    report = store.latest_report()
    since = (now - timedelta(days=settings.audit_days)).date()
    sliced = storage.audit_items().counts(now, since=since)
    found: dict[Family, Values] = {
        ALARMS: alarm_counts([each.alarm for each in store.open_alarms()]),
        AUDIT_ITEMS: {("waiting",): sliced.waiting, ("labelled",): sliced.labelled, ("refused",): sliced.refused},
        DELIVERIES: {(fate.value,): count for fate, count in Deliveries(engine).counts().items()},
    }
    return found if report is None else found | report_figures(report)


def alarm_counts(alarms: list[Alarm]) -> Values:
    """How many alarms are open; each combination of labels has a number, 0 too, so that a rise can be seen."""
    counts = Counter((each.severity.value, _yes(each.acknowledged_at is not None)) for each in alarms)
    return {(severity.value, seen): counts[severity.value, seen] for severity in Severity for seen in ("no", "yes")}


def report_figures(report: Report) -> dict[Family, Values]:
    """What a report has for Prometheus: of each watch and state how many findings, over all languages and keys."""
    counts = Counter((each.watch, each.state.value) for each in report.findings)
    watches = {each.watch for each in report.findings}
    return {
        FINDINGS: {(watch, state.value): counts[watch, state.value] for watch in sorted(watches) for state in State},
        BUDGET_SPENT: {(each.severity.value,): each.spent / each.allowed for each in report.budgets if each.allowed},
        LAST_LOOK: {(): report.made_at.timestamp()},
        LAST_DAY: {(): report.until.timestamp()},
    }


def _yes(value: bool) -> str:  # noqa: FBT001 - a label
    return "yes" if value else "no"
