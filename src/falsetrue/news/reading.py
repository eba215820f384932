"""◆ News files in: CSV, TSV, JSON Lines and Parquet, one row at a time, each with its line number.

A CSV or JSON Lines file may be compressed (``.gz``, ``.zst``). Nothing here holds a whole file in memory.
A row that cannot be read is a :class:`Row` with a ``problem``; who reads decides whether that ends the work
(training) or is reported (files to score).
"""

import csv
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import TextIOWrapper
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, TextIO

import msgspec

from falsetrue.errors import InputError, RowError
from falsetrue.news.compressed import COMPRESSIONS, compression_of, uncompressed_name, unpack

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
#: Characters of a CSV file read at a time, and lines held longer than they are needed.
_CSV_BLOCK = 1 << 16
_CSV_LINES = 1000
#: Rows of JSON Lines whose keys say which columns there are.
JSONL_FIRST_ROWS = 100
#: Rows decoded at a time from a Parquet file, and the bytes that they should not exceed.
PARQUET_ROWS = 1024
PARQUET_BYTES = 8 * 1024 * 1024
#: Bytes of a column of a Parquet file that are read ahead; without it a whole row group is, however large.
_PARQUET_BUFFER = 1 << 20
#: Which rows are wanted, by their number from 0; the others are counted and passed over.
Wanted = Callable[[int], bool]


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
    source: IO[bytes] | None  #: its ``tell()`` is the progress in bytes, compressed ones; ``None`` for Parquet
    size: int | None  #: bytes, or rows in Parquet; ``None`` where unknown (standard input)
    delimiter: str | None = None  #: of a CSV file
    types: dict[str, Any] = field(default_factory=dict)  #: Arrow types by column, of a Parquet file
    parquet: Any = None  #: the ``pyarrow.parquet.ParquetFile``, of a Parquet file

    def require(self, column: str) -> None:
        """Raise :class:`InputError` naming the columns there are, if ``column`` is not one of them."""
        if column not in self.columns:
            there = ", ".join(repr(name) for name in self.columns[:20])
            raise InputError(f"{self.name}: there is no column {column!r}; the columns are {there}")


def format_of(path: str) -> str:
    """The format of a file by its name; raises :class:`InputError` naming those that are read."""
    found = FORMATS.get(Path(uncompressed_name(path)).suffix.lower())
    if found is None:
        ends = f"{', '.join(FORMATS)}, but for .parquet also with {' or '.join(COMPRESSIONS)} behind it"
        raise InputError(f"{path}: the name must end in one of {ends}")
    if found == "parquet" and compression_of(path):
        raise InputError(f"{path}: Parquet is compressed in itself; unpack the file, or write one whose name ends so")
    return found


@contextmanager
def open_table(
    path: str, *, format_name: str | None = None, delimiter: str | None = None, wanted: Wanted | None = None
) -> Iterator[Table]:
    """Open a news file by name (``-`` is standard input, which needs ``format_name``).

    The CSV delimiter is the one of ``, ; TAB |`` that the header has most of, unless given. ``rows`` are
    the ``wanted`` ones; nothing: all (of Parquet, always all). Raises :class:`InputError` where the file
    is missing, empty or not of its format.
    """
    wanted = wanted or _all
    format_name = format_name or format_of(path)
    if format_name == "parquet":
        yield _open_parquet(path)
        return
    with _open_bytes(path) as source:
        size = None if path == "-" else Path(path).stat().st_size
        content = unpack(path, source)
        if format_name == "jsonl":
            columns, rows = _open_jsonl(path, content, wanted)
            yield Table(name=path, columns=columns, rows=rows, source=source, size=size)
            return
        text = TextIOWrapper(content, encoding="utf-8-sig", errors="surrogateescape", newline="")
        try:
            delimiter, columns, rows = _open_csv(path, text, delimiter, wanted)
            yield Table(name=path, columns=columns, rows=rows, source=source, size=size, delimiter=delimiter)
        finally:
            text.detach()  # else it would close the source, which may be standard input


def _all(_number: int) -> bool:
    return True


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
    """The lines of a CSV file, given out by blocks; those of the record being read can be given out again."""

    def __init__(self, source: TextIO, first: str) -> None:
        self._source = source
        self._held = [first]  # the lines from the record's first to the end of the block
        self._begin = 1  # number of the first of them

    def read_from(self, line: int) -> Iterator[str]:
        """All lines from one that is held."""
        return chain.from_iterable(self._blocks(line))

    def _blocks(self, line: int) -> Iterator[list[str]]:
        yield self._held[line - self._begin :]
        while block := self._source.readlines(_CSV_BLOCK):
            self._held += block
            yield block

    def forget_before(self, line: int) -> None:
        """Hold the lines from this one only; cheap enough for every record."""
        if line - self._begin > _CSV_LINES:
            del self._held[: line - self._begin]
            self._begin = line


