"""What monitoring found, as Prometheus reads it."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import msgspec
import pytest
from tests.jobs.receivers import SECRET
from tests.monitor.test_deliveries import raise_alarms
from tests.report.reports import drifted
from tests.service.monitored import draw, keep_report
from tests.service.test_metrics import samples

from falsetrue.monitor.findings import Report, State
from falsetrue.monitor.store import MonitorStore
from falsetrue.service.journaling import Journaling
from falsetrue.service.metrics import ALARMS, FINDINGS, Metrics
from falsetrue.service.monitor_gauges import read_monitoring, watch_monitoring
from falsetrue.settings import Settings, load_settings
from falsetrue.wiring import Storage, open_storage

NOW = datetime.now(UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(state_folder=tmp_path, audit="on", webhook_secret=(SECRET,))


@pytest.fixture
def storage(settings: Settings) -> Iterator[Storage]:
    opened = open_storage(settings)
    yield opened
    opened.close()


def figures(storage: Storage, settings: Settings, metrics: Metrics | None = None) -> dict[str, float]:
    counted = Metrics() if metrics is None else metrics
    for family, values in read_monitoring(storage, settings, NOW).items():
        counted.publish(family, values)
    return samples(counted)


def open_ones(found: dict[str, float], severity: str, acknowledged: str = "no") -> float:
    return found[f"falsetrue_alarms_open acknowledged={acknowledged} severity={severity}"]


def test_before_the_first_look_there_are_no_alarms_and_no_time(storage: Storage, settings: Settings) -> None:
    found = figures(storage, settings)
    assert open_ones(found, "critical") == open_ones(found, "warning") == 0
    assert not any(name.startswith(("falsetrue_monitor_look", "falsetrue_monitor_findings")) for name in found)


def test_a_look_says_when_it_was_of_which_day_what_it_found_and_what_is_spent(
    storage: Storage, settings: Settings
) -> None:
    report = drifted()
    keep_report(storage, report)
    found = figures(storage, settings)
    assert found["falsetrue_monitor_look_timestamp_seconds"] == report.made_at.timestamp()
    assert found["falsetrue_monitor_day_timestamp_seconds"] == report.until.timestamp()
    for budget in report.budgets:
        series = f"falsetrue_monitor_budget_spent_ratio severity={budget.severity}"
        assert found[series] == pytest.approx(budget.spent / budget.allowed)
    counts = {name: value for name, value in found.items() if name.startswith("falsetrue_monitor_findings ")}
    assert sum(counts.values()) == len(report.findings)
    for state in State:
        of_state = [value for name, value in counts.items() if f" state={state} " in name]
        assert sum(of_state) == sum(each.state is state for each in report.findings)


def test_open_alarms_are_told_by_severity_and_whether_somebody_has_seen_them(
    storage: Storage, settings: Settings
) -> None:
    keep_report(storage, drifted())
    store = MonitorStore(storage.engine())
    opened = [each.alarm for each in store.open_alarms()]
    before = figures(storage, settings)
    for severity in ("critical", "warning"):
        assert open_ones(before, severity) == sum(each.severity == severity for each in opened) > 0
    seen = next(each for each in opened if each.finding.evidence is None)
    store.acknowledge(seen.id, by="ana", note=None, now=NOW)
    after = figures(storage, settings)
    assert open_ones(after, seen.severity, "yes") == 1
    assert open_ones(after, seen.severity) == open_ones(before, seen.severity) - 1


def test_what_is_no_more_is_0(storage: Storage, settings: Settings) -> None:
    metrics = Metrics()
    keep_report(storage, drifted())
    named = {name for name in figures(storage, settings, metrics) if name.startswith("falsetrue_monitor_findings")}
    report = drifted()
    without = msgspec.structs.replace(
        report, findings=(), made_at=report.made_at + timedelta(days=1), until=report.until + timedelta(days=1)
    )
    keep_report(storage, without)
    found = figures(storage, settings, metrics)
    assert named
    assert {found[name] for name in named} == {0}


def test_there_are_few_series_whatever_watches_there_are(storage: Storage, settings: Settings) -> None:
    report: Report = drifted()
    many = tuple(
        msgspec.structs.replace(report.findings[0], watch=f"watch{number}", state=State.QUIET) for number in range(500)
    )
    keep_report(storage, msgspec.structs.replace(report, findings=many))
    found = figures(storage, settings)
    assert sum(name.startswith("falsetrue_monitor_findings ") for name in found) <= FINDINGS.largest + 1


def test_every_watch_is_told_apart() -> None:
    templates = files("falsetrue.report") / "templates"
    words = json.loads((templates / "watches.en.json").read_text(encoding="utf-8"))
    assert (len(words["watches"]) + len(words["styles"])) * len(State) <= FINDINGS.largest


def test_the_sample_and_messages_are_counted(storage: Storage, settings: Settings) -> None:
    draw(storage, NOW)
    raise_alarms(storage.engine(), 2)
    found = figures(storage, settings)
    assert found["falsetrue_audit_items state=waiting"] == 3
    assert found["falsetrue_audit_items state=refused"] == 1
    assert found["falsetrue_audit_items state=labelled"] == 0
    assert found["falsetrue_webhook_deliveries state=waiting"] == 2
    assert found["falsetrue_webhook_deliveries state=dead"] == 0


def test_of_two_processes_that_read_the_same_each_alarm_counts_once(storage: Storage, settings: Settings) -> None:
    keep_report(storage, drifted())
    read = read_monitoring(storage, settings, NOW)[ALARMS]
    metrics = Metrics(2)
    for slot in range(2):
        metrics.begin(slot)
        metrics.publish(ALARMS, read)
    found = samples(metrics)
    assert open_ones(found, "critical") == read["critical", "no"] > 0


def test_the_service_reads_them_while_it_runs_and_a_database_that_is_away_changes_nothing(
    storage: Storage, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("falsetrue.service.monitor_gauges.BETWEEN_READINGS", 0.01)
    keep_report(storage, drifted())
    metrics = Metrics()

    async def run() -> None:
        journaling = Journaling(storage.journal)
        watching = asyncio.create_task(watch_monitoring(journaling, storage, settings, metrics))
        journaling.start()
        while "falsetrue_webhook_deliveries state=dead" not in samples(metrics):  # noqa: ASYNC110 - no event of it
            await asyncio.sleep(0.01)
        there = samples(metrics)
        monkeypatch.setattr("falsetrue.service.monitor_gauges.read_monitoring", _away)
        await asyncio.sleep(0.05)
        assert not watching.done()
        assert samples(metrics) | _moving(there) == there | _moving(there)
        watching.cancel()
        await journaling.stop()

    asyncio.run(asyncio.wait_for(run(), 60))


def _away(*_: object) -> None:
    from falsetrue.errors import DatabaseUnavailableError

    raise DatabaseUnavailableError("away")


def _moving(found: dict[str, float]) -> dict[str, float]:
    """What changes by itself."""
    return {name: value for name, value in found.items() if "memory" in name}
