"""Whose texts are scored when, and with whose."""

import asyncio
import re
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.service.conftest import DISPATCH, LEGACY, PATIENCE, RANT, V1

from falsetrue.service.turns import INLINE_CHARACTERS, LARGEST_TURN, Turns

T = TypeVar("T")
LONG = INLINE_CHARACTERS + 1


def run(test: Coroutine[None, None, T]) -> T:
    """Run to its end, with one thread for scoring, as in the service."""

    async def in_time() -> T:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        return await asyncio.wait_for(test, PATIENCE)

    return asyncio.run(in_time())


class Recorder:
    """Answers each item with itself; keeps what it was asked, call by call, and can be made to wait in a thread."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.begun = asyncio.Event()
        self.may_go_on = threading.Event()
        self._loop = asyncio.get_running_loop()

    def __call__(self, items: Sequence[str]) -> list[str]:
        """Score at once."""
        self.calls.append(list(items))
        return list(items)

    def slowly(self, items: Sequence[str]) -> list[str]:
        """Score once it is let."""
        self._loop.call_soon_threadsafe(self.begun.set)
        assert self.may_go_on.wait(PATIENCE)
        return list(items)


def score(
    turns: Turns, work: Callable[[Sequence[str]], Sequence[str]], *items: str, size: int = 1
) -> asyncio.Task[list[str]]:
    """Have items of the same size scored."""
    return asyncio.ensure_future(turns.score(work, work, items, [size] * len(items)))


# --- together --------------------------------------------------------------------------------------


def test_short_requests_that_arrive_together_are_scored_in_one_call() -> None:
    async def test() -> None:
        turns, recorder = Turns(), Recorder()
        answers = await asyncio.gather(*(score(turns, recorder, name, name.upper()) for name in "abc"))
        assert answers == [["a", "A"], ["b", "B"], ["c", "C"]]
        assert recorder.calls == [["a", "A", "b", "B", "c", "C"]]

    run(test())


def test_long_requests_that_wait_for_the_thread_are_scored_in_one_call() -> None:
    async def test() -> None:
        turns, recorder = Turns(), Recorder()
        first = score(turns, recorder.slowly, "first", size=LONG)
        await recorder.begun.wait()
        waiting = [score(turns, recorder, name, size=LONG) for name in "abc"]
        await asyncio.sleep(0)
        assert recorder.calls == []
        recorder.may_go_on.set()
        assert await asyncio.gather(first, *waiting) == [["first"], ["a"], ["b"], ["c"]]
        assert recorder.calls == [["a", "b", "c"]]

    run(test())


def test_what_is_asked_of_others_is_another_call() -> None:
    """As with two policies."""

    async def test() -> None:
        turns, one, another = Turns(), Recorder(), Recorder()
        await asyncio.gather(score(turns, one, "a"), score(turns, another, "b"))
        assert (one.calls, another.calls) == ([["a"]], [["b"]])

    run(test())


# --- nobody waits long -----------------------------------------------------------------------------


def test_a_short_request_is_answered_while_the_thread_is_busy() -> None:
    async def test() -> None:
        turns, recorder = Turns(), Recorder()
        first = score(turns, recorder.slowly, "first", size=LONG)
        await recorder.begun.wait()
        try:
            assert await score(turns, recorder, "short") == ["short"]
        finally:
            recorder.may_go_on.set()
        assert await first == ["first"]

    run(test())


def test_a_batch_of_many_turns_lets_another_request_in_after_one() -> None:
    async def test() -> None:
        turns, recorder = Turns(), Recorder()
        first = score(turns, recorder.slowly, "first", size=LONG)
        await recorder.begun.wait()
        batch = score(turns, recorder, *map(str, range(100)), size=LARGEST_TURN // 10)
        late = score(turns, recorder, "late", size=LONG)
        recorder.may_go_on.set()
        assert await batch == [str(number) for number in range(100)]
        assert (await first, await late) == (["first"], ["late"])
        assert "late" in recorder.calls[0]
        assert len(recorder.calls) > 5

    run(test())


@pytest.mark.parametrize(
    ("size", "largest"), [(1000, INLINE_CHARACTERS), (LONG, LARGEST_TURN)], ids=["event-loop", "thread"]
)
def test_a_call_has_no_more_than_a_bound_and_one_request(size: int, largest: int) -> None:
    async def test() -> None:
        turns, recorder = Turns(), Recorder()
        await asyncio.gather(*(score(turns, recorder, str(number), size=size) for number in range(100)))
        assert max(map(len, recorder.calls)) * size <= largest + size
        assert sum(map(len, recorder.calls)) == 100

    run(test())


# --- what comes of it ------------------------------------------------------------------------------


@given(
    st.lists(
        st.lists(st.tuples(st.integers(), st.integers(0, LARGEST_TURN)), max_size=6),
        max_size=12,
    )
)
def test_every_request_gets_the_answers_to_its_own_items_in_their_order(
    requests: list[list[tuple[int, int]]],
) -> None:
    async def test() -> list[list[int]]:
        turns = Turns()

        def double(items: Sequence[int]) -> list[int]:
            return [2 * item for item in items]

        scored = (
            turns.score(double, double, [item for item, _ in items], [size for _, size in items]) for items in requests
        )
        return list(await asyncio.gather(*scored))

    assert run(test()) == [[2 * item for item, _ in items] for items in requests]


def fails_for_b(items: Sequence[str]) -> list[str]:
    if "b" in items:
        raise ValueError(items)
    return list(items)


@pytest.mark.parametrize("size", [1, LONG])
def test_a_request_that_fails_fails_alone(size: int) -> None:
    async def test() -> None:
        turns = Turns()
        scored = (score(turns, fails_for_b, name, size=size) for name in "abc")
        first, failed, last = await asyncio.gather(*scored, return_exceptions=True)
        assert (first, last) == (["a"], ["c"])
        assert isinstance(failed, ValueError)
        assert list(failed.args[0]) == ["b"]
        assert await score(turns, fails_for_b, "d", size=size) == ["d"]

    run(test())


def test_whoever_stops_waiting_keeps_nobody_from_an_answer() -> None:
    async def test() -> None:
        turns, recorder = Turns(), Recorder()
        first = score(turns, recorder.slowly, "first", size=LONG)
        await recorder.begun.wait()
        gone = score(turns, recorder, "gone", size=LONG)
        last = score(turns, recorder, "last", size=LONG)
        await asyncio.sleep(0)
        first.cancel()
        gone.cancel()
        recorder.may_go_on.set()
        assert await last == ["last"]
        assert recorder.calls == [["last"]]

    run(test())


def test_nothing_to_score_is_answered_at_once() -> None:
    async def test() -> None:
        recorder = Recorder()
        assert await Turns().score(recorder, recorder, [], []) == []
        assert recorder.calls == []

    run(test())


# --- over HTTP -------------------------------------------------------------------------------------


def test_requests_at_once_get_the_answers_that_each_gets_alone(client: httpx2.Client) -> None:
    texts = [DISPATCH, RANT, "", "word " * 5000, DISPATCH * 100, RANT + " ñandú", "a", RANT * 80]
    asked: list[tuple[str, dict[str, Any]]] = [(LEGACY, {"texts": texts[begin:]}) for begin in range(len(texts))]
    asked += [(V1, {"items": [{"text": text} for text in texts[begin:]]}) for begin in range(len(texts))]
    asked += [(V1, {"items": [{"text": text}], "prevalence": 0.2}) for text in texts]

    def answer(request: tuple[str, dict[str, Any]]) -> str:
        return re.sub(r'"prediction_id":"[^"]*"', "", client.post(request[0], json=request[1]).text)

    alone = list(map(answer, asked))
    with ThreadPoolExecutor(len(asked)) as pool:
        together = list(pool.map(answer, asked * 3))
    assert together == alone * 3