def _open_csv(name: str, source: TextIO, delimiter: str | None, wanted: Wanted) -> tuple[str, list[str], Iterator[Row]]:
    csv.field_size_limit(LONGEST_ROW)
    first = next(source, "")
    if not first.strip():
        raise InputError(f"{name}: the file is empty" if not first else f"{name}, line 1: the header is blank")
    if problem := _not_utf8([first]):
        raise RowError(name, 1, problem)
    lines = _Lines(source, first)
    # Strict: a quote that is not closed would otherwise swallow the rest of the file without a word.
    delimiter = delimiter or max(",;\t|", key=first.count)
    reader = csv.reader(lines.read_from(1), delimiter=delimiter, strict=True)
    try:
        columns = [column.strip() for column in next(reader)]
    except csv.Error as error:
        raise RowError(name, 1, f"the header is not readable as CSV ({error})") from error
    twice = {column for column in columns if columns.count(column) > 1}
    if twice:
        raise RowError(name, 1, f"the column {min(twice)!r} stands twice in the header")
    return delimiter, columns, _csv_rows(lines, reader, columns, wanted)


def _csv_rows(lines: _Lines, reader: Any, columns: list[str], wanted: Wanted) -> Iterator[Row]:
    """A record that runs over several lines and ends badly costs its first line only: the next one begins anew."""
    number = before = 0  # rows so far; lines before those that the reader counts
    while True:
        line = before + reader.line_num + 1
        lines.forget_before(line)
        problem = None
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problem = f"not readable as CSV; look at its quotes ({error})"
        else:
            if not fields:
                continue
            if len(fields) != len(columns):
                problem = f"{len(fields)} fields where the header has {len(columns)}"
        if problem and before + reader.line_num > line:
            problem += "" if "quotes" in problem else "; look at its quotes"
            reader, before = csv.reader(lines.read_from(line + 1), reader.dialect), line
        if wanted(number):
            problem = problem or _not_utf8(fields)
            yield Row(line=line, values={} if problem else dict(zip(columns, fields, strict=True)), problem=problem)
        number += 1


def _not_utf8(fields: list[str]) -> str | None:
    """Name the first byte that ``surrogateescape`` had to carry, with what to do."""
    for value in fields:
        if value.isascii():
            continue
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


def _open_jsonl(name: str, source: IO[bytes], wanted: Wanted) -> tuple[list[str], Iterator[Row]]:
    """Columns are the keys of the first rows, in the order in which they first appear, whichever are wanted."""
    rows = _jsonl_rows(source, lambda number: number < JSONL_FIRST_ROWS or wanted(number))
    first = list(islice(rows, JSONL_FIRST_ROWS))
    if not first:
        raise InputError(f"{name}: the file is empty")
    columns = list(dict.fromkeys(key for row in first for key in row.values))
    if not columns:
        raise RowError(name, first[0].line, first[0].problem or "an object without a key")
    return columns, chain((row for number, row in enumerate(first) if wanted(number)), rows)


def _jsonl_rows(source: IO[bytes], wanted: Wanted) -> Iterator[Row]:
    number = 0
    for line, raw in enumerate(iter(lambda: source.readline(LONGEST_ROW + 1), b""), start=1):
        too_long = len(raw) > LONGEST_ROW
        rest = raw
        while too_long and rest and not rest.endswith(b"\n"):
            rest = source.readline(LONGEST_ROW)
        stripped = raw.removeprefix(b"\xef\xbb\xbf").strip()
        if not too_long and not stripped:
            continue
        if wanted(number):
            problem = f"longer than {LONGEST_ROW} bytes"
            yield Row(line=line, values={}, problem=problem) if too_long else _jsonl_row(line, stripped)
        number += 1


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
        # A pyarrow that reads ahead by row groups, or has no buffer, holds a whole one: gigabytes, often.
        file = pyarrow.parquet.ParquetFile(path, buffer_size=_PARQUET_BUFFER, pre_buffer=False)
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
        parquet=file,
    )


