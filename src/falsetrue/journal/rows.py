"""Entries and answers as rows of their tables, and back; this is the path of every request, so it is short."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache, lru_cache
from itertools import chain
from typing import Any

import msgspec
from sqlalchemy import Connection, CursorResult, Dialect, Engine, Table
from sqlalchemy.dialects import postgresql

from falsetrue.database.engine import is_sqlite
from falsetrue.database.tables import instant_as_text, predictions
from falsetrue.journal.records import Entry, RefusedItems, StoredAnswer, keepable

#: Rows of one ``INSERT`` of SQLite at most.
_MOST_ROWS = 64
_ENTRY_COLUMNS = tuple(column.name for column in predictions.columns)


class Encoder:
    """Makes rows for one kind of database."""

    def __init__(self, engine: Engine) -> None:
        self._time: Callable[[datetime], Any] = instant_as_text if is_sqlite(engine) else _as_it_is

    def entry(self, entry: Entry) -> tuple[Any, ...]:
        """In the order of the table's columns."""
        return (
            entry.id,
            self._time(entry.created_at),
            entry.route,
            keepable(entry.request_id),
            entry.key_id and keepable(entry.key_id),
            entry.item_id and keepable(entry.item_id),
            entry.model_name,
            entry.model_version,
            entry.policy,
            entry.label,
            entry.p_real,
            entry.prevalence,
            entry.action,
            _encode_reasons(entry.reasons),
            entry.language,
            entry.characters,
            entry.words,
            entry.known_words,
            entry.text_hash,
            entry.latency,
            entry.sketch,
            entry.shadow,
            entry.title and keepable(entry.title),
            entry.text and keepable(entry.text),
        )

    def answer(self, answer: StoredAnswer) -> tuple[Any, ...]:
        """In the order of the table's columns."""
        return (
            answer.key,
            answer.body_hash,
            self._time(answer.created_at),
            self._time(answer.expires_at),
            answer.content,
        )

    def refused(self, refused: RefusedItems) -> tuple[Any, ...]:
        """In the order of the table's columns."""
        return (
            refused.id,
            self._time(refused.created_at),
            refused.model_version,
            refused.key_id and keepable(refused.key_id),
            refused.code,
            refused.items,
        )


def _as_it_is(value: datetime) -> datetime:
    return value


@lru_cache(maxsize=1024)
def _encode_reasons(reasons: tuple[str, ...]) -> str:
    return msgspec.json.encode(reasons).decode()


@lru_cache(maxsize=1024)
def decode_reasons(written: str) -> tuple[str, ...]:
    """Of the column ``reasons``."""
    return tuple(msgspec.json.decode(written, type=list[str]))


def decode_entry(row: Any) -> Entry:
    """From a row with all columns of the table."""
    values = dict(zip(_ENTRY_COLUMNS, row, strict=True))
    values["reasons"] = decode_reasons(values["reasons"])
    return Entry(**values)


class Insert(ABC):
    """An ``INSERT`` of many rows at once."""

    def __init__(self, table: Table, then: str) -> None:
        self._table = table
        self._names = [column.name for column in table.columns]
        self._into = f"INSERT INTO {table.name} ({', '.join(self._names)})"
        self._then = then  #: what stands behind it in SQL

    @abstractmethod
    def run(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Insert rows in the order of the table's columns; what the statement returns, if it does."""


def insert_for(engine: Engine, table: Table, then: str) -> Insert:
    """The one that suits the database."""
    return _SqliteInsert(table, then) if is_sqlite(engine) else _PostgresqlInsert(table, then)


class _SqliteInsert(Insert):
    """Other threads run while a statement does, and to have the turn back from a busy one takes long.

    So there are few statements: of 64, 32, 16, ... rows, of which SQLite has few to prepare.
    """

    def run(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Insert them."""
        # Around the driver SQLAlchemy takes as long as SQLite does for a row.
        driver: Any = connection.connection.dbapi_connection
        returned: list[Any] = []
        at = 0
        while at < len(rows):
            count = min(_MOST_ROWS, 1 << (len(rows) - at).bit_length() - 1)
            values = tuple(chain.from_iterable(rows[at : at + count]))
            returned += driver.execute(self._statement(count), values).fetchall()
            at += count
        return returned

    @cache  # noqa: B019 - few statements, for as long as the process lives
    def _statement(self, count: int) -> str:
        row = f"({', '.join('?' * len(self._names))})"
        return f"{self._into} VALUES {', '.join([row] * count)} {self._then}"


class _PostgresqlInsert(Insert):
    """All rows in one parameter: the driver takes a third of the time that it takes with one for each value."""

    def __init__(self, table: Table, then: str) -> None:
        super().__init__(table, then)
        dialect: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
        types = {column.name: column.type.compile(dialect=dialect) for column in table.columns}
        blobs = {name for name, kind in types.items() if kind == "BYTEA"}
        given = ", ".join(f"{name} {'TEXT' if name in blobs else kind}" for name, kind in types.items())
        values = ", ".join(f"decode({name}, 'base64')" if name in blobs else name for name in types)
        self._statement = f"{self._into} SELECT {values} FROM json_to_recordset(%s) AS given ({given}) {self._then}"  # noqa: S608 - our own

    def run(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Insert them."""
        if not rows:
            return []
        written = msgspec.json.encode([dict(zip(self._names, row, strict=True)) for row in rows])
        return _all(connection.exec_driver_sql(self._statement, (written.decode(),)))


def _all(result: CursorResult[Any]) -> list[Any]:
    return list(result) if result.returns_rows else []
