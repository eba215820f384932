"""Services under load: started, asked, measured, stopped; a fresh process each time."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.comparison.machine import CORES, LOAD_CORE, SERVER_CORE, cpu_seconds, environment, memory, pinned
from benchmarks.comparison.material import SHIPPED, Material
from benchmarks.comparison.sample import OURS, Effort, Found, Sample

BARE = Path(__file__).parents[1] / "bare"
#: What a FastAPI endpoint may be -> the module that has it.
VARIANTS = {"def": "main", "async": "main_async"}
LEGACY, VERDICTS = "/falsetrue", "/v1/classifications"
#: Seconds that a server may take to answer.
PATIENCE = 60
#: Ours as well.
WITHOUT_JOURNAL = "without a journal"
#: Seconds between two attempts to get a first answer.
STEP = 0.005
#: A service that spends no processor time for so long, in seconds, has all its workers up.
QUIET = 0.5


@dataclass(frozen=True, kw_only=True)
class Service:
    """What is started."""

    contestant: str  #: :data:`OURS`, or one of :data:`VARIANTS`
    bundle: Path
    route: str = LEGACY
    workers: int = 1
    journal: bool = False  #: of ours: whether every prediction is written down; the other apps write nothing

    @property
    def cores(self) -> tuple[int, ...]:
        """One worker has its own core; more share all of them with the load."""
        return (SERVER_CORE,) if self.workers == 1 else CORES

    def command(self, port: int) -> list[str]:
        """As an operator would start it."""
        if self.contestant in (OURS, WITHOUT_JOURNAL):
            command = [sys.executable, "-m", "falsetrue", "serve", "--model", str(self.bundle)]
        else:
            command = [sys.executable, "-m", "uvicorn", f"{VARIANTS[self.contestant]}:app", "--app-dir", str(BARE)]
            command += ["--no-access-log"]  # falsetrue writes none; neither shall the other
        return [*command, "--port", str(port), *(["--workers", str(self.workers)] if self.workers > 1 else [])]

    def environment(self, state_folder: str) -> dict[str, str]:
        """With a database of its own, if it has one."""
        journal = "on" if self.journal else "off"
        return environment(FALSETRUE_STATE_FOLDER=state_folder, FALSETRUE_JOURNAL=journal)


@dataclass(frozen=True, kw_only=True)
class Load:
    """With what to ask, and for how long."""

    bodies: dict[str, Path]  #: route -> request bodies, one a line
    first: int  #: line behind which to begin
    seconds: int


# --- sections -----------------------------------------------------------------------------------------


def measure_http(material: Material, effort: Effort) -> Iterator[Found]:
    """One worker: ``plain``, ``deployed``, and the shipped model as it comes against the bare app with ``plain``."""
    models = material.models
    groups = {
        "plain": _contestants(models["plain"]),
        "deployed": _contestants(models["deployed"]),
        "shipped": [Service(contestant=OURS, bundle=models[SHIPPED], route=VERDICTS)],
    }
    for load, repetition in _loads(material, effort):
        for group, services in groups.items():
            connections = (16,) if group == "deployed" else (1, 16)
            for service in _turned(services, repetition):
                for measure, value in _measure(service, load, connections).items():
                    yield Sample(row=f"http.{group}.{measure}", contestant=service.contestant, value=value)
                    if group == "plain" and service.contestant != OURS:
                        yield Sample(row=f"http.shipped.{measure}", contestant=service.contestant, value=value)


def measure_journal(material: Material, effort: Effort) -> Iterator[Found]:
    """What it costs that every prediction is in a database (SQLite) before it is answered."""
    bundle = material.models[SHIPPED]
    services = [
        Service(contestant=OURS, bundle=bundle, route=VERDICTS, journal=True),
        Service(contestant=WITHOUT_JOURNAL, bundle=bundle, route=VERDICTS),
    ]
    for load, repetition in _loads(material, effort):
        for service in _turned(services, repetition):
            for measure, value in _measure(service, load, (1, 16)).items():
                yield Sample(row=f"journal.{measure}", contestant=service.contestant, value=value)


def measure_workers(material: Material, effort: Effort) -> Iterator[Found]:
    """Two workers and 64 connections: ours, and the app as it was deployed; all of it on all cores."""
    services = [replace(each, workers=2) for each in _contestants(material.models["deployed"])[:2]]
    for load, repetition in _loads(material, replace(effort, repetitions=effort.shared_repetitions)):
        for service in _turned(services, repetition):
            for measure, value in _measure(service, load, (64,)).items():
                yield Sample(row=f"workers.{measure}", contestant=service.contestant, value=value)


def measure_start(material: Material, effort: Effort) -> Iterator[Found]:
    """From starting a process to its first answer; the variants of the bare app differ in nothing here."""
    models = material.models
    contestants = {
        "start.deployed.ready_s": _contestants(models["deployed"])[:2],
        "start.shipped.ready_s": [Service(contestant=OURS, bundle=models[SHIPPED], journal=True)],
    }
    for load, repetition in _loads(material, effort):
        for row, services in contestants.items():
            for service in _turned(services, repetition):
                with _running(service, load) as (_, _, ready):
                    yield Sample(row=row, contestant=service.contestant, value=ready)


def _contestants(bundle: Path) -> list[Service]:
    return [Service(contestant=contestant, bundle=bundle) for contestant in (OURS, *VARIANTS)]


def _turned(services: list[Service], repetition: int) -> list[Service]:
    """The same, another one first each time."""
    shift = repetition % len(services)
    return services[shift:] + services[:shift]


def _loads(material: Material, effort: Effort) -> Iterator[tuple[Load, int]]:
    bodies = {
        LEGACY: _write_lines(material.folder / "legacy.jsonl", [{"texts": [text]} for text in material.texts]),
        VERDICTS: _write_lines(material.folder / "v1.jsonl", [{"items": [{"text": text}]} for text in material.texts]),
    }
    for repetition in range(effort.repetitions):
        yield Load(bodies=bodies, first=repetition * 397 % len(material.texts), seconds=effort.seconds), repetition


def _write_lines(path: Path, bodies: list[dict[str, list[object]]]) -> Path:
    path.write_text("".join(json.dumps(body) + "\n" for body in bodies), encoding="utf-8")
    return path


# --- one service ----------------------------------------------------------------------------------------


def _measure(service: Service, load: Load, connections: tuple[int, ...]) -> dict[str, float]:
    """Start a service, load it with each number of connections, and say what came of it."""
    found = {}
    with _running(service, load) as (pid, port, _):
        _settle(pid)
        _wrk(service, port, load, connections=connections[-1], seconds=1)
        for each in connections:
            said = _wrk(service, port, load, connections=each, seconds=load.seconds)
            found[f"requests_s_{each}"] = said["requests"] / said["seconds"]
            found |= {f"p50_ms_{each}": said["p50_ms"], f"p99_ms_{each}": said["p99_ms"]}
        found["pss_mb"] = memory(pid)
    return found


def _settle(pid: int) -> None:
    """Wait until every worker is up: a first answer says that one is."""
    deadline = time.perf_counter() + PATIENCE
    before, spent = -1.0, cpu_seconds(pid)
    while spent != before and time.perf_counter() < deadline:
        time.sleep(QUIET)
        before, spent = spent, cpu_seconds(pid)


def _wrk(service: Service, port: int, load: Load, *, connections: int, seconds: int) -> dict[str, float]:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", f"{PATIENCE}s"]
    command += ["-s", str(Path(__file__).with_name("rotate.lua"))]
    command += [f"http://127.0.0.1:{port}{service.route}", "--", str(load.bodies[service.route]), str(load.first)]
    cores = (LOAD_CORE,) if service.workers == 1 else CORES
    done = subprocess.run(pinned(cores, command), check=True, capture_output=True, text=True)
    said: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    if said["errors"] or not said["requests"]:
        raise RuntimeError(f"{service.contestant} did not answer every request: {said}")
    return said


@contextmanager
def _running(service: Service, load: Load) -> Iterator[tuple[int, int, float]]:
    """A service's process id, port, and seconds from its start to its first answer."""
    with load.bodies[service.route].open("rb") as file:
        body = file.readline().strip()
    port = _free_port()
    with TemporaryDirectory(prefix="falsetrue-bench-") as state:
        settings = service.environment(state)
        command = pinned(service.cores, service.command(port))
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=service.bundle, env=settings, stderr=subprocess.DEVNULL)
        try:
            _wait_for_answer(process, port, service.route, body)
            yield process.pid, port, time.perf_counter() - started
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def _wait_for_answer(process: subprocess.Popen[bytes], port: int, route: str, body: bytes) -> None:
    deadline = time.perf_counter() + PATIENCE
    while not _answers(port, route, body):
        if process.poll() is not None or time.perf_counter() > deadline:
            raise RuntimeError("a service did not come up")
        time.sleep(STEP)


def _answers(port: int, route: str, body: bytes) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("POST", route, body, {"Content-Type": "application/json"})
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()
