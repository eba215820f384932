"""◆ Scored rows out: CSV, JSON Lines and Parquet, a batch of columns at a time, in place only when complete.

What is written stands in a folder beside the output (:data:`UNFINISHED`) until it is complete, in parts, with a file
that says what they are parts of: whoever was interrupted goes on from there, to the same bytes.
"""

import contextlib
import csv
import fcntl
import io
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol, Self

import msgspec

from falsetrue.errors import InputError
from falsetrue.news.compressed import compression_of, open_packer
from falsetrue.news.reading import format_of, values_of

#: A list, or an Arrow array.
Column = Any
#: Columns of the same length by name, in order.
Columns = Mapping[str, Column]

#: Behind the name of an output: the folder of what there is of it.
UNFINISHED = ".partial"
_STATE = "state.json"
_DATA = "data"


@dataclass(frozen=True, kw_only=True)
class CsvStyle:
    """How a CSV file is written; the defaults are for programs."""

    delimiter: str = ","
    byte_order_mark: bool = False  #: a spreadsheet then knows that it is UTF-8
    guard_formulas: bool = False  #: let no cell begin as a formula of a spreadsheet does


class Kept(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is safe of an output that is not complete."""

    run: dict[str, Any]  #: what it is made from and with; another one cannot go on
    parts: int = 0
    bytes: int = 0  #: of all parts, where they stand in one file
    rows: int = 0  #: of the input that they hold
    summary: dict[str, Any] = {}  #: of these rows, as who writes it wants


class Output(Protocol):
    """Takes columns."""

    kept: Kept  #: what was there at the beginning, and then what is safe

    def write(self, columns: Columns) -> None:
        """Write a batch; all batches have the same columns."""
        ...

    def end_part(self, rows: int, summary: dict[str, Any]) -> None:
        """Make all that was written safe: ``rows`` of the input by now, of which ``summary`` is told."""
        ...


@contextmanager
def open_output(
    path: str,
    columns: Sequence[str],
    types: dict[str, Any],
    *,
    run: dict[str, Any] | None = None,
    replace: bool = False,
    resume: bool = False,
    format_name: str | None = None,
    style: CsvStyle | None = None,
) -> Iterator[Output]:
    """An output to ``path`` (``-`` is standard output), which appears only if the block ends well.

    ``types`` are those of columns that are not text, for Parquet: Arrow types, or their names (and
    ``texts`` for a list of texts). If the block ends badly, the parts that are safe are kept, and ``resume``
    goes on with them if ``run`` is the same; without a ``run`` nothing is kept. Raises :class:`InputError`
    where the file exists, or parts of it (unless ``replace``, which discards them, or ``resume``), or cannot
    be written.
    """
    format_name = format_name or ("jsonl" if path == "-" else format_of(path))
    if path == "-":
        with _standard_output(format_name, columns, types) as stream:
            yield stream
        return
    target = Path(path)
    _refuse_existing(target, replace=replace)
    with _unfinished(target, run, replace=replace, resume=resume) as (folder, kept):
        output: _TextParts | _ParquetParts
        if format_name == "parquet":
            output = _ParquetParts(folder, kept, _ArrowEncoder(columns, types))
        else:
            output = _TextParts(folder, kept, _text_encoder(format_name, columns, style), compression_of(path))
        with output:
            yield output
            complete = output.finish()
        complete.chmod(0o666 & ~_umask())
        complete.replace(target)


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


# --- what is not complete --------------------------------------------------------------------------


def unfinished_folder(path: str) -> Path:
    """Where there is what there is of an output."""
    return Path(f"{path}{UNFINISHED}")


@contextmanager
def _unfinished(
    target: Path, run: dict[str, Any] | None, *, replace: bool, resume: bool
) -> Iterator[tuple[Path, Kept]]:
    """The folder, for one run at a time; afterwards it is there only if the block ended badly with parts in it."""
    folder = unfinished_folder(str(target))
    try:
        folder.mkdir(exist_ok=True)
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise InputError(f"{target}: cannot be written ({error.strerror})") from error
    with lock:
        kept = _take(folder, lock, run, replace=replace, resume=resume)
        try:
            yield folder, kept
        except BaseException as error:
            is_kept = run is not None and kept.parts > 0
            where = f"; {kept.rows:,} rows are kept in {folder}; --resume goes on from there" if is_kept else ""
            if not is_kept:
                shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, OSError):
                raise InputError(f"{target}: cannot be written ({error.strerror}){where}") from error
            if is_kept and isinstance(error, InputError):
                raise InputError(f"{error}{where}") from error
            raise
        shutil.rmtree(folder, ignore_errors=True)


def _take(folder: Path, lock: IO[str], run: dict[str, Any] | None, *, replace: bool, resume: bool) -> Kept:
    """Lock the folder and tell what of it counts; raises :class:`InputError` where it is not ours to go on with."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InputError(f"{folder}: another run is writing there; wait for it, or choose another output") from error
    state = folder / _STATE
    if resume and state.exists():
        return _read_kept(state, run)
    if state.exists() and not replace:
        raise InputError(
            f"{folder}: holds what there is of a run that was stopped; "
            "--resume goes on from there, --replace begins again"
        )
    for path in folder.iterdir():
        if path.name != "lock":
            path.unlink()
    return Kept(run=run or {})


def _read_kept(state: Path, run: dict[str, Any] | None) -> Kept:
    try:
        kept = msgspec.json.decode(state.read_bytes(), type=Kept)
    except (OSError, msgspec.MsgspecError) as error:
        raise InputError(f"{state}: cannot be read; --replace begins again") from error
    refuse_another(state.parent, kept.run, run or {})
    return kept


def refuse_another(begun: Path, before: dict[str, Any], run: dict[str, Any]) -> None:
    """Raise :class:`InputError` naming what differs between the run that has begun something and this one."""
    now: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(run))
    changed = [name for name in now if before.get(name) != now[name]]
    if changed:
        what = " and ".join(changed)
        raise InputError(f"{begun}: was begun with another {what}; --replace, without --resume, begins again")


