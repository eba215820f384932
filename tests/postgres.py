"""A PostgreSQL server of the tests' own: in its own folder, on a Unix socket alone, without waiting for the disk."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import psycopg

#: It refuses to run as root.
_OWNER = "postgres"
_SETTINGS = "-c listen_addresses='' -c fsync=off -c full_page_writes=off -c max_connections=60"


def find_programs() -> Path | None:
    """The folder of PostgreSQL's programs, of the newest version; ``None`` where it is not installed."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if debian:
        return debian[-1].parent
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


class PostgresServer:
    """A server that can be started and stopped; made, it is stopped."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="falsetrue-pg-", dir="/tmp"))  # a socket's name may not be long
        self._as_owner: dict[str, Any] = {}
        if os.geteuid() == 0:
            shutil.chown(self.folder, _OWNER, _OWNER)
            self._as_owner = {"user": _OWNER, "group": _OWNER, "extra_groups": []}
        self._run("initdb", "-D", self._data, "-U", _OWNER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._programs / program, *arguments],
            cwd=self.folder,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            timeout=120,
            **self._as_owner,
        )

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-k {self.folder} {_SETTINGS}"
        self._run("pg_ctl", "-D", self._data, "-o", options, "-l", str(self.folder / "log"), "-w", "start")

    def stop(self) -> None:
        """Stop it, whoever is connected."""
        self._run("pg_ctl", "-D", self._data, "-m", "fast", "-w", "stop")

    def make_database(self, name: str) -> str:
        """Make an empty database; its URL."""
        self._execute(f"CREATE DATABASE {name}")
        return f"postgresql://{_OWNER}@/{name}?host={self.folder}"

    def drop_database(self, name: str) -> None:
        """Forget it, whoever is connected."""
        self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _execute(self, statement: Any) -> None:
        with psycopg.connect(host=str(self.folder), user=_OWNER, dbname="postgres", autocommit=True) as connection:
            connection.execute(statement)

    def remove(self) -> None:
        """Stop it and leave nothing behind."""
        if (self.folder / "data" / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
