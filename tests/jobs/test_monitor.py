"""Looks at a journal made up for the tests, and reports of journals and files."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from sqlalchemy import Engine, event
from tests.conftest import make_news
from tests.journal.entries import Maker

from falsetrue.database.engine import reading, writing
from falsetrue.database.tables import alarm_events, alarms, audit_items, monitor_days, monitor_reports
from falsetrue.errors import InputError
from falsetrue.features.sketching import Sketcher
from falsetrue.jobs import monitor_standing
from falsetrue.jobs.monitor import report_file, report_journal, watched_by, watched_scores
from falsetrue.jobs.monitor_detectors import restarted, streams_of
from falsetrue.jobs.monitor_labels import as_scored
from falsetrue.jobs.monitor_look import closed_until, look, look_at_day
from falsetrue.jobs.monitor_subjects import Journalled, Watched
from falsetrue.jobs.rebase import TextFile, rebase
from falsetrue.journal.audit_items import AuditItems, AuditLabel
from falsetrue.journal.records import Entry, RefusedItems, Writing
from falsetrue.journal.store import Journal
from falsetrue.model.decision import Policy
from falsetrue.monitor.alarms import gravest
from falsetrue.monitor.findings import Finding, Severity, Source, State, Subject
from falsetrue.monitor.reference import Reference
from falsetrue.monitor.store import Kept, MonitorStore

FIRST = date(2026, 3, 1)
NOON = timedelta(hours=12)
ONE_DAY = timedelta(days=1)
SALT = b"s" * 16
_NEWS = make_news(300)
_SKETCHES = Sketcher(SALT).sketch([text for _, text, _ in _NEWS])


def after(days: int, *, minutes: float = 30) -> datetime:
    """So long after midnight, UTC, so many days after the first."""
    return datetime(2026, 3, 1, tzinfo=UTC) + days * ONE_DAY + timedelta(minutes=minutes)


def entries(day: int, count: int, *, false: float = 0.3, **given: Any) -> list[Entry]:
    """Entries of one day, of which a share is called false."""
    random = Random(f"{day} {count} {false}")  # noqa: S311 - not for secrets
    maker = Maker(after(day))
    found = []
    for _ in range(count):
        at = random.randrange(len(_NEWS))
        is_false = random.random() < false
        p_real = random.uniform(0, 0.4) if is_false else random.uniform(0.6, 1)
        values = {"p_real": p_real, "label": "false" if is_false else "real", "sketch": _SKETCHES[at]}
        values |= {"words": 40, "known_words": 38, "characters": 200}
        found.append(maker.entry(**(values | given)))
    return found


def refused(day: int, items: int, **given: Any) -> tuple[RefusedItems, ...]:
    """What one request was refused."""
    values: dict[str, Any] = {"created_at": after(day), "model_version": "1", "key_id": "key-1", "code": "empty"}
    return (RefusedItems(id=str(uuid4()), items=items, **(values | given)),)


def write(engine: Engine, *days: list[Entry]) -> None:
    Journal(engine).write([Writing(entries=tuple(each)) for each in days])


def add_labels(engine: Engine, day: int, count: int, *, wrong: int, language: str = "en") -> None:
    with writing(engine) as connection:
        for rank in range(count):
            connection.execute(
                audit_items.insert().values(
                    prediction_id=str(uuid4()),
                    day=FIRST + day * ONE_DAY,
                    rank=rank,
                    model_version="1",
                    language=language,
                    refused=False,
                    p_real=0.9,
                    said="real",
                    drawn_at=after(day),
                    first_label="false" if rank < wrong else "real",
                    label="false" if rank < wrong else "real",
                    labelled_at=after(day + 1),
                )
            )


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """A baseline of 600 labelled texts with scores of which one in ten is wrong."""
    random = Random(7)  # noqa: S311
    lines = []
    for _ in range(600):
        _, text, _ = random.choice(_NEWS)
        is_false = random.random() < 0.3
        p_real = random.uniform(0, 0.4) if is_false else random.uniform(0.6, 1)
        label = int(is_false) if random.random() < 0.1 else int(not is_false)
        lines.append(msgspec.json.encode({"text": text, "label": label, "score": p_real}))
    file = tmp_path_factory.mktemp("baseline") / "labelled.jsonl"
    file.write_bytes(b"\n".join(lines))
    made = rebase(TextFile(path=str(file), score="score"), None, salt=SALT, is_secret=True, now=after(0))
    return replace(made, model_name="news", model_version="1")


@pytest.fixture
def watched(reference: Reference) -> Watched:
    return Watched(
        name="news",
        version="1",
        languages=("en",),
        trained_prevalence=0.5,
        reference=reference,
        comparable=reference.all.profile,
    )


@pytest.fixture
def journal(engine: Engine) -> Journalled:
    audit = AuditItems(engine, daily=20)
    return Journalled(engine=engine, store=MonitorStore(engine), audit=audit, audited=True, audit_daily=20)


def looks(journal: Journalled, watched: Watched, now: datetime) -> list[Any]:
    return look(journal, watched, lambda: now, holder="test")


def of(findings: Sequence[Finding], watch: str, subject: Subject = Subject()) -> Finding:  # noqa: B008 - frozen
    (found,) = [each for each in findings if each.watch == watch and each.subject == subject]
    return found


# --- which days ---------------------------------------------------------------------------------------------


def test_a_day_is_closed_some_minutes_after_it_ended() -> None:
    assert closed_until(after(1, minutes=14)) == FIRST - ONE_DAY
    assert closed_until(after(1, minutes=15)) == FIRST


def test_each_day_is_looked_at_once_however_often_somebody_asks(journal: Journalled, watched: Watched) -> None:
    write(journal.engine, entries(0, 250), entries(1, 250), entries(2, 10))
    assert [each.texts for each in looks(journal, watched, after(1))] == [250]
    assert looks(journal, watched, after(1) + NOON) == []
    assert [each.texts for each in looks(journal, watched, after(2))] == [250]
    with reading(journal.engine) as connection:
        counted = connection.execute(monitor_days.select().where(monitor_days.c.language == "")).all()
    assert {(row.day, row.key_id): row.texts for row in counted if not row.key_id} == {
        (FIRST, ""): 250,
        (FIRST + ONE_DAY, ""): 250,
    }


def test_days_that_were_missed_are_made_up_for_one_by_one_with_the_same_result(
    engine: Engine, journal: Journalled, watched: Watched
) -> None:
    days = [entries(day, 250, false=0.3 if day < 3 else 0.7) for day in range(6)]
    write(engine, *days)
    add_labels(engine, 0, 10, wrong=1)
    late = looks(journal, watched, after(6))
    assert len(late) == 6
    late_alarms = [(each.watch, each.subject) for each in journal.store.alarms()]
    late_state = journal.store.state("1")
    for table in (alarm_events, alarms, monitor_days, monitor_reports):
        with writing(engine) as connection:
            connection.execute(table.delete())
    with writing(engine) as connection:
        connection.exec_driver_sql("DELETE FROM monitor_state")
        connection.execute(audit_items.update().values(counted_at=None))
    daily = [each for day in range(6) for each in looks(journal, watched, after(day + 1))]
    assert [each.findings for each in daily] == [each.findings for each in late]
    assert [(each.watch, each.subject) for each in journal.store.alarms()] == late_alarms
    assert journal.store.state("1") == late_state
    assert ("called_false", Subject()) in late_alarms


def test_before_the_first_text_there_is_nothing_to_look_at(journal: Journalled, watched: Watched) -> None:
    assert looks(journal, watched, after(5)) == []
    write(journal.engine, entries(3, 5), entries(4, 5, model_version="2"))
    assert [each.since for each in looks(journal, watched, after(5))] == [after(3, minutes=0), after(3, minutes=0)]


# --- what is tested ------------------------------------------------------------------------------------------


def test_too_few_texts_are_carried_forward_and_no_text_is_tested_twice(journal: Journalled, watched: Watched) -> None:
    write(journal.engine, *(entries(day, 80) for day in range(4)))
    found = looks(journal, watched, after(4))
    assert [of(each.findings, "score").state for each in found[:2]] == [State.INSUFFICIENT] * 2
    assert [of(each.findings, "score").texts for each in found] == [80, 160, 240, 80]
    assert of(found[2].findings, "score").p is not None
    assert [each.budgets[1].spent > 0 for each in found] == [False, False, True, True]


def test_findings_and_alarms_know_the_days_of_their_texts_whenever_somebody_looks(
    journal: Journalled, watched: Watched
) -> None:
    write(journal.engine, *(entries(day, 120, false=0.3 if day < 2 else 0.9) for day in range(6)))
    found = looks(journal, watched, after(20))
    days = [(each.since, each.until) for each in (of(report.findings, "called_false") for report in found[:6])]
    pairs = [(0, 0), (0, 1), (2, 2), (2, 3), (4, 4), (4, 5)]
    assert days == [(FIRST + since * ONE_DAY, FIRST + until * ONE_DAY) for since, until in pairs]
    broken = of(found[3].findings, "broken")
    assert (broken.since, broken.until) == (None, FIRST + 3 * ONE_DAY)
    (alarm,) = (each for each in journal.store.alarms() if (each.watch, each.subject) == ("called_false", Subject()))
    assert (alarm.first_day, alarm.last_day) == (FIRST + 3 * ONE_DAY, FIRST + 5 * ONE_DAY)
    assert alarm.raised_at == after(20)


def test_estimates_of_texts_in_another_language_carry_a_caution(journal: Journalled, watched: Watched) -> None:
    write(journal.engine, entries(0, 250), entries(1, 250, language="pt"))
    usual, shifted = looks(journal, watched, after(2))
    notes = {"cbpe_shifted", "bbse_shifted"}
    assert not notes & set(usual.notes)
    assert notes <= set(shifted.notes)


def test_languages_and_the_callers_with_the_most_texts_are_looked_at_on_their_own(
    journal: Journalled, watched: Watched
) -> None:
    write(journal.engine, entries(0, 220, key_id="large"), entries(0, 30, key_id="small", language="es"))
    (found,) = looks(journal, watched, after(1))
    assert of(found.findings, "score", Subject(key="large")).texts == 220
    assert of(found.findings, "score", Subject(key="small")).state is State.INSUFFICIENT
    assert of(found.findings, "score", Subject(language="en")).texts == 220
    assert not [each for each in found.findings if each.subject.language == "es"]


def test_a_drift_raises_one_alarm_and_is_in_the_report(journal: Journalled, watched: Watched) -> None:
    write(journal.engine, *(entries(day, 400, false=0.3 if day == 0 else 0.8) for day in range(3)))
    found = looks(journal, watched, after(3))
    assert [gravest(each.findings) for each in found][1:] == [Severity.WARNING] * 2
    raised = [each for each in journal.store.alarms() if each.watch == "called_false"]
    assert len(raised) == 1
    assert raised[0].subject == Subject()
    assert journal.store.latest_report("1") == found[-1]


def test_without_own_texts_to_compare_with_the_first_ones_are_kept_and_later_ones_compared_with_them(
    journal: Journalled, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor_standing, "FIRST", 400)
    write(journal.engine, *(entries(day, 250) for day in range(3)))
    found = looks(journal, replace(watched, comparable=None), after(3))
    topics = [[each.watch for each in one.findings if each.watch == "topic"] for one in found]
    assert topics == [[], [], ["topic"]]
    assert journal.store.first_texts("1") is not None


# --- labels --------------------------------------------------------------------------------------------------


def test_labels_are_given_to_the_detectors_once(journal: Journalled, watched: Watched) -> None:
    write(journal.engine, *(entries(day, 10) for day in range(3)))
    add_labels(journal.engine, 0, 10, wrong=1)
    first, second, third = looks(journal, watched, after(3))
    english = Subject()
    assert [of(each.findings, "harm", english).texts for each in (first, second, third)] == [10, 10, 10]
    assert of(third.findings, "harm", english).current == pytest.approx(0.1)
    assert third.budgets[0].spent == pytest.approx(first.budgets[0].spent + 2 * 0.05 / 3 / 366)


def test_harm_is_critical_and_its_detector_begins_anew_once_acknowledged(journal: Journalled, watched: Watched) -> None:
    write(journal.engine, *(entries(day, 10) for day in range(4)))
    english = Subject()
    add_labels(journal.engine, 0, 400, wrong=400)
    (found,) = looks(journal, watched, after(1))
    harm = of(found.findings, "harm", english)
    assert (harm.state, harm.severity) == (State.DRIFT, Severity.CRITICAL)
    assert harm.evidence is not None
    assert harm.evidence >= 1
    (still,) = looks(journal, watched, after(2))
    assert of(still.findings, "harm", english).state is State.DRIFT
    for each in journal.store.open_alarms():
        journal.store.acknowledge(each.alarm.id, by="ana", note=None, now=after(2))
    (anew,) = looks(journal, watched, after(3))
    assert of(anew.findings, "harm", english).texts == 0
    assert [each.alarm for each in journal.store.open_alarms() if each.alarm.watch == "harm"] == []
    assert anew.budgets[0].spent > found.budgets[0].spent


def test_labels_say_of_all_texts_how_often_it_is_wrong(journal: Journalled, watched: Watched) -> None:
    write(journal.engine, entries(0, 250))
    add_labels(journal.engine, 0, 120, wrong=24)
    (report,) = looks(journal, watched, after(1))
    on_the_spot = report_journal(journal, watched, after(0, minutes=0), after(1, minutes=0), now=after(2))
    for made in (report, on_the_spot):
        found = {each.name: each for each in made.estimates if each.subject == Subject() and each.labels}
        assert found["precision_real"].labels == 120
        assert found["precision_real"].low < 0.8 < found["precision_real"].high
        assert found["precision_real"].baseline == pytest.approx(0.9, abs=0.05)
        assert found["error"].value == pytest.approx(1 - found["precision_real"].value, abs=0.02)


def test_broken_texts_have_no_language_and_are_seen_all_the_same(journal: Journalled, watched: Watched) -> None:
    write(journal.engine, *(entries(day, 250, language=None, words=0, known_words=0) for day in range(5)))
    reports = looks(journal, watched, after(5))
    assert of(reports[0].findings, "broken").state is State.QUIET
    found = of(reports[-1].findings, "broken")
    assert (found.severity, found.state, found.current) == (Severity.CRITICAL, State.DRIFT, 1.0)


def test_a_feed_that_loses_its_texts_is_seen_although_nothing_is_judged(journal: Journalled, watched: Watched) -> None:
    write(journal.engine, *(entries(day, 300) for day in range(4)))
    looks(journal, watched, after(4))
    Journal(journal.engine).write([Writing(entries=(), refused=refused(day, 300)) for day in range(4, 8)])
    reports = looks(journal, watched, after(8))
    assert [report.texts for report in reports] == [0] * 4
    for subject in (Subject(), Subject(key="key-1")):
        found = [of(report.findings, "empty", subject) for report in reports]
        assert [(each.state, each.current, each.texts) for each in found] == [(State.DRIFT, 1.0, 300)] * 4
    assert of(reports[-1].findings, "broken").current == 0.5
    on_the_spot = report_journal(journal, watched, after(0, minutes=0), after(8, minutes=0), now=after(8))
    assert of(on_the_spot.findings, "empty").current == 0.5
    assert [day.sparks.get("empty", 0.0) for day in on_the_spot.days] == [0.0] * 4 + [1.0] * 4


def test_a_feed_that_never_had_a_text_is_looked_at_from_its_first_day(journal: Journalled, watched: Watched) -> None:
    Journal(journal.engine).write([Writing(entries=(), refused=refused(day, 300)) for day in (1, 2)])
    Journal(journal.engine).write([Writing(entries=(), refused=refused(0, 300, model_version="2"))])
    write(journal.engine, entries(3, 250))
    reports = looks(journal, watched, after(4))
    assert [report.texts for report in reports] == [0, 0, 250]
    assert of(reports[0].findings, "empty").current == 1.0


def test_what_is_refused_for_its_length_or_by_another_model_is_not_empty(journal: Journalled, watched: Watched) -> None:
    write(journal.engine, entries(0, 300))
    others = refused(0, 300, code="too_long") + refused(0, 300, model_version="2")
    Journal(journal.engine).write([Writing(entries=(), refused=others)])
    (report,) = looks(journal, watched, after(1))
    assert of(report.findings, "empty").current == 0.0


def test_a_language_that_the_baseline_does_not_know_counts_among_all(
    journal: Journalled, watched: Watched, reference: Reference
) -> None:
    wanted = streams_of(("en", "xx"), reference)
    assert wanted == [("harm", Subject()), ("calibration", Subject()), ("broken", Subject())]
    write(journal.engine, entries(0, 250, language="xx"))
    add_labels(journal.engine, 0, 20, wrong=20, language="xx")
    (report,) = looks(journal, replace(watched, languages=("en", "xx")), after(1))
    assert of(report.findings, "harm").texts == 20


def test_more_detectors_share_the_same_budget() -> None:
    few, many = ([("harm", Subject(language=each)) for each in "ab"[:count]] for count in (1, 2))
    before = restarted({}, few, set(), daily=20)
    after_ = restarted(before, many, set(), daily=20)
    assert sum(1 / stream.detector.threshold for stream in after_.values()) == pytest.approx(
        sum(1 / stream.detector.threshold for stream in before.values())
    )


def test_what_a_detector_saw_counts_for_nothing_against_another_baseline(journal: Journalled, watched: Watched) -> None:
    write(journal.engine, entries(0, 10), entries(1, 10))
    add_labels(journal.engine, 0, 20, wrong=4)
    (before,) = looks(journal, watched, after(1))
    seen = of(before.findings, "harm", Subject())
    assert seen.texts == 20
    other = replace(watched, reference=replace(watched.reference, name="another"))
    (report,) = looks(journal, other, after(2))
    again = of(report.findings, "harm", seen.subject)
    assert (again.texts, again.current) == (0, None)
    assert {each.severity: each.spent for each in report.budgets}[Severity.CRITICAL] > 0


def test_a_watch_with_too_little_goes_by_more_days_than_the_others(journal: Journalled, watched: Watched) -> None:
    """Of 250 texts a day 100 have a verdict, which is what it is expected of how often these are wrong."""
    days = [entries(day, 100) + entries(day + 50, 150, label="unsure", p_real=0.5) for day in range(3)]
    for day, made in enumerate(days):
        write(journal.engine, [msgspec.structs.replace(entry, created_at=after(day)) for entry in made])
    first, second, third = (of(each.findings, "expected_error") for each in looks(journal, watched, after(3)))
    assert (first.state, first.texts) == (State.INSUFFICIENT, 100)
    assert (second.state is State.INSUFFICIENT, second.texts) == (False, 200)
    assert (third.state, third.texts) == (State.INSUFFICIENT, 100)
    assert [(each.since, each.until) for each in (first, second, third)] == [
        (FIRST, FIRST),
        (FIRST, FIRST + ONE_DAY),
        (FIRST + 2 * ONE_DAY, FIRST + 2 * ONE_DAY),
    ]


def test_the_first_api_knows_no_doubt_and_is_judged_as_the_baseline_is(journal: Journalled, watched: Watched) -> None:
    policy = Policy(name="a", version=1, false_below=0.2, real_above=0.8)
    write(journal.engine, entries(0, 250, label="real", p_real=0.6, policy=None))
    (report,) = looks(journal, replace(watched, policy=policy), after(1))
    assert (report.days[-1].real, report.days[-1].unsure) == (0, 250)
    left_open = of(report.findings, "undecided")
    assert (left_open.state, left_open.texts) == (State.INSUFFICIENT, 0)  # nobody could have left one undecided


def test_texts_that_a_verdict_was_demanded_of_count_in_all_but_what_was_left_undecided(
    journal: Journalled, watched: Watched
) -> None:
    with_policy = entries(0, 300, label="unsure", p_real=0.6)
    write(journal.engine, entries(0, 250, label="real", p_real=0.6, policy=None), with_policy)
    (report,) = looks(journal, watched, after(1))
    assert of(report.findings, "undecided").texts == 300
    assert of(report.findings, "undecided").current == 1.0
    assert of(report.findings, "called_false").texts == 550


def test_a_label_counts_with_the_score_that_the_model_gave(watched: Watched) -> None:
    label = AuditLabel(
        prediction_id="1", day=FIRST, rank=0, language="en", p_real=0.5, prevalence=0.2, said="real", label="real"
    )
    assert as_scored(label, watched).p_real == pytest.approx(0.2)
    assert as_scored(msgspec.structs.replace(label, prevalence=None), watched).p_real == 0.5
    cautious = replace(watched, policy=Policy(name="a", version=1, false_below=0.3, real_above=0.7))
    assert as_scored(label, cautious).said == "false"
    assert as_scored(msgspec.structs.replace(label, prevalence=None), cautious).said == "unsure"
    assert as_scored(msgspec.structs.replace(label, said="unsure", p_real=0.1), cautious).said == "unsure"


def test_without_an_audit_slice_harm_is_off_and_the_report_says_so(journal: Journalled, watched: Watched) -> None:
    write(journal.engine, entries(0, 10))
    (found,) = looks(replace(journal, audited=False), watched, after(1))
    assert of(found.findings, "harm", Subject()).state is State.OFF
    assert "harm_alarms_have_no_data" in found.notes


# --- crashes -------------------------------------------------------------------------------------------------


class _KilledError(Exception):
    """Stands for SIGKILL."""


def test_a_look_that_is_killed_anywhere_leaves_nothing_and_the_next_finds_the_same(
    engine: Engine, journal: Journalled, watched: Watched
) -> None:
    """Before every statement that it runs, in turn."""
    write(engine, entries(0, 300), entries(1, 300, false=0.8))
    add_labels(engine, 0, 5, wrong=1)
    looks(journal, watched, after(1))
    before = journal.store.state("1")
    left, killed = 0, 0

    def count(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise _KilledError

    event.listen(engine, "before_cursor_execute", count)
    while True:
        left = killed + 1
        try:
            expected = look_at_day(journal, watched, FIRST + ONE_DAY, after(2))
        except _KilledError:
            killed += 1
            assert journal.store.state("1") == before
            with reading(engine) as connection:
                assert len(connection.execute(monitor_reports.select()).all()) == 1
                assert connection.execute(monitor_days.select().where(monitor_days.c.day > FIRST)).all() == []
        else:
            break
    event.remove(engine, "before_cursor_execute", count)
    assert killed > 15
    assert of(expected.findings, "called_false").state is State.DRIFT
    assert [each.watch for each in journal.store.alarms() if each.watch == "called_false"] == ["called_false"]
    assert journal.store.labels("1") == []


def test_two_at_once_are_one(journal: Journalled, watched: Watched) -> None:
    write(journal.engine, entries(0, 10))
    with (
        journal.store.lock("process 1 on a", after(1)),
        pytest.raises(InputError, match="process 1 on a has been looking"),
    ):
        looks(journal, watched, after(1))
    assert len(looks(journal, watched, after(1))) == 1


def test_one_that_was_taken_for_dead_and_goes_on_keeps_nothing(journal: Journalled, watched: Watched) -> None:
    write(journal.engine, entries(0, 10))
    store = journal.store
    keep = store.keep

    def late(kept: Kept, now: datetime) -> str:
        store.keep = keep  # type: ignore[method-assign]
        look_at_day(journal, watched, FIRST, after(1))  # the other one
        return keep(kept, now)

    store.keep = late  # type: ignore[method-assign, assignment]
    with pytest.raises(InputError, match="meanwhile"):
        look_at_day(journal, watched, FIRST, after(1))
    with reading(journal.engine) as connection:
        assert len(connection.execute(monitor_reports.select()).all()) == 1


# --- on the spot -----------------------------------------------------------------------------------------------


def test_a_report_on_the_spot_keeps_nothing_and_spends_nothing(journal: Journalled, watched: Watched) -> None:
    write(journal.engine, entries(0, 300), entries(1, 300, false=0.8))
    looks(journal, watched, after(1))
    before = journal.store.state("1")
    found = report_journal(journal, watched, after(0, minutes=0), after(2, minutes=0), now=after(2))
    assert found.texts == 600
    assert [(each.day, each.texts) for each in found.days] == [(FIRST, 300), (FIRST + ONE_DAY, 300)]
    assert of(found.findings, "called_false").state is State.DRIFT
    assert [each.version for each in found.markers] == ["1"]
    assert found.budgets[1].spent == pytest.approx(1 / 31)
    assert journal.store.state("1") == before
    assert [each.watch for each in journal.store.alarms() if each.watch == "called_false"] == []


def _file(path: Path, *, false: float, wrong: float, labelled: bool = True) -> TextFile:
    random = Random(3)  # noqa: S311
    lines = []
    for _ in range(400):
        _, text, _ = random.choice(_NEWS)
        is_false = random.random() < false
        is_wrong = random.random() < wrong
        row = {"text": text, "score": random.uniform(0, 0.4) if is_false else random.uniform(0.6, 1)}
        lines.append(msgspec.json.encode(row | ({"label": int(is_false == is_wrong)} if labelled else {})))
    path.write_bytes(b"\n".join(lines))
    return TextFile(path=str(path), score="score")


@pytest.mark.parametrize("wrong", [0.1, 0.3])
def test_a_file_of_scores_is_compared_with_a_baseline_and_its_labels_count(
    tmp_path: Path, reference: Reference, wrong: float
) -> None:
    file = _file(tmp_path / "week.jsonl", false=0.3, wrong=wrong)
    found = report_file(
        file, None, watched_scores(replace(reference, model_version=""), "news"), salt=SALT, now=after(9)
    )
    assert found.texts == 400
    assert found.audit is None
    harm = of(found.findings, "harm")
    assert harm.state is (State.DRIFT if wrong > 0.2 else State.QUIET)
    assert of(found.findings, "score").state is State.QUIET
    errors = [each for each in found.estimates if (each.name, each.method) == ("error", "Clopper-Pearson")]
    assert errors[0].low < wrong < errors[0].high
    assert errors[0].labels == 400


def test_a_file_without_labels_says_so(tmp_path: Path, reference: Reference) -> None:
    file = _file(tmp_path / "week.jsonl", false=0.8, wrong=0, labelled=False)
    found = report_file(
        file, None, watched_scores(replace(reference, model_version=""), "news"), salt=SALT, now=after(9)
    )
    assert "no_labels_in_file" in found.notes
    assert of(found.findings, "called_false").state is State.DRIFT
    assert not [each for each in found.findings if each.watch == "harm"]


def _with_dates(file: TextFile, dates: Sequence[str]) -> TextFile:
    """The same, with these dates in turn."""
    path = Path(file.path)
    rows = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    dated = [row | {"date": dates[number % len(dates)]} for number, row in enumerate(rows)]
    path.write_bytes(b"\n".join(map(msgspec.json.encode, dated)))
    return file


def test_a_report_of_a_file_is_of_its_days_and_names_those_that_its_findings_go_by(
    tmp_path: Path, reference: Reference
) -> None:
    watched = watched_scores(replace(reference, model_version=""), "news")
    file = _with_dates(_file(tmp_path / "week.jsonl", false=0.3, wrong=0.1), ["2026-03-01", "2026-03-04", "", "soon"])
    found = report_file(file, None, watched, salt=SALT, now=after(9))
    first, last = date(2026, 3, 1), date(2026, 3, 4)
    assert (found.texts, found.undated, found.source) == (400, 200, Source.SCORES)
    assert [(each.day, each.texts) for each in found.days] == [(first, 100), (last, 100)]
    assert {(each.since, each.until) for each in found.findings} == {(first, last)}
    assert "undated_left_out" not in found.notes
    copies = of(found.findings, "campaigns")
    assert not [name for name in copies.details if name.endswith(("_first", "_last"))]
    period = replace(file, since=datetime(2026, 3, 2, tzinfo=UTC), until=None)
    chosen = report_file(period, None, watched, salt=SALT, now=after(9))
    assert (chosen.texts, chosen.undated) == (100, 200)
    assert [(each.day, each.texts) for each in chosen.days] == [(last, 100)]
    assert "undated_left_out" in chosen.notes


def test_texts_of_a_file_without_dates_are_of_no_day(tmp_path: Path, reference: Reference) -> None:
    file = _file(tmp_path / "week.jsonl", false=0.3, wrong=0.1)
    watched = watched_scores(replace(reference, model_version=""), "news")
    found = report_file(file, None, watched, salt=SALT, now=after(9))
    assert (found.texts, found.undated, found.days) == (400, 400, ())
    assert {(each.since, each.until) for each in found.findings} == {(None, None)}


def test_a_file_without_texts_is_refused(tmp_path: Path, reference: Reference) -> None:
    path = tmp_path / "week.csv"
    path.write_text("text,score,date\n")
    watched = watched_scores(replace(reference, model_version=""), "news")
    for since in (None, after(0)):
        with pytest.raises(InputError, match="there are no texts in it"):
            report_file(TextFile(path=str(path), score="score", since=since), None, watched, salt=SALT, now=after(9))


@pytest.mark.parametrize(
    ("scorer", "version", "says"),
    [
        ("bert", "", "is of the scores called 'bert', and this report of the scores called 'mine'.* --name bert"),
        ("news", "1", "is of the model news@1, and this report of the scores called 'mine'"),
        ("mine", "", None),
        ("", "", None),  # of before baselines said whose they are
    ],
)
def test_scores_are_held_against_those_of_the_same_model_alone(
    reference: Reference, scorer: str, version: str, says: str | None
) -> None:
    made = replace(reference, model_name=scorer, model_version=version)
    if says is None:
        assert (watched_scores(made, "mine").name, watched_scores(made, "mine").version) == ("mine", "")
        return
    with pytest.raises(InputError, match=says):
        watched_scores(made, "mine")


def test_a_model_is_held_against_baselines_of_its_own_version_alone(watched: Watched, reference: Reference) -> None:
    assert watched_by(watched, reference).reference is reference
    watched_by(watched, replace(reference, model_name=""))
    for other in (replace(reference, model_version="2"), replace(reference, model_version="", model_name="score")):
        with pytest.raises(InputError, match="this report of the model news@1"):
            watched_by(watched, other)


def test_another_baseline_is_a_fresh_start_for_detectors_on_the_spot_too(
    journal: Journalled, watched: Watched, reference: Reference
) -> None:
    write(journal.engine, entries(0, 300))
    add_labels(journal.engine, 0, 20, wrong=2)
    looks(journal, watched, after(1))
    since, until = after(0, minutes=0), after(1, minutes=0)
    rebased = replace(watched, reference=replace(reference, name="another"))
    for each, labels in ((watched, 20), (rebased, 0)):
        found = report_journal(journal, each, since, until, now=after(1))
        assert of(found.findings, "harm").texts == labels


def test_scores_that_were_re_derived_are_taken_as_the_model_said_them(journal: Journalled, watched: Watched) -> None:
    write(journal.engine, entries(0, 200, p_real=0.5, prevalence=0.8, label="unsure"))
    (found,) = looks(journal, watched, after(1))
    assert found.days[0].mean_p_real == pytest.approx(0.8, abs=0.001)
