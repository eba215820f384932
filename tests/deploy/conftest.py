"""The deployment files, and a server started the way they say."""

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

ROOT = Path(__file__).parents[2]
READY_SECONDS = 20.0  #: how long a server may take to become ready on a busy machine


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def railway_json() -> dict[str, Any]:
    return dict(json.loads((ROOT / "railway.json").read_bytes()))


@pytest.fixture(scope="session")
def railpack_json() -> dict[str, Any]:
    return dict(json.loads((ROOT / "railpack.json").read_bytes()))


@pytest.fixture
def railway_project(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Evaluate ``.railway/railway.py`` as Railway's command line does: by its path, ``main(context)``."""

    def evaluate(*, repository: str | None = None, **context: str) -> dict[str, Any]:
        from railway_sdk import create_railway_context

        monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
        if repository:
            monkeypatch.setenv("GITHUB_REPOSITORY", repository)
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        spec = importlib.util.spec_from_file_location("railway_sdk_user", ROOT / ".railway" / "railway.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return dict(module.main(create_railway_context(context)).to_graph())

    return evaluate


@dataclass(frozen=True, kw_only=True)
class Started:
    """A server that has become ready."""

    process: "subprocess.Popen[bytes]"
    client: httpx2.Client
    port: int
    log: Path  #: what it printed


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Started]]:
    """Run a command through a shell with a free ``$PORT``, as a platform would, and wait until it is ready."""
    running: list[Started] = []

    def run(command: str, *, under: str = "sh", folder: Path | None = None, **variables: str) -> Started:
        port = _free_port()
        log = tmp_path / f"{port}.log"
        here = Path(sys.executable).parent
        clean = {name: value for name, value in os.environ.items() if not name.startswith("FALSETRUE_")}
        ours = {"PATH": f"{here}{os.pathsep}{clean['PATH']}", "PORT": str(port), "PYTHONDONTWRITEBYTECODE": "1"}
        with log.open("wb") as output:
            process = subprocess.Popen(
                [under, "-c", command],
                cwd=folder or tmp_path,
                env={**clean, **ours, **variables},
                stdout=output,
                stderr=output,
                start_new_session=True,  # a group of its own: a shell may stay between us and the server
            )
        client = httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10)
        started = Started(process=process, client=client, port=port, log=log)
        running.append(started)
        _wait_until_ready(started)
        return started

    yield run
    for started in running:
        started.client.close()
        with suppress(ProcessLookupError):
            os.killpg(started.process.pid, signal.SIGKILL)
        started.process.wait()


def _free_port() -> int:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _wait_until_ready(started: Started) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        try:
            if started.client.get("/readyz").status_code == httpx2.codes.OK:
                return
        except httpx2.TransportError:
            pass
        try:
            # Waits a moment, and notices at once when there is nobody left to wait for.
            code = started.process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
        pytest.fail(f"the server stopped with {code} before it was ready: {started.log.read_text()}")
    pytest.fail(f"not ready within {READY_SECONDS} seconds")
