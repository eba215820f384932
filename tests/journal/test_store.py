import dataclasses
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import Engine, select
from tests.journal.entries import NOW, Maker, answer, any_texts, entries

from falsetrue.database.engine import reading
from falsetrue.database.tables import feedback, predictions
from falsetrue.errors import DatabaseError, UnknownPredictionError
from falsetrue.journal import store
from falsetrue.journal.records import Entry, Feedback, Filters, Pruned, Writing, keepable
from falsetrue.journal.store import Journal, bounds_of

#: The database of a test is the same for all its examples.
same_database = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
DAY = timedelta(days=1)


def newest(journal: Journal, filters: Filters, before: str | None = None, limit: int = 50) -> list[Entry]:
    """The newest entries that there are, however many pages it takes to find them."""
    found: list[Entry] = []
    while True:
        part = journal.search(filters, before, limit - len(found))
        found += part.entries
        before = part.next
        if before is None or len(found) == limit:
            return found


def everything(journal: Journal) -> list[Entry]:
    return list(journal.export(Filters()))


# --- writing --------------------------------------------------------------------------------------


@same_database
@given(st.lists(entries(), max_size=20))
def test_whatever_is_written_is_read_again(journal: Journal, made: list[Entry]) -> None:
    batch = [Writing(entries=tuple(made[at : at + 3])) for at in range(0, len(made), 3)]
    assert journal.write(batch) == [None] * len(batch)
    assert [journal.get(entry.id) for entry in made] == made


@same_database
@given(entries(any_texts))
def test_characters_that_no_database_keeps_are_replaced(journal: Journal, made: Entry) -> None:
    journal.write([Writing(entries=(made,))])
    kept = journal.get(made.id)
    assert kept
    for name in ("request_id", "key_id", "item_id", "title", "text"):
        given_text = getattr(made, name)
        assert getattr(kept, name) == (given_text and keepable(given_text))


def test_nothing_may_be_written(journal: Journal) -> None:
    assert journal.write([]) == []
    assert journal.write([Writing(entries=())]) == [None]
    assert everything(journal) == []


@pytest.mark.parametrize("count", [1, 2, 63, 64, 65, 200])
def test_any_number_of_rows_is_written_at_once(journal: Journal, count: int) -> None:
    writings = Maker().writings(count)
    assert journal.write(writings) == [None] * count
    assert everything(journal) == [writing.entries[0] for writing in writings]


def test_an_entry_that_is_there_is_passed_over(journal: Journal) -> None:
    maker = Maker()
    first, second = maker.entry(label="real"), maker.entry()
    journal.write([Writing(entries=(first,))])
    journal.write([Writing(entries=(replace(first, label="false"), second))])
    assert everything(journal) == [first, second]


def test_all_of_a_batch_is_written_or_nothing(journal: Journal) -> None:
    maker = Maker()
    good = Writing(entries=(maker.entry(),), answer=answer(b"k" * 32))
    bad = Writing(entries=(replace(maker.entry(), label=None),))
    with pytest.raises(DatabaseError):
        journal.write([good, bad])
    assert everything(journal) == []
    assert journal.answer(b"k" * 32, NOW) is None


# --- idempotency keys -------------------------------------------------------------------------------


def test_the_second_request_with_a_key_gets_the_answer_to_the_first_and_leaves_nothing(journal: Journal) -> None:
    maker = Maker()
    first = Writing(entries=(maker.entry(),), answer=answer(b"1" * 32, b"first"))
    second = Writing(entries=(maker.entry(),), answer=answer(b"1" * 32, b"second"))
    other = Writing(entries=(maker.entry(),), answer=answer(b"2" * 32, b"other"))
    plain = Writing(entries=(maker.entry(),))
    assert journal.write([first]) == [None]
    assert journal.write([second, other, plain]) == [first.answer, None, None]
    assert everything(journal) == [*first.entries, *other.entries, *plain.entries]
    assert journal.answer(b"1" * 32, NOW) == first.answer


