"""What is to be told, and what became of it, in either database."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Engine, select
from tests.monitor.test_store import DAY, ONE_DAY, kept, raised
from tests.monitor.test_webhooks import alarm

from falsetrue.database.engine import reading, writing
from falsetrue.database.tables import webhook_deliveries
from falsetrue.errors import InputError
from falsetrue.journal.identifiers import Identifiers
from falsetrue.monitor.alarms import Event, What
from falsetrue.monitor.deliveries import LEASE, REMEMBERED, Deliveries, Delivery, Fate, enqueue
from falsetrue.monitor.findings import Alarm
from falsetrue.monitor.store import MonitorStore
from falsetrue.monitor.webhooks import RETRIES

NOW = datetime(2026, 3, 3, 4, 5, 6, tzinfo=UTC)
MUCH_LATER = NOW + timedelta(days=300)
new_id: Callable[[], str] = Identifiers().new


@pytest.fixture
def deliveries(engine: Engine) -> Deliveries:
    return Deliveries(engine)


def event(of: Alarm, what: What, at: datetime = NOW) -> Event:
    return Event(id=str(uuid4()), alarm_id=of.id, at=at, what=what, by="falsetrue")


def raise_alarms(engine: Engine, number: int = 1, at: datetime = NOW) -> list[Alarm]:
    alarms = [alarm() for _ in range(number)]
    with writing(engine) as connection:
        assert enqueue(connection, alarms, [event(each, What.RAISED, at) for each in alarms], new_id) == number
    return alarms


def take(deliveries: Deliveries, now: datetime = NOW) -> Delivery:
    taken = deliveries.take(now, due=now)
    assert taken is not None
    return taken


def test_what_is_raised_and_ended_is_told_once_and_nothing_else(engine: Engine, deliveries: Deliveries) -> None:
    one = alarm()
    events = [event(one, what) for what in (*What, *What)]
    for _ in range(2):
        with writing(engine) as connection:
            enqueue(connection, [one], events, new_id)
    assert sorted(each.event for each in deliveries.newest()) == ["alarm.ended", "alarm.raised"]
    assert {each.alarm_id for each in deliveries.newest()} == {one.id}


def test_nothing_is_told_of_what_was_not_kept(engine: Engine, deliveries: Deliveries) -> None:
    one = alarm()

    def keep_and_fail() -> None:
        with writing(engine) as connection:
            enqueue(connection, [one], [event(one, What.RAISED)], new_id)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keep_and_fail()
    assert deliveries.newest() == []


def test_a_look_that_is_kept_has_its_alarms_told_and_one_that_is_not_has_not(
    engine: Engine, deliveries: Deliveries
) -> None:
    store = MonitorStore(engine, tells=True)
    store.keep(kept(outcome=raised(store)), NOW)
    with pytest.raises(InputError, match="meanwhile"):
        store.keep(kept(outcome=raised(store, watch="oov")), NOW)
    assert [(each.event, each.alarm_id) for each in deliveries.newest()] == [
        ("alarm.raised", store.open_alarms()[0].alarm.id)
    ]


def test_an_alarm_that_ends_because_somebody_acknowledges_it_is_told(engine: Engine, deliveries: Deliveries) -> None:
    store = MonitorStore(engine, tells=True)
    store.keep(kept(outcome=raised(store, evidence=1.2)), NOW)
    store.acknowledge(store.open_alarms()[0].alarm.id, by="ana", note=None, now=NOW)
    assert [each.event for each in deliveries.newest()] == ["alarm.ended", "alarm.raised"]


def test_where_nobody_is_to_be_told_nothing_is_written_down(engine: Engine, deliveries: Deliveries) -> None:
    store = MonitorStore(engine)
    store.keep(kept(outcome=raised(store)), NOW)
    store.keep(kept(previous=DAY, day=DAY + ONE_DAY, days=()), NOW)
    assert deliveries.newest() == []


def test_one_that_was_taken_is_not_taken_again_until_its_lease_ends(engine: Engine, deliveries: Deliveries) -> None:
    raise_alarms(engine)
    taken = take(deliveries)
    assert deliveries.take(NOW + LEASE - timedelta(seconds=1), due=NOW + LEASE - timedelta(seconds=1)) is None
    again = take(deliveries, NOW + LEASE)
    assert (again.id, again.payload) == (taken.id, taken.payload)
    assert (taken.attempts, again.attempts) == (1, 2)


def test_several_workers_at_once_take_each_once(engine: Engine, deliveries: Deliveries) -> None:
    raise_alarms(engine, 30)

    def work(_worker: int) -> list[str]:
        found = []
        while (delivery := deliveries.take(NOW, due=NOW)) is not None:
            found.append(delivery.id)
        return found

    with ThreadPoolExecutor(4) as workers:
        taken = [each for found in workers.map(work, range(4)) for each in found]
    # One that meets another at a row passes on, and may find no more; what is left then is taken next.
    taken += work(0)
    assert len(taken) == len(set(taken)) == 30


def test_the_oldest_is_taken_first_and_none_before_it_is_due(engine: Engine, deliveries: Deliveries) -> None:
    raise_alarms(engine, at=NOW + timedelta(hours=1))
    [first] = raise_alarms(engine)
    assert deliveries.next_due() == NOW
    assert take(deliveries).alarm_id == first.id
    assert deliveries.take(NOW, due=NOW) is None


def test_what_arrived_is_over(engine: Engine, deliveries: Deliveries) -> None:
    raise_alarms(engine)
    deliveries.delivered(take(deliveries), NOW)
    assert deliveries.take(MUCH_LATER, due=MUCH_LATER) is None
    [delivery] = deliveries.newest()
    assert (delivery.fate, delivery.delivered_at) == (Fate.DELIVERED, NOW)
    assert deliveries.next_due() is None
    assert deliveries.counts() == {Fate.WAITING: 0, Fate.DELIVERED: 1, Fate.DEAD: 0}


def test_what_failed_comes_again_and_is_given_up_after_the_last_attempt(engine: Engine, deliveries: Deliveries) -> None:
    raise_alarms(engine)
    now, ids = NOW, set()
    for attempt in range(len(RETRIES) + 1):
        delivery = take(deliveries, now)
        ids.add(delivery.id)
        assert deliveries.failed(delivery, "HTTP 500", now) == (attempt == len(RETRIES))
        now = deliveries.next_due() or now
    [delivery] = deliveries.newest()
    assert len(ids) == 1
    assert (delivery.fate, delivery.last_error, delivery.attempts) == (Fate.DEAD, "HTTP 500", len(RETRIES) + 1)
    assert deliveries.take(MUCH_LATER, due=MUCH_LATER) is None


def test_a_final_failure_is_the_last(engine: Engine, deliveries: Deliveries) -> None:
    raise_alarms(engine)
    assert deliveries.failed(take(deliveries), "HTTP 410", NOW, is_final=True)
    assert deliveries.counts()[Fate.DEAD] == 1


def test_a_failure_whose_lease_ended_counts_no_longer(engine: Engine, deliveries: Deliveries) -> None:
    raise_alarms(engine)
    slow = take(deliveries)
    quick = take(deliveries, NOW + LEASE)
    deliveries.failed(slow, "HTTP 500", NOW + LEASE)
    assert deliveries.next_due() == NOW + 2 * LEASE
    deliveries.delivered(quick, NOW + LEASE)
    deliveries.failed(quick, "HTTP 500", NOW + LEASE)
    [delivery] = deliveries.newest()
    assert (delivery.fate, delivery.last_error) == (Fate.DELIVERED, None)


def test_what_arrived_after_its_lease_ended_has_arrived(engine: Engine, deliveries: Deliveries) -> None:
    raise_alarms(engine)
    slow = take(deliveries)
    quick = take(deliveries, NOW + LEASE)
    deliveries.delivered(slow, NOW + LEASE)
    deliveries.failed(quick, "HTTP 500", NOW + LEASE)
    assert deliveries.counts()[Fate.DELIVERED] == 1
    assert deliveries.next_due() is None


def test_one_that_was_given_up_is_sent_again_with_its_id_when_asked(engine: Engine, deliveries: Deliveries) -> None:
    raise_alarms(engine)
    dead = take(deliveries)
    deliveries.failed(dead, "HTTP 410", NOW, is_final=True)
    resent = deliveries.resend(dead.id.upper(), MUCH_LATER)
    assert (resent.id, resent.fate, resent.attempts) == (dead.id, Fate.WAITING, 0)
    assert take(deliveries, MUCH_LATER).payload == dead.payload


def test_an_id_that_is_none_or_of_several_is_not_sent_again(engine: Engine, deliveries: Deliveries) -> None:
    raise_alarms(engine, 2)
    with pytest.raises(InputError, match="no delivery"):
        deliveries.resend("ffff", NOW)
    with pytest.raises(InputError, match="no delivery"):
        deliveries.resend(" ", NOW)
    with pytest.raises(InputError, match="several"):
        deliveries.resend("0", NOW)


def test_what_is_over_is_forgotten_after_a_month_and_what_waits_is_not(engine: Engine, deliveries: Deliveries) -> None:
    raise_alarms(engine, 3)
    deliveries.delivered(take(deliveries), NOW)
    deliveries.failed(take(deliveries), "HTTP 410", NOW, is_final=True)
    deliveries.forget(NOW + REMEMBERED)
    assert len(deliveries.newest()) == 3
    deliveries.forget(NOW + REMEMBERED + timedelta(seconds=1))
    with reading(engine) as connection:
        assert len(connection.execute(select(webhook_deliveries.c.id)).all()) == 1
    assert deliveries.counts()[Fate.WAITING] == 1
