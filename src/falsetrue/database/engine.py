"""◆ One database for all that is kept: SQLite in a file, or PostgreSQL by URL.

A process opens its own, after it was forked. All work is done in :func:`reading` or :func:`writing`, which turn what
goes wrong into :class:`DatabaseError`.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import sqlalchemy
from sqlalchemy import URL, Connection, Engine, Table, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, InternalError, OperationalError, SQLAlchemyError

from falsetrue.database.place import database_file
from falsetrue.errors import DatabaseError, DatabaseUnavailableError, InputError

#: What SQLite waits for at a commit; see ``docs/reference/journal.md``.
Synchronous = Literal["normal", "full"]

#: Seconds for which a statement may take where the service waits for it.
PATIENCE = 10.0
#: Seconds for which another process may keep SQLite's file locked.
_BUSY_SECONDS = 5.0
#: The same for what is done once, as a migration.
_LONG_SECONDS = 3600
#: Seconds for which PostgreSQL may take to accept a connection.
_CONNECT_SECONDS = 5
#: Connections of a process that are kept, and more at times.
_CONNECTIONS, _MORE_CONNECTIONS = 4, 8
#: Pages of SQLite's log after which it is brought into the file; and the bytes that it may keep on the disk.
_CHECKPOINT_PAGES, _LOG_BYTES = 4000, 64 * 1024 * 1024
#: Seconds without work after which a standing connection is tried before it is used.
_STANDING_SECONDS = 1.0
#: The longest pause between two transactions of many, in seconds.
_PAUSE = 0.05
_WRITES = "falsetrue_writes"
_ADDRESSES = "write sqlite:////FOLDER/FILE or postgresql://USER:PASSWORD@HOST/NAME"


def default_url(state_folder: Path) -> str:
    """Where the database is that nobody chose."""
    return URL.create("sqlite", database=str(database_file(state_folder))).render_as_string()


def open_database(url: str, *, synchronous: Synchronous = "normal", patience: float | None = PATIENCE) -> Engine:
    """A pool of connections to the database at ``url``; the first one is made when it is needed.

    ``synchronous`` is of SQLite; ``patience`` of PostgreSQL, in seconds for each statement, ``None`` without limit.
    Raises :class:`InputError` where the URL, which is never repeated, cannot be used.
    """
    address = _parse(url)
    if address.get_backend_name() == "sqlite":
        return _open_sqlite(address, synchronous)
    return _open_postgresql(address, patience)


def is_sqlite(engine: Engine) -> bool:
    """Whether it is a file of SQLite."""
    return engine.dialect.name == "sqlite"


def _parse(url: str) -> URL:
    try:
        address = sqlalchemy.make_url(url)
    except (ArgumentError, ValueError) as error:
        raise InputError(f"the database's URL cannot be read; {_ADDRESSES}") from error
    if address.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return address.set(drivername="postgresql+psycopg")
    if address.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise InputError(f"the database's URL names neither SQLite nor PostgreSQL; {_ADDRESSES}")
    if not address.database or address.database == ":memory:" or address.database.startswith("file:"):
        raise InputError(f"the database's URL names no file; {_ADDRESSES}")
    return address


def insert_into(engine: Engine, table: Table) -> Any:
    """An ``INSERT`` that has ``on_conflict_do_nothing`` and ``on_conflict_do_update``, which both databases know."""
    return sqlite.insert(table) if is_sqlite(engine) else postgresql.insert(table)


# --- work -----------------------------------------------------------------------------------------


@contextmanager
def reading(engine: Engine, *, wait: bool = False) -> Iterator[Connection]:
    """A connection on which nothing is kept; raises :class:`DatabaseError`.

    With ``wait`` it is one of its own, and takes as long as it likes.
    """
    with _explained(engine), engine.connect() as connection:
        if wait:
            _let_wait(connection)
        yield connection


@contextmanager
def writing(engine: Engine, *, wait: bool = False) -> Iterator[Connection]:
    """A transaction that is kept if the block ends well; in SQLite the only one that writes.

    With ``wait`` it is on a connection of its own, and takes as long as it likes. Raises :class:`DatabaseError`;
    nothing is then kept, unless the connection was lost at the very end.
    """
    with _explained(engine), engine.connect() as connection:
        connection.execution_options(**{_WRITES: True})
        if wait:
            _let_wait(connection)
        with connection.begin():
            yield connection


class Standing:
    """A connection that stays, for transactions that are many and short: to take one of the pool takes longer than one.

    For several threads, one at a time. It goes when the engine is disposed of.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._used = 0.0
        event.listen(engine, "engine_disposed", self._on_disposed)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """As :func:`writing`."""
        with self._lock, _explained(self._engine):
            connection = self._take()
            try:
                with connection.begin():
                    yield connection
            except BaseException:
                self._give_back()  # the pool knows what to do with one that is broken
                raise
            self._used = time.monotonic()

    def _take(self) -> Connection:
        if self._connection is not None and time.monotonic() - self._used > _STANDING_SECONDS:
            self._give_back()  # it may have been lost meanwhile; the pool tries what it hands out
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(**{_WRITES: True})
        return self._connection

    def _give_back(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _on_disposed(self, _engine: Engine) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.invalidate()  # there is no pool any more that could take it
            self._give_back()


def in_blocks(engine: Engine, statement: Any, rows: int) -> int:
    """Run a statement that changes at most ``rows``, in a transaction each time, until it changes fewer.

    Returns how many it changed. Between two transactions is a pause, so that others write meanwhile.
    """
    total = 0
    while True:
        began = time.monotonic()
        with writing(engine) as connection:
            done = connection.execute(statement).rowcount
        total += done
        if done < rows:
            return total
        time.sleep(min(time.monotonic() - began, _PAUSE))


def empty_log(engine: Engine) -> None:
    """Bring SQLite's log into its file, else it would hold for a while what was just forgotten."""
    if is_sqlite(engine):
        with reading(engine) as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _let_wait(connection: Connection) -> None:
    driver: Any = connection.connection.dbapi_connection
    connection.detach()
    if connection.dialect.name == "sqlite":
        driver.execute(f"PRAGMA busy_timeout = {_LONG_SECONDS * 1000}")
    else:
        driver.patience = None
        driver.execute("SET statement_timeout = 0")
        driver.commit()


@contextmanager
def _explained(engine: Engine) -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        # Not chained: what PostgreSQL says of a row repeats it.
        raise _explain(engine, error) from None


def _explain(engine: Engine, error: SQLAlchemyError | sqlite3.Error) -> DatabaseError:
    name = describe(engine)
    origin = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(origin, sqlite3.Error):
        is_away = isinstance(origin, sqlite3.OperationalError | sqlite3.InterfaceError | sqlite3.InternalError)
        return (DatabaseUnavailableError if is_away else DatabaseError)(f"{name}: {_first_line(origin)}")
    if isinstance(error, OperationalError | InterfaceError | InternalError):
        return DatabaseUnavailableError(f"{name}: {_first_line(origin)}")
    if isinstance(error, DBAPIError):
        code = getattr(origin, "sqlstate", None)
        return DatabaseError(f"{name}: refused a statement ({type(origin).__name__}, {code})")
    if isinstance(error, sqlalchemy.exc.TimeoutError):
        return DatabaseUnavailableError(f"{name}: all connections are in use")
    return DatabaseError(f"{name}: {type(error).__name__}")


def _first_line(error: BaseException | None) -> str:
    return str(error).partition("\n")[0]


def describe(engine: Engine) -> str:
    """Which database it is, for people; without user and password."""
    if is_sqlite(engine):
        return str(engine.url.database)
    return f"PostgreSQL database {engine.url.database or ''} at {engine.url.host or 'this machine'}"


# --- SQLite -----------------------------------------------------------------------------------------


def _open_sqlite(address: URL, synchronous: Synchronous) -> Engine:
    file = Path(str(address.database)).expanduser().absolute()
    engine = sqlalchemy.create_engine(
        address.set(drivername="sqlite+pysqlite", database=str(file)),
        # Transactions begin where `_begin` says so, not where the driver thinks that they should.
        connect_args={"timeout": _BUSY_SECONDS, "isolation_level": None},
        pool_size=_CONNECTIONS,
        max_overflow=_MORE_CONNECTIONS,
        pool_timeout=_BUSY_SECONDS,
        hide_parameters=True,
    )

    @event.listens_for(engine, "do_connect")
    def _make(*_: object) -> None:
        _make_private(file)

    @event.listens_for(engine, "connect")
    def _set_up(connection: sqlite3.Connection, _record: object) -> None:
        _use_log(connection)
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        connection.execute("PRAGMA secure_delete = ON")  # what is forgotten is not in the file any more
        connection.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # One that reads first and writes later fails where another has written meanwhile.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(_WRITES) else "BEGIN")

    return engine


def _make_private(file: Path) -> None:
    """Make the file, for its owner alone; SQLite gives its log the same rights.

    One that is there is left alone: to close a file ends every lock that this process has on it (POSIX). Another
    process would then take itself for the last one, and remove the log that is being written (sqlite.org,
    howtocorrupt.html, section 2.2).
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        pass
    except OSError as error:
        raise DatabaseUnavailableError(f"{file}: cannot be opened ({error.strerror})") from error


def _use_log(connection: sqlite3.Connection) -> None:
    """Write ahead; SQLite does not wait for another process that is just turning it on."""
    end = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.01)
        else:
            return


# --- PostgreSQL ---------------------------------------------------------------------------------------


def _open_postgresql(address: URL, patience: float | None) -> Engine:
    import psycopg  # noqa: PLC0415 - 50 ms that SQLite should not cost

    class ImpatientConnection(psycopg.Connection[Any]):
        """A server that is stopped, or out of reach, answers nothing; libpq would wait for ever."""

        patience: float | None = None  #: seconds for which an answer may take; ``None``: as long as it likes

        def wait(self, gen: Any, *arguments: Any, **named: Any) -> Any:
            steps = gen if self.patience is None else _impatient(self, gen, self.patience)
            return super().wait(steps, *arguments, **named)

    limit = 0 if patience is None else int(patience * 1000)
    engine = sqlalchemy.create_engine(
        address,
        connect_args={
            "connect_timeout": _CONNECT_SECONDS,
            "application_name": "falsetrue",
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": limit,
        },
        pool_size=_CONNECTIONS,
        max_overflow=_MORE_CONNECTIONS,
        pool_timeout=_CONNECT_SECONDS,
        pool_pre_ping=True,
        hide_parameters=True,
    )

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: object, _record: object, arguments: list[Any], named: dict[str, Any]) -> Any:
        connection = ImpatientConnection.connect(*arguments, **named)
        connection.patience = patience
        return connection

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: object) -> None:
        connection.execute(f"SET statement_timeout = {limit}")
        connection.execute("SET timezone = 'UTC'")
        connection.commit()

    return engine


def _impatient(connection: Any, steps: Generator[Any, Any, Any], seconds: float) -> Generator[Any, Any, Any]:
    """The same steps of a talk with the server, until they take too long; the connection is then given up."""
    import psycopg  # noqa: PLC0415

    end = time.monotonic() + seconds
    ready = None
    while True:
        try:
            wanted = steps.send(ready)
        except StopIteration as ended:
            return ended.value
        ready = yield wanted
        if not ready and time.monotonic() > end:
            connection.close()
            raise psycopg.OperationalError(f"no answer within {seconds:g} s")
