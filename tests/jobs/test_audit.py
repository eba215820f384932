import csv
import random
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from falsetrue.errors import InputError, RowError
from falsetrue.jobs.audit import Auditing, audit, audit_articles
from falsetrue.jobs.progress import Quiet
from falsetrue.news.leaks.findings import Audit, DatesFound

NOW = datetime(2026, 1, 2, tzinfo=UTC)
_VOCABULARY = [f"word{at}" for at in range(300)]


class Heard:
    """Remembers the phases."""

    def __init__(self) -> None:
        self.phases: list[str] = []

    def phase(self, name: str, total: int | None = None, unit: str = "") -> None:  # noqa: ARG002
        """Remember."""
        self.phases.append(name)

    def at(self, done: int) -> None:
        """Ignore."""


def write(path: Path, columns: list[str], count: int = 200, *, label: int | None = None) -> Path:
    """News of which the real ones open with a dateline, with as many of some columns as wanted."""
    generator = random.Random(0)  # noqa: S311 - not for secrets
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        for at in range(count):
            real = at % 2 if label is None else label
            words = " ".join(generator.choices(_VOCABULARY, k=60))
            row = {
                "title": f"Item {words[:20]}",
                "text": f"LONDON (Reuters) - {words}" if real else words,
                "label": real,
                "date": "99/99/99999 " * 9,
                "source": "",
                "part": "test" if at < count // 2 else "train",
            }
            writer.writerow({name: row[name] for name in columns})
    return path


def run(*files: Path, split: str | None = None) -> Audit:
    return audit(Auditing(files=[str(path) for path in files], split=split), Quiet(), now=NOW)


def test_a_file_is_audited_as_it_is_and_the_audit_survives_encoding(tmp_path: Path) -> None:
    audited = run(write(tmp_path / "news.csv", ["title", "text", "label"]))
    assert [(corpus.corpus, corpus.real, corpus.false) for corpus in audited.corpora] == [("news", 100, 100)]
    assert "dateline@1" in audited.masks
    assert msgspec.json.decode(msgspec.json.encode(audited), type=Audit) == audited


def test_without_titles_and_with_absurd_dates_it_works(tmp_path: Path) -> None:
    audited = run(write(tmp_path / "news.csv", ["text", "label", "date", "source"]))
    assert "dateline@1" in audited.masks


def test_columns_of_nothing_are_no_finding(tmp_path: Path) -> None:
    nothing = [None] * 100
    columns = {"text": ["a b c d"] * 100, "label": [0, 1] * 50, "title": nothing, "source": nothing, "date": nothing}
    pq.write_table(pa.table(columns), tmp_path / "news.parquet")
    assert run(tmp_path / "news.parquet").findings == ()


def test_texts_of_nothing_are_audited_by_their_titles(tmp_path: Path) -> None:
    titles = [f"Title {at}!" if at % 2 else f"title {at}" for at in range(200)]
    columns = {"text": [None] * 200, "label": [at % 2 for at in range(200)], "title": titles}
    pq.write_table(pa.table(columns), tmp_path / "news.parquet")
    assert {finding.where for finding in run(tmp_path / "news.parquet").findings} >= {"title"}


def test_two_files_of_one_class_each_are_one_corpus_whose_order_says_nothing(tmp_path: Path) -> None:
    real = write(tmp_path / "True.csv", ["text"], label=1)
    fake = write(tmp_path / "Fake.csv", ["text"], label=0)
    audited = audit(Auditing(real=str(real), fake=str(fake)), Quiet(), now=NOW)
    assert [corpus.corpus for corpus in audited.corpora] == ["True+Fake"]
    assert "order in the file" not in {finding.name for finding in audited.findings}
    assert "dateline@1" in audited.masks


def test_copies_across_a_given_split_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "news.csv", ["text", "label", "part"])
    _, first, *_ = path.read_text().splitlines()
    with path.open("a") as file:
        file.write(first.removesuffix("test") + "train\n")
    assert run(path, split="part").across_split == 2
    with pytest.raises(InputError, match="there is no column 'fold'"):
        run(path, split="fold")


def test_dates_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    """One of each kind beside one that can; a date after ``now`` is absurd."""
    path = write(tmp_path / "news.csv", ["text", "label", "date"], count=60)
    dates = ["2020-05-04", "3/4/2020", "soon", "2031-01-01"] + [""] * 56
    lines = path.read_text().splitlines()
    rows = [f"{line.rpartition(',')[0]},{date}" for line, date in zip(lines[1:], dates, strict=True)]
    path.write_text("\n".join([lines[0], *rows]))
    (corpus,) = run(path).corpora
    assert corpus.dates == DatesFound(usable=1, unreadable=1, ambiguous=1, absurd=1)
    assert corpus.dates.unusable == 3


def test_without_dates_none_is_counted(tmp_path: Path) -> None:
    (corpus,) = run(write(tmp_path / "news.csv", ["text", "label"])).corpora
    assert corpus.dates is None


def test_what_is_no_article_is_counted_by_filter(tmp_path: Path) -> None:
    path = write(tmp_path / "news.csv", ["text", "label"])
    with path.open("a") as file:
        file.write("You must log in to continue,1\n" * 2)
    audited = run(path)
    assert audited.corpora[0].no_article == {"login_wall@1": 2}
    assert audited.filters == ("login_wall@1",)


def test_phases_are_told(tmp_path: Path) -> None:
    heard = Heard()
    files = [write(tmp_path / "one.csv", ["text", "label"]), write(tmp_path / "two.csv", ["text", "label"])]
    audit(Auditing(files=[str(path) for path in files]), heard, now=NOW)
    assert heard.phases == ["read one.csv", "read two.csv", "find copies", "audit one", "audit two", "compare corpora"]


def test_three_rows_are_too_few_to_find_anything_but_no_error(tmp_path: Path) -> None:
    (corpus,) = run(write(tmp_path / "news.csv", ["text", "label"], count=3)).corpora
    assert corpus.note


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "the file is empty"),
        ("text,label\n", "there is no labelled article to audit"),
        ("text,label\na,\n", "there is no labelled article to audit"),
        ("text,label\na,1\nb,1\n", "all 2 articles are real; a leak is what tells two classes apart"),
        ("body,label\na,1\n", "there is no column 'text'"),
        ("text,label\na,perhaps\n", "line 2: label 'perhaps'"),
    ],
)
def test_files_that_cannot_be_audited_are_named_in_a_line(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "news.csv").write_text(content)
    with pytest.raises(InputError) as raised:
        run(tmp_path / "news.csv")
    assert said in str(raised.value)
    assert isinstance(raised.value, RowError) == ("line 2" in said)


def test_no_articles_at_all_are_an_input_error() -> None:
    with pytest.raises(InputError, match="there is no labelled article"):
        audit_articles([], 0, Quiet(), now=NOW)
