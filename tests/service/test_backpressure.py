"""What waits has bounds: beyond them a request is refused with 503 at once, and memory stays where it is."""

import asyncio
import json
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send
from tests.service.test_turns import LONG, Recorder, run, score

from falsetrue.service.backpressure import SMALL_BODY, BodyBudget
from falsetrue.service.body import BodyLimit, read_body
from falsetrue.service.direct import Direct
from falsetrue.service.problems import STATUS, RequestProblem
from falsetrue.service.turns import Turns

MEGABYTE = 1024 * 1024


def check_overloaded(problem: RequestProblem) -> None:
    assert problem.code == "overloaded"
    assert STATUS[problem.code] == 503
    assert int((problem.headers or {})["Retry-After"]) > 0


# --- requests --------------------------------------------------------------------------------------


def test_of_long_requests_that_wait_one_too_many_is_refused_and_short_ones_are_not() -> None:
    async def test() -> None:
        turns, recorder = Turns(most_waiting=3), Recorder()
        first = score(turns, recorder.slowly, "first", size=LONG)
        await recorder.begun.wait()
        waiting = [score(turns, recorder, name, size=LONG) for name in "abc"]
        await asyncio.sleep(0)
        try:
            with pytest.raises(RequestProblem) as refused:
                await score(turns, recorder, "one too many", size=LONG)
            check_overloaded(refused.value)
            assert await score(turns, recorder, "short") == ["short"]
        finally:
            recorder.may_go_on.set()
        assert await asyncio.gather(first, *waiting) == [["first"], ["a"], ["b"], ["c"]]
        assert await score(turns, recorder, "after", size=LONG) == ["after"]

    run(test())


def test_of_short_requests_that_wait_one_too_many_is_refused_and_long_ones_are_not() -> None:
    async def test() -> None:
        turns, recorder = Turns(most_waiting=3), Recorder()
        asked = [score(turns, recorder, name) for name in "abcd"]
        long = score(turns, recorder, "long", size=LONG)
        *answers, refused = await asyncio.gather(*asked, return_exceptions=True)
        assert answers == [["a"], ["b"], ["c"]]
        assert isinstance(refused, RequestProblem)
        check_overloaded(refused)
        assert await long == ["long"]

    run(test())


# --- bodies ----------------------------------------------------------------------------------------


class Client:
    """One request whose body arrives as a test says, and the status that it gets."""

    def __init__(self, limit: BodyLimit, *headers: tuple[bytes, bytes]) -> None:
        self.status = 0
        self.body = b""
        self._parts: asyncio.Queue[Message] = asyncio.Queue()
        self._limit = limit
        self._headers = list(headers) or [(b"transfer-encoding", b"chunked")]
        self.answered = asyncio.ensure_future(self._ask())

    async def _ask(self) -> None:
        scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/v1/x", "headers": self._headers}
        await self._limit(scope, self._parts.get, self._send)

    async def _send(self, message: Message) -> None:
        self.status = message.get("status", self.status)
        self.body += message.get("body", b"")

    async def send(self, size: int, *, more: bool = True) -> None:
        """Let some bytes arrive, and the application take them."""
        self._parts.put_nowait({"type": "http.request", "body": b"x" * size, "more_body": more})
        for _ in range(10):
            await asyncio.sleep(0)

    async def hang_up(self) -> None:
        """Send no more."""
        self._parts.put_nowait({"type": "http.disconnect"})
        await self.answered


class Service:
    """An application that reads bodies, and answers them once it may."""

    def __init__(self, max_bytes: int, budget: int) -> None:
        self.budget = BodyBudget(budget)
        self.may_answer = asyncio.Event()
        self.limit = BodyLimit(Direct(self._answer), max_bytes=max_bytes, seconds=20, status=STATUS, budget=self.budget)

    async def _answer(self, _scope: Scope, receive: Receive) -> bytes:
        size = len(await read_body(receive))
        await self.may_answer.wait()
        return b"%d" % size


def test_bodies_count_from_their_arrival_until_their_answer() -> None:
    async def test() -> None:
        service = Service(MEGABYTE, MEGABYTE)
        client = Client(service.limit)
        await client.send(300_000)
        assert service.budget.held == 300_000
        await client.send(200_000, more=False)
        assert service.budget.held == 500_000
        service.may_answer.set()
        await client.answered
        assert (client.status, client.body, service.budget.held) == (200, b"500000", 0)

    run(test())


def test_a_body_for_which_there_is_no_room_is_refused_and_those_before_it_are_answered() -> None:
    async def test() -> None:
        service = Service(MEGABYTE, MEGABYTE)
        first, second = Client(service.limit), Client(service.limit)
        await first.send(700_000, more=False)
        await second.send(300_000)
        await second.send(100_000)
        assert service.budget.held == 700_000
        await second.hang_up()
        assert second.status == 503
        assert json.loads(second.body)["type"].endswith(":overloaded")
        service.may_answer.set()
        await first.answered
        assert (first.status, service.budget.held) == (200, 0)

    run(test())


def test_what_is_declared_and_never_comes_takes_no_room() -> None:
    async def test() -> None:
        service = Service(MEGABYTE, MEGABYTE)
        silent = [Client(service.limit, (b"content-length", b"1000000")) for _ in range(50)]
        for client in silent:
            await client.send(1)
        assert service.budget.held == 50
        service.may_answer.set()
        honest = Client(service.limit)
        await honest.send(900_000, more=False)
        await honest.answered
        assert honest.status == 200
        for client in silent:
            await client.hang_up()
        assert service.budget.held == 0

    run(test())


def test_small_bodies_are_let_in_when_large_ones_have_taken_all_room() -> None:
    async def test() -> None:
        service = Service(MEGABYTE, MEGABYTE)
        large, small = Client(service.limit), [Client(service.limit) for _ in range(20)]
        await large.send(MEGABYTE, more=False)
        for client in small:
            await client.send(SMALL_BODY, more=False)
        service.may_answer.set()
        await asyncio.gather(large.answered, *(client.hang_up() for client in small))
        assert large.status == 200
        statuses = [client.status for client in small]
        assert statuses[:3] == [200] * 3
        assert statuses[4:] == [503] * 16, "they have a bound of their own"
        assert service.budget.held == 0

    run(test())


@pytest.mark.parametrize("problem", [RequestProblem("invalid_json", "no"), ValueError("a bug")], ids=["refused", "bug"])
def test_room_is_given_back_whatever_becomes_of_a_request(problem: Exception) -> None:
    async def test() -> None:
        budget = BodyBudget(MEGABYTE)

        async def fail(_scope: Scope, receive: Receive, _send: Send) -> None:
            await read_body(receive)
            raise problem

        client = Client(BodyLimit(fail, max_bytes=MEGABYTE, seconds=20, status=STATUS, budget=budget))
        await client.send(1000, more=False)
        with pytest.raises(type(problem)):
            await client.answered
        assert budget.held == 0

    run(test())
