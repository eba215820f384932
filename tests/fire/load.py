"""Clients by the dozen, who count what they get.

A request has failed where its answer is outside 2xx, 409 and 429, or its connection broke before there was one. A
client may try once more with the same idempotency key where a connection that it had kept was closed under its hands.
"""

import asyncio
import itertools
import json
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

PATH = "/v1/classifications"
#: What is classified: enough words to be worth a decision.
TEXT = (
    "The finance minister told parliament on Thursday that the budget would be revised next week, and that the central "
    "bank had left its rate unchanged as most economists expected. The opposition called for a vote."
)
_PATIENCE = 60.0
#: Seconds before a request is sent again.
_BEFORE_AGAIN = 0.1


@dataclass(kw_only=True, eq=False)
class Tally:
    """What clients saw."""

    answers: Counter[int] = field(default_factory=Counter)  #: by status
    failures: Counter[str] = field(default_factory=Counter)  #: what, how often
    retried: int = 0  #: requests that were sent once more as a kept connection had been closed
    seconds: list[float] = field(default_factory=list)  #: of each answer
    said: dict[str, list[str | None]] = field(
        default_factory=dict
    )  #: identifiers of predictions, by item, for each 200
    unsure: set[str] = field(default_factory=set)  #: items whose requests were never answered well
    set_aside: int = 0  #: answers that say ``journaled: false``

    @property
    def requests(self) -> int:
        """Answered, well or not."""
        return sum(self.answers.values())

    @property
    def failed(self) -> int:
        """As the definition above."""
        return sum(self.failures.values())

    def percentile(self, share: float) -> float:
        """Seconds that so large a share of the answers took at most."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0

    def __str__(self) -> str:
        said = ", ".join(f"{count} of {status}" for status, count in sorted(self.answers.items()))
        failures = ", ".join(f"{count} of {what}" for what, count in self.failures.items())
        return f"{said or 'no answer'}; {self.failed} failed{f' ({failures})' if failures else ''}"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How clients behave."""

    clients: int = 8
    kept: bool = False  #: connections are kept, else each request has a new one
    keyed: bool = True  #: requests carry idempotency keys
    until_answered: bool = False  #: a request is sent again with its key until it is answered well
    pause: float = 0.0  #: seconds between two requests of a client
    items: int = 1  #: of each request
    headers: tuple[str, ...] = ()  #: of each request, beside the usual ones
    path: str = PATH


class Load:
    """Clients in a thread of their own; ``now`` and later tallies are taken with :meth:`take`."""

    def __init__(self, port: int, plan: Plan) -> None:
        self._port, self._plan = port, plan
        self.tally = Tally()
        self._done = threading.Event()
        self._numbers = itertools.count()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> Tally:
        """Let each client finish what it has begun; gives what all have seen."""
        self._done.set()
        self._thread.join(2 * _PATIENCE)
        assert not self._thread.is_alive(), "clients wait for ever"
        return self.tally

    def wait_for(self, requests: int) -> None:
        """Until so many more requests were answered."""
        wanted, deadline = self.tally.requests + requests, time.monotonic() + _PATIENCE
        while self.tally.requests < wanted:
            assert time.monotonic() < deadline, f"no {requests} answers in {_PATIENCE:g} s: {self.tally}"
            time.sleep(0.005)

    async def _run(self) -> None:
        await asyncio.gather(
            *(_Client(self._port, self._plan, self.tally).run(self._done) for _ in range(self._plan.clients))
        )


class _Client:
    """Sends one request after the other."""

    def __init__(self, port: int, plan: Plan, tally: Tally) -> None:
        self._port, self._plan, self._tally = port, plan, tally
        self._name = uuid.uuid4().hex
        self._kept: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def run(self, done: threading.Event) -> None:
        for number in itertools.count():
            if done.is_set():
                break
            await self._classify(f"{self._name}-{number}", done)
            await asyncio.sleep(self._plan.pause)
        self._hang_up()

    async def _classify(self, item: str, done: threading.Event) -> None:
        """One request, until it is answered or has failed."""
        request, items = self._request(item)
        again = False
        while True:
            begun = time.perf_counter()
            had_kept = self._kept is not None
            try:
                status, body = await asyncio.wait_for(self._exchange(request), _PATIENCE)
            except (OSError, EOFError, ValueError, TimeoutError) as error:
                self._hang_up()
                if had_kept and not again:
                    again, self._tally.retried = True, self._tally.retried + 1
                    continue
                self._tally.failures[f"{type(error).__name__}"] += 1
                status, body = 0, b""
            else:
                self._tally.seconds.append(time.perf_counter() - begun)
                self._note(status, body, items)
            if 200 <= status < 300:
                return
            if done.is_set() or not self._plan.until_answered:
                self._tally.unsure.update(items)
                return
            await asyncio.sleep(_BEFORE_AGAIN)

    def _request(self, item: str) -> tuple[bytes, list[str]]:
        items = [f"{item}-{number}" for number in range(self._plan.items)]
        body: dict[str, Any] = {"items": [{"text": TEXT, "id": each} for each in items]}
        if self._plan.path != PATH:
            body = {"texts": [TEXT] * self._plan.items}
        content = json.dumps(body).encode()
        lines = [
            f"POST {self._plan.path} HTTP/1.1",
            "Host: localhost",
            "Content-Type: application/json",
            *self._plan.headers,
        ]
        lines += [f"Idempotency-Key: {item}"] if self._plan.keyed else []
        lines += [] if self._plan.kept else ["Connection: close"]
        lines += [f"Content-Length: {len(content)}", "", ""]
        return "\r\n".join(lines).encode() + content, items

    async def _exchange(self, request: bytes) -> tuple[int, bytes]:
        if self._kept is None:
            self._kept = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._kept
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        status = int(head.split(None, 2)[1])
        length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        body = await reader.readexactly(length)
        if not self._plan.kept or b"connection: close" in head:
            self._hang_up()
        return status, body

    def _hang_up(self) -> None:
        if self._kept is not None:
            self._kept[1].transport.abort()
            self._kept = None

    def _note(self, status: int, body: bytes, items: list[str]) -> None:
        self._tally.answers[status] += 1
        if 200 <= status < 300:
            if self._plan.path == PATH:
                answer = json.loads(body)
                self._tally.set_aside += answer.get("journaled") is False
                for item, result in zip(items, answer["results"], strict=True):
                    self._tally.said[item] = [*self._tally.said.get(item, []), result.get("prediction_id")]
        elif status not in (409, 429):
            self._tally.failures[f"{status} {_problem(body)}"] += 1


def _problem(body: bytes) -> str:
    """Why, as the service says."""
    try:
        return str(json.loads(body)["detail"])
    except (ValueError, LookupError, TypeError):
        return ""


@contextmanager
def load(port: int, plan: Plan | None = None) -> Iterator[Load]:
    """Clients that ask while the block lasts; the tally is complete after it."""
    clients = Load(port, plan or Plan())
    clients.start()
    try:
        yield clients
    finally:
        clients.stop()
