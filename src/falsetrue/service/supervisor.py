"""◆ Worker processes, forked from one that has loaded everything, kept alive and renewed until told to stop."""

import gc
import logging
import os
import select
import signal
import struct
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import NoReturn

from falsetrue.errors import FalsetrueError

_log = logging.getLogger("uvicorn.error")

_STOPS = (signal.SIGTERM, signal.SIGINT)
#: Seconds before a worker that died is replaced: at first, and at most where one after the other dies.
_FIRST_DELAY, _LONGEST_DELAY = 0.1, 5.0
#: Seconds after which a worker counts as one that had come up.
_SETTLED = 10.0
#: Seconds for a worker to be ready before it answers, if only by saying why it is not.
_PATIENCE = 2.0
#: Written by a worker that is ready: its process id. Pipes keep so few bytes together.
_READY = struct.Struct("=q")


@dataclass(frozen=True, kw_only=True, slots=True)
class Post:
    """What a worker is told when it starts."""

    place: int  #: 0 to count - 1: which of the workers it is; during a restart an old and a new one have the same
    slot: int  #: 0 to count: no two workers that live at once have the same, so that files may be named by it
    patience: float | None  #: seconds for it to be ready, after which it is to serve as it is; ``None``: ever
    life: int  #: file descriptor whose reader sees its end when the supervisor ends, in whatever way, or is in a hurry
    ready: Callable[[], None]  #: to be called once it serves


#: What a worker does. On SIGTERM and SIGINT it is to stop, on SIGHUP to make way: to finish what it has begun, and end.
Work = Callable[[Post], None]


@dataclass(kw_only=True, slots=True, eq=False)
class _Worker:
    pid: int
    place: int
    slot: int
    started: float
    ready: bool = False  #: it has said so


