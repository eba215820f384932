"""Several processes: what they share, who replaces one that dies or is renewed, and how all of them stop."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from tests.service.conftest import (
    DISPATCH,
    LEGACY,
    PATIENCE,
    RANT,
    Served,
    Start,
    clean_environment,
    wait_until,
    wire,
)

from falsetrue.registry.folder import shipped_folder

TWO = ("--workers", "2")
TEXTS = {"texts": [DISPATCH, RANT]}


def workers(served: Served) -> list[int]:
    """Process ids of all workers that were ever started."""
    return [int(found) for found in re.findall(r"Started server process \[(\d+)\]", served.log)]


def started(start: Start, *, python: tuple[str, ...] = (), **environment: str) -> Served:
    """Two workers that have come up."""
    served = start(*TWO, python=python, **environment)
    wait_until(lambda: len(workers(served)) == 2, "two workers")
    return served


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended may stay on the list where nobody asks for its exit code."""
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(done.stdout.strip()) and not done.stdout.startswith("Z")


def asks_anew(served: Served) -> bool:
    """Whether a new connection is answered rightly."""
    try:
        answer = httpx2.post(served.url + LEGACY, json=TEXTS, timeout=PATIENCE, trust_env=False)
    except httpx2.TransportError:
        return False
    return bool(answer.content == b'{"is_falsetrue":[1,0]}')


def test_workers_answer_as_one_process_does(start: Start, client: httpx2.Client) -> None:
    served = started(start)
    expected = client.post(LEGACY, json=TEXTS).content
    for _ in range(10):
        assert httpx2.post(served.url + LEGACY, json=TEXTS, trust_env=False).content == expected


def test_workers_are_forked_before_there_is_any_thread(start: Start) -> None:
    """Python from 3.12 on warns otherwise; here that would end the process."""
    served = started(start, python=("-W", "error::DeprecationWarning:falsetrue.service.supervisor"))
    assert asks_anew(served)
    assert "DeprecationWarning" not in served.log


def test_a_worker_that_is_killed_is_replaced(start: Start) -> None:
    served = started(start)
    victim = workers(served)[0]
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: len(workers(served)) == 3, "a third worker")
    assert f"worker {victim} ended by signal 9; another is started in 0.1 s" in served.log
    for _ in range(10):
        wait_until(lambda: asks_anew(served), "an answer")
    assert len(workers(served)) == 3


def test_no_worker_outlives_a_supervisor_that_is_killed(start: Start) -> None:
    served = started(start)
    served.process.kill()
    served.process.wait(PATIENCE)
    wait_until(lambda: not any(map(is_alive, workers(served))), "the end of the workers")
    assert not served.is_listening()


@pytest.mark.parametrize(
    "signals", [(signal.SIGTERM, signal.SIGTERM), (signal.SIGINT,)], ids=["a-second-sigterm", "ctrl-c"]
)
def test_workers_that_drain_can_be_told_to_hurry(start: Start, signals: tuple[signal.Signals, ...]) -> None:
    served = started(start, FALSETRUE_DRAIN_SECONDS="600")
    for number in signals[:-1]:
        served.process.send_signal(number)
        wait_until(lambda: served.client.get("/readyz").status_code == 503, "/readyz at 503")
    served.process.send_signal(signals[-1])
    assert served.process.wait(PATIENCE) == 0
    assert not any(map(is_alive, workers(served)))
    assert not served.is_listening()
    assert "ended" not in served.log.replace("Finished", "")


def drains(served: Served) -> bool:
    """Whether a new connection is told so; one that a process that hangs has taken is told nothing."""
    try:
        return httpx2.get(served.url + "/readyz", timeout=0.5, trust_env=False).status_code == 503
    except httpx2.TransportError:
        return False


def test_a_worker_too_busy_to_tell_two_signals_apart_hurries_all_the_same(start: Start) -> None:
    served = started(start, FALSETRUE_DRAIN_SECONDS="600")
    busy, other = workers(served)
    os.kill(busy, signal.SIGSTOP)
    served.process.send_signal(signal.SIGTERM)
    wait_until(lambda: drains(served), "/readyz at 503")
    served.process.send_signal(signal.SIGTERM)
    wait_until(lambda: not is_alive(other), "the end of a worker that is not busy")
    os.kill(busy, signal.SIGCONT)
    assert served.process.wait(PATIENCE) == 0


