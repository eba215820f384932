import csv
import json
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet
import pytest
from sqlalchemy import Engine
from tests.journal.entries import Maker

from falsetrue.database.engine import open_database
from falsetrue.database.schema import migrate
from falsetrue.journal.records import Entry, Filters, Writing
from falsetrue.journal.store import Journal

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def engine(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """The database that the command line uses, of each kind in turn."""
    monkeypatch.setenv("FALSETRUE_DATABASE_URL", database_url)
    opened = open_database(database_url)
    migrate(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def entries(engine: Engine) -> list[Entry]:
    """Three of forty days ago and one of now, which is real; each has its text."""
    old, new = Maker(datetime.now(UTC) - timedelta(days=40)), Maker(datetime.now(UTC) - timedelta(minutes=5))
    made = [old.entry(text="=a text", title="a title") for _ in range(3)]
    made.append(new.entry(label="real", reasons=(), item_id="a1", text="a text"))
    Journal(engine).write([Writing(entries=tuple(made))])
    return made


def test_an_export_holds_what_was_said_the_oldest_first(falsetrue: Run, entries: list[Entry], tmp_path: Path) -> None:
    answered = falsetrue("journal", "export", "-o", "said.csv")
    assert (answered.returncode, answered.stdout) == (0, "said.csv: 4 predictions\n"), answered.stderr
    with (tmp_path / "said.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [entry.id for entry in entries]
    assert (rows[0]["reasons"], rows[0]["text_hash"], rows[3]["item_id"]) == ("too_short", "68" * 32, "a1")
    assert datetime.fromisoformat(rows[0]["created_at"]) == entries[0].created_at


def test_an_export_is_of_any_format_and_filtered(falsetrue: Run, entries: list[Entry], tmp_path: Path) -> None:
    lines = falsetrue("journal", "export", "--since", "7d").stdout.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [entries[3].id]
    assert json.loads(lines[0])["reasons"] == []
    until = entries[1].created_at.isoformat()
    assert falsetrue("journal", "export", "--until", until, "--format", "csv").stdout.count("\n") == 2
    assert falsetrue("journal", "export", "-o", "said.parquet", "--label", "real").returncode == 0
    table = pyarrow.parquet.read_table(tmp_path / "said.parquet")
    assert table.column("id").to_pylist() == [entries[3].id]
    assert table.schema.field("p_real").type == pyarrow.float64()
    assert falsetrue("journal", "export", "-o", "said.parquet").returncode == 2
    assert falsetrue("journal", "export", "--item", "a1", "-o", "said.parquet", "--replace").returncode == 0


def test_labels_of_a_file_are_taken_and_those_that_cannot_be_are_reported(
    falsetrue: Run, entries: list[Entry], engine: Engine, tmp_path: Path
) -> None:
    rows = [
        ["prediction_id", "label", "reason"],
        [entries[0].id, "FAKE", "satire"],
        [entries[1].id, "perhaps", ""],
        ["nonsense", "real", ""],
        [entries[2].id, "", ""],
        [entries[3].id, "1", ""],
    ]
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    answered = falsetrue("journal", "feedback", "labels.csv")
    assert answered.returncode == 3
    assert answered.stdout == "labels.csv: 2 labels taken; without a label 1; not used 2\n"
    assert [line.partition(":")[2].split(":")[0] for line in answered.stderr.splitlines()] == [
        " labels.csv, line 3",
        " labels.csv, line 4",
    ]
    said = Journal(engine).feedback_for([entry.id for entry in entries])
    assert {name: [(each.label, each.reason, each.key_id) for each in found] for name, found in said.items()} == {
        entries[0].id: [("false", "satire", "operator")],
        entries[3].id: [("real", None, "operator")],
    }
    again = falsetrue("journal", "feedback", "labels.csv", "--by", "ann", "--json")
    assert json.loads(again.stdout) == {"rows": 2, "unlabelled": 1, "bad": 2}
    exported = [json.loads(line) for line in falsetrue("journal", "export").stdout.splitlines()]
    assert [(row["said_false"], row["said_real"]) for row in exported] == [(2, 0), (0, 0), (0, 0), (0, 2)]


def test_a_file_without_the_columns_is_refused(falsetrue: Run, engine: Engine, tmp_path: Path) -> None:
    del engine
    (tmp_path / "labels.csv").write_text("id,label\n1,real\n")
    answered = falsetrue("journal", "feedback", "labels.csv")
    assert answered.returncode == 2
    assert "no column 'prediction_id'" in answered.stderr


def test_statistics_are_for_people_and_for_machines(falsetrue: Run, entries: list[Entry]) -> None:
    assert "predictions: 4; with their text: 4" in falsetrue("journal", "stats").stdout
    found = json.loads(falsetrue("journal", "stats", "--since", "7d", "--json").stdout)
    assert (found["rows"], found["counts"]["label"]) == (1, {"real": 1})
    assert datetime.fromisoformat(found["newest"]) == entries[3].created_at


def test_what_is_old_is_forgotten(falsetrue: Run, entries: list[Entry], engine: Engine) -> None:
    assert falsetrue("journal", "prune").stdout == "forgotten: 3 texts, 0 predictions, 0 stored answers\n"
    answered = falsetrue("journal", "prune", "--texts-after", "1min", "--rows-after", "39d", "--json")
    assert json.loads(answered.stdout) == {"texts": 1, "rows": 3, "answers": 0, "audit_texts": 0, "audit_rows": 0}
    assert [entry.text for entry in Journal(engine).export(Filters())] == [None]
    assert entries


def test_a_backup_is_restored(falsetrue: Run, entries: list[Entry], engine: Engine, tmp_path: Path) -> None:
    assert falsetrue("journal", "backup", "copy").returncode == 0
    assert falsetrue("journal", "backup", "copy").returncode == 2
    refused = falsetrue("journal", "restore", "copy")
    assert refused.returncode == 2
    assert "--replace" in refused.stderr
    Journal(engine).prune(datetime.now(UTC), None, timedelta(0))
    answered = falsetrue("journal", "restore", "copy", "--json")
    assert json.loads(answered.stdout)["rows"]["predictions"] == 4, answered.stderr
    assert list(Journal(engine).export(Filters())) == entries
    moved = falsetrue("journal", "restore", "copy", FALSETRUE_DATABASE_URL=f"sqlite:///{tmp_path}/new.db")
    assert (moved.returncode, moved.stderr) == (0, "")


def test_who_restores_with_another_secret_is_told(falsetrue: Run, entries: list[Entry], tmp_path: Path) -> None:
    assert entries
    falsetrue("journal", "backup", "copy")
    elsewhere = {
        "FALSETRUE_DATABASE_URL": f"sqlite:///{tmp_path}/new.db",
        "FALSETRUE_SECRET": "another secret of the operator",
    }
    answered = falsetrue("journal", "restore", "copy", **elsewhere)
    assert answered.returncode == 0
    assert "made with another secret" in answered.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["export", "--since", "yesterday"],
        ["export", "--format", "xml"],
        ["prune", "--rows-after", "400"],
        ["stats", "--until", "2026-13-01"],
        ["restore", "nothing"],
        ["feedback", "nothing.csv"],
    ],
)
def test_what_cannot_be_used_is_one_line_and_exit_code_2(falsetrue: Run, tmp_path: Path, arguments: list[str]) -> None:
    answered = falsetrue("journal", *arguments, FALSETRUE_DATABASE_URL=f"sqlite:///{tmp_path}/a.db")
    assert answered.returncode == 2
    assert answered.stderr.count("\n") == 1, answered.stderr


def test_a_journal_that_there_is_not_is_not_made(falsetrue: Run, tmp_path: Path) -> None:
    answered = falsetrue("journal", "stats", FALSETRUE_STATE_FOLDER=str(tmp_path / "state"))
    assert answered.returncode == 2
    assert "no journal yet" in answered.stderr
    assert not (tmp_path / "state").exists()


def test_a_database_that_is_away_is_one_line(falsetrue: Run) -> None:
    answered = falsetrue("journal", "stats", FALSETRUE_DATABASE_URL="postgresql://user:pa55word@127.0.0.1:1/db")
    assert answered.returncode == 2
    assert answered.stderr.count("\n") == 1
    assert "pa55word" not in answered.stderr
