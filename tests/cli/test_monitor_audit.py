import csv
import json
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine
from tests.journal.entries import Maker

from falsetrue.cli.monitor_audit import harmless
from falsetrue.database.engine import open_database
from falsetrue.database.schema import migrate
from falsetrue.journal.records import Drawn, Entry, Writing
from falsetrue.journal.store import Journal

Run = Callable[..., "subprocess.CompletedProcess[str]"]
HIDDEN = ("said", "p_real", "unsure", "0.1234")


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """The database that the command line uses."""
    url = f"sqlite:///{tmp_path}/own.db"
    monkeypatch.setenv("FALSETRUE_DATABASE_URL", url)
    opened = open_database(url)
    migrate(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def entries(engine: Engine) -> list[Entry]:
    """Three of yesterday, in the order of their ranks; the last one's caller forbade to keep its text."""
    maker = Maker((datetime.now(UTC) - timedelta(days=1)).replace(hour=1))
    made = [
        maker.entry(p_real=0.1234, drawn=Drawn(rank=1, refused=False, title="A \x1b[2Jtitle", text="One\r\ntext")),
        maker.entry(p_real=0.75, label="real", drawn=Drawn(rank=2, refused=False, text="Another text")),
        maker.entry(drawn=Drawn(rank=3, refused=True)),
    ]
    journal = Journal(engine)
    journal.write([Writing(entries=tuple(made))])
    return made


def test_what_is_to_be_labelled_next_is_shown_without_what_was_said_of_it(falsetrue: Run, entries: list[Entry]) -> None:
    shown = falsetrue("monitor", "audit", "next")
    assert shown.returncode == 0, shown.stderr
    assert "A \ufffd[2Jtitle\n\nOne\ntext\n" in shown.stdout
    assert f"falsetrue monitor audit label {entries[0].id} " in shown.stdout
    assert "2 wait for a label" in shown.stdout
    as_json = falsetrue("monitor", "audit", "next", "--json").stdout
    assert json.loads(as_json)["item"]["text"] == "One\r\ntext"
    assert not any(word in shown.stdout + as_json for word in HIDDEN)


def test_a_label_is_taken_and_only_then_is_it_told_what_the_model_said(falsetrue: Run, entries: list[Entry]) -> None:
    labelled = falsetrue("monitor", "audit", "label", entries[0].id, "false", "--by", "ana", "--note", "a hoax")
    assert labelled.returncode == 0, labelled.stderr
    assert labelled.stdout == f"{entries[0].id}: labelled false; the model said unsure, with p_real 0.123\n"
    assert "Another text" in falsetrue("monitor", "audit", "next").stdout
    answered = falsetrue("monitor", "audit", "label", entries[1].id, "real", "--json")
    item = json.loads(answered.stdout)
    assert (item["label"], item["said"], item["labelled_by"]) == ("real", "real", "operator")
    assert falsetrue("monitor", "audit", "next").stdout.startswith("nothing waits for a label; FALSETRUE_AUDIT is off")
    assert falsetrue("monitor", "audit", "next", FALSETRUE_AUDIT="on").stdout == "nothing waits for a label\n"


def test_what_nobody_can_tell_keeps_what_the_model_said_hidden(falsetrue: Run, entries: list[Entry]) -> None:
    labelled = falsetrue("monitor", "audit", "label", entries[0].id, "unclear")
    assert labelled.stdout == f"{entries[0].id}: labelled unclear; what the model said stays hidden\n"
    listed = falsetrue("monitor", "audit", "list").stdout + falsetrue("monitor", "audit", "list", "--json").stdout
    assert not any(word in listed for word in HIDDEN)


def test_a_second_label_is_refused_with_who_gave_the_first_unless_it_is_a_correction(
    falsetrue: Run, entries: list[Entry]
) -> None:
    falsetrue("monitor", "audit", "label", entries[0].id, "false", "--by", "ana")
    refused = falsetrue("monitor", "audit", "label", entries[0].id, "real")
    assert refused.returncode == 2
    assert "'false' by ana" in refused.stderr
    assert falsetrue("monitor", "audit", "label", entries[0].id, "real", "--correct").returncode == 0


@pytest.mark.parametrize("answer", ["perhaps", "FALSE", ""])
def test_what_is_no_label_is_refused(falsetrue: Run, entries: list[Entry], answer: str) -> None:
    refused = falsetrue("monitor", "audit", "label", entries[0].id, answer)
    assert refused.returncode == 2
    assert "none of false, real, unclear" in refused.stderr


def test_what_is_not_in_the_slice_is_refused(falsetrue: Run, entries: list[Entry]) -> None:
    for identifier in ("nonsense", entries[2].id):
        assert falsetrue("monitor", "audit", "label", identifier, "real").returncode == 2


def test_the_list_tells_how_many_were_drawn_and_how_many_refused(falsetrue: Run, entries: list[Entry]) -> None:
    falsetrue("monitor", "audit", "label", entries[1].id, "false", "--by", "ana")
    lines = falsetrue("monitor", "audit", "list", FALSETRUE_AUDIT="on").stdout.splitlines()
    assert [line.split()[1] for line in lines[:3]] == [entry.id for entry in entries]
    assert lines[1].endswith("false by ana; the model said real, with p_real 0.750")
    assert lines[3].startswith("drawn 3; labelled 1, unclear 0, waiting 1;")
    assert lines[3].endswith("1 (33%)")
    found = json.loads(falsetrue("monitor", "audit", "list", "--json").stdout)
    assert found["counts"] == {"drawn": 3, "labelled": 1, "unclear": 0, "refused": 1, "waiting": 1}
    later = entries[0].created_at.date() + timedelta(days=1)
    assert json.loads(falsetrue("monitor", "audit", "list", "--since", later, "--json").stdout)["counts"]["drawn"] == 0


def test_labels_are_written_to_a_file_of_any_format(falsetrue: Run, entries: list[Entry], tmp_path: Path) -> None:
    for entry, answer in ((entries[0], "unclear"), (entries[1], "false")):
        falsetrue("monitor", "audit", "label", entry.id, answer)
    written = falsetrue("monitor", "audit", "export", "-o", "labels.csv")
    assert (written.returncode, written.stdout) == (0, "labels.csv: 1 labels\n"), written.stderr
    with (tmp_path / "labels.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["prediction_id"], row["label"], row["said"], row["text"]) == (
        entries[1].id,
        "false",
        "real",
        "Another text",
    )
    assert falsetrue("monitor", "audit", "export", "-o", "labels.parquet").returncode == 0
    assert pyarrow.parquet.read_table(tmp_path / "labels.parquet").column("p_real").to_pylist() == [0.75]
    (line,) = falsetrue("monitor", "audit", "export", "--since", "3d").stdout.splitlines()
    assert json.loads(line)["day"] == str(entries[1].created_at.date())
    assert falsetrue("monitor", "audit", "export", "-o", "labels.csv").returncode == 2


def test_forgetting_takes_the_texts_of_the_slice_too(falsetrue: Run, entries: list[Entry]) -> None:
    pruned = falsetrue("journal", "prune")
    assert pruned.returncode == 0, pruned.stderr
    assert "Another text" not in falsetrue("monitor", "audit", "list").stdout
    assert falsetrue("monitor", "audit", "next").stdout.startswith("20")
    forgotten = json.loads(falsetrue("journal", "prune", "--texts-after", "1min", "--json").stdout)
    assert forgotten["audit_texts"] == 2
    assert falsetrue("monitor", "audit", "next").stdout.startswith("nothing")
    assert json.loads(falsetrue("journal", "prune", "--rows-after", "1min", "--json").stdout)["audit_rows"] == 3
    assert len(entries) == 3


@given(st.text())
def test_nothing_that_is_shown_steers_a_terminal(text: str) -> None:
    shown = harmless(text)
    assert not any(0 <= ord(each) < 32 and each not in "\n\t" for each in shown)
    assert not any(0x7F <= ord(each) < 0xA0 or 0x202A <= ord(each) <= 0x202E for each in shown)
    assert not any(0x2066 <= ord(each) <= 0x2069 or 0xD800 <= ord(each) < 0xE000 for each in shown)


@given(st.text(st.characters(categories=["L", "M", "N", "P", "S", "Zs"])))
def test_what_people_read_is_shown_as_it_is(text: str) -> None:
    plain = "".join(each for each in text if each.isprintable())
    assert harmless(plain) == plain
