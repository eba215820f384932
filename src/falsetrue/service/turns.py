"""Whose texts are scored next: what waits for its turn is scored together, and nobody waits for a whole batch."""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import Any

from falsetrue.service.backpressure import overloaded

Work = Callable[[Sequence[Any]], Sequence[Any]]

#: Characters of text that are scored in the event loop; a request with more goes to the thread.
INLINE_CHARACTERS = 20_000
#: Characters of text that are scored in one turn of the thread, where single texts are not longer.
LARGEST_TURN = 200_000
#: Requests that may wait for a turn, of those that are scored in the event loop and of the others.
MOST_WAITING = 512


@dataclass(slots=True, eq=False)
class _Waiting:
    """What a request wants to have scored, and what came of it so far."""

    work: Work
    key: Hashable
    items: Sequence[Any]
    sizes: Sequence[int]
    whole: asyncio.Future[list[Any]]
    answers: list[Any] = field(default_factory=list)

    def next_part(self, share: int) -> "_Part":
        """Items that were not scored yet, one at least and together up to ``share`` characters."""
        begin, size = len(self.answers), 0
        for end in range(begin, len(self.items)):
            size += self.sizes[end]
            if size >= share:
                return _Part(self, self.items[begin : end + 1], size)
        return _Part(self, self.items[begin:] if begin else self.items, size)


@dataclass(slots=True, eq=False)
class _Part:
    """Some items of one request, in one turn."""

    of: _Waiting
    items: Sequence[Any]
    size: int  #: characters
    result: Sequence[Any] | Exception = ()

    def settle(self) -> bool:
        """Hand over what came of it; returns whether there is more to do for its request."""
        whole, answers = self.of.whole, self.of.answers
        if whole.done():
            return False
        if isinstance(self.result, Exception):
            whole.set_exception(self.result)
            return False
        answers.extend(self.result)
        if len(answers) < len(self.of.items):
            return True
        whole.set_result(answers)
        return False


class Turns:
    """Scores what many requests bring, in an event loop.

    Those of at most ``INLINE_CHARACTERS`` take their turn in the event loop as soon as it has read what arrived; others
    take theirs in the loop's default executor, so that they never stand before the short ones. A turn scores
    everything that waits for it in one call, up to a bound; of what is longer it scores a part. Of each kind at most
    ``most_waiting`` requests wait.
    """

    def __init__(self, most_waiting: int = MOST_WAITING) -> None:
        self._most_waiting = most_waiting
        self._short: deque[_Waiting] = deque()
        self._long: deque[_Waiting] = deque()
        self._thread_is_busy = False

    @property
    def waiting(self) -> int:
        """Requests that wait for a turn."""
        return len(self._short) + len(self._long)

    async def score(self, work: Work, key: Hashable, items: Sequence[Any], sizes: Sequence[int]) -> list[Any]:
        """What ``work`` answers to ``items``, whose ``sizes`` are in characters, in their order; raises what it raises.

        ``work`` gives one answer for each item, whatever stands beside it; callers with the same ``key`` have the same.
        Raises :class:`RequestProblem` where too many wait.
        """
        if not items:
            return []
        loop = asyncio.get_running_loop()
        is_short = sum(sizes) <= INLINE_CHARACTERS
        queue = self._short if is_short else self._long
        if len(queue) >= self._most_waiting:
            raise overloaded()
        waiting = _Waiting(work, key, items, sizes, loop.create_future())
        queue.append(waiting)
        if not is_short and not self._thread_is_busy:
            self._begin_long_turn(loop)
        elif is_short and len(queue) == 1:
            loop.call_soon(self._take_short_turn, loop)
        return await waiting.whole

    def _take_short_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        turn = _next_turn(self._short, INLINE_CHARACTERS)
        _score(turn)
        self._short.extend(part.of for part in turn if part.settle())
        if self._short:
            loop.call_soon(self._take_short_turn, loop)

    def _begin_long_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        turn = _next_turn(self._long, LARGEST_TURN)
        self._thread_is_busy = True

        def settle(_: object) -> None:
            self._thread_is_busy = False
            self._long.extend(part.of for part in turn if part.settle())
            if self._long:
                self._begin_long_turn(loop)

        loop.run_in_executor(None, _score, turn).add_done_callback(settle)


def _next_turn(queue: deque[_Waiting], largest: int) -> list[_Part]:
    """Take a fair share of what waits, from the first on, until there are ``largest`` characters."""
    share = max(INLINE_CHARACTERS, largest // len(queue))
    turn: list[_Part] = []
    size = 0
    while queue and size < largest:
        waiting = queue.popleft()
        if not waiting.whole.done():  # whoever asked is still there
            part = waiting.next_part(share)
            turn.append(part)
            size += part.size
    return turn


def _score(turn: list[_Part]) -> None:
    """Fill in the results: one call for parts with the same key that stand side by side."""
    for _, group in groupby(turn, key=lambda part: part.of.key):
        _score_together(list(group))


def _score_together(parts: list[_Part]) -> None:
    """Score parts in one call; should that fail, each alone, so that no request fails for another's text."""
    if len(parts) == 1:
        _score_alone(parts[0])
        return
    try:
        answers = iter(parts[0].of.work([item for part in parts for item in part.items]))
    except Exception:  # noqa: BLE001 - the one that it comes from will raise it again
        for part in parts:
            _score_alone(part)
        return
    for part in parts:
        part.result = list(islice(answers, len(part.items)))


def _score_alone(part: _Part) -> None:
    try:
        part.result = part.of.work(part.items)
    except Exception as error:  # noqa: BLE001 - it is raised where the answer is awaited
        part.result = error
