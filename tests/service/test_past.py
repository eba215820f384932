"""The journal, counted by hours and days."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from falsetrue.errors import DatabaseUnavailableError
from falsetrue.journal.records import Filters, Statistics
from falsetrue.service import past
from falsetrue.service.past import DAY, DAYS, HOUR, HOURS, Past

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Journal:
    """Entries at some moments, all of them real; and what was asked."""

    def __init__(self, *moments: datetime) -> None:
        self.moments = list(moments)
        self.asked: list[Filters] = []
        self.away = False

    def statistics(self, filters: Filters, *, wait: bool = True) -> Statistics:
        """Count."""
        assert not wait
        if self.away:
            raise DatabaseUnavailableError("away")
        self.asked.append(filters)
        assert filters.since is not None
        assert filters.until is not None
        rows = sum(filters.since <= moment < filters.until for moment in self.moments)
        counts: dict[str, dict[str, int]] = {"label": {"real": rows} if rows else {}, "key": {"none": rows}}
        return Statistics(rows=rows, with_text=0, oldest=None, newest=None, feedback=7, bytes=8192, counts=counts)

    async def ask(self, question: Callable[[Any], Statistics]) -> Statistics:
        """Answer."""
        await asyncio.sleep(0)
        return question(self)


def look(journal: Journal, *times: datetime) -> list[past.Seen]:
    """What is seen at some times in turn, nothing of it fresh."""

    async def looking() -> list[past.Seen]:
        counted = Past(journal.ask)
        seen = []
        for now in times:
            counted._again_at = 0.0  # noqa: SLF001 - some seconds have passed
            seen.append(await counted.look(now))
        return seen

    return asyncio.run(looking())


def test_every_hour_and_every_day_is_there_the_oldest_first() -> None:
    (seen,) = look(Journal(NOW, NOW - HOUR, NOW - 2 * DAY), NOW)
    assert [stretch.begin for stretch in seen.hours] == [
        NOW.replace(minute=0, second=0) - number * HOUR for number in reversed(range(HOURS))
    ]
    assert [stretch.begin for stretch in seen.days] == [
        NOW.replace(hour=0, minute=0, second=0) - number * DAY for number in reversed(range(DAYS))
    ]
    assert [dict(stretch.labels or {}) for stretch in seen.hours[-3:]] == [{}, {"real": 1}, {"real": 1}]
    assert [dict(stretch.labels or {}) for stretch in seen.days[-3:]] == [{"real": 1}, {}, {"real": 2}]
    assert (seen.rows, seen.bytes, seen.feedback, seen.complete, seen.away) == (3, 8192, 7, True, False)
    assert seen.last_day["label"] == {"real": 2}
    assert seen.last_month["key"] == {"none": 3}


@given(
    ages=st.lists(st.integers(0, 40 * 86_400), max_size=30),
    now=st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_no_entry_is_counted_twice_or_left_out(ages: list[int], now: datetime) -> None:
    moments = [now - timedelta(seconds=age) for age in ages]
    (seen,) = look(Journal(*moments), now)
    assert seen.last_month.get("label", {}).get("real", 0) == sum(each >= seen.days[0].begin for each in moments)
    assert seen.last_day.get("label", {}).get("real", 0) == sum(each >= seen.hours[0].begin for each in moments)


def test_what_is_over_is_not_counted_again() -> None:
    journal = Journal()
    look(journal, NOW, NOW + timedelta(minutes=1))
    again = [asked.since for asked in journal.asked[HOURS + DAYS - 1 :]]
    assert again == [NOW.replace(minute=0, second=0)]


def test_an_hour_is_counted_once_more_when_it_is_over_and_once_for_what_comes_late() -> None:
    journal = Journal()
    hour = NOW.replace(minute=0, second=0)
    look(journal, NOW, *(NOW + number * timedelta(minutes=20) for number in range(1, 16)))
    times = [asked.since for asked in journal.asked].count(hour)
    assert times == 3 + 1 + 1  # at 3:04, 3:24 and 3:44; at 4:04; at 5:04


def test_a_visitor_does_not_wait_for_all_of_it(monkeypatch: Any) -> None:
    monkeypatch.setattr(past, "PATIENCE", 0.05)

    async def looking() -> list[past.Seen]:
        gate = asyncio.Event()
        journal = Journal(NOW)

        async def slow(question: Callable[[Any], Statistics]) -> Statistics:
            if len(journal.asked) == 2:
                await gate.wait()
            return question(journal)

        counted = Past(slow)
        first = await counted.look(NOW)
        gate.set()
        monkeypatch.setattr(past, "PATIENCE", 20)
        return [first, await counted.look(NOW)]

    first, second = asyncio.run(looking())
    assert not first.complete
    assert [stretch.labels is None for stretch in first.hours[-3:]] == [True, False, False]
    assert first.days[-1].labels is None  # not all of its hours are known
    assert second.complete
    assert all(stretch.labels is not None for stretch in (*second.hours, *second.days))


def test_while_the_journal_is_away_what_was_counted_stays() -> None:
    journal = Journal(NOW)

    async def looking() -> tuple[past.Seen, past.Seen]:
        counted = Past(journal.ask)
        before = await counted.look(NOW)
        journal.away = True
        counted._again_at = 0.0  # noqa: SLF001 - as above
        return before, await counted.look(NOW)

    before, after = asyncio.run(looking())
    assert (before.away, after.away) == (False, True)
    assert after.last_day == before.last_day


def test_what_nobody_foresaw_leaves_the_view_without_its_past() -> None:
    async def looking() -> past.Seen:
        async def broken(_question: object) -> Statistics:
            raise RuntimeError("cannot schedule new futures after shutdown")

        return await Past(broken).look(NOW)

    seen = asyncio.run(looking())
    assert seen.away
    assert seen.bytes is None


def test_days_that_are_too_old_are_forgotten() -> None:
    journal = Journal(NOW)
    seen = look(journal, NOW, NOW + 40 * DAY)[-1]
    assert seen.rows == 0
