"""What many requests say is written together; what cannot be written is refused, or waits its turn in a file."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
from tests.journal.entries import Maker
from tests.service.conftest import PATIENCE, wait_until

from falsetrue.errors import DatabaseError, DatabaseUnavailableError
from falsetrue.journal.records import StoredAnswer, Writing
from falsetrue.journal.spool import Spool
from falsetrue.journal.store import Journal
from falsetrue.service import journaling as module
from falsetrue.service.journaling import Journaling, Kept

T = TypeVar("T")


class FakeJournal:
    """A journal in memory that can be away, slow, or refuse one item."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.away = False
        self.poison: str | None = None
        self.may_write = threading.Event()
        self.may_write.set()
        self.writes = threading.Event()  #: set while it writes

    @property
    def written(self) -> list[str]:
        """The items, in order."""
        return [item for batch in self.batches for item in batch]

    def write(self, batch: Sequence[Writing]) -> list[StoredAnswer | None]:
        """Write, or raise."""
        if batch:
            self.writes.set()
            assert self.may_write.wait(PATIENCE)
        if self.away:
            raise DatabaseUnavailableError("it is away")
        items = [str(entry.item_id) for writing in batch for entry in writing.entries]
        if self.poison in items:
            raise DatabaseError("a row that it does not take")
        if items:
            self.batches.append(items)
        return [None] * len(batch)

    def probe(self) -> None:
        """Raise while it is away."""
        self.write(())

    def catch_up(self, batch: Sequence[Writing]) -> None:
        """The same."""
        self.write(batch)


MAKER = Maker()


def writing(item: str) -> Writing:
    return Writing(entries=(MAKER.entry(item_id=item),))


def run(
    journal: FakeJournal,
    ask: Callable[[Journaling], Coroutine[Any, Any, T]],
    open_spool: Callable[[], Spool] | None = None,
) -> T:
    """What ``ask`` gives, of journaling that writes to a journal."""

    async def inside() -> T:
        journaling = Journaling(lambda: cast("Journal", journal), open_spool)
        journaling.start()
        await asyncio.wait_for(journaling.opened.wait(), PATIENCE)
        try:
            return await asyncio.wait_for(ask(journaling), PATIENCE)
        finally:
            journal.may_write.set()
            await journaling.stop()

    return asyncio.run(inside())


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BETWEEN_ATTEMPTS", 0.01)


def test_what_comes_while_a_transaction_runs_is_the_next_one() -> None:
    journal = FakeJournal()
    journal.may_write.clear()

    async def ask(journaling: Journaling) -> list[Kept]:
        first = asyncio.create_task(journaling.keep(writing("first")))
        while not journal.writes.is_set():  # noqa: ASYNC110 - another thread sets it
            await asyncio.sleep(0)
        others = [asyncio.create_task(journaling.keep(writing(str(number)))) for number in range(20)]
        await asyncio.sleep(0)
        assert not first.done()
        journal.may_write.set()
        return await asyncio.gather(first, *others)

    assert run(journal, ask) == [Kept()] * 21
    assert journal.batches == [["first"], [str(number) for number in range(20)]]


def test_nobody_is_refused_for_another_s_row() -> None:
    journal = FakeJournal()
    journal.poison = "bad"

    async def ask(journaling: Journaling) -> list[Any]:
        return await asyncio.gather(
            *(journaling.keep(writing(each)) for each in ("a", "bad", "b")), return_exceptions=True
        )

    first, bad, last = run(journal, ask)
    assert (first, last) == (Kept(), Kept())
    assert isinstance(bad, DatabaseError)
    assert journal.written == ["a", "b"]


def test_without_a_file_to_wait_in_it_is_refused_until_the_database_is_back() -> None:
    journal = FakeJournal()
    journal.away = True

    async def ask(journaling: Journaling) -> Kept:
        with pytest.raises(DatabaseUnavailableError):
            await journaling.keep(writing("lost"))
        assert journaling.is_refusing
        with pytest.raises(DatabaseUnavailableError):
            await journaling.ask(lambda _: None)
        journal.away = False
        while journaling.is_refusing:  # noqa: ASYNC110 - another thread finds out
            await asyncio.sleep(0.001)
        return await journaling.keep(writing("kept"))

    assert run(journal, ask) == Kept()
    assert journal.written == ["kept"]


def test_what_waits_in_the_file_is_written_before_anything_newer(tmp_path: Path) -> None:
    journal = FakeJournal()
    journal.away = True

    async def ask(journaling: Journaling) -> list[bool]:
        kept = [(await journaling.keep(writing(str(number)))).journaled for number in range(5)]
        assert journaling.spooled == 5
        journal.away = False
        while not (await journaling.keep(writing("newer"))).journaled:
            pass
        return kept

    assert run(journal, ask, lambda: Spool(tmp_path / "spool-0", max_bytes=1_000_000)) == [False] * 5
    assert journal.written[:5] == ["0", "1", "2", "3", "4"]
    assert set(journal.written[5:]) == {"newer"}


def test_what_waits_when_a_process_ends_waits_for_the_next_one(tmp_path: Path) -> None:
    journal = FakeJournal()
    journal.away = True

    def open_spool() -> Spool:
        return Spool(tmp_path / "spool-0", max_bytes=1_000_000)

    async def keep(journaling: Journaling) -> Kept:
        return await journaling.keep(writing("old"))

    assert run(journal, keep, open_spool) == Kept(journaled=False)
    journal.away = False

    async def wait(journaling: Journaling) -> None:
        await asyncio.to_thread(wait_until, lambda: not journaling.spooled, "the replay")

    run(journal, wait, open_spool)
    assert journal.written == ["old"]


def test_a_full_file_is_said_to_be(tmp_path: Path) -> None:
    journal = FakeJournal()
    journal.away = True

    async def ask(journaling: Journaling) -> None:
        all_of_them = [journaling.keep(writing(str(number))) for number in range(100)]
        kept = await asyncio.gather(*all_of_them, return_exceptions=True)
        assert kept[0] == Kept(journaled=False)
        assert "is full" in str(kept[-1])

    run(journal, ask, lambda: Spool(tmp_path / "spool-0", max_bytes=2000))


def test_what_waits_at_the_end_is_written() -> None:
    journal = FakeJournal()

    async def ask(journaling: Journaling) -> list["asyncio.Task[Kept]"]:
        tasks = [asyncio.create_task(journaling.keep(writing(str(number)))) for number in range(10)]
        await asyncio.sleep(0)
        return tasks

    run(journal, ask)
    assert journal.written == [str(number) for number in range(10)]


def test_a_database_that_cannot_be_opened_keeps_it_from_being_ready() -> None:
    async def ask() -> tuple[bool, bool]:
        def refuse() -> Journal:
            raise DatabaseUnavailableError("no such server")

        journaling = Journaling(refuse)
        journaling.start()
        await asyncio.wait_for(journaling.opened.wait(), PATIENCE)
        found = journaling.is_ready, journaling.is_refusing
        await journaling.stop()
        return found

    assert asyncio.run(ask()) == (False, True)
