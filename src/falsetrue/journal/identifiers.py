"""Identifiers that sort by when they were made: UUIDv7 (RFC 9562, section 5.7)."""

import os
import re
import threading
import time
from collections.abc import Callable

_CANONICAL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_COUNTER_BITS = 42
#: Random bytes that the system is asked for at once.
_BLOCK = 2048


class Randomness:
    """Random bytes, for which the system is asked a block at a time: each question has other threads take the turn.

    Not for several threads; a process makes its own after it was forked.
    """

    def __init__(self) -> None:
        self._block = b""
        self._at = 0

    def __call__(self, count: int) -> bytes:
        """So many bytes, up to a block's."""
        if self._at + count > len(self._block):
            self._block, self._at = os.urandom(_BLOCK), 0
        begin = self._at
        self._at += count
        return self._block[begin : self._at]


class Identifiers:
    """Makes them, each greater than the one before, whatever the clock does; for any number of threads.

    Of the 74 bits that RFC 9562 leaves free, 42 are a counter that begins at random, below its middle, at every
    millisecond (section 6.2, method 1), and 32 are random. When the clock goes back, the latest millisecond is kept;
    when the counter is full, the next one begins. A process makes its own after it was forked.
    """

    def __init__(
        self, clock: Callable[[], int] = time.time_ns, random_bytes: Callable[[int], bytes] | None = None
    ) -> None:
        self._clock = clock  #: nanoseconds since 1970
        self._random_bytes = Randomness() if random_bytes is None else random_bytes
        self._lock = threading.Lock()
        self._milliseconds = -1
        self._counter = 0

    def new(self) -> str:
        """The next one, in the canonical form."""
        now = self._clock() // 1_000_000
        with self._lock:
            random = int.from_bytes(self._random_bytes(10))
            if now > self._milliseconds:
                self._milliseconds, self._counter = now, random >> 39
            else:
                self._counter += 1
                if self._counter >> _COUNTER_BITS:
                    self._milliseconds, self._counter = self._milliseconds + 1, random >> 39
            milliseconds, counter = self._milliseconds, self._counter
        low = counter & 0x3FFFFFFF
        return (
            f"{milliseconds >> 16:08x}-{milliseconds & 0xFFFF:04x}-7{counter >> 30:03x}-"
            f"{0x8000 | low >> 16:04x}-{low & 0xFFFF:04x}{random & 0xFFFFFFFF:08x}"
        )


def is_identifier(written: str) -> bool:
    """Whether a caller's text is a UUID in the canonical form, lower case; of any version."""
    return _CANONICAL.fullmatch(written) is not None


def milliseconds_of(identifier: str) -> int:
    """When it was made, since 1970."""
    return int(identifier[:8] + identifier[9:13], 16)


def first_identifier(milliseconds: int) -> str:
    """Not greater than any that was made from then on."""
    milliseconds = min(max(milliseconds, 0), 2**48 - 1)
    return f"{milliseconds >> 16:08x}-{milliseconds & 0xFFFF:04x}-0000-0000-000000000000"
