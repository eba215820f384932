import gzip
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsetrue.errors import InputError, RowError
from falsetrue.news.reading import Row, open_table


def rows_of(path: Path, **options: Any) -> list[Row]:
    with open_table(str(path), **options) as table:
        return list(table.rows)


def written(tmp_path: Path, name: str, content: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


# --- CSV ---------------------------------------------------------------------------------------


def test_csv_rows_carry_the_line_on_which_they_begin(tmp_path: Path) -> None:
    path = written(tmp_path, "news.csv", 'text,label\n"two\nlines",1\n\nthird,0\n')
    assert [(row.line, row.values) for row in rows_of(path)] == [
        (2, {"text": "two\nlines", "label": "1"}),
        (5, {"text": "third", "label": "0"}),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_from_the_header(tmp_path: Path, delimiter: str) -> None:
    path = written(tmp_path, "news.csv", f"text{delimiter}label\na, b; c{delimiter}1\n".replace("a, b; c", '"a, b; c"'))
    assert rows_of(path)[0].values == {"text": "a, b; c", "label": "1"}


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    path = written(tmp_path, "news.csv", b"\xef\xbb\xbftext,label\r\nhello,1\r\n")
    assert rows_of(path)[0].values == {"text": "hello", "label": "1"}


def test_a_row_with_a_wrong_number_of_fields_does_not_stop_the_rest(tmp_path: Path) -> None:
    path = written(tmp_path, "news.csv", "text,label\na,b,c\nfine,1\n")
    bad, good = rows_of(path)
    assert (bad.line, bad.problem) == (2, "3 fields where the header has 2")
    assert good.problem is None


def test_a_byte_that_is_not_utf8_is_named_and_does_not_stop_the_rest(tmp_path: Path) -> None:
    path = written(tmp_path, "news.csv", b"text,label\nse\xf1or,1\nfine,0\n")
    bad, good = rows_of(path)
    assert bad.line == 2
    assert bad.problem is not None
    assert bad.problem.startswith("byte 0xF1 is not UTF-8; save the file as UTF-8")
    assert good.values["text"] == "fine"


def test_a_quote_that_is_never_closed_costs_its_own_line_only(tmp_path: Path) -> None:
    path = written(tmp_path, "news.csv", 'id,text\n1,"opened\n2,second\n3,third\n')
    rows = rows_of(path)
    assert [row.line for row in rows] == [2, 3, 4]
    assert [row.values.get("text") for row in rows] == [None, "second", "third"]
    assert rows[0].problem is not None
    assert rows[0].problem.startswith("not readable as CSV; look at its quotes")


def test_a_quote_that_is_closed_by_a_later_one_costs_its_own_line_only(tmp_path: Path) -> None:
    path = written(
        tmp_path, "news.csv", 'id,text\n1,"opened\n2,second\n3,"quoted, as it should be"\n4,"also",extra\n5,x\n'
    )
    rows = rows_of(path)
    assert [(row.line, row.problem is None) for row in rows] == [
        (2, False),
        (3, True),
        (4, True),
        (5, False),
        (6, True),
    ]
    assert rows[2].values["text"] == "quoted, as it should be"


def test_many_unclosed_quotes_are_read_in_bounded_time(tmp_path: Path) -> None:
    path = written(tmp_path, "news.csv", "id,text\n" + '1,"opened\n' * 20_001)
    assert len(rows_of(path)) > 10_000


@pytest.mark.parametrize("content", [b"", b"\n\n", b"   \n"])
def test_a_csv_without_a_header_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputError, match=r"news.csv.*(empty|blank)"):
        rows_of(written(tmp_path, "news.csv", content))


def test_a_column_that_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RowError, match="'text' stands twice"):
        rows_of(written(tmp_path, "news.csv", "text,text\na,b\n"))


@given(st.lists(st.tuples(st.text(st.characters(codec="utf-8")), st.sampled_from("01")), min_size=1, max_size=20))
def test_whatever_text_is_written_as_csv_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    import csv

    path = tmp_path_factory.mktemp("csv") / "news.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(["text", "label"])
        writer.writerows(rows)
    assert [(row.values["text"], row.values["label"]) for row in rows_of(path)] == rows


