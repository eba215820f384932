"""``kill -9`` of workers and of the whole service under load: no row is lost for a 200, and none written twice."""

import os
import random
import signal
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from tests.fire.ledger import compare, sqlite_rows
from tests.fire.load import Load, Plan, load
from tests.fire.service import PATIENCE, Service, running

#: How long the service may take until it answers again, in seconds.
BACK = 2.0
_PLAN = Plan(clients=16, until_answered=True, items=2)


def kill(count: int, *, seed: int = 0, bar: float | None = BACK) -> str:
    """So many kills, of a worker and of everything by turns; raises where a row is lost or doubled.

    ``bar``: seconds that the service may take to be back, if that is looked at.
    """
    generator = random.Random(seed)  # noqa: S311 - not for secrets
    with tempfile.TemporaryDirectory() as name:
        service = Service(Path(name), "--workers", "2")
        with running(service), load(service.port, _PLAN) as clients:
            seconds = [_kill_once(service, clients, generator, whole=bool(number % 2)) for number in range(count)]
            clients.wait_for(50)
        balance = compare(sqlite_rows(Path(name)), clients.tally)
    balance.check()
    back = f"back after {max(seconds):.2f} s at most, {sorted(seconds)[len(seconds) // 2]:.2f} s in the middle"
    assert bar is None or max(seconds) < bar, back
    broken = sum(count for what, count in clients.tally.failures.items() if not what[0].isdigit())
    return f"{count} kills: {balance}; {back}; {broken} connections broken, each request sent again with its key"


def _kill_once(service: Service, clients: Load, generator: random.Random, *, whole: bool) -> float:
    """Gives the seconds until the service answers on a new connection, and so do all of its workers."""
    clients.wait_for(generator.randrange(20, 200))
    if whole:
        begun = time.monotonic()
        service.kill()
        service.start()
        return time.monotonic() - begun
    victim = generator.choice(service.workers())
    begun = time.monotonic()
    with suppress(ProcessLookupError):
        os.kill(victim, signal.SIGKILL)
    _wait_for_new_worker(service, victim)
    service.wait_until_ready()
    return time.monotonic() - begun


def _wait_for_new_worker(service: Service, victim: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while victim in (workers := service.workers()) or len(workers) < 2:
        assert time.monotonic() < deadline, service.log
        time.sleep(0.005)
