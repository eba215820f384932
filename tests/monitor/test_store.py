"""What monitoring keeps, in either database."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from sqlalchemy import Engine
from tests.monitor.test_alarms import NOW, finding

from falsetrue.database.engine import open_database, reading, writing
from falsetrue.database.schema import migrate
from falsetrue.database.tables import alarm_events, audit_items, metadata, monitor_reports, webhook_deliveries
from falsetrue.errors import InputError
from falsetrue.journal.copies import backup, restore
from falsetrue.monitor import store as store_module
from falsetrue.monitor.alarms import Followed, Outcome, What, follow
from falsetrue.monitor.findings import Report, Severity, Subject
from falsetrue.monitor.store import LEASE, DayProfile, Kept, MonitorStore

DAY = date(2026, 3, 3)
ONE_DAY = timedelta(days=1)


@pytest.fixture
def store(engine: Engine) -> MonitorStore:
    return MonitorStore(engine)


def report(**given: object) -> Report:
    values = {
        "made_at": NOW,
        "model_name": "news",
        "model_version": "1",
        "baseline": "held-out news",
        "baseline_texts": 10,
        "since": NOW,
        "until": NOW,
        "texts": 1,
        "findings": (finding(),),
        "estimates": (),
        "budgets": (),
        "days": (),
        "score_edges": (0.0, 1.0),
        "score_counts": (1,),
        "score_baseline": (1.0,),
    }
    return Report(**(values | given))  # type: ignore[arg-type]


def kept(**given: object) -> Kept:
    values = {
        "model_version": "1",
        "day": DAY,
        "previous": None,
        "days": (DayProfile(day=DAY, subject=Subject(language="en"), texts=3, profile=b"profile"),),
        "state": "{}",
        "outcome": Outcome(changed=(), events=()),
        "first_texts": None,
        "counted": (),
        "report": report(),
    }
    return Kept(**(values | given))  # type: ignore[arg-type]


def raised(store: MonitorStore, **given: Any) -> Outcome:
    return follow([], [finding(**given)], now=NOW, model_version="1", new_id=store.new_id)


def add_label(engine: Engine) -> str:
    identifier = str(uuid4())
    with writing(engine) as connection:
        connection.execute(
            audit_items.insert().values(
                prediction_id=identifier,
                day=DAY,
                rank=2**62,
                model_version="1",
                refused=False,
                p_real=0.5,
                said="false",
                drawn_at=NOW,
                first_label="real",
                label="real",
                labelled_at=NOW,
            )
        )
    return identifier


def test_what_a_look_found_is_there_again(engine: Engine, store: MonitorStore) -> None:
    add_label(engine)
    labels = store.labels("1")
    outcome = raised(store, subject=Subject(language="en"), details={"a": 1})
    store.keep(kept(outcome=outcome, counted=tuple(labels), first_texts=b"first"), NOW)
    assert store.state("1") == (DAY, "{}")
    assert store.days("1", DAY, DAY) == list(kept().days)
    assert store.days("1", DAY, DAY, Subject()) == []
    assert store.subjects("1", DAY, DAY) == [(Subject(language="en"), DAY)]
    assert store.open_alarms() == list(outcome.changed)
    assert store.events(outcome.changed[0].alarm.id) == list(outcome.events)
    assert store.latest_report() == store.latest_report("1") == report()
    assert store.latest_report("2") is None
    assert store.first_texts("1") == b"first"
    assert store.first_days() == {"1": DAY}
    assert len(labels) == 1
    assert store.labels("1") == []


def test_a_look_at_days_that_another_kept_meanwhile_is_kept_not_at_all(store: MonitorStore) -> None:
    store.keep(kept(), NOW)
    for late in (kept(outcome=raised(store)), kept(previous=DAY - ONE_DAY, day=DAY + ONE_DAY, outcome=raised(store))):
        with pytest.raises(InputError, match="meanwhile"):
            store.keep(late, NOW)
    assert store.open_alarms() == []
    assert store.state("1")[0] == DAY
    store.keep(kept(previous=DAY, day=DAY + ONE_DAY, days=()), NOW)
    assert store.state("1")[0] == DAY + ONE_DAY


def test_an_alarm_goes_on_from_where_it_was(store: MonitorStore) -> None:
    store.keep(kept(outcome=raised(store, until=DAY)), NOW)
    (followed,) = store.open_alarms()
    assert (followed.alarm.first_day, followed.alarm.last_day) == (DAY, DAY)
    later = {"last_seen_at": NOW + ONE_DAY, "ended_at": NOW + ONE_DAY, "last_day": DAY + ONE_DAY}
    alarm = msgspec.structs.replace(followed.alarm, **later)
    after = Followed(alarm=alarm, quiet_looks=7)
    store.keep(kept(previous=DAY, day=DAY + ONE_DAY, days=(), outcome=Outcome(changed=(after,), events=())), NOW)
    assert store.open_alarms() == []
    assert store.alarms() == [alarm]


def test_what_somebody_acknowledged_while_a_look_went_on_stays_acknowledged(store: MonitorStore) -> None:
    store.keep(kept(outcome=raised(store, evidence=1.5)), NOW)
    (followed,) = store.open_alarms()
    store.acknowledge(followed.alarm.id, by="ana", note="known", now=NOW)
    seen = Followed(alarm=msgspec.structs.replace(followed.alarm, last_seen_at=NOW + ONE_DAY))
    store.keep(kept(previous=DAY, day=DAY + ONE_DAY, days=(), outcome=Outcome(changed=(seen,), events=())), NOW)
    alarm = store.alarm(followed.alarm.id)
    assert (alarm.acknowledged_by, alarm.ended_at, alarm.notes) == ("ana", NOW, ("known",))


def test_others_are_to_be_told_of_an_alarm_that_begins_and_of_one_that_ends(engine: Engine) -> None:
    store = MonitorStore(engine, tells=True)
    store.keep(kept(outcome=raised(store, evidence=1.5)), NOW)
    store.acknowledge(store.alarms()[0].id, by="ana", note=None, now=NOW)
    with reading(engine) as connection:
        told = connection.execute(webhook_deliveries.select().order_by(webhook_deliveries.c.id)).all()
    assert [row.event for row in told] == ["alarm.raised", "alarm.ended"]
    assert {row.alarm_id for row in told} == {store.alarms()[0].id}


def test_an_alarm_is_found_by_how_its_id_begins(store: MonitorStore) -> None:
    store.keep(kept(outcome=raised(store)), NOW)
    (alarm,) = store.alarms()
    assert store.alarm(alarm.id[:30].upper()) == alarm
    assert store.acknowledge(alarm.id[:30], by="ana", note=None, now=NOW).acknowledged_by == "ana"
    assert [event.what for event in store.events(alarm.id)] == [What.RAISED, What.ACKNOWLEDGED]
    for unknown in ("", "zz", str(uuid4())):
        with pytest.raises(InputError, match="no alarm with this id"):
            store.alarm(unknown)


def test_the_newest_reference_counts_and_the_first_texts_are_none(store: MonitorStore) -> None:
    store.keep(kept(first_texts=b"first"), NOW + ONE_DAY)
    assert store.reference("1") is None
    store.add_reference("1", "a.csv", b"old", NOW - ONE_DAY)
    store.add_reference("1", "a.csv", b"new", NOW)
    assert store.reference("1") == b"new"
    assert store.reference("2") is None


def test_only_one_holds_the_lock_and_the_other_is_told_who(store: MonitorStore) -> None:
    with (
        store.lock("process 1 on a", NOW),
        pytest.raises(InputError, match="process 1 on a has been looking since 2026-03-04 00:00 UTC"),
        store.lock("process 2 on b", NOW + LEASE / 2),
    ):
        pass
    with store.lock("process 2 on b", NOW + ONE_DAY / 2):
        pass


def test_the_lock_of_a_dead_holder_expires_unless_it_is_renewed(store: MonitorStore) -> None:
    with store.lock("dead", NOW):
        store.renew("dead", NOW + LEASE / 2)
        with pytest.raises(InputError, match="dead has been"), store.lock("other", NOW + LEASE):
            pass
        with store.lock("other", NOW + 2 * LEASE), pytest.raises(InputError, match="in its place"):
            store.renew("dead", NOW + 2 * LEASE)


def test_old_days_and_reports_are_forgotten(
    engine: Engine, store: MonitorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "REPORTS", 2)
    monkeypatch.setattr(store_module, "DAYS", 2)
    previous = None
    for number in range(4):
        day = DAY + number * ONE_DAY
        profile = DayProfile(day=day, subject=Subject(), texts=1, profile=b"p")
        store.keep(kept(day=day, previous=previous, days=(profile,), report=report(texts=number)), NOW)
        previous = day
    assert [each.day for each in store.days("1", DAY, DAY + 9 * ONE_DAY)] == [DAY + n * ONE_DAY for n in (1, 2, 3)]
    with reading(engine) as connection:
        found = connection.scalars(monitor_reports.select().with_only_columns(monitor_reports.c.report)).all()
    assert sorted(msgspec.json.decode(each, type=Report).texts for each in found) == [2, 3]
    last = store.latest_report()
    assert last is not None
    assert last.texts == 3


def test_a_report_says_how_grave_it_is(engine: Engine, store: MonitorStore) -> None:
    grave = report(findings=(finding(severity=Severity.CRITICAL),))
    store.keep(kept(report=grave), NOW)
    with reading(engine) as connection:
        assert connection.scalar(monitor_reports.select().with_only_columns(monitor_reports.c.severity)) == "critical"


@pytest.mark.parametrize("engine_of_copy", ["sqlite", "postgresql"])
def test_all_of_it_is_in_a_copy_for_either_database(
    engine: Engine, store: MonitorStore, engine_of_copy: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    add_label(engine)
    store.keep(kept(outcome=raised(store), first_texts=b"first"), NOW)
    store.add_reference("1", "a.csv", b"\x00\xff", NOW)
    with writing(engine) as connection:
        connection.execute(
            webhook_deliveries.insert().values(
                id=str(uuid4()), event="alarm.raised", payload="{}", created_at=NOW, attempts=0, next_attempt_at=NOW
            )
        )
    backup(engine, tmp_path / "copy", now=NOW)
    if engine_of_copy == "sqlite":
        url = f"sqlite:///{tmp_path}/other.db"
    else:
        url = request.getfixturevalue("postgres_server").make_database(f"copy_{uuid4().hex}")
    other = open_database(url)
    try:
        migrate(other)
        restore(other, tmp_path / "copy")
        for table in metadata.tables.values():
            query = table.select().order_by(*table.primary_key)
            with reading(engine) as here, reading(other) as there:
                assert here.execute(query).all() == there.execute(query).all(), table.name
        with reading(other) as connection:
            assert connection.execute(alarm_events.select()).all()
    finally:
        other.dispose()


def test_times_come_back_in_utc(store: MonitorStore) -> None:
    store.keep(kept(outcome=raised(store)), datetime(2026, 3, 4, 12, tzinfo=UTC))
    assert store.alarms()[0].raised_at == NOW