def _parquet_rows(path: str, file: Any) -> Iterator[Row]:
    for line, batch in parquet_batches(path, file):
        columns = {name: values_of(batch.column(name)) for name in batch.schema.names}
        problems = not_utf8_rows(batch)
        for at in range(batch.num_rows):
            values = {} if at in problems else {name: values[at] for name, values in columns.items()}
            yield Row(line=line + at, values=values, problem=problems.get(at))


def parquet_batches(
    path: str, file: Any, *, columns: list[str] | None = None, begin: int = 0, end: int | None = None
) -> Iterator[tuple[int, Any]]:
    """Rows ``begin`` to ``end`` (from 0) of a ``ParquetFile`` as Arrow record batches, each with its first line.

    Where one batch ends does not depend on ``begin``. Nothing is repeated by reference in them.
    Raises :class:`RowError` where the file is damaged.
    """
    import pyarrow  # noqa: PLC0415

    end = file.metadata.num_rows if end is None else end
    groups = [file.metadata.row_group(index) for index in range(file.metadata.num_row_groups)]
    widest = max((group.total_byte_size // max(1, group.num_rows) for group in groups), default=1)
    size = max(1, min(PARQUET_ROWS, PARQUET_BYTES // max(1, widest)))
    at = 0
    try:
        for index, group in enumerate(groups):
            group_end = at + group.num_rows
            if begin < group_end and at < end:
                for batch in file.iter_batches(batch_size=size, row_groups=[index], columns=columns):
                    first, last = max(begin - at, 0), min(end - at, batch.num_rows)
                    if first < last:
                        yield at + first + 1, _without_references(batch.slice(first, last - first))
                    at += batch.num_rows
                    if at >= end:
                        return
            at = group_end
    except (pyarrow.ArrowException, OSError) as error:
        raise RowError(path, at + 1, "the Parquet data cannot be read from here on; the file is damaged") from error


def _without_references(batch: Any) -> Any:
    import pyarrow  # noqa: PLC0415

    columns = [
        column.dictionary_decode() if pyarrow.types.is_dictionary(column.type) else column for column in batch.columns
    ]
    return pyarrow.RecordBatch.from_arrays(columns, names=batch.schema.names)


def not_utf8_rows(batch: Any) -> dict[int, str]:
    """What is wrong with the rows of a record batch whose text is not UTF-8, by their number from 0."""
    import pyarrow  # noqa: PLC0415

    problems: dict[int, str] = {}
    for column in batch.columns:
        if not is_text(column.type):
            continue
        try:
            column.validate(full=True)
        except pyarrow.ArrowInvalid:
            binary = pyarrow.large_binary() if pyarrow.types.is_large_string(column.type) else pyarrow.binary()
            for at, value in enumerate(column.cast(binary).to_pylist()):
                problem = value and _not_utf8([value.decode("utf-8", "surrogateescape")])
                if problem:
                    problems.setdefault(at, problem.partition(";")[0])
    return problems


def is_text(kind: Any) -> bool:
    """Whether an Arrow type is one of the two of text that is stored in one piece."""
    import pyarrow  # noqa: PLC0415

    return bool(pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind))


def _plain_type(kind: Any) -> Any:
    import pyarrow  # noqa: PLC0415

    return kind.value_type if pyarrow.types.is_dictionary(kind) else kind


def values_of(column: Any) -> list[Any]:
    """Text, numbers and booleans as Python has them; anything else stays an Arrow scalar, which Python may not have."""
    import pyarrow  # noqa: PLC0415

    kind = column.type
    if is_text(kind):
        return _texts_of(column)
    plain = (pyarrow.types.is_integer, pyarrow.types.is_floating, pyarrow.types.is_boolean)
    if any(is_kind(kind) for is_kind in plain):
        values: list[Any] = column.to_pylist()
        return values
    return [scalar if scalar.is_valid else None for scalar in column]


def _texts_of(column: Any) -> list[str | None]:
    """``None`` also for what is not UTF-8."""
    try:
        texts: list[str | None] = column.to_pylist()
    except UnicodeDecodeError:
        texts = []
        for scalar in column:
            try:
                texts.append(scalar.as_py())
            except UnicodeDecodeError:
                texts.append(None)
    return texts


def text_value(row: Row, column: str) -> str | None:
    """The text in a column, ``None`` where it is missing; :class:`ValueError` where it is no text."""
    value = row.values.get(column)
    if value is None or isinstance(value, str):
        return value
    raise ValueError(f"column {column!r} holds {type(value).__name__}, not text")
