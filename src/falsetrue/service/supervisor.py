"""◆ Worker processes, forked from one that has loaded everything, and kept alive until told to stop."""

import gc
import logging
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import NoReturn

_log = logging.getLogger("falsetrue")

_STOPS = (signal.SIGTERM, signal.SIGINT)
#: Seconds before a worker that died is replaced: at first, and at most where one after the other dies.
_FIRST_DELAY, _LONGEST_DELAY = 0.1, 5.0
#: Seconds after which a worker counts as one that had come up.
_SETTLED = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Worker:
    slot: int
    started: float


class Supervisor:
    """Runs ``work(slot, life)`` in ``count`` processes, and again in a new one where one dies.

    ``life`` is a file descriptor whose reader sees its end when the supervisor ends, however that happens: workers
    are to end then. SIGTERM and SIGINT are passed on, each as often as it comes, and from the first on no worker is
    started any more. To be used before there is any thread, as a fork takes none along.
    """

    def __init__(self, count: int, work: Callable[[int, int], None], *, on_stop: Callable[[], None]) -> None:
        self._work = work
        self._on_stop = on_stop  #: what the supervisor is to let go of once it starts no worker any more
        self._workers: dict[int, _Worker] = {}  #: by process id
        self._due: dict[int, float] = dict.fromkeys(range(count), 0.0)  #: slot -> when to start it
        self._delay = dict.fromkeys(range(count), _FIRST_DELAY)
        self._stopping = False

    def run(self) -> None:
        """Start the workers; return once they have been told to stop and have done so."""
        self._life, self._ours = os.pipe()
        # What is there now is there for good: the collector need not write into pages that the workers share.
        gc.collect()
        gc.freeze()
        with _signals() as wait:
            while self._workers or self._due:
                self._start_due()
                for number in wait(self._seconds()):
                    if number in _STOPS:
                        self._stop(number)
                self._reap()

    def _seconds(self) -> float | None:
        """Until the next worker is to be started, if any is."""
        return max(0.0, min(self._due.values()) - time.monotonic()) if self._due else None

    def _start_due(self) -> None:
        now = time.monotonic()
        for slot in [slot for slot, due in self._due.items() if due <= now]:
            del self._due[slot]
            self._workers[self._fork(slot)] = _Worker(slot=slot, started=now)

    def _fork(self, slot: int) -> int:
        # A signal must not find the child with its parent's handlers.
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
        pid = os.fork()
        if not pid:
            self._be_worker(slot)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
        return pid

    def _be_worker(self, slot: int) -> NoReturn:
        code = 1
        try:
            os.close(self._ours)
            # Out of reach of a terminal's Ctrl+C, which the parent passes on.
            os.setpgid(0, 0)
            signal.set_wakeup_fd(-1)
            for number in (*_STOPS, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
            self._work(slot, self._life)
            code = 0
        except BaseException:  # noqa: BLE001 - a child must not go on with what its parent was doing
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _stop(self, number: int) -> None:
        if not self._stopping:
            self._stopping = True
            self._due.clear()
            self._on_stop()
        for pid in self._workers:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _reap(self) -> None:
        for pid, status in _ended():
            worker = self._workers.pop(pid, None)
            if worker is not None and not self._stopping:
                self._replace(pid, status, worker)

    def _replace(self, pid: int, status: int, worker: _Worker) -> None:
        now, slot = time.monotonic(), worker.slot
        delay = _FIRST_DELAY if now - worker.started >= _SETTLED else self._delay[slot]
        self._delay[slot] = min(2 * delay, _LONGEST_DELAY)
        self._due[slot] = now + delay
        code = os.waitstatus_to_exitcode(status)
        why = f"by signal {-code}" if code < 0 else f"with code {code}"
        _log.error("worker %d ended %s; another is started in %g s", pid, why, delay)


def _ended() -> Iterator[tuple[int, int]]:
    """Process id and status of each child that has ended."""
    with suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            yield found


@contextmanager
def _signals() -> Iterator[Callable[[float | None], bytes]]:
    """While the block lasts, a function that waits for signals, for some seconds or ever, and gives their numbers."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    numbers = (*_STOPS, signal.SIGCHLD)
    before = {number: signal.signal(number, lambda *_: None) for number in numbers}
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def wait(seconds: float | None) -> bytes:
        select.select([reader], [], [], seconds)
        with suppress(BlockingIOError):
            return os.read(reader, 4096)
        return b""

    try:
        yield wait
    finally:
        signal.set_wakeup_fd(-1)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reader)
        os.close(writer)