def test_an_idle_worker_gets_about_as_many_connections_as_the_other(start: Start) -> None:
    """Not so where all accept from one socket: then the first to wake takes nearly all of them."""
    if sys.platform != "linux":
        pytest.skip("only Linux deals connections out")
    served = started(start)
    clients = [httpx2.Client(base_url=served.url, timeout=PATIENCE, trust_env=False) for _ in range(60)]
    try:
        assert {client.get("/healthz").status_code for client in clients} == {200}
        held = [len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in workers(served)]
    finally:
        for client in clients:
            client.close()
    # Of 60 tosses of a coin fewer than 10 heads come up once in ten million times.
    assert abs(held[0] - held[1]) <= 40


# --- new ones for all of them ----------------------------------------------------------------------

BODY = json.dumps(TEXTS).encode()
#: Runs a command in a terminal that goes when this does, and prints its process id.
IN_A_TERMINAL = """
import os, pty, sys
pid, terminal = pty.fork()
if not pid:
    output = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.execv(sys.argv[2], sys.argv[2:])
print(pid, flush=True)
sys.stdin.read()
"""


def renew(served: Served) -> list[int]:
    """Ask for new workers, and wait until the old ones have gone; gives the new ones."""
    before = served.log.count("Replaced all")
    served.process.send_signal(signal.SIGHUP)
    wait_until(lambda: served.log.count("Replaced all") > before, f"new workers; log:\n{served.log}")
    return workers(served)[-2:]


@contextmanager
def asked_all_the_time(served: Served, clients: int) -> Iterator[list[str]]:
    """While the block lasts, new connections are opened and asked; afterwards what failed."""
    failures: list[str] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            try:
                with wire(served) as connection:
                    connection.post(LEGACY, BODY, f"Content-Length: {len(BODY)}")
                    answer = connection.answer()
            except (OSError, IndexError) as error:
                failures.append(repr(error))
            else:
                failures.extend([str(answer.status)] if answer.body != b'{"is_falsetrue":[1,0]}' else [])

    with ThreadPoolExecutor(clients) as pool:
        for _ in range(clients):
            pool.submit(ask)
        try:
            yield failures
        finally:
            done.set()


def test_sighup_replaces_every_worker_and_no_request_fails(start: Start) -> None:
    served = started(start)
    old = workers(served)
    with asked_all_the_time(served, 4) as failures:
        for _ in range(3):
            renewed = renew(served)
            assert not set(old) & set(renewed)
            old = renewed
    assert failures == []
    assert len(workers(served)) == 8
    assert not any(map(is_alive, workers(served)[:6]))
    assert "Traceback" not in served.log


def test_a_request_that_an_old_worker_has_begun_is_answered_by_it(start: Start) -> None:
    served = started(start)
    with wire(served) as connection:
        connection.post(LEGACY, BODY[:10], f"Content-Length: {len(BODY)}")
        served.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "Waiting for connections to close" in served.log, "an old worker that waits for us")
        for _ in range(10):
            assert asks_anew(served)
        connection.send(BODY[10:])
        answer = connection.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert connection.is_closed()
    wait_until(lambda: "Replaced all 2 worker processes" in served.log, "new workers")


def test_on_a_connection_that_is_kept_the_last_answer_says_that_it_is_closed(start: Start) -> None:
    served = started(start, FALSETRUE_DRAIN_SECONDS="600")
    with wire(served) as connection:
        connection.post(LEGACY, BODY, f"Content-Length: {len(BODY)}")
        assert "connection" not in connection.answer().headers
        for pid in workers(served):
            os.kill(pid, signal.SIGTERM)

        def is_last() -> bool:
            connection.post(LEGACY, BODY, f"Content-Length: {len(BODY)}")
            answer = connection.answer()
            assert answer.status == 200
            return answer.headers.get("connection") == "close"

        wait_until(is_last, "the last answer")
        assert connection.is_closed()


