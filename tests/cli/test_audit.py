import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]

_WORDS = [f"word{number}" for number in range(300)]


@pytest.fixture
def leaking(tmp_path: Path) -> Path:
    """News of which the real ones open with a dateline."""
    rows = ["title,text,label"]
    for at in range(200):
        words = " ".join(_WORDS[(at * 7 + step * (1 + at % 11)) % 300] for step in range(40))
        rows.append(f"Item {at},{'LONDON (Reuters) - ' if at % 2 else ''}{words},{at % 2}")
    (tmp_path / "leaking.csv").write_text("\n".join(rows))
    return tmp_path / "leaking.csv"


def test_findings_are_listed_with_shares_and_remedies(falsetrue: Run, leaking: Path) -> None:
    answered = falsetrue("audit", leaking)
    assert answered.returncode == 0, answered.stderr
    assert answered.stderr == ""
    for said in ("leaking: 100 real, 100 false", "1.000", "text: dateline@1 [family]", "mask dateline@1: a place and"):
        assert said in answered.stdout
    assert "Masks that remedy some of it: dateline@1" in answered.stdout
    assert re.search(r"  1\.000  0\.500  100%     0%  text: dateline@1 \[family\]", answered.stdout)
    assert re.search(r"Masks and filters together take away [1-9]\d* of \d+ findings\.", answered.stdout)


def test_unusable_dates_pages_and_flips_are_told(falsetrue: Run, leaking: Path, tmp_path: Path) -> None:
    """Of a sign that flips no share stands there: it would be of one of the corpora only."""
    rows = leaking.read_text().splitlines()
    dated = [f"{rows[0]},date", *(f"{row},{'soon' if at % 4 else '2020-01-02'}" for at, row in enumerate(rows[1:]))]
    (tmp_path / "one.csv").write_text("\n".join([*dated, "Hello,You must log in to continue.,1,"]))
    flipped = [rows[0], *(f"{row[:-1]}{1 - int(row[-1])}" for row in rows[1:])]
    (tmp_path / "other.csv").write_text("\n".join(flipped))
    said = falsetrue("audit", "one.csv", "other.csv", "--all").stdout
    assert "  150 of 200 dates cannot be used" in said
    assert "  no article: 1 login_wall@1" in said
    assert "Filters that leave out what is no article: login_wall@1" in said
    assert re.search(r"  \d\.\d{3}  0\.500 {15}text: dateline@1 \[sign flip\]", said)


def test_machines_get_one_line_of_json(falsetrue: Run, leaking: Path) -> None:
    answered = falsetrue("audit", leaking, "--json")
    audited = json.loads(answered.stdout)
    assert answered.stdout.count("\n") == 1
    assert {finding["corpus"] for finding in audited["findings"]} == {"leaking"}
    assert audited["corpora"][0]["duplicates"]["exact"] == 0


def test_it_ends_with_5_where_asked_to_and_something_is_found(
    falsetrue: Run, leaking: Path, news_csv: Path, tmp_path: Path
) -> None:
    assert falsetrue("audit", leaking, "--fail-on-leak").returncode == 5
    (tmp_path / "few.csv").write_text("text,label\nfirst one,1\nsecond one,0\n")
    clean = falsetrue("audit", tmp_path / "few.csv", "--fail-on-leak")
    assert clean.returncode == 0
    assert "fewer than 30 articles of a class" in clean.stdout
    assert falsetrue("audit", news_csv).returncode == 0


def test_the_page_is_written_once(falsetrue: Run, leaking: Path, tmp_path: Path) -> None:
    assert "the whole report is in report.html" in falsetrue("audit", leaking, "--html", "report.html").stderr
    assert "Leak audit" in (tmp_path / "report.html").read_text(encoding="utf-8")
    again = falsetrue("audit", leaking, "--html", "report.html")
    assert (again.returncode, again.stdout) == (2, "")
    assert "exists already; --replace" in again.stderr
    assert falsetrue("audit", leaking, "--html", "report.html", "--replace").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name labelled files, or --real and --fake"),
        (["--real", "True.csv"], "--real and --fake go together"),
        (["nowhere.csv"], "nowhere.csv: cannot be opened"),
        (["one.csv"], "all 2 articles are real; a leak is what tells two classes apart"),
        (["one.csv", "--html", "no/such/report.html"], "there is no folder no/such"),
        (["one.csv", "--split", "fold"], "one.csv: there is no column 'fold'"),
    ],
)
def test_what_cannot_be_audited_is_one_line_and_exit_code_2(
    falsetrue: Run, tmp_path: Path, arguments: list[str], said: str
) -> None:
    (tmp_path / "one.csv").write_text("text,label\na,1\nb,1\n")
    answered = falsetrue("audit", *arguments)
    assert answered.returncode == 2
    assert said in answered.stderr
    assert answered.stderr.count("\n") == 1
