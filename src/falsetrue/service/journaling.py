"""◆ The journal of a worker: what many requests say is written in one transaction, and none is answered before that."""

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from falsetrue.errors import DatabaseError, DatabaseUnavailableError, FalsetrueError, SpoolError
from falsetrue.journal.records import StoredAnswer, Writing

if TYPE_CHECKING:
    from falsetrue.journal.spool import Spool
    from falsetrue.journal.store import Journal

Told = TypeVar("Told")

#: Requests written in one transaction at most.
LARGEST_BATCH = 256
#: Seconds between two attempts to reach a database that is away.
BETWEEN_ATTEMPTS = 1.0
#: After an attempt that took long, how many times as long there is none.
_REST = 9
#: Transactions in which the spool is written before what waits is looked at again.
AT_ONCE = 8
#: Seconds between two looks, while something is to be written and nothing comes.
_BETWEEN_LOOKS = 0.005
#: Seconds for which questions are waited for in the end.
_LAST_SECONDS = 2.0
#: Threads for questions to the journal, which never wait behind what is written.
_READERS = 2
_log = logging.getLogger("falsetrue")


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """What became of what a request said."""

    journaled: bool = True  #: in the database; else in the spool, to be there later
    earlier: StoredAnswer | None = None  #: what was answered to the same key before; nothing was written then


_WRITTEN = Kept()
_SPOOLED = Kept(journaled=False)

_Outcome: TypeAlias = Kept | Exception
_Waiting: TypeAlias = tuple[Writing, "asyncio.Future[Kept]"]


