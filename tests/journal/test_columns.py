"""The journal column by column says what it says entry by entry."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from tests.journal.entries import NOW, Maker

from falsetrue.journal.columns import count_callers, first_days, largest_keys, read_columns
from falsetrue.journal.records import Entry, Filters, Writing
from falsetrue.journal.store import Journal


def write(journal: Journal, entries: list[Entry]) -> None:
    journal.write([Writing(entries=tuple(entries))])


def test_columns_say_what_entries_do(engine: Engine, journal: Journal) -> None:
    maker = Maker()
    entries = [
        maker.entry(label="false", p_real=0.25, language=None, key_id=None, sketch=None, prevalence=0.2),
        maker.entry(label="real", p_real=0.75, words=70_000, known_words=3, characters=5, sketch=b"\x00\xff"),
    ]
    write(journal, entries)
    (found,) = read_columns(engine, Filters())
    assert len(found) == 2
    assert found.ids == [entry.id for entry in entries]
    assert np.allclose(found.seconds, [entry.created_at.timestamp() for entry in entries], rtol=0, atol=1e-6)
    assert found.p_real.tolist() == [0.25, 0.75]
    assert found.labels.tolist() == ["false", "real"]
    assert found.languages.tolist() == [None, "en"]
    assert found.keys.tolist() == [None, "key-1"]
    assert found.characters.tolist() == [10, 5]
    assert found.words.tolist() == [2, 70_000]
    assert found.known_words.tolist() == [1, 3]
    assert found.sketches == [None, b"\x00\xff"]
    assert found.prevalence[0] == 0.2
    assert np.isnan(found.prevalence[1])


@given(rows=st.integers(1, 7), count=st.integers(0, 15))
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_blocks_are_of_any_size_and_hold_every_entry_once(
    engine: Engine, journal: Journal, rows: int, count: int
) -> None:
    version = f"{rows}-{count}"
    if not list(read_columns(engine, Filters(model_version=version))):
        maker = Maker()
        write(journal, [maker.entry(model_version=version) for _ in range(count)])
    blocks = list(read_columns(engine, Filters(model_version=version), rows=rows))
    assert all(0 < len(block) <= rows for block in blocks)
    ids = [identifier for block in blocks for identifier in block.ids]
    assert ids == sorted(set(ids))
    assert len(ids) == count


def test_only_what_is_wanted_is_read(engine: Engine, journal: Journal) -> None:
    maker = Maker()
    entries = [maker.entry(model_version=version) for version in ("1", "2", "1", "1")]
    write(journal, entries)
    wanted = Filters(since=entries[1].created_at, until=entries[3].created_at, model_version="1")
    assert [block.ids for block in read_columns(engine, wanted)] == [[entries[2].id]]
    assert list(read_columns(engine, Filters(model_version="3"))) == []


@pytest.mark.parametrize("most", [1, 2, 5])
def test_the_callers_with_the_most_entries_come_first(engine: Engine, journal: Journal, most: int) -> None:
    maker = Maker()
    write(journal, [maker.entry(key_id=key) for key in ("a", "b", "b", "c", "c", None, None, None)])
    write(journal, [maker.entry(key_id="a", model_version="2") for _ in range(9)])
    assert largest_keys(count_callers(engine, Filters()), "1", most) == ["b", "c", "a"][:most]


def test_of_each_version_it_is_known_when_it_said_something_first(engine: Engine, journal: Journal) -> None:
    maker = Maker(NOW.replace(hour=23, minute=59))
    versions = ("3", "1", "2", "1")  # a minute apart, the first before midnight
    write(journal, [maker.entry(model_version=version, key_id=key) for version in versions for key in ("a", None)])
    today, tomorrow = NOW.date(), NOW.date() + timedelta(days=1)
    assert list(first_days(count_callers(engine, Filters())).items()) == [
        ("3", today),
        ("1", tomorrow),
        ("2", tomorrow),
    ]
    assert sum(each.rows for each in count_callers(engine, Filters(model_version="1"))) == 4
