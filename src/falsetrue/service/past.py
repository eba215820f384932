"""What the journal says of the last hours and days, for the operator's view."""

import asyncio
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from falsetrue.errors import DatabaseError
from falsetrue.journal.records import Filters, Statistics

if TYPE_CHECKING:
    from falsetrue.journal.store import Journal

#: Asks the journal in another thread; raises :class:`DatabaseError`.
Ask: TypeAlias = Callable[[Callable[["Journal"], Statistics]], Awaitable[Statistics]]
#: By label, action, reason, language, model and key; then by value.
Counts: TypeAlias = Mapping[str, Mapping[str, int]]

#: How far back is looked, the hour and the day that are not over included.
HOURS, DAYS = 24, 30
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
#: Seconds that a visitor waits for what is being counted; what is not counted by then is told as missing.
PATIENCE = 1.0
#: Seconds for which what was counted is not counted again.
FRESH = 5.0
#: How long after its end an hour or a day is counted again: what waited for the database comes late.
_LATE = timedelta(hours=1)
_log = logging.getLogger("falsetrue")


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """An hour or a day."""

    begin: datetime  #: UTC
    labels: Mapping[str, int] | None  #: texts by label; ``None``: not counted yet


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What is known of the past."""

    hours: tuple[Stretch, ...]  #: the oldest first
    days: tuple[Stretch, ...]
    last_day: Counts  #: of these hours
    last_month: Counts  #: of these days
    rows: int  #: of these days
    bytes: int | None  #: that the database takes; ``None``: not known yet
    feedback: int | None  #: rows of it, ever
    complete: bool  #: nothing is being counted
    away: bool  #: the journal could not be read


class Past:
    """Counts the journal's entries by hours and days, each by itself, the newest first, and remembers what is over.

    However much there is, a visitor waits :data:`PATIENCE` at most, and others who read the journal come in between.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._counted: dict[tuple[datetime, timedelta], tuple[datetime, Statistics]] = {}
        self._counting: asyncio.Task[None] | None = None
        self._again_at = 0.0
        self._away = False

    async def look(self, now: datetime) -> Seen:
        """What is known by now."""
        if self._counting is None and time.monotonic() >= self._again_at:
            self._counting = asyncio.create_task(self._count(now))
        if self._counting is not None:
            await asyncio.wait({self._counting}, timeout=PATIENCE)
        return self._seen(now)

    async def _count(self, now: datetime) -> None:
        try:
            for begin, length in _stretches(now):
                counted = self._counted.get((begin, length))
                if counted is None or _is_due(counted[0], begin + length, now):
                    filters = Filters(since=begin, until=begin + length)
                    self._counted[begin, length] = now, await self._ask(partial(_count, filters))
            self._away = False
        except DatabaseError:
            self._away = True
        except Exception as error:  # noqa: BLE001 - as when the service stops meanwhile; the view does without
            self._away = True
            _log.warning("the journal could not be counted: %s", type(error).__name__)
        finally:
            wanted = set(_stretches(now))
            self._counted = {which: found for which, found in self._counted.items() if which in wanted}
            self._again_at = time.monotonic() + FRESH
            self._counting = None

    def _seen(self, now: datetime) -> Seen:
        found = {which: statistics for which, (_, statistics) in self._counted.items()}
        hours = {begin: found.get((begin, HOUR)) for begin, length in _stretches(now) if length == HOUR}
        days = {begin: found.get((begin, DAY)) for begin, length in _stretches(now) if length == DAY}
        today = _midnight(now)
        so_far = [each for begin, each in hours.items() if begin >= today and each is not None]
        newest = next((each for each in hours.values() if each is not None), None)
        month = [*so_far, *(each for each in days.values() if each is not None)]
        return Seen(
            hours=tuple(_stretch(begin, [each]) for begin, each in reversed(hours.items())),
            days=(
                *(_stretch(begin, [each]) for begin, each in reversed(days.items())),
                _stretch(today, [each for begin, each in hours.items() if begin >= today]),
            ),
            last_day=_merged(each for each in hours.values() if each is not None),
            last_month=_merged(month),
            rows=sum(each.rows for each in month),
            bytes=None if newest is None else newest.bytes,
            feedback=None if newest is None else newest.feedback,
            complete=self._counting is None,
            away=self._away,
        )


def _stretches(now: datetime) -> Iterator[tuple[datetime, timedelta]]:
    """Beginning and length of what is counted, in the order in which it is; today is the sum of its hours."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    yield from ((hour - number * HOUR, HOUR) for number in range(HOURS))
    yield from ((_midnight(now) - number * DAY, DAY) for number in range(1, DAYS))


def _midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def _is_due(counted_at: datetime, end: datetime, now: datetime) -> bool:
    """Whether to count again: what is not over, then once when it is, and once more for what comes late."""
    return now < end or counted_at < end or counted_at < end + _LATE <= now


def _count(filters: Filters, journal: "Journal") -> Statistics:
    return journal.statistics(filters, wait=False)


def _stretch(begin: datetime, parts: Sequence[Statistics | None]) -> Stretch:
    counted = [each for each in parts if each is not None]
    return Stretch(begin=begin, labels=_merged(counted)["label"] if len(counted) == len(parts) else None)


def _merged(many: Iterable[Statistics]) -> dict[str, Counter[str]]:
    merged: dict[str, Counter[str]] = defaultdict(Counter)
    for statistics in many:
        for name, counts in statistics.counts.items():
            merged[name].update(counts)
    return merged