# --- JSON Lines ----------------------------------------------------------------------------------


def test_jsonl_rows_carry_their_line_and_bad_ones_do_not_stop_the_rest(tmp_path: Path) -> None:
    path = written(tmp_path, "n.jsonl", b'{"text":"a"}\n\n[1]\n{"text":\n{"text":"\xf1"}\n{"text":"b"}\n')
    rows = rows_of(path)
    assert [row.line for row in rows] == [1, 3, 4, 5, 6]
    assert [row.problem is None for row in rows] == [True, False, False, False, True]


def test_what_a_bad_jsonl_row_holds_is_not_repeated(tmp_path: Path) -> None:
    path = written(tmp_path, "n.jsonl", '{"text":"a"}\n["a secret sentence"]\n"a secret sentence"\n')
    assert all("secret" not in (row.problem or "") for row in rows_of(path))


def test_jsonl_nested_too_deeply_is_a_bad_row(tmp_path: Path) -> None:
    deep = '{"text":' + "[" * 200_000 + "]" * 200_000 + "}"
    rows = rows_of(written(tmp_path, "n.jsonl", '{"text":"a"}\n' + deep + '\n{"text":"b"}\n'))
    assert [row.problem is None for row in rows] == [True, False, True]


def test_a_bad_first_jsonl_row_does_not_stop_the_rest(tmp_path: Path) -> None:
    with open_table(str(written(tmp_path, "n.jsonl", '{"text":\n{"id":1}\n{"text":"b","more":2}\n'))) as table:
        assert table.columns == ["id", "text", "more"]
        assert [row.problem is None for row in table.rows] == [False, True, True]


def test_a_jsonl_without_a_single_object_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RowError, match=r"n\.jsonl, line 1: not a JSON object"):
        rows_of(written(tmp_path, "n.jsonl", "[1]\n[2]\n"))


def test_an_empty_jsonl_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the file is empty"):
        rows_of(written(tmp_path, "n.jsonl", ""))


# --- Parquet -------------------------------------------------------------------------------------


def test_parquet_rows_are_numbered(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a", None], "label": [1, 0]}), tmp_path / "n.parquet")
    assert [(row.line, row.values) for row in rows_of(tmp_path / "n.parquet")] == [
        (1, {"text": "a", "label": 1}),
        (2, {"text": None, "label": 0}),
    ]


def test_parquet_text_by_reference_is_read_as_text(tmp_path: Path) -> None:
    column = pa.array(["one", "two", None, "one"]).dictionary_encode()
    pq.write_table(pa.table({"text": column}), tmp_path / "n.parquet")
    assert [row.values["text"] for row in rows_of(tmp_path / "n.parquet")] == ["one", "two", None, "one"]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not parquet at all", gzip.compress(b"x", mtime=0)])
def test_a_damaged_parquet_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputError, match=r"n\.parquet") as caught:
        rows_of(written(tmp_path, "n.parquet", content))
    assert "\n" not in str(caught.value)


def test_parquet_damaged_anywhere_never_ends_in_anything_but_an_input_error(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["some words"] * 2000, "label": [1] * 2000}), tmp_path / "n.parquet")
    sound = (tmp_path / "n.parquet").read_bytes()
    generator = random.Random(0)  # noqa: S311 - not for secrets
    for _ in range(60):
        damaged = bytearray(sound)
        for _ in range(4):
            damaged[generator.randrange(len(damaged))] ^= 1 << generator.randrange(8)
        path = written(tmp_path, "damaged.parquet", bytes(damaged))
        try:
            rows_of(path)
        except InputError as error:
            assert "damaged.parquet" in str(error)


# --- all formats ---------------------------------------------------------------------------------


def test_a_missing_file_says_so() -> None:
    with pytest.raises(InputError, match=r"nowhere\.csv: cannot be opened \(No such file"):
        rows_of(Path("nowhere.csv"))


def test_an_unknown_ending_names_those_that_are_read() -> None:
    with pytest.raises(InputError, match=r"news\.xlsx: the name must end in one of \.csv"):
        rows_of(Path("news.xlsx"))
