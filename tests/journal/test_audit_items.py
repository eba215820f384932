from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, func, select
from tests.journal.entries import Maker, answer

from falsetrue.database.engine import open_database, reading, writing
from falsetrue.database.schema import migrate
from falsetrue.database.tables import audit_items
from falsetrue.errors import DatabaseError, InputError, UnknownPredictionError
from falsetrue.journal import copies
from falsetrue.journal.audit_items import (
    AuditItem,
    AuditItems,
    Forgotten,
    SliceCounts,
    mark_counted,
    uncounted_labels,
)
from falsetrue.journal.records import Drawn, Entry, Writing
from falsetrue.journal.spool import Spool
from falsetrue.journal.store import Journal

MONDAY, TUESDAY = date(2026, 3, 2), date(2026, 3, 3)
#: Both have ended.
NOW = datetime(2026, 3, 4, 9, tzinfo=UTC)
DAY = timedelta(days=1)


def moment(day: date, hour: int = 12) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def drawn(day: date, rank: int, *, refused: bool = False, **given: Any) -> Entry:
    """An entry that was drawn, of a language, a verdict and so on."""
    text = {} if refused else {"title": f"title {rank}", "text": f"text {rank}"}
    maker = Maker(moment(day))
    return maker.entry(drawn=Drawn(rank=rank, refused=refused, **text), **given)


def write(journal: Journal, *entries: Entry) -> list[str]:
    journal.write([Writing(entries=entries)])
    return [entry.id for entry in entries]


@pytest.fixture
def slices(engine: Engine) -> AuditItems:
    """Of two predictions a day."""
    return AuditItems(engine, daily=2)


def all_ids(items: AuditItems) -> list[str]:
    return [item.prediction_id for item in items.items(NOW)]


# --- with the entry, or not at all ---------------------------------------------------------------------


def test_what_is_drawn_is_written_with_its_entry_and_once(journal: Journal, slices: AuditItems) -> None:
    entry = drawn(MONDAY, 7, language="es", label="false", p_real=0.25)
    write(journal, entry)
    write(journal, entry)
    (item,) = slices.items(NOW)
    assert item == AuditItem(
        prediction_id=entry.id,
        day=MONDAY,
        rank=7,
        model_version="1",
        language="es",
        refused=False,
        has_text=True,
        p_real=0.25,
        said="false",
        first_label=None,
        label=None,
        labelled_at=None,
        labelled_by=None,
        note=None,
    )
    assert journal.get(entry.id) is not None


def test_what_is_not_written_leaves_nothing_in_the_slice(journal: Journal, slices: AuditItems) -> None:
    write(journal, drawn(MONDAY, 1))
    before = all_ids(slices)
    with pytest.raises(DatabaseError):
        write(journal, drawn(MONDAY, 2), drawn(MONDAY, 3, text_hash=None))
    journal.write([Writing(entries=(), answer=answer(b"k" * 32))])
    again = Writing(entries=(drawn(MONDAY, 4),), answer=answer(b"k" * 32, b"other"))
    assert journal.write([again]) != [None]
    assert all_ids(slices) == before


def test_what_waited_in_a_spool_is_drawn_too(journal: Journal, slices: AuditItems, tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool-0", max_bytes=10**6)
    entry = drawn(MONDAY, 2**63 - 1)
    spool.append(Writing(entries=(entry,)))
    spool.replay(journal.catch_up)
    spool.close()
    assert slices.question(entry.id).text == f"text {2**63 - 1}"


def test_a_backup_holds_the_slice_and_either_database_takes_it(
    engine: Engine, journal: Journal, slices: AuditItems, tmp_path: Path
) -> None:
    first, second = write(journal, drawn(MONDAY, 2**62), drawn(MONDAY, 9, refused=True))
    slices.label(first, "real", by="ana", now=NOW)
    copies.backup(engine, tmp_path / "copy", now=NOW)
    restored = open_database(f"sqlite:///{tmp_path}/restored.db")
    migrate(restored)
    copies.restore(restored, tmp_path / "copy")
    found = list(AuditItems(restored, daily=2).items(NOW))
    restored.dispose()
    assert found == list(slices.items(NOW))
    assert [item.prediction_id for item in found] == [second, first]


# --- which are of the slice ----------------------------------------------------------------------------


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2**63 - 1)), max_size=25, unique=True), st.integers(1, 6))
def test_the_slice_of_a_day_is_its_lowest_ranks(
    engine: Engine, journal: Journal, made: list[tuple[int, int]], daily: int
) -> None:
    with writing(engine) as connection:
        connection.execute(delete(audit_items))
    entries = [drawn(MONDAY + at * DAY, rank) for at, rank in made]  # the last of the three days has not ended
    write(journal, *entries)
    items = AuditItems(engine, daily=daily)
    wanted = [(day, rank) for day in (0, 1) for rank in sorted(rank for at, rank in made if at == day)[:daily]]
    assert [((item.day - MONDAY).days, item.rank) for item in items.items(NOW)] == wanted
    assert items.forget(NOW, 30 * DAY).rows == sum(max(0, sum(at == day for at, _ in made) - daily) for day in range(3))
    assert [((item.day - MONDAY).days, item.rank) for item in items.items(NOW)] == wanted


