"""◆ Scored rows out: CSV, JSON Lines and Parquet, a batch at a time, in place only when complete."""

import csv
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any, Protocol

import msgspec

from falsetrue.errors import InputError
from falsetrue.news.reading import format_of

Record = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class CsvStyle:
    """How a CSV file is written; the defaults are for programs."""

    delimiter: str = ","
    byte_order_mark: bool = False  #: a spreadsheet then knows that it is UTF-8
    guard_formulas: bool = False  #: let no cell begin as a formula of a spreadsheet does


class Writer(Protocol):
    """Takes records, all with the same keys."""

    def write(self, records: Sequence[Record]) -> None:
        """Write a batch."""
        ...

    def close(self) -> None:
        """Write what a format needs at its end."""
        ...


@contextmanager
def open_output(
    path: str,
    columns: Sequence[str],
    types: dict[str, Any],
    *,
    replace: bool,
    format_name: str | None = None,
    style: CsvStyle | None = None,
) -> Iterator[Writer]:
    """A writer to ``path`` (``-`` is standard output), which appears only if the block ends well.

    ``types`` are those of columns that are not text, for Parquet: Arrow types, or their names (and
    ``texts`` for a list of texts). Raises :class:`InputError` where the file exists (unless
    ``replace``) or cannot be written.
    """
    if path == "-":
        with _standard_output(format_name or "jsonl", columns, types) as writer:
            yield writer
        return
    format_name = format_name or format_of(path)
    target = Path(path)
    _refuse_existing(target, replace=replace)
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error
    try:
        with os.fdopen(handle, "wb") as file:
            writer = _writer(format_name, file, columns, types, style)
            yield writer
            writer.close()
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(target)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error
    finally:
        Path(temporary).unlink(missing_ok=True)


@contextmanager
def _standard_output(format_name: str, columns: Sequence[str], types: dict[str, Any]) -> Iterator[Writer]:
    try:
        writer = _writer(format_name, sys.stdout.buffer, columns, types)
        yield writer
        writer.close()
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise InputError(f"standard output cannot be written ({error.strerror})") from error


def _refuse_existing(target: Path, *, replace: bool) -> None:
    if not target.exists():
        return
    if not target.is_file():
        raise InputError(f"{target}: is not a file; name one, or - for standard output")
    if not replace:
        raise InputError(f"{target}: exists already; choose another name, or say --replace")


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _writer(
    format_name: str, file: IO[bytes], columns: Sequence[str], types: dict[str, Any], style: CsvStyle | None = None
) -> Writer:
    if format_name == "csv":
        return _CsvWriter(file, columns, style or CsvStyle())
    if format_name == "jsonl":
        return _JsonlWriter(file)
    return _ParquetWriter(file, columns, types)


class _CsvWriter:
    def __init__(self, file: IO[bytes], columns: Sequence[str], style: CsvStyle) -> None:
        self._cell = _guarded_cell if style.guard_formulas else _cell
        encoding = "utf-8-sig" if style.byte_order_mark else "utf-8"
        self._text = TextIOWrapper(file, encoding=encoding, newline="", write_through=True)
        self._columns = columns
        self._csv = csv.writer(self._text, delimiter=style.delimiter, lineterminator="\n")
        self._csv.writerow([self._cell(column) for column in columns])

    def write(self, records: Sequence[Record]) -> None:
        self._csv.writerows([self._cell(record[column]) for column in self._columns] for record in records)

    def close(self) -> None:
        self._text.flush()
        self._text.detach()


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return ";".join(map(str, value))
    return value if value is None or isinstance(value, (str, int, float)) else as_text(value)


def _guarded_cell(value: Any) -> Any:
    """A quote before what a spreadsheet would run (OWASP, CSV injection)."""
    cell = _cell(value)
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


class _JsonlWriter:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._encoder = msgspec.json.Encoder(enc_hook=_plain)

    def write(self, records: Sequence[Record]) -> None:
        self._file.write(self._encoder.encode_lines(records))

    def close(self) -> None:
        """JSON Lines need no end."""


class _ParquetWriter:
    def __init__(self, file: IO[bytes], columns: Sequence[str], types: dict[str, Any]) -> None:
        import pyarrow  # noqa: PLC0415 - 0.1 s that only Parquet files should cost
        import pyarrow.parquet  # noqa: PLC0415

        text = pyarrow.string()
        named = {"texts": pyarrow.list_(text)}
        kinds = [named.get(types.get(column, text), types.get(column, text)) for column in columns]
        self._schema = pyarrow.schema(list(zip(columns, kinds, strict=True)))
        self._text_columns = [field.name for field in self._schema if field.type == text]
        self._batch = pyarrow.RecordBatch
        self._parquet = pyarrow.parquet.ParquetWriter(file, self._schema)

    def write(self, records: Sequence[Record]) -> None:
        for record in records:
            for column in self._text_columns:
                record[column] = None if record[column] is None else as_text(record[column])
        self._parquet.write_batch(self._batch.from_pylist(records, schema=self._schema))

    def close(self) -> None:
        self._parquet.close()


def as_text(value: Any) -> str:
    """A value as a cell of text: itself, or JSON."""
    if hasattr(value, "as_py"):
        value = _plain(value)
    return value if isinstance(value, str) else msgspec.json.encode(value, enc_hook=_plain).decode()


def _plain(value: Any) -> Any:
    """An Arrow scalar as text, or what it holds as Python has it, or (a time in a zone nobody knows) its number."""
    if not hasattr(value, "as_py"):
        return str(value)
    for convert in (lambda: value.cast("string").as_py(), value.as_py, lambda: value.cast("int64").as_py()):
        try:
            return convert()
        except (ValueError, OverflowError, NotImplementedError):  # Arrow's own errors are among these
            continue
    return str(value.type)
