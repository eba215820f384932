import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, select
from tests.journal.entries import NOW, Maker, answer

from falsetrue.database.engine import open_database, reading, writing
from falsetrue.database.schema import migrate
from falsetrue.database.tables import alarms, api_keys, facts, key_events, metadata
from falsetrue.errors import InputError
from falsetrue.journal import copies
from falsetrue.journal.copies import backup, restore
from falsetrue.journal.records import Filters, Writing
from falsetrue.journal.store import Journal

ALARM = {
    "id": "01a1e696-b980-7000-8000-000000000000",
    "watch": "topic",
    "kind": "topic",
    "severity": "warning",
    "language": "",
    "key_id": "",
    "model_version": "1",
    "raised_at": NOW,
    "last_seen_at": NOW,
    "quiet_looks": 0,
    "finding": "{}",
}
DAYS = {"first_day": NOW.date(), "last_day": NOW.date() + timedelta(days=3)}
EVENT = {"created_at": NOW, "key_id": "k1", "what": "created", "by_whom": "ann"}


@pytest.fixture
def full(engine: Engine) -> Engine:
    """A database with something in most tables."""
    maker = Maker()
    journal = Journal(engine)
    journal.write(maker.writings(450, text="a text", item_id="é"))
    first = maker.entry(prevalence=0.25, reasons=(), latency=1 / 3)
    journal.write([Writing(entries=(first,), answer=answer(b"k" * 32, b"\0\xff"))])
    journal.add_feedback(maker.feedback(first.id, "real"))
    with writing(engine) as connection:
        key = {"id": "k1", "name": "newsroom", "prefix": "ft_", "hash": b"\0" * 32, "scopes": "read", "created_at": NOW}
        connection.execute(api_keys.insert(), [{**key, "expires_at": NOW + timedelta(days=1)}])
        connection.execute(key_events.insert(), [EVENT, {**EVENT, "what": "rotated"}])
        connection.execute(alarms.insert(), [ALARM | DAYS])
        connection.execute(facts.insert(), [{"name": "secret_fingerprint", "value": "abc"}])
    return engine


