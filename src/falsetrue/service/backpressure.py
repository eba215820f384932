"""What waits for an answer has bounds: beyond them a request is refused at once, and told when to try again."""

from dataclasses import dataclass

from falsetrue.service.problems import RequestProblem

#: Seconds after which a refused caller may try again: a batch as large as the bounds allow takes about that long.
_RETRY_AFTER = "2"
#: Bytes up to which a body counts as small.
SMALL_BODY = 64 * 1024
#: What small bodies may take beyond the bound, as a share of it: large ones must not keep them out.
_FOR_SMALL_BODIES = 0.25


def overloaded() -> RequestProblem:
    """Why a request is refused that would have to wait too long, or take more memory than there is."""
    detail = "too much waits to be answered here; try again soon"
    return RequestProblem("overloaded", detail, headers={"Retry-After": _RETRY_AFTER})


@dataclass(slots=True)
class BodyBudget:
    """The bytes of request bodies that a worker holds, from their arrival until they are answered."""

    max_bytes: int
    held: int = 0

    def take(self, count: int, so_far: int) -> None:
        """Hold ``count`` more bytes of a body, now ``so_far``; raises :class:`RequestProblem` for want of room."""
        room = self.max_bytes
        if so_far <= SMALL_BODY:
            room += int(self.max_bytes * _FOR_SMALL_BODIES)
        if self.held + count > room:
            raise overloaded()
        self.held += count

    def give_back(self, count: int) -> None:
        """Let go of them."""
        self.held -= count
