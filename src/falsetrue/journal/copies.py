"""◆ The whole database as one file, and back: into the same kind of database or the other.

The file is a line that names the format, and then, compressed with Zstandard, MessagePack records, each behind its
length (four bytes, little-endian): what it is a copy of, rows by table, and the SHA-256 of all records before.
"""

import hashlib
import os
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import msgspec
from sqlalchemy import Connection, Engine, func, select

from falsetrue.database.engine import describe, is_sqlite, reading, writing
from falsetrue.database.schema import NEWEST, REVISIONS
from falsetrue.database.tables import Instant, facts, instant_as_text, key_events, metadata
from falsetrue.errors import InputError
from falsetrue.journal.rows import insert_for
from falsetrue.news.compressed import open_packer

_MAGIC = b"falsetrue backup 1\n"
_LENGTH = struct.Struct("<I")
#: Rows of a record.
_BLOCK = 200
#: Told how many rows are done.
Report = Callable[[int], object]


class _Head(msgspec.Struct, tag=True):
    created_at: datetime
    revision: str  #: of the tables
    columns: dict[str, list[str]]  #: by table


class _Rows(msgspec.Struct, tag=True):
    table: str
    rows: list[list[Any]]


class _End(msgspec.Struct, tag=True):
    rows: dict[str, int]  #: by table
    sha256: bytes


_decoder = msgspec.msgpack.Decoder(_Head | _Rows | _End)


def backup(
    engine: Engine, path: Path, *, now: datetime, replace: bool = False, report: Report | None = None
) -> dict[str, int]:
    """Copy the database as it is at one moment, while others go on writing; returns its rows by table.

    The file appears once it is complete, is on the disk and was read again. Raises :class:`InputError` where it exists
    already (unless ``replace``) or cannot be written, and :class:`DatabaseError`.
    """
    if path.exists() and not (replace and path.is_file()):
        raise InputError(f"{path}: exists already; choose another name, or say --replace")
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with _created(temporary) as file:
            rows = _write_all(engine, file, now, report)
        _check(temporary)
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error
    finally:
        with suppress(OSError):
            temporary.unlink()
    return rows


def restore(engine: Engine, path: Path, *, replace: bool = False, report: Report | None = None) -> dict[str, int]:
    """Fill a database from a copy, all of it or nothing; returns its rows by table.

    Nobody else can write to SQLite meanwhile. Raises :class:`InputError` where the file is damaged or is no copy, or
    where the database holds something, unless ``replace``, which forgets that; and :class:`DatabaseError`.
    """
    _check(path)
    records = _read_all(path)
    head = next(records)
    assert isinstance(head, _Head)  # noqa: S101 - they begin with it
    if head.revision not in REVISIONS:
        raise InputError(f"{path}: was made by a newer version, of revision {head.revision}; this one knows {NEWEST}")
    counted: dict[str, int] = {}
    inserts = {name: insert_for(engine, table, "") for name, table in metadata.tables.items()}
    with writing(engine, wait=True) as connection:
        _make_room(connection, engine, replace=replace)
        done = 0
        for record in records:
            if isinstance(record, _Rows):
                rows = _rows(engine, head.columns[record.table], record)
                inserts[record.table].run(connection, rows)
                done += len(record.rows)
                _tell(report, done)
            elif isinstance(record, _End):
                counted = record.rows
        if not is_sqlite(engine):
            _go_on_counting(connection)
            connection.exec_driver_sql(f"ANALYZE {', '.join(metadata.tables)}")  # else it plans as if they were empty
    return counted


def _tell(report: Report | None, done: int) -> None:
    if report is not None:
        report(done)


# --- out ----------------------------------------------------------------------------------------------


