"""One problem is one alarm, and it ends."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import count

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsetrue.errors import InputError
from falsetrue.monitor.alarms import (
    FORGOTTEN,
    QUIET_LOOKS,
    Event,
    Followed,
    Outcome,
    What,
    acknowledge,
    follow,
    gravest,
)
from falsetrue.monitor.findings import Finding, Kind, Severity, State, Subject

NOW = datetime(2026, 3, 4, tzinfo=UTC)
DAY = timedelta(days=1)


def finding(watch: str = "words", state: State = State.DRIFT, **given_: object) -> Finding:
    values = {
        "watch": watch,
        "kind": Kind.COVARIATE,
        "severity": Severity.WARNING,
        "state": state,
        "texts": 500,
        "least": 200,
        "statistic": "KS",
        "value": 0.2,
        "effect": "median words",
        "size": 1.0,
        "baseline": 1.0,
        "current": 2.0,
        "p": 0.001,
    }
    return Finding(**(values | given_))  # type: ignore[arg-type]


class Looks:
    """Follows one look after another."""

    def __init__(self) -> None:
        self.numbers: Iterator[int] = count()
        self.followed: dict[str, Followed] = {}
        self.events: list[Event] = []

    def new_id(self) -> str:
        """The next."""
        return f"id-{next(self.numbers):06}"

    @property
    def open(self) -> list[Followed]:
        """Alarms that have not ended."""
        return [each for each in self.followed.values() if each.alarm.ended_at is None]

    def look(self, findings: Sequence[Finding], at: datetime = NOW, version: str = "1") -> Outcome:
        """One more."""
        outcome = follow(self.open, findings, now=at, model_version=version, new_id=self.new_id)
        self.followed |= {each.alarm.id: each for each in outcome.changed}
        self.events += outcome.events
        return outcome

    def told(self) -> list[str]:
        """What happened, in order."""
        return [event.what.value for event in self.events]


def test_what_is_found_again_is_the_same_alarm() -> None:
    looks = Looks()
    for day in range(5):
        looks.look([finding(current=float(day))], NOW + day * DAY)
    (followed,) = looks.followed.values()
    assert followed.alarm.raised_at == NOW
    assert followed.alarm.last_seen_at == NOW + 4 * DAY
    assert followed.alarm.finding.current == 4
    assert looks.told() == ["raised"]


def test_an_alarm_knows_the_days_of_the_texts_not_when_somebody_looked() -> None:
    """As where a month is made up for in one go, of which the first week drifted."""
    looks, first = Looks(), date(2026, 2, 1)
    for day in range(30):
        state = State.DRIFT if day < 7 else State.QUIET
        looks.look([finding(state=state, until=first + day * DAY)], NOW)
    (followed,) = looks.followed.values()
    assert (followed.alarm.raised_at, followed.alarm.ended_at) == (NOW, NOW)
    assert (followed.alarm.first_day, followed.alarm.last_day) == (first, first + 6 * DAY)


def test_an_alarm_ends_after_quiet_looks_in_a_row_and_not_before() -> None:
    looks = Looks()
    looks.look([finding()])
    for _ in range(QUIET_LOOKS - 1):
        looks.look([finding(state=State.QUIET)])
    assert len(looks.open) == 1
    looks.look([finding()])  # found again: quiet looks begin anew
    for _ in range(QUIET_LOOKS - 1):
        looks.look([finding(state=State.QUIET)])
    assert len(looks.open) == 1
    looks.look([finding(state=State.QUIET)])
    assert not looks.open
    assert looks.told() == ["raised", "seen", "ended"]
    looks.look([finding()])
    assert len(looks.open) == 1
    assert len(looks.followed) == 2


@pytest.mark.parametrize("state", [State.INSUFFICIENT, State.OFF, None])
def test_a_look_that_did_not_test_is_not_quiet(state: State | None) -> None:
    looks = Looks()
    looks.look([finding()])
    for _ in range(3 * QUIET_LOOKS):
        looks.look([] if state is None else [finding(state=state)], NOW + DAY)
    assert len(looks.open) == 1


def test_an_alarm_whose_texts_come_no_more_ends_one_day() -> None:
    looks = Looks()
    looks.look([finding()])
    looks.look([], NOW + FORGOTTEN)
    assert len(looks.open) == 1
    looks.look([], NOW + FORGOTTEN + DAY)
    assert not looks.open


def test_a_part_of_what_drifts_everywhere_is_no_alarm_of_its_own() -> None:
    looks = Looks()
    part = finding(subject=Subject(key="k"))
    looks.look([part, finding()])
    assert [each.alarm.subject for each in looks.open] == [Subject()]
    looks.look([part, finding(state=State.QUIET)], NOW + DAY)
    assert len(looks.open) == 1
    looks.look([finding("score", subject=Subject(key="k"))], NOW + DAY)
    assert [each.alarm.watch for each in looks.open] == ["words", "score"]


def test_alarms_of_a_version_that_answers_no_more_end() -> None:
    looks = Looks()
    looks.look([finding(evidence=1.0)])
    looks.look([finding()], NOW + DAY, version="2")
    assert [each.alarm.model_version for each in looks.open] == ["2"]
    assert looks.told() == ["raised", "ended", "raised"]


def test_one_by_a_detector_ends_when_somebody_acknowledges_it() -> None:
    looks = Looks()
    looks.look([finding("harm", evidence=1.2, p=None)])
    for day in range(2 * QUIET_LOOKS):
        looks.look([finding("harm", State.QUIET, evidence=0.1, p=None)], NOW + day * DAY)
    (followed,) = looks.open
    after, events = acknowledge(followed, by="ana", note="seen", now=NOW + DAY, new_id=looks.new_id)
    assert after.alarm.ended_at == NOW + DAY
    assert after.alarm.acknowledged_by == "ana"
    assert after.alarm.notes == ("seen",)
    assert [event.what for event in events] == [What.ACKNOWLEDGED, What.ENDED]


def test_one_by_a_test_stays_open_when_it_is_acknowledged_and_keeps_who_did_so_first() -> None:
    looks = Looks()
    looks.look([finding()])
    first, _ = acknowledge(looks.open[0], by="ana", note=None, now=NOW, new_id=looks.new_id)
    second, events = acknowledge(first, by="luz", note="again", now=NOW + DAY, new_id=looks.new_id)
    assert first.alarm.ended_at is None
    assert (second.alarm.acknowledged_by, second.alarm.acknowledged_at) == ("ana", NOW)
    assert second.alarm.notes == ("again",)
    assert [(event.what, event.by) for event in events] == [(What.NOTED, "luz")]


def test_nobody_cannot_acknowledge() -> None:
    looks = Looks()
    looks.look([finding()])
    with pytest.raises(InputError, match="who"):
        acknowledge(looks.open[0], by=" ", note=None, now=NOW, new_id=looks.new_id)


def test_two_findings_of_the_same_are_refused() -> None:
    with pytest.raises(InputError, match="two findings of words"):
        Looks().look([finding(), finding(state=State.QUIET)])


def test_the_gravest_is_critical_before_a_warning_and_only_a_drift_counts() -> None:
    critical = finding("harm", severity=Severity.CRITICAL)
    assert gravest([finding(), critical]) is Severity.CRITICAL
    assert gravest([finding(), msgspec.structs.replace(critical, state=State.QUIET)]) is Severity.WARNING
    assert gravest([finding(state=State.QUIET)]) is None


_STATES = st.lists(st.tuples(st.sampled_from(State), st.sampled_from(State)), max_size=40)


@given(_STATES)
def test_of_a_watch_and_a_subject_at_most_one_alarm_is_open_and_every_end_had_a_beginning(
    states: list[tuple[State, State]],
) -> None:
    looks = Looks()
    for day, (words, score) in enumerate(states):
        looks.look([finding("words", words), finding("score", score, subject=Subject(key="k"))], NOW + day * DAY)
        keys = [(each.alarm.watch, each.alarm.subject) for each in looks.open]
        assert len(keys) == len(set(keys))
    raised = [event.alarm_id for event in looks.events if event.what is What.RAISED]
    ended = [event.alarm_id for event in looks.events if event.what is What.ENDED]
    assert len(set(raised)) == len(raised) == len(looks.followed)
    assert len(set(ended)) == len(ended) == len(looks.followed) - len(looks.open)