def write_record(path: Path, record: msgspec.Struct) -> None:
    """Write a record as JSON, whole or not at all."""
    new = path.with_name(f"{path.name}.new")
    with new.open("wb") as file:
        file.write(msgspec.json.encode(record))
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


class _Parts:
    """What the two kinds of output in parts share."""

    def __init__(self, folder: Path, kept: Kept) -> None:
        self._folder = folder
        self.kept = kept

    def _keep(self, rows: int, summary: dict[str, Any], size: int = 0) -> None:
        self.kept.parts += 1
        self.kept.bytes, self.kept.rows, self.kept.summary = size, rows, summary
        write_record(self._folder / _STATE, self.kept)


class _TextParts(_Parts):
    """Parts one behind another in one file, each, if at all, compressed on its own."""

    def __init__(self, folder: Path, kept: Kept, encoder: "_TextEncoder", compression: str | None) -> None:
        super().__init__(folder, kept)
        self._encoder = encoder
        self._compression = compression
        self._path = folder / _DATA
        self._file = self._path.open("ab")
        self._part: IO[bytes] | None = None

    def __enter__(self) -> Self:
        if self._path.stat().st_size < self.kept.bytes:
            raise InputError(f"{self._path}: has lost something; --replace begins again")
        self._file.truncate(self.kept.bytes)
        return self

    def __exit__(self, *_: object) -> None:
        with self._file, contextlib.suppress(OSError):  # of a disk that is full, which was told already
            if self._part is not None:
                self._part.close()

    def write(self, columns: Columns) -> None:
        self._open_part().write(self._encoder.encode(columns))

    def end_part(self, rows: int, summary: dict[str, Any]) -> None:
        self._open_part().close()
        self._part = None
        os.fsync(self._file.fileno())
        self._keep(rows, summary, self._path.stat().st_size)

    def finish(self) -> Path:
        return self._path

    def _open_part(self) -> IO[bytes]:
        if self._part is None:
            self._part = open_packer(self._file, self._compression)
            if not self.kept.parts:
                self._part.write(self._encoder.header)
        return self._part


class _ParquetParts(_Parts):
    """A file for each part, which becomes a row group of the whole."""

    def __init__(self, folder: Path, kept: Kept, encoder: "_ArrowEncoder") -> None:
        super().__init__(folder, kept)
        self._encoder = encoder
        self._batches: list[Any] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._batches.clear()

    def write(self, columns: Columns) -> None:
        self._batches.append(self._encoder.encode(columns))

    def end_part(self, rows: int, summary: dict[str, Any]) -> None:
        with self._path(self.kept.parts).open("wb") as file, self._encoder.open(file) as parquet:
            parquet.write_table(self._encoder.table(self._batches))
            self._batches.clear()
            parquet.close()
            file.flush()
            os.fsync(file.fileno())
        self._keep(rows, summary)

    def finish(self) -> Path:
        import pyarrow.parquet  # noqa: PLC0415

        complete = self._folder / _DATA
        with complete.open("wb") as file, self._encoder.open(file) as parquet:
            for part in range(self.kept.parts):
                table = pyarrow.parquet.read_table(self._path(part))
                if table.num_rows:
                    parquet.write_table(table)
            parquet.close()
            file.flush()
            os.fsync(file.fileno())
        return complete

    def _path(self, part: int) -> Path:
        return self._folder / f"part-{part:06}.parquet"


# --- standard output ---------------------------------------------------------------------------------


