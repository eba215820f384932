import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy
from sqlalchemy import Engine
from tests.postgres import PostgresServer

from falsetrue.database import engine as module
from falsetrue.database.engine import Standing, default_url, describe, open_database, reading, writing
from falsetrue.database.tables import facts
from falsetrue.errors import DatabaseError, DatabaseUnavailableError, InputError


def read_facts(engine: Engine) -> dict[str, str]:
    with reading(engine) as connection:
        return {row.name: row.value for row in connection.execute(facts.select())}


def write_fact(engine: Engine, name: str, value: str) -> None:
    with writing(engine) as connection:
        connection.execute(facts.insert().values(name=name, value=value))


@pytest.mark.parametrize(
    "url", ["postgres://a:b@host/c", "postgresql://a:b@host/c", "postgresql+psycopg://a:b@host:1/c?sslmode=require"]
)
def test_urls_as_platforms_give_them_are_of_the_driver_that_is_installed(url: str) -> None:
    assert open_database(url).url.drivername == "postgresql+psycopg"


@pytest.mark.parametrize(
    "url",
    ["mysql://u:pa55word@host/db", "pa55word", "sqlite://", "sqlite:///:memory:", "postgres://u:pa55word@h:port/"],
)
def test_a_url_that_cannot_be_used_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(InputError, match="database's URL") as refused:
        open_database(url)
    assert "pa55word" not in str(refused.value)


def test_a_password_is_in_no_error_and_in_no_description() -> None:
    engine = open_database("postgresql://user:pa55word@127.0.0.1:1/db")
    with pytest.raises(DatabaseUnavailableError) as raised, reading(engine):
        pass
    for said in (str(raised.value), describe(engine), repr(engine)):
        assert "pa55word" not in said
    assert raised.value.__suppress_context__


def test_what_was_written_is_read(engine: Engine) -> None:
    write_fact(engine, "a", "1")
    assert read_facts(engine) == {"a": "1"}


def test_a_block_that_fails_keeps_nothing(engine: Engine) -> None:
    def fail() -> None:
        with writing(engine) as connection:
            connection.execute(facts.insert().values(name="a", value="1"))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert read_facts(engine) == {}


def test_a_connection_that_stays_keeps_whole_blocks_alone_and_goes_with_the_engine(engine: Engine) -> None:
    standing = Standing(engine)

    def write(name: str, *, fails: bool = False) -> None:
        with standing.writing() as connection:
            connection.execute(facts.insert().values(name=name, value="1"))
            if fails:
                raise KeyError

    write("a")
    with pytest.raises(KeyError):
        write("b", fails=True)
    with pytest.raises(DatabaseError):
        write("a")
    write("c")
    assert read_facts(engine) == {"a": "1", "c": "1"}
    with standing.writing() as connection:
        driver: Any = connection.connection.dbapi_connection
    engine.dispose()
    with pytest.raises((sqlite3.ProgrammingError, psycopg.OperationalError), match="closed"):
        driver.execute("SELECT 1")
    write("d")
    assert read_facts(engine) == {"a": "1", "c": "1", "d": "1"}


def test_an_error_of_the_database_does_not_repeat_what_was_to_be_written(engine: Engine) -> None:
    write_fact(engine, "a news text", "1")
    with pytest.raises(DatabaseError) as raised:
        write_fact(engine, "a news text", "another text")
    assert "text" not in str(raised.value)


def test_an_error_of_postgresql_does_not_repeat_what_was_asked_for(postgres_url: str) -> None:
    engine = open_database(postgres_url)
    with pytest.raises(DatabaseError, match="22P02") as raised, reading(engine) as connection:
        connection.exec_driver_sql("SELECT %s::uuid", ("a news text",))
    assert "text" not in str(raised.value)
    engine.dispose()


