"""PostgreSQL is stopped for a while under load: what is answered is defined, and all of it is in the journal after."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from tests.fire.ledger import Balance, compare, find_disorder, postgres_rows
from tests.fire.load import Load, Plan, Tally, load
from tests.fire.service import PATIENCE, Service, free_port, running

Mode = Literal["refuse", "degrade"]
_USER = "postgres"
_PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


class NoPostgresError(Exception):
    """There is none on this machine, or nobody whom it could run as."""


class Cluster:
    """A PostgreSQL server of its own, which can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self._data, self._port = folder / "data", free_port()
        self._run("initdb", "-D", str(self._data), "-A", "trust", "-U", _USER, "-N", "-E", "UTF8")
        self.url = f"postgresql://{_USER}@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        """Start it; raises where it does not within its own minute."""
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''"
        log = str(self._data / "log")
        self._run("pg_ctl", "start", "-w", "-D", str(self._data), "-l", log, "-o", options)

    def stop(self) -> None:
        """At once, as when its machine fails: whoever is connected is cut off."""
        self._run("pg_ctl", "stop", "-m", "immediate", "-D", str(self._data))

    @staticmethod
    def _run(program: str, *arguments: str) -> None:
        subprocess.run([_find(program), *arguments], check=True, capture_output=True, cwd="/", **_as_whom())


def _find(program: str) -> str:
    found = next((place / program for place in _PLACES if (place / program).exists()), None) or shutil.which(program)
    if found is None:
        raise NoPostgresError(f"there is no {program} on this machine; Debian's package is postgresql")
    return str(found)


def _as_whom() -> dict[str, Any]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid():
        return {}
    try:
        pwd.getpwnam(_USER)
    except KeyError as error:
        raise NoPostgresError("PostgreSQL does not run as root, and there is no user postgres") from error
    return {"user": _USER, "group": _USER, "extra_groups": []}


@contextmanager
def cluster() -> Iterator[Cluster]:
    """One that runs while the block lasts."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if not os.geteuid():
            _as_whom()
            shutil.chown(folder, _USER)
        made = Cluster(folder)
        made.start()
        try:
            yield made
        finally:
            with suppress(subprocess.CalledProcessError):  # it may be stopped
                made.stop()


def stop_database(seconds: float, mode: Mode) -> str:
    """So long it is away; raises where an answer is none of those that are defined, or a row is not there after."""
    with tempfile.TemporaryDirectory() as name, cluster() as database:
        settings = {"database_url": database.url, "journal_when_down": mode}
        service = Service(Path(name), settings=settings)
        with running(service), load(service.port, Plan(pause=0.002)) as clients:
            clients.wait_for(100)
            database.stop()
            time.sleep(seconds)
            database.start()
            back = _wait_until_written_again(clients, mode)
            clients.wait_for(100)
            clients.stop()
            balance, rows = _settle(database, clients.tally)
        assert "Traceback" not in service.log, service.log
    _check_answers(clients.tally, mode)
    balance.check()
    disorder = find_disorder(rows)
    assert not disorder, f"{len(disorder)} of {len(rows)} rows out of their order"
    return (
        f"PostgreSQL away for {seconds:g} s, {mode}: {clients.tally}; {clients.tally.set_aside} set aside; "
        f"{balance}; as usual {back:.1f} s after it was back"
    )


def _wait_until_written_again(clients: Load, mode: Mode) -> float:
    begun = time.monotonic()
    while True:
        before = (clients.tally.answers[503], clients.tally.set_aside, clients.tally.answers[200])
        time.sleep(0.1)
        after = (clients.tally.answers[503], clients.tally.set_aside, clients.tally.answers[200])
        if after[2] > before[2] + 5 and after[:2] == before[:2]:
            return time.monotonic() - begun
        assert time.monotonic() < begun + PATIENCE, f"{mode}: not as before: {clients.tally}"


def _settle(database: Cluster, tally: Tally) -> tuple[Balance, list[tuple[str, str | None]]]:
    """The journal once all is there that was set aside, or never comes."""
    end = time.monotonic() + PATIENCE
    while True:
        rows = postgres_rows(database.url)
        balance = compare(rows, tally)
        if not balance.lost or time.monotonic() > end:
            return balance, rows
        time.sleep(0.2)


def _check_answers(tally: Tally, mode: Mode) -> None:
    if mode == "refuse":
        assert tally.answers.keys() == {200, 503}, str(tally)
        assert all(what.startswith("503 ") for what in tally.failures), str(tally)
    else:
        assert not tally.failed, str(tally)
        assert tally.set_aside
