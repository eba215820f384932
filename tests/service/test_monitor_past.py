"""What is known of watches beside the newest look."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.report.reports import MADE_AT, finding, report

from falsetrue.monitor.findings import Alarm, Kind, Severity, State, Subject
from falsetrue.service.monitor_past import past_of

KEY = ("topic", Subject())
FIRST = datetime(2026, 11, 1, tzinfo=UTC)


def alarm(last_day: date | None = None) -> Alarm:
    return Alarm(
        id="a",
        watch="topic",
        kind=Kind.TOPIC,
        severity=Severity.WARNING,
        model_version="1",
        raised_at=MADE_AT,
        last_seen_at=MADE_AT,
        finding=finding("topic", State.DRIFT, current=0.9),
        last_day=last_day,
    )


@given(st.lists(st.sampled_from(State)))
def test_the_last_look_that_had_enough_counts_and_each_of_them_is_a_point(states: list[State]) -> None:
    looks = [
        report(until=FIRST + timedelta(days=at + 1), findings=(finding("topic", state, current=float(at)),))
        for at, state in enumerate(states)
    ]
    enough = [at for at, state in enumerate(states) if state in (State.DRIFT, State.QUIET)]
    past = past_of(looks, [])
    assert list(past.values.get(KEY, ())) == enough
    assert (KEY in past.tested) is bool(enough)
    if enough:
        assert past.tested[KEY].finding.current == enough[-1]
        assert past.tested[KEY].day == FIRST.date() + timedelta(days=enough[-1])


def test_the_day_is_that_of_the_texts_where_they_say_it() -> None:
    day = date(2026, 10, 30)
    assert past_of([report(until=FIRST, findings=(finding("topic", until=day),))], []).tested[KEY].day == day


def test_an_open_alarm_tells_what_no_look_does_any_more() -> None:
    past = past_of([], [alarm()])
    assert past.open == {KEY: "a"}
    assert past.tested[KEY].finding.current == 0.9
    assert past.tested[KEY].day == MADE_AT.date()
    assert past_of([], [alarm(last_day=date(2026, 11, 2))]).tested[KEY].day == date(2026, 11, 2)


def test_a_stored_look_is_newer_than_an_alarm() -> None:
    looks = [report(until=FIRST, findings=(finding("topic", current=0.4),))]
    assert past_of(looks, [alarm()]).tested[KEY].finding.current == 0.4