class _Stream:
    """Writes at once; nothing of it is ever kept."""

    def __init__(self, write: Callable[[Columns], object]) -> None:
        self.kept = Kept(run={})
        self._write = write

    def write(self, columns: Columns) -> None:
        self._write(columns)

    def end_part(self, rows: int, summary: dict[str, Any]) -> None:
        """What is gone is gone."""


@contextmanager
def _standard_output(format_name: str, columns: Sequence[str], types: dict[str, Any]) -> Iterator[Output]:
    file = sys.stdout.buffer
    try:
        if format_name == "parquet":
            arrow = _ArrowEncoder(columns, types)
            with arrow.open(file) as parquet:
                yield _Stream(lambda batch: parquet.write_batch(arrow.encode(batch)))
        else:
            encoder = _text_encoder(format_name, columns, None)
            file.write(encoder.header)
            yield _Stream(lambda batch: file.write(encoder.encode(batch)))
        file.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise InputError(f"standard output cannot be written ({error.strerror})") from error


# --- columns as bytes --------------------------------------------------------------------------------


class _TextEncoder(Protocol):
    header: bytes

    def encode(self, columns: Columns) -> bytes: ...


def _text_encoder(format_name: str, columns: Sequence[str], style: CsvStyle | None) -> _TextEncoder:
    return _CsvEncoder(columns, style or CsvStyle()) if format_name == "csv" else _JsonlEncoder()


class _CsvEncoder:
    def __init__(self, columns: Sequence[str], style: CsvStyle) -> None:
        self._cell = _guarded_cell if style.guard_formulas else _cell
        self._as_they_are = {int, float, type(None)} if style.guard_formulas else {int, float, str, type(None)}
        self._delimiter = style.delimiter
        mark = "\ufeff" if style.byte_order_mark else ""
        self.header = mark.encode() + self._lines([[self._cell(column) for column in columns]])

    def encode(self, columns: Columns) -> bytes:
        return self._lines(zip(*map(self._cells, columns.values()), strict=True))

    def _cells(self, column: Column) -> list[Any]:
        values = _as_list(column)
        # Most columns need no look at each value.
        return values if set(map(type, values)) <= self._as_they_are else list(map(self._cell, values))

    def _lines(self, rows: Iterable[Sequence[Any]]) -> bytes:
        written = io.StringIO()
        csv.writer(written, delimiter=self._delimiter, lineterminator="\n").writerows(rows)
        return written.getvalue().encode()


def _as_list(column: Column) -> list[Any]:
    return column if isinstance(column, list) else values_of(column)


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return ";".join(map(str, value))
    return value if value is None or isinstance(value, (str, int, float)) else as_text(value)


def _guarded_cell(value: Any) -> Any:
    """A quote before what a spreadsheet would run (OWASP, CSV injection)."""
    cell = _cell(value)
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


class _JsonlEncoder:
    header = b""

    def __init__(self) -> None:
        self._encoder = msgspec.json.Encoder(enc_hook=_plain)

    def encode(self, columns: Columns) -> bytes:
        rows = zip(*map(_as_list, columns.values()), strict=True)
        return self._encoder.encode_lines([dict(zip(columns, row, strict=True)) for row in rows])


class _ArrowEncoder:
    def __init__(self, columns: Sequence[str], types: dict[str, Any]) -> None:
        import pyarrow  # noqa: PLC0415 - 0.1 s that only Parquet files should cost
        import pyarrow.parquet  # noqa: PLC0415

        text = pyarrow.string()
        named = {"texts": pyarrow.list_(text), **{name: pyarrow.type_for_alias(name) for name in _NUMBERS}}
        kinds = [types.get(column, text) for column in columns]
        self._schema = pyarrow.schema(
            [
                (column, named[kind] if isinstance(kind, str) else kind)
                for column, kind in zip(columns, kinds, strict=True)
            ]
        )
        self._arrow = pyarrow

    def encode(self, columns: Columns) -> Any:
        arrays = [self._array(columns[field.name], field.type) for field in self._schema]
        return self._arrow.RecordBatch.from_arrays(arrays, schema=self._schema)

    def _array(self, column: Column, kind: Any) -> Any:
        if not isinstance(column, list):
            return column
        if kind == self._arrow.string() and not set(map(type, column)) <= {str, type(None)}:
            column = [None if value is None else as_text(value) for value in column]
        return self._arrow.array(column, kind)

    def table(self, batches: Sequence[Any]) -> Any:
        return self._arrow.Table.from_batches(batches, schema=self._schema)

    def open(self, file: IO[bytes]) -> Any:
        """A writer of Parquet; also usable where ``close`` has been called within the block."""
        return self._arrow.parquet.ParquetWriter(file, self._schema)


_NUMBERS = ("int8", "int64", "float64")


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