def test_the_next_is_of_the_oldest_day_and_the_lowest_rank_and_does_not_tell_what_was_said(
    journal: Journal, slices: AuditItems
) -> None:
    entries = [drawn(TUESDAY, 1), drawn(MONDAY, 30), drawn(MONDAY, 20), drawn(MONDAY, 10, refused=True)]
    assert slices.next(NOW) is None
    write(journal, *entries)
    question = slices.next(NOW)
    assert question is not None
    assert (question.prediction_id, question.title, question.text) == (entries[2].id, "title 20", "text 20")
    assert not {"said", "p_real", "label"} & set(question.__struct_fields__)
    slices.label(entries[2].id, "unclear", by="ana", now=NOW)
    after = slices.next(NOW)
    assert after is not None
    assert after.prediction_id == entries[0].id  # Monday's third is not of the slice
    slices.label(entries[0].id, "real", by="ana", now=NOW)
    assert slices.next(NOW) is None


def test_a_day_that_has_not_ended_is_not_asked_about(journal: Journal, slices: AuditItems) -> None:
    (made,) = write(journal, drawn(NOW.date(), 1))
    assert slices.next(NOW) is None
    with pytest.raises(InputError, match="has not ended"):
        slices.label(made, "real", by="ana", now=NOW)
    assert slices.next(NOW + DAY) is not None


# --- labels --------------------------------------------------------------------------------------------


def test_a_label_is_kept_with_who_gave_it_and_when(journal: Journal, slices: AuditItems) -> None:
    (made,) = write(journal, drawn(MONDAY, 1, label="unsure", p_real=0.5))
    item = slices.label(made, "false", by="ana\0", now=NOW, note="a known hoax")
    assert (item.label, item.labelled_by, item.labelled_at, item.note) == ("false", "ana\ufffd", NOW, "a known hoax")
    assert (item.said, item.p_real, item.is_open) == ("unsure", 0.5, False)
    assert slices.get(made) == item


def test_only_what_was_drawn_can_be_labelled(journal: Journal, slices: AuditItems) -> None:
    entries = [drawn(MONDAY, rank) for rank in (1, 2, 3)] + [drawn(TUESDAY, 1, refused=True), Maker().entry()]
    *_, third, refused, plain = write(journal, *entries)
    for identifier in (plain, str(uuid4()), "nonsense", ""):
        with pytest.raises(UnknownPredictionError):
            slices.label(identifier, "real", by="ana", now=NOW)
    with pytest.raises(InputError, match="not among the 2"):
        slices.label(third, "real", by="ana", now=NOW)
    with pytest.raises(InputError, match="forbade"):
        slices.label(refused, "real", by="ana", now=NOW)
    with pytest.raises(InputError, match="none of false, real, unclear"):
        slices.label(entries[0].id, "unsure", by="ana", now=NOW)


def test_the_first_label_stands_unless_it_is_corrected_and_then_who_said_what_is_kept(
    journal: Journal, slices: AuditItems
) -> None:
    (made,) = write(journal, drawn(MONDAY, 1))
    first = slices.label(made, "false", by="ana", now=NOW)
    assert slices.label(made, "false", by="bob", now=NOW + DAY) == first
    with pytest.raises(InputError, match="'false' by ana on 2026-03-04 09:00 UTC"):
        slices.label(made, "real", by="bob", now=NOW + DAY)
    corrected = slices.label(made, "real", by="bob", now=NOW + DAY, note="ana mistook it", correct=True)
    assert (corrected.label, corrected.labelled_by) == ("real", "bob")
    assert corrected.note == "labelled 'false' by ana on 2026-03-04 09:00 UTC\nana mistook it"


def test_a_correction_is_not_told_as_it_knows_what_the_model_said(
    journal: Journal, slices: AuditItems, engine: Engine
) -> None:
    (made,) = write(journal, drawn(MONDAY, 1))
    slices.label(made, "false", by="ana", now=NOW)
    assert not slices.label(made, "unclear", by="ana", now=NOW, correct=True).is_open
    with pytest.raises(InputError, match="already"):
        slices.label(made, "real", by="ana", now=NOW)
    slices.label(made, "real", by="ana", now=NOW, correct=True)
    with reading(engine) as connection:
        assert [label.label for label in uncounted_labels(connection, "1")] == ["false"]


def test_what_was_unclear_stays_hidden_and_may_be_decided_later(journal: Journal, slices: AuditItems) -> None:
    (made,) = write(journal, drawn(MONDAY, 1))
    assert slices.label(made, "unclear", by="ana", now=NOW).is_open
    item = slices.label(made, "real", by="bob", now=NOW + DAY)
    assert (item.label, item.note, item.is_open) == ("real", "labelled 'unclear' by ana on 2026-03-04 09:00 UTC", False)