def test_who_reads_and_then_writes_does_not_lose_to_another(engine: Engine) -> None:
    """In SQLite a transaction that began by reading could not write after another has."""
    write_fact(engine, "count", "0")
    writers = 4

    def count() -> None:
        for _ in range(10):
            with writing(engine) as connection:
                where = facts.c.name == "count"
                found = connection.scalar(sqlalchemy.select(facts.c.value).where(where).with_for_update())
                connection.execute(facts.update().where(where).values(value=str(int(found or 0) + 1)))

    threads = [threading.Thread(target=count) for _ in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read_facts(engine) == {"count": str(10 * writers)}


# --- SQLite -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("synchronous", "number"), [("normal", 1), ("full", 2)])
def test_sqlite_is_set_up_as_the_documentation_says(tmp_path: Path, synchronous: str, number: int) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/a.db", synchronous=synchronous)  # type: ignore[arg-type]
    wanted = {"journal_mode": "wal", "synchronous": number, "foreign_keys": 1, "secure_delete": 1}
    with reading(engine) as connection:
        assert {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in wanted} == wanted
    engine.dispose()


def test_the_file_is_for_its_owner_alone_and_its_folder_is_made(tmp_path: Path) -> None:
    engine = open_database(default_url(tmp_path / "sub folder # %41"))
    with writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE a (b)")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "sub folder # %41").iterdir()}
    assert modes == dict.fromkeys(("falsetrue.db", "falsetrue.db-wal", "falsetrue.db-shm"), 0o600)
    engine.dispose()


_READ = (
    "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); print(c.execute('SELECT count(*) FROM n').fetchone()[0])"
)


def read_elsewhere(file: Path) -> int:
    """How many rows another process sees, which opens the file and closes it again."""
    command = [sys.executable, "-c", f"{_READ}; c.close()", str(file)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_what_is_written_is_seen_by_all_whoever_else_opens_and_closes_the_file(tmp_path: Path) -> None:
    """A lock that was lost would let another process remove the log under this one."""
    file = tmp_path / "falsetrue.db"
    engine = open_database(f"sqlite:///{file}")
    with writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE n (i)")
    with reading(engine) as first, reading(engine) as second:  # two connections, the second made while there is one
        assert first.exec_driver_sql("SELECT count(*) FROM n").scalar() == 0
        assert second.exec_driver_sql("SELECT count(*) FROM n").scalar() == 0
    for written in range(1, 4):
        with writing(engine) as connection:
            connection.exec_driver_sql("INSERT INTO n VALUES (1)")
        assert read_elsewhere(file) == written
    engine.dispose()


def test_a_file_that_is_locked_for_too_long_is_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BUSY_SECONDS", 0.05)
    engine = open_database(f"sqlite:///{tmp_path}/a.db")
    with reading(engine):
        pass
    other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseUnavailableError, match="locked"), writing(engine):
        pass
    other.close()
    with writing(engine):
        pass
    engine.dispose()


def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("news, " * 1000)
    engine = open_database(f"sqlite:///{tmp_path}/a.db")
    with pytest.raises(DatabaseError, match="not a database"), reading(engine):
        pass
    assert (tmp_path / "a.db").read_text() == "news, " * 1000


def test_a_folder_that_cannot_be_made_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    engine = open_database(f"sqlite:///{tmp_path}/file/a.db")
    with pytest.raises(DatabaseUnavailableError, match="unable to open"), reading(engine):
        pass


# --- PostgreSQL ---------------------------------------------------------------------------------------


def test_a_server_that_was_stopped_is_noticed_and_one_that_is_back_is_used(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    engine = open_database(postgres_url)
    with reading(engine) as connection:
        connection.exec_driver_sql("SELECT 1")
    postgres_server.stop()
    try:
        for _ in range(2):
            with pytest.raises(DatabaseUnavailableError), reading(engine):
                pass
    finally:
        postgres_server.start()
    with reading(engine) as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    engine.dispose()


def test_a_connection_that_stays_is_tried_before_it_is_used_again(
    postgres_server: PostgresServer, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_database(postgres_url)
    standing = Standing(engine)

    def ask() -> None:
        with standing.writing() as connection:
            connection.exec_driver_sql("SELECT 1")

    ask()
    postgres_server.stop()
    postgres_server.start()
    with pytest.raises(DatabaseUnavailableError):
        ask()  # it was used just now
    ask()
    postgres_server.stop()
    postgres_server.start()
    monkeypatch.setattr(module, "_STANDING_SECONDS", 0.0)
    ask()
    engine.dispose()


def test_a_server_that_stands_still_is_noticed(postgres_url: str) -> None:
    engine = open_database(postgres_url, patience=0.3)
    with reading(engine) as connection:
        process = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        assert process
        os.kill(process, signal.SIGSTOP)
        try:
            with pytest.raises(sqlalchemy.exc.OperationalError, match="no answer within"):
                connection.exec_driver_sql("SELECT 1")
        finally:
            os.kill(process, signal.SIGCONT)
    engine.dispose()


def test_a_server_that_accepts_and_says_nothing_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CONNECT_SECONDS", 2)  # libpq waits no shorter
    with socket.create_server(("127.0.0.1", 0)) as server:
        engine = open_database(f"postgresql://user@127.0.0.1:{server.getsockname()[1]}/db")
        with pytest.raises(DatabaseUnavailableError, match="timeout"), reading(engine):
            pass


def test_a_statement_that_takes_too_long_is_ended_by_the_server(postgres_url: str) -> None:
    engine = open_database(postgres_url, patience=0.5)
    # Whichever notices first: the server ends it, and the client waits for no more than that.
    with pytest.raises(DatabaseUnavailableError, match=r"timeout|no answer within"), reading(engine) as connection:
        connection.exec_driver_sql("SELECT pg_sleep(30)")
    engine.dispose()


def test_what_may_wait_is_not_ended(postgres_url: str) -> None:
    engine = open_database(postgres_url, patience=0.1)
    with reading(engine, wait=True) as connection:
        connection.exec_driver_sql("SELECT pg_sleep(0.4)")
    engine.dispose()
