"""What is hostile is answered as a client's error or not at all; nothing of it comes back, or into the log."""

import re
import tempfile
from collections import Counter
from pathlib import Path

from tests.fire.hostile import MARK, Hostile, requests, send
from tests.fire.service import Service, running

_STATUS = re.compile(rb"^HTTP/1\.1 (\d{3}) ", re.MULTILINE)


def attack() -> str:
    """Send every hostile request; raises where one is answered with 5xx, repeated, or logged."""
    with tempfile.TemporaryDirectory() as name:
        service = Service(Path(name), "--workers", "2")
        with running(service):
            workers = service.workers()
            sent = {hostile: send(service.port, hostile) for hostile in requests()}
            assert service.is_ready()
            assert service.workers() == workers, "a worker ended"
        log = service.log
    complaints = [said for hostile, received in sent.items() for said in _complaints(hostile, received)]
    complaints += _complaints_about(log)
    assert not complaints, "\n".join(complaints)
    statuses = Counter(status for received in sent.values() for status in _statuses(received) or ["closed"])
    said = ", ".join(f"{count} of {status}" for status, count in sorted(statuses.items()))
    return f"{len(sent)} hostile requests: {said}; nothing of them in answers to errors, or in the log"


def _statuses(received: bytes) -> list[str]:
    return [status.decode() for status in _STATUS.findall(received)]


def _complaints(hostile: Hostile, received: bytes) -> list[str]:
    found = _statuses(received)
    said = []
    if any(status.startswith("5") for status in found):
        said.append(f"{hostile.name}: {received[:2000]!r}")
    if any(status.startswith("4") for status in found) and MARK.encode() in received:
        said.append(f"{hostile.name}: comes back: {received[:2000]!r}")
    return said


def _complaints_about(log: str) -> list[str]:
    words = (MARK, "Traceback", "Exception", "a bug")
    return [f"log: {line}" for line in log.splitlines() if any(word in line for word in words)]
