"""The shipped model, really served by ``falsetrue serve`` in its own process, and clients for it."""

import asyncio
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx2
import pytest
import uvicorn
from starlette.types import ASGIApp

LEGACY = "/falsetrue"
V1 = "/v1/classifications"

#: A word that hostile texts hold, so that its absence from answers and logs can be asserted.
MARK = "marmalade-of-zanzibar"

#: How long anything that is waited for may take, in seconds.
PATIENCE = 20.0

DISPATCH = (
    "OSLO (Reuters) - Norway's central bank left its benchmark interest rate unchanged on Thursday, as expected by "
    "most economists, and said the outlook for inflation had changed little since its last meeting in September. The "
    "government will present a revised budget to parliament next week, Finance Minister Kari Holm told reporters."
)
RANT = (
    "WOW! You won't BELIEVE what these corrupt liberal hacks just did. The lying mainstream media is covering it up "
    "AGAIN because they hate America and they hate you. Hillary and her crooked buddies got CAUGHT red-handed, and "
    "this hilarious video of a patriot destroying them is going viral. Share this before they delete it!"
)


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Ask again and again until something holds; fail if it does not in time."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"waited {PATIENCE:g} s in vain: {what}"
        time.sleep(0.01)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back over a raw connection."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> Any:
        """The body, as JSON."""
        return json.loads(self.body)


class Wire:
    """One TCP connection, written and read byte by byte."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.received = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self.socket.sendall(data)

    def post(self, path: str, body: bytes = b"", *headers: str, version: str = "1.1") -> None:
        """Send a request whose framing headers are the caller's affair."""
        lines = [f"POST {path} HTTP/{version}", "Host: localhost", "Content-Type: application/json", *headers]
        self.send("\r\n".join([*lines, "", ""]).encode() + body)

    def answer(self) -> Answer:
        """Read one answer, however long it takes (within reason)."""
        status = int(self.received.readline().split()[1])
        headers = {name.lower(): value for name, value in http.client.parse_headers(self.received).items()}
        return Answer(status=status, headers=headers, body=self.received.read(int(headers.get("content-length", 0))))

    def is_closed(self) -> bool:
        """Whether the server has closed its end; waits until it says or does something."""
        try:
            return self.received.read(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        """Hang up."""
        self.received.close()
        self.socket.close()


class HasPort(Protocol):
    """Anything that listens."""

    @property
    def port(self) -> int:
        """On which port."""
        ...


@contextmanager
def wire(server: HasPort) -> Iterator[Wire]:
    """A raw connection to a server."""
    connection = Wire(server.port)
    try:
        yield connection
    finally:
        connection.close()


@dataclass
class Served:
    """A ``falsetrue serve`` process."""

    process: subprocess.Popen[bytes]
    log_file: Path
    port: int = 0
    client: httpx2.Client = field(init=False, repr=False)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """All that it has printed."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def wait_until_ready(self) -> None:
        """Find the port in the log, then ask ``/readyz`` until it says yes."""
        wait_until(lambda: self._listens() or self.process.poll() is not None, f"listening; log:\n{self.log}")
        assert self.process.poll() is None, self.log
        self.client = httpx2.Client(base_url=self.url, timeout=PATIENCE, trust_env=False)
        wait_until(self._is_ready, "ready")

    def _is_ready(self) -> bool:
        """With several workers the port is bound, and said, before anybody listens."""
        try:
            return self.client.get("/readyz").status_code == httpx2.codes.OK
        except httpx2.ConnectError:
            return False

    def _listens(self) -> bool:
        found = re.search(r"running on http://[^ ]*:([1-9]\d*)", self.log)
        self.port = int(found[1]) if found else 0
        return bool(found)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.process.send_signal(signal.SIGTERM)

    def is_listening(self) -> bool:
        """Whether a new connection is accepted."""
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        if hasattr(self, "client"):
            self.client.close()
        if self.process.poll() is None:
            self.terminate()
            self.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Start(Protocol):
    """Starts ``falsetrue serve`` and waits until it is ready."""

    def __call__(self, *options: str, python: tuple[str, ...] = (), **environment: str) -> Served:
        """``python`` are options of the interpreter."""
        ...


def clean_environment(**added: str) -> dict[str, str]:
    """This process's environment without any setting of ours, but that no server of the tests waits to stop.

    What it keeps, it keeps where this very test does.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FALSETRUE_") and name != "PORT"}
    if "FALSETRUE_STATE_FOLDER" in os.environ:
        added.setdefault("FALSETRUE_STATE_FOLDER", os.environ["FALSETRUE_STATE_FOLDER"])
    return {**kept, "PYTHONUNBUFFERED": "1", "FALSETRUE_DRAIN_SECONDS": "0", **added}


@contextmanager
def starting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start servers on free ports; all are stopped in the end."""
    started: list[Served] = []

    def start_one(*options: str, python: tuple[str, ...] = (), **environment: str) -> Served:
        folder = tmp_path_factory.mktemp("serve")
        log = folder / "log"
        command = [sys.executable, *python, "-m", "falsetrue", "serve", "--port", "0", *options]
        # One of its own, and not that of the test which happens to start it first.
        environment.setdefault("FALSETRUE_STATE_FOLDER", str(folder / "state"))
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, stdout=output, stderr=output, cwd=folder, env=clean_environment(**environment)
            )
        served = Served(process, log)
        started.append(served)
        served.wait_until_ready()
        return served

    try:
        yield start_one
    finally:
        for served in started:  # all drain at once
            if served.process.poll() is None:
                served.terminate()
        for served in started:
            served.stop()


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start a server of the tests of a file."""
    with starting(tmp_path_factory) as start_one:
        yield start_one


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The one that most tests ask."""
    with starting(tmp_path_factory) as start_one:
        yield start_one()


@pytest.fixture(scope="session")
def client(server: Served) -> httpx2.Client:
    """A client of it that keeps its connection."""
    return server.client


@pytest.fixture
def quiet(server: Served) -> Iterator[None]:
    """Fail if the server prints the marked text or a traceback during the test, or does not answer after it."""
    before = len(server.log)
    yield
    assert server.client.get("/readyz").status_code == httpx2.codes.OK
    said = server.log[before:]
    assert MARK not in said
    assert "Traceback" not in said
    assert "Exception" not in said


@dataclass
class Threaded:
    """An application served from a thread of this process, for what a subprocess cannot be given."""

    uvicorn: uvicorn.Server
    client: httpx2.Client
    port: int


@contextmanager
def serve_in_thread(app: ASGIApp, protocol: type[asyncio.Protocol] | None = None) -> Iterator[Threaded]:
    """Serve an application over real HTTP while the block lasts."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    config = uvicorn.Config(
        app, http=protocol or "auto", log_level="critical", lifespan="on", ws="none", access_log=False
    )
    runner = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(runner.serve(sockets=[listening])))
    thread.start()
    try:
        wait_until(lambda: runner.started, "the thread's server")
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE, trust_env=False) as client:
            yield Threaded(runner, client, port)
    finally:
        runner.should_exit = True
        thread.join(PATIENCE)
        listening.close()
    assert not thread.is_alive()
