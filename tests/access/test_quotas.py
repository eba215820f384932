import asyncio
import logging
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsetrue.access.principal import Kind, Principal, Quota
from falsetrue.access.quotas import PAUSE_SECONDS, CountsAwayError, Quotas, Spent
from falsetrue.access.shared_counts import SharedCounts
from falsetrue.errors import NotReadyError

QUOTA = Quota(requests=3, seconds=60)


def _caller(name: str | None = "key_1", kind: Kind = Kind.KEY, quota: Quota | None = QUOTA) -> Principal:
    return Principal(kind=kind, id=name, name="somebody", scopes=frozenset(), quota=quota)


class Clock:
    """A monotonic clock that stands still."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


class Flaky:
    """Counts that are away when told so."""

    def __init__(self) -> None:
        self.away = False
        self.asked = 0

    async def add(self, tag: bytes, seconds: int) -> tuple[int, float]:
        """As :class:`Counts` says."""
        assert len(tag) == 16
        self.asked += 1
        if self.away:
            raise CountsAwayError("gone")
        return 1, float(seconds)


def _spend(quotas: Quotas, *callers: Principal) -> list[Spent | None]:
    async def spend() -> list[Spent | None]:
        return [await quotas.spend(caller) for caller in callers]

    return asyncio.run(spend())


def test_requests_beyond_the_quota_are_refused() -> None:
    quotas = Quotas(SharedCounts(), open_when_away=True)
    spent = _spend(quotas, *[_caller()] * 5)
    assert [each and (each.allowed, each.remaining) for each in spent] == [
        (True, 2),
        (True, 1),
        (True, 0),
        (False, 0),
        (False, 0),
    ]


def test_a_caller_without_a_quota_is_not_counted() -> None:
    counts = Flaky()
    assert _spend(Quotas(counts, open_when_away=False), _caller(quota=None)) == [None]
    assert counts.asked == 0


def test_callers_spend_their_own_quota_and_a_session_its_keys() -> None:
    quotas = Quotas(SharedCounts(), open_when_away=True)
    callers = [
        _caller(),
        _caller("key_2"),
        _caller(kind=Kind.TOKEN),
        _caller(quota=Quota(requests=4, seconds=60)),
        _caller(kind=Kind.SESSION),
        _caller("\ud800"),
    ]
    spent = _spend(quotas, *callers)
    assert [each and each.used for each in spent] == [1, 1, 1, 1, 2, 1]


@given(
    st.builds(Quota, requests=st.integers(1, 10**9), seconds=st.integers(1, 604_800)),
    st.integers(1, 2 * 10**9),
    st.floats(0, 1),
)
def test_headers_say_what_is_left_in_the_syntax_of_the_draft(quota: Quota, used: int, share: float) -> None:
    spent = Spent(quota=quota, used=used, reset=share * quota.seconds)
    headers = spent.headers()
    assert headers["RateLimit-Policy"] == f'"default";q={quota.requests};w={quota.seconds}'
    found = re.fullmatch(r'"default";r=(\d+);t=(\d+)', headers["RateLimit"])
    assert found is not None
    assert int(found[1]) == max(0, quota.requests - used)
    assert max(1, spent.reset) <= int(found[2]) <= quota.seconds
    assert ("Retry-After" in headers) == (used > quota.requests)
    assert headers.get("Retry-After", found[2]) == found[2]


def test_what_cannot_be_counted_is_answered_or_refused_as_set(caplog: pytest.LogCaptureFixture) -> None:
    for open_when_away in (True, False):
        counts = Flaky()
        counts.away = True
        quotas = Quotas(counts, open_when_away=open_when_away)
        with caplog.at_level(logging.WARNING, "falsetrue"):
            if open_when_away:
                assert _spend(quotas, _caller()) == [None]
            else:
                with pytest.raises(NotReadyError, match="try again soon"):
                    _spend(quotas, _caller())
    assert [record.getMessage() for record in caplog.records] == [
        "requests cannot be counted against quotas (gone); they are answered meanwhile",
        "requests cannot be counted against quotas (gone); they are refused meanwhile",
    ]


def test_counts_that_are_away_are_asked_once_a_second_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    counts, clock = Flaky(), Clock()
    quotas = Quotas(counts, open_when_away=True, clock=clock)
    counts.away = True
    with caplog.at_level(logging.WARNING, "falsetrue"):
        for _ in range(5):
            _spend(quotas, *[_caller()] * 100)
            clock.now += PAUSE_SECONDS
        assert counts.asked == 5
        counts.away = False
        assert _spend(quotas, *[_caller()] * 2) != [None, None]
    assert [record.getMessage() for record in caplog.records][1:] == [
        "requests are counted against quotas again; 500 were not"
    ]


def test_an_answer_to_an_older_question_does_not_end_an_outage() -> None:
    """One of two requests at once is answered late, the other not at all."""
    clock = Clock()

    class Torn(Flaky):
        async def add(self, tag: bytes, seconds: int) -> tuple[int, float]:
            first = self.asked == 0
            self.away = not first
            await asyncio.sleep(0)
            return await super().add(tag, seconds) if not first else await self._late(seconds)

        async def _late(self, seconds: int) -> tuple[int, float]:
            self.asked += 1
            for _ in range(5):
                await asyncio.sleep(0)
            return 1, float(seconds)

    async def ask() -> None:
        quotas = Quotas(counts, open_when_away=True, clock=clock)
        await asyncio.gather(quotas.spend(_caller()), _after_a_while(quotas))
        asked = counts.asked
        assert await quotas.spend(_caller()) is None
        assert counts.asked == asked

    async def _after_a_while(quotas: Quotas) -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert await quotas.spend(_caller()) is None

    counts = Torn()
    asyncio.run(ask())
