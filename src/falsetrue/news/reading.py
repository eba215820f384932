"""◆ News files in: CSV, TSV, JSON Lines and Parquet, one row at a time, each with its line number.

Nothing here holds a whole file in memory. A row that cannot be read is a :class:`Row` with a
``problem``; who reads decides whether that ends the work (training) or is reported (files to score).
"""

import csv
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import TextIOWrapper
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, TextIO

import msgspec

from falsetrue.errors import InputError, RowError

#: Where a file's name ends -> its format.
FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
#: Longest line, or quoted CSV field, that is read; in bytes (JSON Lines) or characters (CSV).
LONGEST_ROW = 64 * 1024 * 1024
#: Rows of JSON Lines whose keys say which columns there are.
JSONL_FIRST_ROWS = 100
#: Rows decoded at a time from a Parquet file, and the bytes that they should not exceed.
PARQUET_ROWS = 512
PARQUET_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row of a file."""

    line: int  #: 1-based line on which the row begins; in Parquet the 1-based row
    values: dict[str, Any]  #: empty where ``problem`` is set
    problem: str | None = None  #: why the row cannot be read; never repeats its text


@dataclass(frozen=True, kw_only=True)
class Table:
    """An open file of news."""

    name: str  #: as the person named it
    columns: list[str]
    rows: Iterator[Row]
    source: IO[bytes] | None  #: its ``tell()`` is the progress in bytes; ``None`` for Parquet
    size: int | None  #: bytes, or rows in Parquet; ``None`` where unknown (standard input)
    delimiter: str | None = None  #: of a CSV file
    types: dict[str, Any] = field(default_factory=dict)  #: Arrow types by column, of a Parquet file

    def require(self, column: str) -> None:
        """Raise :class:`InputError` naming the columns there are, if ``column`` is not one of them."""
        if column not in self.columns:
            there = ", ".join(repr(name) for name in self.columns[:20])
            raise InputError(f"{self.name}: there is no column {column!r}; the columns are {there}")


def format_of(path: str) -> str:
    """The format of a file by its name; raises :class:`InputError` naming those that are read."""
    found = FORMATS.get(Path(path).suffix.lower())
    if found is None:
        raise InputError(f"{path}: the name must end in one of {', '.join(FORMATS)}")
    return found


@contextmanager
def open_table(path: str, *, format_name: str | None = None, delimiter: str | None = None) -> Iterator[Table]:
    """Open a news file by name (``-`` is standard input, which needs ``format_name``).

    The CSV delimiter is the one of ``, ; TAB |`` that the header has most of, unless given.
    Raises :class:`InputError` where the file is missing, empty or not of its format.
    """
    format_name = format_name or format_of(path)
    if format_name == "parquet":
        yield _open_parquet(path)
        return
    with _open_bytes(path) as source:
        size = None if path == "-" else Path(path).stat().st_size
        if format_name == "jsonl":
            columns, rows = _open_jsonl(path, source)
            yield Table(name=path, columns=columns, rows=rows, source=source, size=size)
            return
        text = TextIOWrapper(source, encoding="utf-8-sig", errors="surrogateescape", newline="")
        try:
            delimiter, columns, rows = _open_csv(path, text, delimiter)
            yield Table(name=path, columns=columns, rows=rows, source=source, size=size, delimiter=delimiter)
        finally:
            text.detach()  # else it would close the source, which may be standard input


@contextmanager
def _open_bytes(path: str) -> Iterator[IO[bytes]]:
    if path == "-":
        yield sys.stdin.buffer
        return
    try:
        source = Path(path).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror})") from error
    with source:
        yield source


# --- CSV -------------------------------------------------------------------------------------


class _Lines:
    """The lines of a CSV file, which remembers those of the record being read so that they can be given back."""

    def __init__(self, source: Iterator[str]) -> None:
        self._source = source
        self._given_back: deque[str] = deque()
        self._record: list[str] = []
        self._last = 0  # number of the last line given out

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._given_back.popleft() if self._given_back else next(self._source)
        self._last += 1
        self._record.append(line)
        return line

    def begin_record(self) -> int:
        """Forget the record before; returns the number of the line that comes next."""
        self._record = []
        return self._last + 1

    def give_back(self) -> bool:
        """Give back all lines of the record but its first; whether there were any."""
        rest = self._record[1:]
        self._given_back.extendleft(reversed(rest))
        self._last -= len(rest)
        return bool(rest)


def _open_csv(name: str, source: TextIO, delimiter: str | None) -> tuple[str, list[str], Iterator[Row]]:
    csv.field_size_limit(LONGEST_ROW)
    first = next(source, "")
    if not first.strip():
        raise InputError(f"{name}: the file is empty" if not first else f"{name}, line 1: the header is blank")
    if problem := _not_utf8([first]):
        raise RowError(name, 1, problem)
    lines = _Lines(chain([first], source))
    # Strict: a quote that is not closed would otherwise swallow the rest of the file without a word.
    delimiter = delimiter or max(",;\t|", key=first.count)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        columns = [column.strip() for column in next(reader)]
    except csv.Error as error:
        raise RowError(name, 1, f"the header is not readable as CSV ({error})") from error
    twice = {column for column in columns if columns.count(column) > 1}
    if twice:
        raise RowError(name, 1, f"the column {min(twice)!r} stands twice in the header")
    return delimiter, columns, _csv_rows(lines, reader, columns)


def _csv_rows(lines: _Lines, reader: Iterator[list[str]], columns: list[str]) -> Iterator[Row]:
    """A record that runs over several lines and ends badly costs its first line only: the next one begins anew."""
    while True:
        line = lines.begin_record()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            lines.give_back()
            yield Row(line=line, values={}, problem=f"not readable as CSV; look at its quotes ({error})")
            continue
        if fields:
            yield _csv_row(line, fields, lines, columns)


def _csv_row(line: int, fields: list[str], lines: _Lines, columns: list[str]) -> Row:
    if len(fields) == len(columns):
        problem = _not_utf8(fields)
        return Row(line=line, values={} if problem else dict(zip(columns, fields, strict=True)), problem=problem)
    problem = f"{len(fields)} fields where the header has {len(columns)}"
    if lines.give_back():
        problem += "; look at its quotes"
    return Row(line=line, values={}, problem=problem)


def _not_utf8(fields: list[str]) -> str | None:
    """Name the first byte that ``surrogateescape`` had to carry, with what to do."""
    for value in fields:
        try:
            value.encode()
        except UnicodeEncodeError as error:
            character = value[error.start]
            return (
                f"byte 0x{ord(character) - 0xDC00:02X} is not UTF-8; save the file as UTF-8 "
                "(for example: iconv -f WINDOWS-1252 -t UTF-8 OLD > NEW)"
            )
    return None


# --- JSON Lines ------------------------------------------------------------------------------


def _open_jsonl(name: str, source: IO[bytes]) -> tuple[list[str], Iterator[Row]]:
    """Columns are the keys of the first rows, in the order in which they first appear."""
    rows = _jsonl_rows(source)
    first = list(islice(rows, JSONL_FIRST_ROWS))
    if not first:
        raise InputError(f"{name}: the file is empty")
    columns = list(dict.fromkeys(key for row in first for key in row.values))
    if not columns:
        raise RowError(name, first[0].line, first[0].problem or "an object without a key")
    return columns, chain(first, rows)


def _jsonl_rows(source: IO[bytes]) -> Iterator[Row]:
    line = 0
    while raw := source.readline(LONGEST_ROW + 1):
        line += 1
        if len(raw) > LONGEST_ROW:
            while raw and not raw.endswith(b"\n"):
                raw = source.readline(LONGEST_ROW)
            yield Row(line=line, values={}, problem=f"longer than {LONGEST_ROW} bytes")
        elif stripped := raw.removeprefix(b"\xef\xbb\xbf").strip():
            yield _jsonl_row(line, stripped)


def _jsonl_row(line: int, raw: bytes) -> Row:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        problem = f"byte 0x{raw[error.start]:02X} is not UTF-8; save the file as UTF-8"
        return Row(line=line, values={}, problem=problem)
    try:
        return Row(line=line, values=msgspec.json.decode(raw, type=dict[str, Any]))
    except (msgspec.MsgspecError, RecursionError) as error:
        return Row(line=line, values={}, problem=f"not a JSON object ({_without_value(error)})")


def _without_value(error: Exception) -> str:
    """What msgspec says of a value, without the value."""
    return "nested too deeply" if isinstance(error, RecursionError) else str(error).split(":")[0][:120]


# --- Parquet ---------------------------------------------------------------------------------


def _open_parquet(path: str) -> Table:
    import pyarrow  # noqa: PLC0415 - 0.1 s that only Parquet files should cost
    import pyarrow.parquet  # noqa: PLC0415

    if path == "-":
        raise InputError("Parquet cannot be read from standard input: it is read from its end; name a file")
    try:
        file = pyarrow.parquet.ParquetFile(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror or 'not a readable file'})") from error
    except pyarrow.ArrowException as error:
        raise InputError(f"{path}: not a Parquet file, or a damaged one") from error
    return Table(
        name=path,
        columns=list(file.schema_arrow.names),
        rows=_parquet_rows(path, file),
        source=None,
        size=file.metadata.num_rows,
        types={field.name: _plain_type(field.type) for field in file.schema_arrow},
    )


def _parquet_rows(path: str, file: Any) -> Iterator[Row]:
    import pyarrow  # noqa: PLC0415

    groups = [file.metadata.row_group(index) for index in range(file.metadata.num_row_groups)]
    widest = max((group.total_byte_size // max(1, group.num_rows) for group in groups), default=1)
    line = 0
    try:
        for batch in file.iter_batches(batch_size=max(1, min(PARQUET_ROWS, PARQUET_BYTES // max(1, widest)))):
            columns = {name: _values(batch.column(name)) for name in batch.schema.names}
            for at in range(batch.num_rows):
                line += 1
                yield Row(line=line, values={name: values[at] for name, values in columns.items()})
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise RowError(path, line + 1, "the Parquet data cannot be read from here on; the file is damaged") from error


def _plain_type(kind: Any) -> Any:
    import pyarrow  # noqa: PLC0415

    return kind.value_type if pyarrow.types.is_dictionary(kind) else kind


def _values(column: Any) -> list[Any]:
    """Text, numbers and booleans as Python has them; anything else stays an Arrow scalar, which Python may not have."""
    import pyarrow  # noqa: PLC0415

    if pyarrow.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    plain = (pyarrow.types.is_string, pyarrow.types.is_large_string, pyarrow.types.is_integer)
    if any(is_kind(kind) for is_kind in (*plain, pyarrow.types.is_floating, pyarrow.types.is_boolean)):
        values: list[Any] = column.to_pylist()
        return values
    return [scalar if scalar.is_valid else None for scalar in column]


def text_value(row: Row, column: str) -> str | None:
    """The text in a column, ``None`` where it is missing; :class:`ValueError` where it is no text."""
    value = row.values.get(column)
    if value is None or isinstance(value, str):
        return value
    raise ValueError(f"column {column!r} holds {type(value).__name__}, not text")