def test_whoever_has_connected_but_not_asked_when_a_process_stops_is_still_answered(start: Start) -> None:
    served = start()
    with wire(served) as connection:
        assert asks_anew(served)  # who came later was accepted, so we were
        served.terminate()
        wait_until(lambda: not served.is_listening(), "the port closed")
        connection.post(LEGACY, BODY, f"Content-Length: {len(BODY)}")
        answer = connection.answer()
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert served.process.wait(PATIENCE) in (0, -signal.SIGTERM)


def test_new_workers_know_what_the_old_ones_could_not(start: Start, tmp_path: Path) -> None:
    served = started(start, FALSETRUE_POLICIES_FOLDER=str(tmp_path))
    (tmp_path / "strict@1.toml").write_text("false_below = 0.01\nreal_above = 0.99\n", encoding="utf-8")
    renew(served)
    answer = httpx2.get(served.url + "/v1/model", trust_env=False)
    assert "strict@1" in answer.json()["policies"]


def test_where_the_model_cannot_be_read_again_the_old_workers_go_on(start: Start, tmp_path: Path) -> None:
    model = tmp_path / "models" / "copy"
    shutil.copytree(shipped_folder(), model)
    served = started(start, FALSETRUE_MODELS_FOLDER=str(model.parent), FALSETRUE_MODEL="copy")
    (model / "scorer.safetensors").write_bytes(b"damaged")
    served.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "no worker is replaced: " in served.log, "why not")
    assert "scorer.safetensors: is not the file that was saved" in served.log
    assert "Traceback" not in served.log
    assert len(workers(served)) == 2
    assert asks_anew(served)
    shutil.copy(shipped_folder() / "scorer.safetensors", model)
    renew(served)
    assert asks_anew(served)


def test_one_process_goes_on_at_sighup_and_says_so(start: Start) -> None:
    served = start()
    served.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "SIGHUP replaces processes where there are several" in served.log, "what it says")
    assert asks_anew(served)