@contextmanager
def _created(path: Path) -> Iterator[IO[bytes]]:
    """A file for its owner alone, on the disk when the block ends."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _write_all(engine: Engine, file: IO[bytes], now: datetime, report: Report | None) -> dict[str, int]:
    digest = hashlib.sha256()
    counted: Counter[str] = Counter()
    file.write(_MAGIC)
    file.flush()  # the packer has the file for itself
    with reading(engine, wait=True) as connection, open_packer(file, "zstd") as stream:
        for record in _records(connection, engine, now):
            if isinstance(record, _Rows):
                counted[record.table] += len(record.rows)
                _tell(report, sum(counted.values()))
            digest.update(content := _framed(record))
            stream.write(content)
        stream.write(_framed(_End(rows=counted, sha256=digest.digest())))
    return counted


def _framed(record: msgspec.Struct) -> bytes:
    content = msgspec.msgpack.encode(record)
    return _LENGTH.pack(len(content)) + content


def _records(connection: Connection, engine: Engine, now: datetime) -> Iterator[_Head | _Rows]:
    if not is_sqlite(engine):  # where a transaction else sees what others write meanwhile
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    tables = metadata.sorted_tables
    columns = {str(table.name): [str(column.name) for column in table.columns] for table in tables}
    yield _Head(created_at=now, revision=NEWEST, columns=columns)
    for table in tables:
        rows = connection.execute(select(table).order_by(*table.primary_key), execution_options={"yield_per": _BLOCK})
        for block in rows.partitions():
            yield _Rows(table=str(table.name), rows=[list(row) for row in block])


# --- in -----------------------------------------------------------------------------------------------


def _read_all(path: Path) -> Iterator[_Head | _Rows | _End]:
    """The records of a copy; the last only if they are the ones that were written. Raises :class:`InputError`."""
    import pyarrow  # noqa: PLC0415

    try:
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise InputError(f"{path}: is no backup that this version of falsetrue reads")
            yield from _checked(pyarrow.CompressedInputStream(file, "zstd"))
    except (ValueError, msgspec.MsgspecError) as error:
        raise InputError(f"{path}: is damaged, or not complete; nothing of it is used") from error
    except OSError as error:  # which pyarrow also raises where what is compressed is damaged
        raise InputError(f"{path}: cannot be read, or is damaged; nothing of it is used") from error


def _check(path: Path) -> None:
    """Read a copy to its end; raises :class:`InputError` where it is not what was written."""
    for _ in _read_all(path):
        pass


def _checked(stream: IO[bytes]) -> Iterator[_Head | _Rows | _End]:
    """Raises :class:`ValueError` where they are not what was written."""
    digest = hashlib.sha256()
    counted: Counter[str] = Counter()
    begun = False
    while True:
        length = _read(stream, _LENGTH.size)
        content = _read(stream, _LENGTH.unpack(length)[0])
        record = _decoder.decode(content)
        if isinstance(record, _Head) == begun:
            raise ValueError
        begun = True
        if isinstance(record, _End):
            if record.sha256 != digest.digest() or record.rows != counted or stream.read(1):
                raise ValueError
            yield record
            return
        if isinstance(record, _Rows):
            counted[record.table] += len(record.rows)
        digest.update(length + content)
        yield record


def _read(stream: IO[bytes], size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise ValueError
    return content


def _make_room(connection: Connection, engine: Engine, *, replace: bool) -> None:
    """Forget everything, or raise :class:`InputError` if it is not to be forgotten."""
    held = [table for table in metadata.sorted_tables if table is not facts]
    full = [table.name for table in held if connection.execute(select(table).limit(1)).first() is not None]
    if full and not replace:
        raise InputError(f"{describe(engine)}: holds {', '.join(full)} already; --replace forgets that")
    for table in reversed(metadata.sorted_tables):
        connection.execute(table.delete())


def _rows(engine: Engine, columns: list[str], given: _Rows) -> list[tuple[Any, ...]]:
    """As the database holds them, in the order of its columns; nothing in those that the copy is too old for."""
    table = metadata.tables[given.table]
    at = {name: number for number, name in enumerate(columns)}
    places = [at.get(column.name) for column in table.columns]
    rows = [tuple(None if place is None else row[place] for place in places) for row in given.rows]
    if is_sqlite(engine):
        times = [isinstance(column.type, Instant) for column in table.columns]
        rows = [
            tuple(_as_text(value) if time else value for value, time in zip(row, times, strict=True)) for row in rows
        ]
    return rows


def _as_text(moment: datetime | None) -> str | None:
    return None if moment is None else instant_as_text(moment)


def _go_on_counting(connection: Connection) -> None:
    """Have PostgreSQL number the next event of a key after those that were given."""
    name = f"pg_get_serial_sequence('{key_events.name}', 'id')"
    last = connection.scalar(select(func.max(key_events.c.id)))
    if last is not None:
        connection.exec_driver_sql(f"SELECT setval({name}, {last})")