@pytest.fixture(params=["sqlite", "postgresql"])
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty database, of each kind in turn."""
    if request.param == "sqlite":
        engine = open_database(f"sqlite:///{tmp_path}/other.db")
    else:
        server = request.getfixturevalue("postgres_server")
        engine = open_database(server.make_database(f"other_{tmp_path.name.replace('-', '_').lower()}"))
    migrate(engine)
    yield engine
    engine.dispose()


def content(engine: Engine) -> dict[str, list[tuple[object, ...]]]:
    with reading(engine) as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in metadata.sorted_tables
        }


def test_a_copy_of_either_kind_fills_a_database_of_either_kind(full: Engine, other: Engine, tmp_path: Path) -> None:
    rows = {"predictions": 451, "answers": 1, "feedback": 1, "api_keys": 1, "key_events": 2, "alarms": 1, "facts": 1}
    told: list[int] = []
    assert backup(full, tmp_path / "copy", now=NOW, report=told.append) == rows
    assert told[-1] == 458
    assert restore(other, tmp_path / "copy", report=told.append) == rows
    assert content(other) == content(full)
    with writing(other) as connection:  # which goes on counting where the other has ended
        connection.execute(key_events.insert().values(EVENT))
    assert len(content(other)["key_events"]) == 3


def test_a_copy_is_for_its_owner_alone_and_nothing_else_is_left(full: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    folder.mkdir()
    backup(full, folder / "copy", now=NOW)
    assert [path.name for path in folder.iterdir()] == ["copy"]
    assert stat.S_IMODE((folder / "copy").stat().st_mode) == 0o600


def test_what_stands_there_is_not_replaced_unless_that_is_said(full: Engine, tmp_path: Path) -> None:
    (tmp_path / "copy").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        backup(full, tmp_path / "copy", now=NOW)
    assert (tmp_path / "copy").read_text() == "mine"
    backup(full, tmp_path / "copy", now=NOW, replace=True)
    with pytest.raises(InputError, match="exists already"):
        backup(full, tmp_path, now=NOW, replace=True)


def test_a_database_that_holds_something_is_not_overwritten_unless_that_is_said(full: Engine, tmp_path: Path) -> None:
    backup(full, tmp_path / "copy", now=NOW)
    before = content(full)
    journal = Journal(full)
    journal.write(Maker().writings(1))
    with pytest.raises(InputError, match=r"holds .*predictions"):
        restore(full, tmp_path / "copy")
    assert len(content(full)["predictions"]) == 452
    restore(full, tmp_path / "copy", replace=True)
    assert content(full) == before


def test_others_write_while_it_is_copied_and_the_copy_is_of_one_moment(full: Engine, tmp_path: Path) -> None:
    journal, maker = Journal(full), Maker(NOW + timedelta(days=1))

    def write(_: int) -> None:
        made = maker.entry()
        journal.write([Writing(entries=(made,))])
        journal.add_feedback(maker.feedback(made.id, "real"))

    rows = backup(full, tmp_path / "copy", now=NOW, report=write)
    assert (rows["predictions"], rows["feedback"]) == (451, 1)
    assert len(list(journal.export(Filters()))) > 451


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_copy_that_is_cut_or_goes_on_is_refused_and_nothing_of_it_is_used(
    full: Engine, engine: Engine, tmp_path: Path
) -> None:
    path = tmp_path / "copy"
    backup(full, path, now=NOW)
    whole = path.read_bytes()
    before = content(engine)
    for length in range(0, len(whole), len(whole) // 60):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"damaged|no backup"):
            restore(engine, path, replace=True)
    path.write_bytes(whole + b"more")
    with pytest.raises(InputError, match="damaged"):
        restore(engine, path, replace=True)
    assert content(engine) == before


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_copy_with_a_changed_byte_is_refused_or_gives_what_was_copied(full: Engine, tmp_path: Path) -> None:
    """Zstandard has bits that say nothing of the content, such as those for the memory that is needed."""
    path = tmp_path / "copy"
    rows = backup(full, path, now=NOW)
    whole = path.read_bytes()
    before, refused = content(full), 0
    places = {*range(0, len(whole), len(whole) // 100), *range(30), *range(len(whole) - 100, len(whole))}
    for at in places:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        try:
            assert restore(full, path, replace=True) == rows
        except InputError:
            refused += 1
        assert content(full) == before
    assert refused > 0.9 * len(places)


@pytest.mark.parametrize("changed", [{"sha256": b"0" * 32}, {"rows": {"predictions": 451}}])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_copy_that_does_not_end_with_what_it_holds_is_refused(
    full: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, object]
) -> None:
    with monkeypatch.context() as patched:
        frame = copies._framed  # noqa: SLF001

        def change(record: msgspec.Struct) -> bytes:
            return frame(replace(record, **changed) if hasattr(record, "sha256") else record)

        patched.setattr(copies, "_framed", change)
        with pytest.raises(InputError, match="damaged"):
            backup(full, tmp_path / "other", now=NOW)
    assert not (tmp_path / "other").exists()


def test_a_copy_of_an_older_version_has_nothing_in_what_that_did_not_know(
    full: Engine, other: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame, count = copies._framed, len(DAYS)  # noqa: SLF001

    def without_days(record: msgspec.Struct) -> bytes:
        if isinstance(record, copies._Head):  # noqa: SLF001
            columns = record.columns | {"alarms": record.columns["alarms"][:-count]}
            return frame(replace(record, revision="0002", columns=columns))
        if isinstance(record, copies._Rows) and record.table == "alarms":  # noqa: SLF001
            return frame(replace(record, rows=[row[:-count] for row in record.rows]))
        return frame(record)

    monkeypatch.setattr(copies, "_framed", without_days)
    backup(full, tmp_path / "copy", now=NOW)
    restore(other, tmp_path / "copy")
    with reading(other) as connection:
        (row,) = connection.execute(select(alarms)).mappings()
    assert (row["watch"], row["first_day"], row["last_day"]) == ("topic", None, None)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_copy_of_a_newer_version_is_refused(full: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(copies, "NEWEST", "9999")
        backup(full, tmp_path / "copy", now=NOW)
    with pytest.raises(InputError, match="newer version"):
        restore(full, tmp_path / "copy", replace=True)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_place_that_cannot_be_written_is_said_to_be(full: Engine, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        backup(full, tmp_path / "no folder" / "copy", now=NOW)
    with pytest.raises(InputError, match="cannot be read"):
        restore(full, tmp_path / "nothing")


def test_an_empty_database_is_copied_too(engine: Engine, other: Engine, tmp_path: Path) -> None:
    assert backup(engine, tmp_path / "copy", now=NOW) == {}
    assert restore(other, tmp_path / "copy") == {}
