"""Rolling restarts under load: no request fails."""

import signal
import tempfile
import time
from pathlib import Path

from tests.fire.load import Load, Plan, Tally, load
from tests.fire.service import PATIENCE, Service, running


def restart(count: int, *, clients: int = 8, drain_seconds: float = 1) -> str:
    """So many restarts one after the other, with clients of both kinds; raises where a request fails."""
    with tempfile.TemporaryDirectory() as name:
        service = Service(Path(name), "--workers", "2", settings={"drain_seconds": str(drain_seconds)})
        plans = [Plan(clients=clients), Plan(clients=clients, kept=True)]
        with running(service), load(service.port, plans[0]) as fresh, load(service.port, plans[1]) as kept:
            seconds = [_restart_once(service, fresh, kept) for _ in range(count)]
        _check(fresh.tally)
        _check(kept.tally)
        assert "Traceback" not in service.log, service.log
    return (
        f"{count} rolling restarts of 2 workers, {max(seconds):.1f} s at most: new connections: {fresh.tally}; "
        f"kept ones: {kept.tally}, {kept.tally.retried} sent again as theirs was closed"
    )


def _restart_once(service: Service, fresh: Load, kept: Load) -> float:
    fresh.wait_for(50)
    kept.wait_for(50)
    said = "Replaced all 2 worker processes"
    before, begun = service.log.count(said), time.monotonic()
    service.signal(signal.SIGHUP)
    while service.log.count(said) == before:
        assert time.monotonic() < begun + PATIENCE, f"the restart does not end:\n{service.log}"
        time.sleep(0.02)
    return time.monotonic() - begun


def _check(tally: Tally) -> None:
    assert not tally.failed, str(tally)
    assert tally.requests