def test_the_detectors_are_told_of_each_label_once_in_the_order_of_days_and_ranks(
    journal: Journal, slices: AuditItems, engine: Engine
) -> None:
    entries = [drawn(TUESDAY, 5), drawn(TUESDAY, 4), drawn(MONDAY, 9), drawn(MONDAY, 8, model_version="2")]
    later, unclear, first, other = write(journal, *entries)
    for each, label in ((later, "false"), (unclear, "unclear"), (first, "real"), (other, "real")):
        slices.label(each, label, by="ana", now=NOW)

    def told() -> list[tuple[str, str]]:
        with writing(engine) as connection:
            labels = uncounted_labels(connection, "1")
            mark_counted(connection, labels, NOW)
        return [(each.prediction_id, each.label) for each in labels]

    assert told() == [(first, "real"), (later, "false")]
    assert told() == []
    slices.label(unclear, "real", by="bob", now=NOW)
    slices.label(first, "false", by="bob", now=NOW, correct=True)
    assert told() == [(unclear, "real")]


def test_a_look_that_fails_is_told_of_the_same_labels_again(
    journal: Journal, slices: AuditItems, engine: Engine
) -> None:
    (made,) = write(journal, drawn(MONDAY, 1))
    slices.label(made, "real", by="ana", now=NOW)

    def look() -> None:
        with writing(engine) as connection:
            mark_counted(connection, uncounted_labels(connection, "1"), NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        look()
    with reading(engine) as connection:
        assert [each.prediction_id for each in uncounted_labels(connection, "1")] == [made]


# --- counting and forgetting ---------------------------------------------------------------------------


def test_counts_are_of_the_slices_of_days_that_have_ended(journal: Journal, slices: AuditItems) -> None:
    assert slices.counts(NOW) == SliceCounts(drawn=0, labelled=0, unclear=0, refused=0, waiting=0)
    first, *_ = write(
        journal,
        drawn(MONDAY, 1),
        drawn(MONDAY, 2, refused=True),
        drawn(MONDAY, 3),
        drawn(TUESDAY, 1),
        drawn(TUESDAY, 2),
        drawn(NOW.date(), 1),
    )
    slices.label(first, "real", by="ana", now=NOW)
    assert slices.counts(NOW) == SliceCounts(drawn=4, labelled=1, unclear=0, refused=1, waiting=2)
    assert slices.counts(NOW, since=TUESDAY).drawn == 2
    assert slices.counts(NOW, until=TUESDAY).drawn == 2
    assert slices.counts(NOW, since=TUESDAY, until=TUESDAY).drawn == 0


def test_texts_are_forgotten_in_time_and_labels_stay(journal: Journal, slices: AuditItems, engine: Engine) -> None:
    old, new = write(journal, drawn(MONDAY, 1), drawn(TUESDAY, 1))
    slices.label(old, "false", by="ana", now=NOW)
    later = moment(MONDAY) + 30 * DAY + timedelta(seconds=1)
    assert slices.forget(later, 30 * DAY) == Forgotten(texts=1, rows=0)
    assert (slices.get(old).has_text, slices.get(old).label, slices.get(old).p_real) == (False, "false", 0.5)
    assert slices.question(new).text == "text 1"
    assert slices.forget(later + DAY, 30 * DAY) == Forgotten(texts=1, rows=0)
    assert slices.next(later + DAY) is None
    assert slices.counts(later).waiting == 0
    assert slices.forget(later, 30 * DAY, 20 * DAY) == Forgotten(texts=0, rows=2)
    with reading(engine) as connection:
        assert connection.scalar(select(func.count()).select_from(audit_items)) == 0


def test_an_item_with_a_label_stays_although_lower_ranks_come_late(journal: Journal, slices: AuditItems) -> None:
    first, second = write(journal, drawn(MONDAY, 10), drawn(MONDAY, 11))
    slices.label(second, "real", by="ana", now=NOW)
    write(journal, drawn(MONDAY, 1), drawn(MONDAY, 2))
    assert slices.forget(NOW, 30 * DAY) == Forgotten(texts=0, rows=1)
    kept = all_ids(slices)
    assert first not in kept
    assert second in kept
    assert slices.counts(NOW).labelled == 1


def test_more_than_a_block_is_forgotten(journal: Journal, slices: AuditItems) -> None:
    write(journal, *(drawn(MONDAY, rank) for rank in range(1_203)))
    assert slices.forget(NOW, timedelta(0)) == Forgotten(texts=2, rows=1_201)


def test_no_text_that_was_forgotten_is_left_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "own.db"
    opened = open_database(f"sqlite:///{file}")
    migrate(opened)
    mark = f"marmalade {UUID(int=7)}"
    journal = Journal(opened)
    write(journal, Maker(moment(MONDAY)).entry(drawn=Drawn(rank=1, refused=False, text=mark)))
    AuditItems(opened, daily=2).forget(NOW, timedelta(0))
    held = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    opened.dispose()
    assert mark.encode() not in held
