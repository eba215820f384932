import json
from pathlib import Path

import pytest

from falsetrue.errors import InputError, RowError
from falsetrue.news.article import Label
from falsetrue.news.cleaning import Dropped
from falsetrue.news.labelled import Columns, read_labelled, read_one_class


def written(tmp_path: Path, name: str, content: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_a_missing_column_names_those_that_are_there(tmp_path: Path) -> None:
    path = written(tmp_path, "news.csv", "headline,body,label\na,b,1\n")
    with pytest.raises(InputError, match="no column 'text'; the columns are 'headline', 'body', 'label'"):
        list(read_labelled(str(path), Columns(), Dropped()))


def test_labelled_rows_become_articles_of_a_corpus_named_after_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "week.csv", "title,text,label\nT,one,real\n,two,fake\n")
    articles = list(read_labelled(str(path), Columns(), Dropped()))
    assert [(each.corpus, each.line, each.title, each.text, each.label) for each in articles] == [
        ("week", 2, "T", "one", Label.REAL),
        ("week", 3, "", "two", Label.FALSE),
    ]


def test_rows_without_a_label_are_counted(tmp_path: Path) -> None:
    path = written(tmp_path, "n.jsonl", '{"text":"a","label":null}\n{"text":"b","label":1}\n{"text":"c"}\n')
    dropped = Dropped()
    assert len(list(read_labelled(str(path), Columns(), dropped))) == 1
    assert dropped.no_label == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text,label\na,1\nb,perhaps\n", r"news\.csv, line 3: label 'perhaps' is none of"),
        (b"text,label\na,1\n\xe9,0\n", r"news\.csv, line 3: byte 0xE9 is not UTF-8"),
        ("text,label\na,1\nb\n", r"news\.csv, line 3: 1 fields where the header has 2"),
    ],
)
def test_a_row_that_cannot_be_used_ends_training_with_file_line_and_value(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    path = written(tmp_path, "news.csv", content)
    with pytest.raises(RowError, match=message):
        list(read_labelled(str(path), Columns(), Dropped()))


def test_a_text_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "n.jsonl", json.dumps({"text": 7, "label": 1}))
    with pytest.raises(RowError, match=r"n\.jsonl, line 1: column 'text' holds int, not text"):
        list(read_labelled(str(path), Columns(), Dropped()))


def test_a_file_of_one_class_needs_no_label_column(tmp_path: Path) -> None:
    path = written(tmp_path, "True.csv", "title,text,subject,date\nT,one,s,d\n")
    (article,) = read_one_class(str(path), Label.REAL, "pair", Columns())
    assert (article.label, article.corpus) == (Label.REAL, "pair")
