"""Servers under load: started, asked, measured, stopped; a fresh process each time."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.comparison.machine import LOAD_CORE, SERVER_CORE, cpu_seconds, memory, pinned

BARE = Path(__file__).parents[1] / "bare"
SERVERS = ("falsetrue", "bare def", "bare async")
CONNECTIONS = (1, 16)
#: Seconds that a server may take to answer.
PATIENCE = 60
#: Seconds between two attempts to get a first answer.
STEP = 0.005


@dataclass(frozen=True, kw_only=True)
class Load:
    """How long and with what to ask."""

    bodies: Path
    first: int  #: line behind which to begin
    seconds: int
    warm_up_seconds: int = 1


def measure(server: str, bundle: Path, load: Load) -> dict[str, float]:
    """Start one server, load it with each number of connections, and say what came of it."""
    with load.bodies.open("rb") as file:
        body = file.readline().strip()
    with _running(server, bundle, body) as (pid, port, ready):
        found = {"ready_s": ready}
        _wrk(port, load, connections=1, seconds=load.warm_up_seconds)
        for connections in CONNECTIONS:
            found |= _loaded(pid, port, load, connections)
        found["rss_mb"], found["pss_mb"] = memory(pid)
    return found


def _loaded(pid: int, port: int, load: Load, connections: int) -> dict[str, float]:
    before = cpu_seconds(pid)
    said = _wrk(port, load, connections=connections, seconds=load.seconds)
    spent = cpu_seconds(pid) - before
    return {
        f"requests_s_{connections}": said["requests"] / said["seconds"],
        f"p50_ms_{connections}": said["p50_ms"],
        f"p99_ms_{connections}": said["p99_ms"],
        f"cpu_ms_{connections}": spent / said["requests"] * 1000,
    }


def _wrk(port: int, load: Load, *, connections: int, seconds: int) -> dict[str, float]:
    script = Path(__file__).with_name("rotate.lua")
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script)]
    command += [f"http://127.0.0.1:{port}/falsetrue", "--", str(load.bodies), str(load.first)]
    done = subprocess.run(pinned(LOAD_CORE, command), check=True, capture_output=True, text=True)
    said: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    if said["errors"] or not said["requests"]:
        raise RuntimeError(f"the server did not answer every request: {said}")
    return said


@contextmanager
def _running(server: str, bundle: Path, body: bytes) -> Iterator[tuple[int, int, float]]:
    """A server's process id, port, and seconds from its start to its first answer."""
    port = _free_port()
    started = time.perf_counter()
    process = subprocess.Popen(
        pinned(SERVER_CORE, _command(server, bundle, port)),
        cwd=bundle,
        env={name: value for name, value in os.environ.items() if not name.startswith("FALSETRUE_")},
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for_answer(process, port, body)
        yield process.pid, port, time.perf_counter() - started
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


def _command(server: str, bundle: Path, port: int) -> list[str]:
    if server == "falsetrue":
        return [sys.executable, "-m", "falsetrue", "serve", "--model", str(bundle), "--port", str(port)]
    module = {"bare def": "main", "bare async": "main_async"}[server]
    command = [sys.executable, "-m", "uvicorn", f"{module}:app", "--app-dir", str(BARE)]
    # falsetrue writes no access log; neither shall the other.
    return [*command, "--port", str(port), "--no-access-log"]


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def _wait_for_answer(process: subprocess.Popen[bytes], port: int, body: bytes) -> None:
    deadline = time.perf_counter() + PATIENCE
    while not _answers(port, body):
        if process.poll() is not None or time.perf_counter() > deadline:
            raise RuntimeError("a server did not come up")
        time.sleep(STEP)


def _answers(port: int, body: bytes) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("POST", "/falsetrue", body, {"Content-Type": "application/json"})
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()