@pytest.mark.parametrize("count", ["1", "2"])
def test_where_the_terminal_goes_that_it_was_started_from_it_stops(tmp_path: Path, count: str) -> None:
    log = tmp_path / "log"
    command = [sys.executable, "-m", "falsetrue", "serve", "--port", "0", "--workers", count]
    shell = [sys.executable, "-c", IN_A_TERMINAL, str(log), *command]
    with subprocess.Popen(shell, env=clean_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as terminal:
        assert terminal.stdout is not None
        server = int(terminal.stdout.readline())
        wait_until(log.exists, "its first words")
        served = Served(terminal, log)
        served.wait_until_ready()
        terminal.kill()
        wait_until(lambda: not is_alive(server), "its end")
        served.client.close()
    assert not any(map(is_alive, workers(served)))
    assert "Traceback" not in served.log


# --- the supervisor alone --------------------------------------------------------------------------

#: A supervisor whose workers do as a test says. After each restart it is told to restart again, or to stop.
ALONE = """
import logging, os, signal, sys, time
from falsetrue.service.supervisor import Supervisor

gate, opened = os.pipe()
generation = 0

class Then(logging.Handler):
    def emit(self, record):
        if "Replaced all" in record.getMessage() or "go on as they are" in record.getMessage():
            os.kill(os.getpid(), signal.SIGHUP if generation < {restarts} else signal.SIGTERM)

def say(line):
    os.write(1, line.encode() + b"\\n")  # at once, so that no other's stands in between

def serve(post, leave=True):
    # Until told to make way. Once all of the first generation do this, the last one asks for the next.
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGHUP, signal.SIGTERM))
    say(f"begins {{post.slot}} at {{post.place}} of {{generation}}")
    post.ready()
    os.write(opened, b"x")
    if generation == 0 and post.place == {count} - 1:
        for _ in range({count}):
            os.read(gate, 1)
        os.kill(os.getppid(), signal.SIGHUP)
    signal.sigwait((signal.SIGHUP, signal.SIGTERM) if leave else (signal.SIGUSR1,))
    say(f"ends {{post.slot}}")

def work(post):
    {work}

def refresh():
    global generation
    generation += 1
    return work

def let_go():
    say("let go")

logging.basicConfig(stream=sys.stdout, format="%(message)s", level=logging.INFO)
logging.getLogger().addHandler(Then())
Supervisor.ready_seconds = 0.3
Supervisor({count}, work, on_stop=let_go, refresh=refresh, leave_seconds=0.3).run()
say("returned")
"""


@pytest.fixture
def supervise(tmp_path: Path) -> Callable[..., str]:
    """Run a supervisor of workers that do something, until it has been told to stop; gives what it logged."""

    def run(work: str, *, count: int = 1, restarts: int = 0) -> str:
        script = tmp_path / "supervise.py"
        script.write_text(ALONE.format(work=work.replace("\n", "\n    "), count=count, restarts=restarts))
        done = subprocess.run(
            [sys.executable, str(script)],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
            env=clean_environment(),
        )
        assert done.stdout.splitlines()[-1] == "returned"
        return done.stdout + done.stderr

    return run


def test_workers_that_die_one_after_the_other_are_replaced_ever_later(
    supervise: Callable[..., str], tmp_path: Path
) -> None:
    log = tmp_path / "starts"
    said = supervise(
        f"log = open({str(log)!r}, 'a'); print('x', file=log, flush=True)\n"
        f"if len(open({str(log)!r}).readlines()) == 4: os.kill(os.getppid(), signal.SIGTERM); signal.pause()\n"
        "os._exit(3)"
    )
    assert re.findall(r"with code 3; another is started in ([0-9.]+) s", said) == ["0.1", "0.2", "0.4"]
    assert said.splitlines()[-2:] == ["let go", "returned"]


def test_a_worker_that_fails_as_nobody_foresaw_leaves_a_traceback_and_does_not_go_on_as_its_parent(
    supervise: Callable[..., str], tmp_path: Path
) -> None:
    once = tmp_path / "once"
    said = supervise(
        f"if os.path.exists({str(once)!r}): os.kill(os.getppid(), signal.SIGTERM); signal.pause()\n"
        f"open({str(once)!r}, 'w').close()\n"
        "raise ZeroDivisionError"
    )
    assert "ZeroDivisionError" in said
    assert said.count("returned") == 1


def test_no_slot_is_ever_held_by_two_and_no_place_left_out(supervise: Callable[..., str]) -> None:
    said = supervise("serve(post)", count=2, restarts=3)
    held: set[str] = set()
    for event, slot in re.findall(r"^(begins|ends) (\d)", said, re.MULTILINE):
        assert (slot in held) == (event == "ends")
        held ^= {slot}
        assert len(held) <= 3
    begun = re.findall(r"begins (\d) at (\d) of (\d)", said)
    assert {slot for slot, _, _ in begun} == {"0", "1", "2"}
    assert sorted((generation, place) for _, place, generation in begun) == [(g, p) for g in "0123" for p in "01"]


def test_a_new_worker_that_is_never_ready_is_killed_and_the_old_one_goes_on(supervise: Callable[..., str]) -> None:
    said = supervise("serve(post) if generation == 0 else time.sleep(60)", count=2, restarts=2)
    assert said.count("was not ready after 0.3 s; those that were not replaced yet go on as they are") == 2
    assert len(re.findall("^ends", said, re.MULTILINE)) == 2
    assert said.index("let go") < said.index("ends")


def test_a_new_worker_that_dies_before_it_is_ready_ends_the_restart(supervise: Callable[..., str]) -> None:
    said = supervise("serve(post) if generation == 0 else os._exit(3)", count=2, restarts=1)
    assert said.count("ended too early; those that were not replaced yet go on as they are") == 1
    assert "another is started" not in said
    assert said.index("let go") < said.index("ends")


def test_an_old_worker_that_does_not_make_way_is_killed(supervise: Callable[..., str]) -> None:
    said = supervise("serve(post, leave=generation > 0)", restarts=1)
    assert "did not make way in 0.3 s and is killed" in said
    assert re.findall(r"ends (\d)", said) == ["1"]
