"""◆ Requests counted in memory that the workers of one instance share.

To be made before they are forked. The map has a fixed size: buckets of slots, each for one caller's window; a caller's
bucket follows from its tag, and slots whose window is over are used again. Where there is none in a full bucket, the
caller with the fewest requests there is forgotten. A bucket is locked while it is read and written by a record lock,
which the kernel frees when a process ends, however it does. Times are of the monotonic clock: they do not jump.
"""

import fcntl
import mmap
import os
import struct
import sys
import tempfile
import time
from collections.abc import Callable

from falsetrue.access.quotas import CountsAwayError

#: Slots of a bucket, and buckets. Of 10,000 callers at once, spread as by chance, one finds its bucket full once in
#: 200,000 times; of 20,000 once in 20.
_WAYS = 16
_BUCKETS = 4096
_TAG = 16
#: When a window ends, and how many requests there were in it.
_WINDOW = struct.Struct("<dQ")
_BUCKET = _WAYS * (_TAG + _WINDOW.size)
#: Seconds for which a locked bucket is waited for. One is locked for some microseconds, unless a process is stopped.
_PATIENCE = 0.25
_PAUSE = 20e-6


class SharedCounts:
    """How many requests each caller made in its window; exact over all processes forked after this was made.

    Not for several threads of one process.
    """

    def __init__(self, *, buckets: int = _BUCKETS, clock: Callable[[], float] = time.monotonic) -> None:
        self._buckets = buckets
        self._clock = clock
        self._map = mmap.mmap(-1, buckets * _BUCKET)
        self._locks = _nameless_file()

    def close(self) -> None:
        """Let go of the memory."""
        self._map.close()
        os.close(self._locks)

    async def add(self, tag: bytes, seconds: int) -> tuple[int, float]:
        """Count a request of the caller with a tag of 16 bytes, in a window of some seconds.

        Returns how many there were in the window, this one included, and the seconds until it ends. Raises
        :class:`CountsAwayError` where another process was stopped while it counted.
        """
        bucket = int.from_bytes(tag[:4], "little") % self._buckets
        self._lock(bucket)
        try:
            return self._add(bucket * _BUCKET, tag, seconds)
        finally:
            fcntl.lockf(self._locks, fcntl.LOCK_UN, 1, bucket)

    def _lock(self, bucket: int) -> None:
        try:
            fcntl.lockf(self._locks, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, bucket)
        except BlockingIOError:
            self._wait(bucket)

    def _wait(self, bucket: int) -> None:
        """Lock a bucket that another process has locked."""
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            time.sleep(_PAUSE)
            try:
                fcntl.lockf(self._locks, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, bucket)
            except BlockingIOError:
                continue
            return
        raise CountsAwayError("another process does not let go of them")

    def _add(self, start: int, tag: bytes, seconds: int) -> tuple[int, float]:
        now = self._clock()
        slot = self._find(start, tag)
        if slot is None:
            slot = self._take(start, tag, now)
        ends, count = _WINDOW.unpack_from(self._map, start + _WAYS * _TAG + slot * _WINDOW.size)
        if not now < ends <= now + seconds:
            ends, count = now + seconds, 0
        self._write(start, slot, ends, count + 1)
        return count + 1, ends - now

    def _find(self, start: int, tag: bytes) -> int | None:
        """The slot of a tag in the bucket that starts at some byte."""
        tags = self._map[start : start + _WAYS * _TAG]
        at = tags.find(tag)
        while at > 0 and at % _TAG:  # the end of one and the beginning of the next
            at = tags.find(tag, at + 1)
        return at // _TAG if at >= 0 else None

    def _take(self, start: int, tag: bytes, now: float) -> int:
        """Give a caller a slot whose window is over, or else that of the fewest requests."""
        windows = list(_WINDOW.iter_unpack(self._map[start + _WAYS * _TAG : start + _BUCKET]))
        slot = min(range(_WAYS), key=lambda slot: (windows[slot][0] > now, windows[slot][1]))
        # First: a process that is killed before the tag is there leaves nobody with another's window.
        self._write(start, slot, 0.0, 0)
        at = start + slot * _TAG
        self._map[at : at + _TAG] = tag
        return slot

    def _write(self, start: int, slot: int, ends: float, count: int) -> None:
        """Write a window in one piece."""
        at = start + _WAYS * _TAG + slot * _WINDOW.size
        self._map[at : at + _WINDOW.size] = _WINDOW.pack(ends, count)


def _nameless_file() -> int:
    """A file of which only the locks are used, and that goes with the last process."""
    if sys.platform == "linux":
        return os.memfd_create("falsetrue quotas")  # where no folder can be written to, too
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