def test_of_two_with_one_key_in_a_batch_the_first_counts(journal: Journal) -> None:
    maker = Maker()
    first, second, third = (Writing(entries=(maker.entry(),), answer=answer(b"1" * 32, b"%d" % n)) for n in range(3))
    assert journal.write([first, second]) == [None, first.answer]
    assert journal.write([second, third]) == [first.answer, first.answer]
    assert everything(journal) == [*first.entries]


def test_a_key_that_has_expired_is_free_again(journal: Journal) -> None:
    maker = Maker()
    old = answer(b"1" * 32, b"old", hours=1)
    new = answer(b"1" * 32, b"new", at=NOW + timedelta(hours=1))
    journal.write([Writing(entries=(), answer=old)])
    assert journal.answer(old.key, NOW + timedelta(minutes=59)) == old
    assert journal.answer(old.key, NOW + timedelta(hours=1)) is None
    assert journal.write([Writing(entries=(maker.entry(),), answer=new)]) == [None]
    assert journal.answer(old.key, new.created_at) == new


def test_of_many_at_once_one_is_written(journal: Journal) -> None:
    """Each of eight threads claims the same keys, in another order."""
    maker = Maker()
    keys = [bytes([number]) * 32 for number in range(8)]
    batches = [
        [Writing(entries=(maker.entry(),), answer=answer(key, uuid4().bytes)) for key in keys[turn:] + keys[:turn]]
        for turn in range(8)
    ]
    found: list[tuple[Writing, object]] = []

    def write(batch: Sequence[Writing]) -> None:
        found.extend(zip(batch, journal.write(batch), strict=True))

    threads = [threading.Thread(target=write, args=(batch,)) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    won = [writing for writing, before in found if before is None]
    assert len(found) == 64
    assert sorted(writing.answer.key for writing in won if writing.answer) == keys
    assert {entry.id for entry in everything(journal)} == {writing.entries[0].id for writing in won}
    assert {before for _, before in found} - {None} <= {writing.answer for writing in won}


def test_what_was_answered_while_the_database_was_away_is_written_though_its_key_was_taken(journal: Journal) -> None:
    maker = Maker()
    here = Writing(entries=(maker.entry(),), answer=answer(b"1" * 32, b"here"))
    there = Writing(entries=(maker.entry(),), answer=answer(b"1" * 32, b"there"))
    journal.write([here])
    for _ in range(2):
        journal.catch_up([there])
    assert everything(journal) == [*here.entries, *there.entries]
    assert journal.answer(b"1" * 32, NOW) == here.answer


# --- reading ----------------------------------------------------------------------------------------


def test_an_id_that_there_is_not_or_never_can_be_is_nothing(journal: Journal) -> None:
    assert journal.get(str(uuid4())) is None
    assert journal.get("'; drop table predictions; --") is None


def test_pages_hold_every_entry_once_the_newest_first(journal: Journal) -> None:
    journal.write(Maker().writings(25))
    pages = [newest(journal, Filters(), limit=10)]
    while pages[-1]:
        pages.append(newest(journal, Filters(), before=pages[-1][-1].id, limit=10))
    assert [len(page) for page in pages] == [10, 10, 5, 0]
    assert [entry for page in pages for entry in page] == everything(journal)[::-1]


VALUES = {
    "label": "real",
    "action": "pass",
    "language": "es",
    "model_version": "2",
    "policy": "newsroom@3",
    "key_id": "key-2",
    "item_id": "é\0",
    "route": "page",
    "request_id": "request-2",
}


@pytest.mark.parametrize("name", VALUES)
def test_a_filter_lets_through_what_has_its_value(journal: Journal, name: str) -> None:
    maker = Maker()
    wanted, other = maker.entry(**{name: VALUES[name]}), maker.entry()
    journal.write([Writing(entries=(wanted, other))])
    filters = dataclasses.replace(Filters(), **{name: VALUES[name]})  # type: ignore[arg-type]
    for found in (newest(journal, filters), list(journal.export(filters))):
        assert [entry.id for entry in found] == [wanted.id]


def test_filters_hold_together(journal: Journal) -> None:
    maker = Maker()
    made = [maker.entry(label=label, language=language) for label in ("false", "real") for language in ("en", "es")]
    journal.write([Writing(entries=tuple(made))])
    assert newest(journal, Filters(label="real", language="en")) == [made[2]]


@same_database
@given(times=st.lists(st.integers(0, 20), max_size=12), since=st.integers(0, 20), until=st.integers(0, 20))
def test_times_are_kept_to_though_identifiers_say_another(
    journal: Journal, times: list[int], since: int, until: int
) -> None:
    """A clock that jumps back by days leaves identifiers ahead of it."""
    key = uuid4().hex
    maker = Maker()
    made = [replace(maker.entry(key_id=key), created_at=NOW + 40 * (time - 10) * DAY) for time in times]
    journal.write([Writing(entries=tuple(made))])
    filters = Filters(since=NOW + 40 * (since - 10) * DAY, until=NOW + 40 * (until - 10) * DAY, key_id=key)
    wanted = [entry for entry, time in zip(made, times, strict=True) if since <= time < until]
    assert list(journal.export(filters)) == wanted
    assert newest(journal, filters) == wanted[::-1]


def test_times_of_a_clock_that_is_right_say_where_to_look(journal: Journal, engine: Engine) -> None:
    journal.write(Maker().writings(2))
    with reading(engine) as connection:
        assert connection.exec_driver_sql("SELECT * FROM facts").all() == []


def test_a_search_ends_after_a_while_and_goes_on_from_there(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "WINDOW", 10)
    maker = Maker()
    rare = maker.entry(label="false")
    journal.write([Writing(entries=(rare,)), *maker.writings(25)])
    page = journal.search(Filters(label="false"))
    assert page.entries == []
    assert page.next is not None
    pages = [page]
    while pages[-1].next:
        pages.append(journal.search(Filters(label="false"), before=pages[-1].next))
    assert [entry for each in pages for entry in each.entries] == [rare]
    assert len(pages) == 3
    assert newest(journal, Filters(label="false")) == [rare]


def test_an_export_goes_on_after_an_id(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "BLOCK", 4)
    writings = Maker().writings(10)
    journal.write(writings)
    made = [writing.entries[0] for writing in writings]
    assert list(journal.export(Filters(), after=made[2].id)) == made[3:]


def test_others_write_while_an_export_waits_for_its_reader(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "BLOCK", 4)
    maker = Maker()
    journal.write(maker.writings(6))
    rows = journal.export(Filters())
    first = next(rows)
    assert journal.prune(NOW, None, None) == Pruned(texts=0, rows=0, answers=0)
    journal.write(maker.writings(1))
    assert [first, *rows] == everything(journal)


# --- feedback ---------------------------------------------------------------------------------------


@pytest.fixture
def entry(journal: Journal) -> Entry:
    made = Maker().entry()
    journal.write([Writing(entries=(made,))])
    return made


def test_feedback_is_found_by_its_prediction(journal: Journal, entry: Entry) -> None:
    said = Maker().feedback(entry.id, "false", reason="quoted out of context")
    assert journal.add_feedback(said) == said
    assert journal.feedback_for([entry.id, str(uuid4())]) == {entry.id: [said]}


@pytest.mark.parametrize("unknown", ["11111111-1111-4111-8111-111111111111", "nonsense", "", "\0"])
def test_feedback_on_a_prediction_that_there_is_not_is_refused(journal: Journal, unknown: str) -> None:
    with pytest.raises(UnknownPredictionError):
        journal.add_feedback(Maker().feedback(unknown, "false"))


def test_the_same_again_is_no_second_row(journal: Journal, entry: Entry, engine: Engine) -> None:
    maker = Maker()
    first = journal.add_feedback(maker.feedback(entry.id, "false"))
    assert journal.add_feedback(maker.feedback(entry.id, "false")) == first
    assert journal.add_feedback(maker.feedback(entry.id, "false", reason="now I know")).reason == "now I know"
    with reading(engine) as connection:
        assert [(row.id, row.reason) for row in connection.execute(feedback.select())] == [(first.id, "now I know")]


def test_the_latest_of_each_caller_counts(journal: Journal, entry: Entry) -> None:
    maker = Maker()
    said = [("ann", "false"), ("bob", "false"), ("ann", "real"), (None, "real"), ("ann", "false")]
    for caller, label in said:
        journal.add_feedback(maker.feedback(entry.id, label, key_id=caller))
    found = [(each.key_id, each.label) for each in journal.feedback_for([entry.id])[entry.id]]
    assert found == [("bob", "false"), (None, "real"), ("ann", "false")]


def test_a_caller_that_changes_its_mind_again_and_again_leaves_one_row(journal: Journal, entry: Entry) -> None:
    maker = Maker()
    for number in range(20):
        journal.add_feedback(maker.feedback(entry.id, ("false", "real")[number % 2], key_id="ann"))
    assert journal.statistics(Filters()).feedback == 1


def test_a_probe_writes_and_leaves_nothing_that_counts(journal: Journal) -> None:
    journal.probe()
    journal.probe()
    assert journal.statistics(Filters()).rows == 0


def test_of_many_the_unknown_ones_are_passed_over(journal: Journal, entry: Entry) -> None:
    maker = Maker()
    said = [maker.feedback(entry.id, "false"), maker.feedback(str(uuid4()), "real"), maker.feedback(entry.id, "false")]
    assert journal.add_feedbacks(said) == [said[0], None, said[0]]


def test_two_who_say_the_same_at_once_are_one(journal: Journal, entry: Entry, engine: Engine) -> None:
    maker = Maker()
    begin = threading.Barrier(8)

    def say(given: Feedback) -> None:
        journal.feedback_for([])  # with a connection that is there already
        begin.wait()
        journal.add_feedback(given)

    threads = [threading.Thread(target=say, args=(maker.feedback(entry.id, "false"),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reading(engine) as connection:
        assert len(connection.execute(feedback.select()).all()) == 1


# --- counting ---------------------------------------------------------------------------------------


def test_of_nothing_everything_is_nothing(journal: Journal) -> None:
    found = journal.statistics(Filters())
    assert (found.rows, found.with_text, found.feedback, found.oldest, found.newest) == (0, 0, 0, None, None)
    assert found.bytes > 0


def test_entries_are_counted_by_what_they_say(journal: Journal) -> None:
    maker = Maker(datetime(2026, 1, 1, 23, 59, tzinfo=UTC))
    made = [
        maker.entry(label="real", reasons=(), action=None, text="a text"),
        maker.entry(reasons=("too_short", "near_threshold"), key_id=None, model_version="2"),
        maker.entry(language=None),
    ]
    journal.write([Writing(entries=tuple(made))])
    journal.add_feedback(maker.feedback(made[0].id, "false"))
    found = journal.statistics(Filters())
    assert (found.rows, found.with_text, found.feedback) == (3, 1, 1)
    assert (found.oldest, found.newest) == (made[0].created_at, made[2].created_at)
    assert found.counts == {
        "day": {"2026-01-01": 1, "2026-01-02": 2},
        "label": {"real": 1, "unsure": 2},
        "action": {"none": 1, "review": 2},
        "reason": {"near_threshold": 1, "too_short": 2},
        "language": {"en": 2, "none": 1},
        "model": {"news@1": 2, "news@2": 1},
        "key": {"key-1": 2, "none": 1},
    }
    assert journal.statistics(Filters(since=made[1].created_at)).rows == 2


# --- forgetting -------------------------------------------------------------------------------------


def test_texts_and_rows_are_forgotten_when_they_are_old_enough_and_not_before(journal: Journal) -> None:
    made = [
        replace(Maker(NOW - days * DAY).entry(), text="a text" if days % 2 else None, title="a title")
        for days in (9, 8, 7, 6, 5, 4)
    ]
    journal.write([Writing(entries=tuple(made), answer=answer(b"1" * 32, hours=1, at=NOW - DAY))])
    assert journal.prune(NOW, 6 * DAY, 8 * DAY) == Pruned(texts=2, rows=1, answers=1)
    kept = [replace(entry, text=None, title=None) for entry in made[1:3]] + made[3:]
    assert everything(journal) == kept
    assert journal.prune(NOW, 6 * DAY, 8 * DAY) == Pruned(texts=0, rows=0, answers=0)


def test_what_was_said_of_a_forgotten_prediction_is_forgotten(journal: Journal, engine: Engine) -> None:
    maker = Maker(NOW - 2 * DAY)
    made = maker.entry()
    journal.write([Writing(entries=(made,))])
    journal.add_feedback(maker.feedback(made.id, "false"))
    journal.prune(NOW, None, DAY)
    with reading(engine) as connection:
        assert connection.execute(feedback.select()).all() == []


def test_many_are_forgotten_in_small_transactions(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "BLOCK", 7)
    maker = Maker(NOW - DAY)
    journal.write(maker.writings(30, text="a text"))
    assert journal.prune(NOW, timedelta(0), None) == Pruned(texts=30, rows=0, answers=0)
    assert journal.prune(NOW, None, timedelta(0)) == Pruned(texts=0, rows=30, answers=0)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_text_that_is_forgotten_is_in_no_file_of_sqlite_any_more(journal: Journal, engine: Engine) -> None:
    maker = Maker(NOW - DAY)
    journal.write(maker.writings(200, text="a secret text " * 10))
    journal.prune(NOW, timedelta(0), None)
    assert engine.url.database
    for suffix in ("", "-wal"):
        with open(engine.url.database + suffix, "rb") as file:  # noqa: PTH123 - a text
            assert b"secret text" not in file.read()


# --- bounds -----------------------------------------------------------------------------------------


@same_database
@given(st.data())
def test_there_is_one_bound_a_side_and_it_leaves_out_what_each_of_several_would(
    journal: Journal, engine: Engine, data: st.DataObject
) -> None:
    made = [each.entries[0] for each in Maker(NOW).writings(12)]
    journal.write([Writing(entries=tuple(made))])
    some = st.none() | st.sampled_from([entry.id for entry in made])
    given_ = {name: data.draw(some, name) for name in ("after", "since", "before")}
    filters = Filters(since=data.draw(st.sampled_from([None, NOW - DAY, NOW])), until=NOW + DAY)
    with reading(engine) as connection:
        bounds = bounds_of(connection, filters, **given_)
        found = set(connection.scalars(select(predictions.c.id).where(*bounds)))
    after, since, before = given_.values()
    assert len(bounds) == 1 + bool(after or since or filters.since)
    assert {entry.id for entry in made if entry.id in found} == {
        entry.id
        for entry in made
        if (after is None or entry.id > after)
        and (since is None or entry.id >= since)
        and (before is None or entry.id < before)
    }


# --- indexes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # PostgreSQL reads small tables as a whole
def test_what_is_asked_often_is_found_by_an_index(engine: Engine) -> None:
    asked = {
        "SELECT * FROM predictions WHERE item_id = 'a' AND id < 'b' ORDER BY id DESC LIMIT 50": "predictions_item_id",
        "SELECT * FROM predictions WHERE id < 'b' ORDER BY id DESC LIMIT 50": "sqlite_autoindex_predictions_1",
        "SELECT id FROM predictions WHERE (text IS NOT NULL OR title IS NOT NULL) AND id < 'b' LIMIT 5": "_with_text",
        "SELECT * FROM feedback WHERE prediction_id IN ('a', 'b')": "feedback_prediction_id",
        "SELECT key FROM answers WHERE expires_at <= 'b' LIMIT 5": "answers_expires_at",
    }
    with reading(engine) as connection:
        for query, index in asked.items():
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}").all()
            assert any(index in str(step) and "TEMP B-TREE" not in str(step) for step in plan), plan