class Journaling:
    """Writes for an event loop, in a thread of its own.

    While the database is away, writings go to the ``spool`` where there is one, and from there to the database once
    it is back, in their order; without a spool they are refused with :class:`DatabaseUnavailableError`.
    """

    def __init__(self, open_journal: Callable[[], "Journal"], open_spool: "Callable[[], Spool] | None" = None) -> None:
        self._open_journal = open_journal
        self._open_spool = open_spool
        self._gathered: list[_Waiting] = []  #: what comes while the thread is busy
        self._busy = False  #: the thread has a batch, or will have at the end of this turn of the loop
        self._queue: queue.SimpleQueue[list[_Waiting] | None] = queue.SimpleQueue()
        self._journal: Journal | None = None
        self._spool: Spool | None = None
        self._next_attempt = 0.0
        self._behind_since: float | None = None  #: monotonic; when what was spooled first came
        self._thread: threading.Thread | None = None
        self._readers: ThreadPoolExecutor | None = None
        self.opened: asyncio.Event
        self.problem: FalsetrueError | None = None  #: why the journal cannot be used, now
        self.on_written: Callable[[int, float], object] = lambda _rows, _seconds: None  #: called in the thread

    # --- for the event loop ------------------------------------------------------------------------

    def start(self) -> None:
        """Begin, in a running event loop."""
        self._loop = asyncio.get_running_loop()
        self.opened = asyncio.Event()
        self._readers = ThreadPoolExecutor(_READERS, "journal-reader")
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Write what waits, and end."""
        while self._busy:  # noqa: ASYNC110 - it comes to rest in some milliseconds
            await asyncio.sleep(_BETWEEN_LOOKS)
        self._queue.put(None)
        if self._thread is not None and self._readers is not None:
            await self._loop.run_in_executor(self._readers, self._thread.join)
            # A question that nobody waits for any more would open the database again once it is closed.
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.to_thread(self._readers.shutdown), _LAST_SECONDS)

    async def keep(self, writing: Writing) -> Kept:
        """Wait until it is kept; raises :class:`DatabaseError` where it is not."""
        future: asyncio.Future[Kept] = self._loop.create_future()
        self._gathered.append((writing, future))
        if not self._busy:
            self._busy = True
            # Once the loop has answered what has arrived: handing over costs more than a row.
            self._loop.call_soon(self._hand_over)
        return await future

    def _hand_over(self) -> None:
        batch = self._gathered[:LARGEST_BATCH]
        del self._gathered[:LARGEST_BATCH]
        self._busy = bool(batch)
        if batch:
            self._queue.put(batch)

    def _settle(self, batch: Sequence[_Waiting], outcomes: Sequence[_Outcome]) -> None:
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if future.done():
                continue  # whoever asked is gone
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
        self._hand_over()

    async def ask(self, question: Callable[["Journal"], Told]) -> Told:
        """What the journal answers; raises :class:`DatabaseUnavailableError` while it is away."""
        journal = self._journal
        if journal is None or self.problem is not None:  # else each would wait for as long as a database may take
            raise DatabaseUnavailableError(str(self.problem or "the journal is being opened"))

        def put() -> Told:
            if self.problem is not None:  # found out while this waited for its turn
                raise DatabaseUnavailableError(str(self.problem))
            return question(journal)

        return await self._loop.run_in_executor(self._readers, put)

    @property
    def is_refusing(self) -> bool:
        """Whether what is written now would be refused."""
        return self.problem is not None and self.is_strict

    @property
    def is_ready(self) -> bool:
        """Whether what is written is kept, as far as is known."""
        return self.opened.is_set() and not (self.is_strict and self._journal is None)

    @property
    def is_strict(self) -> bool:
        """Whether nothing is answered while the database is away."""
        return self._open_spool is None

    @property
    def spooled(self) -> int:
        """Writings that wait in the spool."""
        return 0 if self._spool is None else self._spool.pending

    @property
    def lag(self) -> float:
        """Seconds for which something in the spool has been waiting for the database."""
        since = self._behind_since
        return 0.0 if since is None else time.monotonic() - since

    @property
    def waiting(self) -> int:
        """Writings that wait for the next transaction."""
        return len(self._gathered)

    # --- in the thread -----------------------------------------------------------------------------

    def _run(self) -> None:
        self._begin()
        while (batch := self._next_batch()) is not None:
            outcomes = self._keep([writing for writing, _ in batch])
            self._note_lag()
            if batch:
                self._loop.call_soon_threadsafe(self._settle, batch, outcomes)
        if self._spool is not None:
            self._spool.close()

    def _note_lag(self) -> None:
        if not self.spooled:
            self._behind_since = None
        elif self._behind_since is None:
            self._behind_since = time.monotonic()

    def _begin(self) -> None:
        try:
            self._spool = self._open_spool() if self._open_spool else None
        except FalsetrueError as error:
            self.problem = error
            _log.error("the spool cannot be used: %s", error)
        self._is_there()
        self._loop.call_soon_threadsafe(self.opened.set)

    def _next_batch(self) -> list[_Waiting] | None:
        """What is handed over; nothing after a while without, where something is to be mended; ``None``: end."""
        is_away = self._journal is None or self.problem is not None
        pause = BETWEEN_ATTEMPTS if is_away else _BETWEEN_LOOKS if self.spooled else None
        try:
            return self._queue.get(timeout=pause)
        except queue.Empty:
            return []

    def _keep(self, batch: Sequence[Writing]) -> Sequence[_Outcome]:
        if not self._is_there() or not self._replay():
            return self._do_without(batch)  # behind what is in the spool: the order is kept
        if not batch:
            return []
        begun = time.perf_counter()
        try:
            outcomes = self._write(batch)
        except DatabaseUnavailableError as error:
            self._lose(error)
            return self._do_without(batch)
        except Exception as error:  # noqa: BLE001 - whoever waits must be told
            return [self._write_alone(each) for each in batch] if len(batch) > 1 else [error]
        self.on_written(sum(len(each.entries) for each in batch), time.perf_counter() - begun)
        return outcomes

    def _write(self, batch: Sequence[Writing]) -> list[_Outcome]:
        assert self._journal is not None  # noqa: S101 - it is there
        return [_WRITTEN if each is None else Kept(earlier=each) for each in self._journal.write(batch)]

    def _write_alone(self, writing: Writing) -> _Outcome:
        """So that no request fails for another's."""
        try:
            return self._write([writing])[0]
        except Exception as error:  # noqa: BLE001 - as above
            return error

    def _is_there(self) -> bool:
        """Whether the database may be asked; opens the journal if it is time to try."""
        if self.problem is None and self._journal is not None:
            return True
        begun = time.monotonic()
        if begun < self._next_attempt:
            return False
        try:
            if self._journal is None:
                self._journal = self._open_journal()
            if self.problem is not None:
                self._journal.probe()
        except FalsetrueError as error:
            self._lose(error, time.monotonic() - begun)
            return False
        except Exception as error:  # noqa: BLE001 - whatever it is, requests must not wait for ever
            unforeseen = DatabaseError(f"for a reason that nobody foresaw: {type(error).__name__}")
            self._lose(unforeseen, time.monotonic() - begun)
            return False
        if self.problem is not None:
            _log.warning("the journal is back")
            if self._spool is not None:
                self._spool.take_over()
        self.problem = None
        return True

    def _lose(self, error: FalsetrueError, took: float = 0.0) -> None:
        """``took`` is for how long an attempt has held up what waits, in seconds: a tenth of the time is enough."""
        if self.problem is None:
            _log.error("the journal cannot be written: %s", error)
        self.problem = error
        self._next_attempt = time.monotonic() + max(BETWEEN_ATTEMPTS, _REST * took)

    def _replay(self) -> bool:
        """Write some of what is in the spool; whether nothing is left there."""
        if self._spool is None or not self._spool.pending or self._journal is None or self.problem is not None:
            return self._spool is None or not self._spool.pending
        try:
            self._spool.replay(self._journal.catch_up, most=AT_ONCE)
        except FalsetrueError as error:
            self._lose(error)
            return False
        except Exception as error:  # noqa: BLE001 - as above
            self._lose(DatabaseError(f"the spool cannot be written to it: {type(error).__name__}"))
            return False
        return not self._spool.pending

    def _do_without(self, batch: Sequence[Writing]) -> Sequence[_Outcome]:
        if self._spool is None:
            why = self.problem or DatabaseUnavailableError("the journal is being opened")
            return [DatabaseUnavailableError(str(why))] * len(batch)
        return [self._put_aside(self._spool, writing) for writing in batch]

    @staticmethod
    def _put_aside(spool: "Spool", writing: Writing) -> _Outcome:
        try:
            spool.append(writing)
        except SpoolError as error:
            return DatabaseUnavailableError(str(error))
        return _SPOOLED
