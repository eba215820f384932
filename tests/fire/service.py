"""The service as an operator runs it, to be loaded, killed and started again."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

#: Seconds that anything which is waited for may take.
PATIENCE = 30.0


def free_port() -> int:
    """One that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


class Service:
    """``falsetrue serve`` on a port that stays the same, with its state in a folder that does."""

    def __init__(
        self,
        folder: Path,
        *options: str,
        settings: Mapping[str, str] | None = None,
        before: Sequence[str] = (),
        python: str = sys.executable,
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.log_file = folder / "log"
        self._command = [*before, python, "-m", "falsetrue", "serve", "--port", str(self.port), *options]
        given = {f"FALSETRUE_{name.upper()}": value for name, value in (settings or {}).items()}
        self.environment = environment(folder) | given
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start it, and wait until it is ready; gives the seconds that this took."""
        begun = time.monotonic()
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, env=self.environment, cwd=self.folder, start_new_session=True
            )
        self.wait_until_ready()
        return time.monotonic() - begun

    @property
    def pid(self) -> int:
        """Of the process that was started."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """All that it has printed."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def workers(self) -> list[int]:
        """Process ids of the children."""
        try:
            return [int(each) for each in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]
        except OSError:
            return []

    def processes(self) -> list[int]:
        """All of them."""
        return [self.pid, *self.workers()]

    def is_ready(self) -> bool:
        """Whether ``/readyz`` says so on a new connection."""
        try:
            return ask(self.port, "GET", "/readyz", timeout=2)[0] == 200
        except OSError:
            return False

    def wait_until_ready(self) -> None:
        """Fail where it is not in time."""
        deadline = time.monotonic() + PATIENCE
        while not self.is_ready():
            assert self._process is not None
            assert self._process.poll() is None, f"it ended:\n{self.log}"
            assert time.monotonic() < deadline, f"not ready after {PATIENCE:g} s:\n{self.log}"
            time.sleep(0.005)

    def kill(self) -> None:
        """``kill -9`` every process of it."""
        for pid in reversed(self.processes()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert self._process is not None
        self._process.wait(PATIENCE)

    def signal(self, number: signal.Signals) -> None:
        """Send one to the process that was started."""
        os.kill(self.pid, number)

    def stop(self) -> None:
        """As an operator would; by force where that does not help."""
        if self._process is None or self._process.poll() is not None:
            return
        self.signal(signal.SIGTERM)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()


@contextmanager
def running(service: Service) -> Iterator[Service]:
    """Started, and stopped whatever happens."""
    try:
        service.start()
        yield service
    finally:
        service.stop()


def environment(folder: Path) -> dict[str, str]:
    """This process's, without any setting of ours but a folder for its state."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FALSETRUE_") and name != "PORT"}
    return {**kept, "PYTHONUNBUFFERED": "1", "FALSETRUE_STATE_FOLDER": str(folder), "OMP_NUM_THREADS": "1"}


def ask(
    port: int, method: str, path: str, body: Any = None, *, shown: str = "", timeout: float = PATIENCE
) -> tuple[int, bytes]:
    """Status and body of an answer on a new connection; raises :class:`OSError` where there is none.

    ``shown``: a key or token.
    """
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close"]
    if content:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    lines += [f"Authorization: Bearer {shown}"] if shown else []
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + content)
        return read_answer(connection)


def read_answer(connection: socket.socket) -> tuple[int, bytes]:
    """Status and body, of a connection that is closed after them."""
    received = b""
    while data := connection.recv(65536):
        received += data
    head, blank, body = received.partition(b"\r\n\r\n")
    if not blank:
        raise ConnectionError("closed without an answer")
    return int(head.split()[1]), body


def falsetrue(*arguments: str | Path, folder: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command of the program; gives what it said, and its exit code."""
    command = [sys.executable, "-m", "falsetrue", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment(folder), cwd=folder, **options
    )
