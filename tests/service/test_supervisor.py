"""Several processes: what they share, who replaces one that dies, and how all of them stop."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from tests.service.conftest import DISPATCH, LEGACY, PATIENCE, RANT, Served, Start, clean_environment, wait_until

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


# --- the supervisor alone --------------------------------------------------------------------------


@pytest.fixture
def supervise(tmp_path: Path) -> Callable[[str], str]:
    """Run a supervisor of one worker that does something, until it has said enough; gives what it logged."""

    def run(work: str) -> str:
        script = tmp_path / "supervise.py"
        script.write_text(
            "import logging, os, signal, sys, time\n"
            "from falsetrue.service.supervisor import Supervisor\n"
            "logging.basicConfig(stream=sys.stdout, format='%(message)s')\n"
            f"def work(slot, life):\n    {work}\n"
            "Supervisor(1, work, on_stop=lambda: print('let go', flush=True)).run()\n"
            "print('returned', flush=True)\n"
        )
        done = subprocess.run(
            [sys.executable, str(script)],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
            env=clean_environment(),
        )
        return done.stdout + done.stderr

    return run


def test_workers_that_die_one_after_the_other_are_replaced_ever_later(
    supervise: Callable[[str], str], tmp_path: Path
) -> None:
    log = tmp_path / "starts"
    said = supervise(
        f"log = open({str(log)!r}, 'a'); print('x', file=log, flush=True)\n"
        f"    if len(open({str(log)!r}).readlines()) == 4: os.kill(os.getppid(), signal.SIGTERM); signal.pause()\n"
        "    os._exit(3)"
    )
    assert re.findall(r"with code 3; another is started in ([0-9.]+) s", said) == ["0.1", "0.2", "0.4"]
    assert said.splitlines()[-2:] == ["let go", "returned"]


def test_a_worker_that_fails_as_nobody_foresaw_leaves_a_traceback_and_does_not_go_on_as_its_parent(
    supervise: Callable[[str], str], tmp_path: Path
) -> None:
    once = tmp_path / "once"
    said = supervise(
        f"if os.path.exists({str(once)!r}): os.kill(os.getppid(), signal.SIGTERM); signal.pause()\n"
        f"    open({str(once)!r}, 'w').close()\n"
        "    raise ZeroDivisionError"
    )
    assert "ZeroDivisionError" in said
    assert said.count("returned") == 1
