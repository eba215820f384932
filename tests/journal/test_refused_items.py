"""What was refused is counted once, whichever way it came to the database."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine
from tests.journal.entries import NOW, Maker, answer, any_texts

from falsetrue.journal.identifiers import Identifiers
from falsetrue.journal.records import RefusedItems, Writing
from falsetrue.journal.refused_items import RefusedCount, count_refused
from falsetrue.journal.spool import Spool
from falsetrue.journal.store import Journal

_identifiers = Identifiers()
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
NEVER = datetime(2100, 1, 1, tzinfo=UTC)


def refused(items: int = 1, **given: Any) -> RefusedItems:
    values: dict[str, Any] = {"created_at": NOW, "model_version": "1", "key_id": "k", "code": "empty"}
    return RefusedItems(id=_identifiers.new(), items=items, **(values | given))


def writing(*given: RefusedItems, **more: Any) -> Writing:
    return Writing(entries=(), refused=given, **more)


def total(engine: Engine) -> int:
    return sum(each.items for each in count_refused(engine, "1", LONG_AGO, NEVER))


def test_they_are_counted_by_day_caller_and_code(engine: Engine, journal: Journal) -> None:
    tomorrow = NOW + timedelta(days=1)
    journal.write([writing(refused(2), refused(3, code="too_long")), writing(refused(4), refused(5, key_id=None))])
    journal.write([writing(refused(6, created_at=tomorrow), refused(7, model_version="2"))])
    counts = count_refused(engine, "1", LONG_AGO, NEVER)
    assert sorted(counts, key=lambda each: each.items) == [
        RefusedCount(day=date(2026, 3, 4), key="k", code="too_long", items=3),
        RefusedCount(day=date(2026, 3, 4), key=None, code="empty", items=5),
        RefusedCount(day=date(2026, 3, 4), key="k", code="empty", items=6),
        RefusedCount(day=date(2026, 3, 5), key="k", code="empty", items=6),
    ]


def test_a_time_is_from_its_beginning_to_before_its_end(engine: Engine, journal: Journal) -> None:
    journal.write([writing(refused())])
    moment = timedelta(microseconds=1)
    assert count_refused(engine, "1", NOW, NOW + moment)
    assert not count_refused(engine, "1", NOW - moment, NOW)


@pytest.mark.parametrize("way", ["write", "catch_up"])
def test_what_is_written_again_is_there_once(engine: Engine, journal: Journal, way: str) -> None:
    batch = [writing(refused(2)), Writing(entries=(Maker().entry(),), refused=(refused(3),))]
    journal.write(batch)
    getattr(journal, way)(batch)
    assert total(engine) == 5


def test_a_request_that_was_answered_before_counts_once(engine: Engine, journal: Journal) -> None:
    journal.write([writing(refused(), answer=answer(b"key"))])
    assert journal.write([writing(refused(), answer=answer(b"key"))]) != [None]
    assert total(engine) == 1


def test_what_waited_in_the_spool_is_counted(engine: Engine, journal: Journal, tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.0", max_bytes=10_000)
    spool.append(writing(refused(2)))
    spool.replay(journal.catch_up)
    assert total(engine) == 2
    spool.close()


@given(key=st.none() | any_texts)
def test_any_caller_is_kept_in_the_spool(tmp_path_factory: pytest.TempPathFactory, key: str | None) -> None:
    spool = Spool(tmp_path_factory.mktemp("spool") / "spool.0", max_bytes=100_000)
    spool.append(writing(refused(key_id=key)))
    found: list[Writing] = []
    spool.replay(found.extend)
    assert found[0].refused[0].items == 1
    spool.close()


def test_they_are_forgotten_with_the_entries_of_their_time(engine: Engine, journal: Journal) -> None:
    journal.write([writing(refused(1, created_at=NOW - timedelta(days=9)), refused(2))])
    journal.prune(NOW, texts_after=None, rows_after=None)
    assert total(engine) == 3
    journal.prune(NOW, texts_after=None, rows_after=timedelta(days=8))
    assert total(engine) == 2