class Supervisor:
    """Runs ``work(post)`` in ``count`` processes, and again in a new one where one dies.

    Workers are to end when ``post.life`` does. SIGTERM and SIGINT are passed on, each as often as it comes, and from
    the first on no worker is started any more. On SIGHUP ``refresh`` gives new work, or raises; then the workers are
    replaced one after the other, each only once its successor is ready. To be used before there is any thread, as a
    fork takes none along.
    """

    ready_seconds = 60.0  #: that a new worker may take before its elder is left where it is

    def __init__(
        self, count: int, work: Work, *, on_stop: Callable[[], None], refresh: Callable[[], Work], leave_seconds: float
    ) -> None:
        self._count = count
        self._work = work
        self._on_stop = on_stop  #: what the supervisor is to let go of once it starts no worker any more
        self._refresh = refresh
        self._leave_seconds = leave_seconds  #: how long a worker may take to make way before it is killed
        self._workers: dict[int, _Worker] = {}  #: by process id
        self._due: dict[int, float] = dict.fromkeys(range(count), 0.0)  #: place -> when to start a worker there
        self._delay = dict.fromkeys(range(count), _FIRST_DELAY)
        self._stopping = False
        self._hurrying = False  #: asked again to stop: `life` has ended
        self._asked = False  #: to replace all workers, and that has not begun
        self._restart: Iterator[float] | None = None  #: waits for something, at the longest until the time it gives
        self._look_again: float | None = None

    def run(self) -> None:
        """Start the workers; return once they have been told to stop and have done so."""
        self._life, self._ours = os.pipe()
        self._hears, self._says = os.pipe()
        os.set_blocking(self._hears, False)
        hung_up = watch_terminal()
        _keep_for_good()
        with _signals(self._hears) as wait:
            while self._workers or self._due:
                self._start_due()
                for number in wait(self._seconds()):
                    self._obey(signal.SIGTERM if number == signal.SIGHUP and hung_up() else number)
                self._note_ready()
                self._reap()
                self._go_on()

    def _obey(self, number: int) -> None:
        if number in _STOPS:
            self._stop(number)
        elif number == signal.SIGHUP and not self._stopping:
            self._asked = True

    def _seconds(self) -> float | None:
        """Until there is something to do that no signal tells."""
        if self._asked and self._restart is None:
            return 0.0
        times = [*self._due.values(), *([] if self._look_again is None else [self._look_again])]
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _note_ready(self) -> None:
        with suppress(BlockingIOError):
            for (pid,) in _READY.iter_unpack(os.read(self._hears, 512 * _READY.size)):
                if pid in self._workers:
                    self._workers[pid].ready = True

    # --- one worker ---------------------------------------------------------------------------------

    def _start_due(self) -> None:
        now = time.monotonic()
        for place in [place for place, due in self._due.items() if due <= now]:
            del self._due[place]
            self._start(place, self._work, _PATIENCE)

    def _start(self, place: int, work: Work, patience: float | None) -> _Worker:
        slot = min(set(range(self._count + 1)) - {worker.slot for worker in self._workers.values()})
        now = time.monotonic()
        post = Post(place=place, slot=slot, patience=patience, life=self._life, ready=self._say_ready)
        pid = self._fork(partial(work, post))
        worker = self._workers[pid] = _Worker(pid=pid, place=place, slot=slot, started=now)
        return worker

    def _fork(self, work: Callable[[], None]) -> int:
        # A signal must not find the child with its parent's handlers.
        signals = (*_STOPS, signal.SIGHUP)
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        pid = os.fork()
        if not pid:
            self._be_worker(work)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        return pid

    def _be_worker(self, work: Callable[[], None]) -> NoReturn:
        code = 1
        try:
            os.close(self._ours)
            os.close(self._hears)
            # Out of reach of a terminal's Ctrl+C, which the parent passes on.
            os.setpgid(0, 0)
            signal.set_wakeup_fd(-1)
            signals = (*_STOPS, signal.SIGHUP)
            for number in (*signals, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
            work()
            code = 0
        except BaseException:  # noqa: BLE001 - a child must not go on with what its parent was doing
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _say_ready(self) -> None:
        with suppress(BrokenPipeError):  # the supervisor has ended, and `life` says so
            os.write(self._says, _READY.pack(os.getpid()))

    def _reap(self) -> None:
        for pid, status in _ended():
            worker = self._workers.pop(pid, None)
            # During a restart there may be another in its place.
            if worker and not self._stopping and not any(w.place == worker.place for w in self._workers.values()):
                self._replace(status, worker)

    def _replace(self, status: int, worker: _Worker) -> None:
        now, place = time.monotonic(), worker.place
        delay = _FIRST_DELAY if now - worker.started >= _SETTLED else self._delay[place]
        self._delay[place] = min(2 * delay, _LONGEST_DELAY)
        self._due[place] = now + delay
        code = os.waitstatus_to_exitcode(status)
        why = f"by signal {-code}" if code < 0 else f"with code {code}"
        _log.error("worker %d ended %s; another is started in %g s", worker.pid, why, delay)

    # --- all of them --------------------------------------------------------------------------------

    def _stop(self, number: int) -> None:
        if not self._stopping:
            self._stopping = True
            self._due.clear()
            self._asked, self._restart, self._look_again = False, None, None
            self._on_stop()
        elif not self._hurrying:
            # A worker that was busy takes two signals that are alike for one.
            self._hurrying = True
            os.close(self._ours)
        for worker in self._workers.values():
            _send(worker, number)

    def _go_on(self) -> None:
        if self._asked and self._restart is None:
            self._asked, self._restart = False, self._replace_all()
        if self._restart is not None:
            self._look_again = next(self._restart, None)
            if self._look_again is None:
                self._restart = None

    def _replace_all(self) -> Iterator[float]:
        work = self._new_work()
        if work is None:
            return
        for place in range(self._count):
            old = next((worker for worker in self._workers.values() if worker.place == place), None)
            self._due.pop(place, None)
            new = self._start(place, work, patience=None)
            yield from self._until_ready(new)
            if not new.ready:
                yield from self._end(new)
                return
            self._work = work
            if old is not None:
                yield from self._send_away(old)
        _log.info("Replaced all %d worker processes", self._count)

    def _new_work(self) -> Work | None:
        """What ``refresh`` gives; where it raises, nothing, and the log says why."""
        gc.unfreeze()  # what is replaced here must be found by the collector
        try:
            return self._refresh()
        except FalsetrueError as error:
            _log.error("no worker is replaced: %s", error)
        except Exception:  # noqa: BLE001 - whatever it was, workers that serve go on
            _log.exception("no worker is replaced, for a reason that nobody foresaw")
        finally:
            _keep_for_good()
        return None

    def _until_ready(self, new: _Worker) -> Iterator[float]:
        deadline = time.monotonic() + self.ready_seconds
        while new.pid in self._workers and not new.ready and time.monotonic() < deadline:
            yield deadline
        if not new.ready:
            why = f"was not ready after {self.ready_seconds:g} s" if new.pid in self._workers else "ended too early"
            _log.error("worker %d %s; those that were not replaced yet go on as they are", new.pid, why)

    def _send_away(self, old: _Worker) -> Iterator[float]:
        """Have a worker make way, and wait until it has."""
        if old.pid in self._workers:  # else it has ended, and its number may be somebody else's
            _send(old, signal.SIGHUP)
        deadline = time.monotonic() + self._leave_seconds
        while old.pid in self._workers and time.monotonic() < deadline:
            yield deadline
        if old.pid in self._workers:
            _log.error("worker %d did not make way in %g s and is killed", old.pid, self._leave_seconds)
            yield from self._end(old)

    def _end(self, worker: _Worker) -> Iterator[float]:
        """Kill a worker that may have ended already, and wait until it has: its slot is needed."""
        while worker.pid in self._workers:
            _send(worker, signal.SIGKILL)
            yield time.monotonic() + _LONGEST_DELAY


def _keep_for_good() -> None:
    """What is there now stays: the collector need not write into pages that the workers share."""
    gc.collect()
    gc.freeze()


def _send(worker: _Worker, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(worker.pid, number)


def _ended() -> Iterator[tuple[int, int]]:
    """Process id and status of each child that has ended."""
    with suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            yield found


def watch_terminal() -> Callable[[], bool]:
    """Whether the terminal that there is now has gone, which SIGHUP also says; never under ``nohup``."""
    cares = signal.getsignal(signal.SIGHUP) != signal.SIG_IGN and _has_terminal()
    return lambda: cares and not _has_terminal()


def _has_terminal() -> bool:
    """Whether a terminal controls this process."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


@contextmanager
def _signals(also: int) -> Iterator[Callable[[float | None], bytes]]:
    """While the block lasts, a function that waits for signals, for some seconds or ever, and gives their numbers.

    It waits no longer where the file descriptor ``also`` has something to read.
    """
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    numbers = (*_STOPS, signal.SIGHUP, signal.SIGCHLD)
    before = {number: signal.signal(number, lambda *_: None) for number in numbers}
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def wait(seconds: float | None) -> bytes:
        select.select([reader, also], [], [], seconds)
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
