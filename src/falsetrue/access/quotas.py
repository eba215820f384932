"""Quotas: how many requests of a caller are answered in a window of time, and what callers are told of it.

A window opens with a caller's first request and lasts as long as its quota says; the next request after it opens
another (the fixed window of the library `limits`, which counts in Redis; within one instance it is all of
:mod:`falsetrue.access.shared_counts`).
"""

import hashlib
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from falsetrue.access.principal import Kind, Principal, Quota
from falsetrue.errors import NotReadyError

#: Seconds for which counts that cannot be had are not asked for again.
PAUSE_SECONDS = 1.0
#: What the one policy of a caller is called in the headers.
_POLICY = '"default"'
_log = logging.getLogger("falsetrue")


@dataclass(frozen=True, kw_only=True, slots=True)
class Spent:
    """What a request did to its caller's quota."""

    quota: Quota
    used: int  #: requests in this window, this one included; more than the quota where it is refused
    reset: float  #: seconds until the window ends

    @property
    def allowed(self) -> bool:
        """Whether this request is to be answered."""
        return self.used <= self.quota.requests

    @property
    def remaining(self) -> int:
        """How many more will be."""
        return max(0, self.quota.requests - self.used)

    def headers(self) -> dict[str, str]:
        """What the caller is told: ``RateLimit-Policy``, ``RateLimit``, and ``Retry-After`` where it is refused.

        The first two as in draft-ietf-httpapi-ratelimit-headers-10, section 3 and 4.
        """
        reset = max(1, math.ceil(self.reset))
        told = {
            "RateLimit-Policy": f"{_POLICY};q={self.quota.requests};w={self.quota.seconds}",
            "RateLimit": f"{_POLICY};r={self.remaining};t={reset}",
        }
        return told if self.allowed else told | {"Retry-After": str(reset)}


class CountsAwayError(Exception):
    """Requests cannot be counted now. Never leaves :class:`Quotas`."""


class Counts(Protocol):
    """Where requests are counted: shared memory of one instance, or Redis."""

    async def add(self, tag: bytes, seconds: int) -> tuple[int, float]:
        """Count a request of a caller; 16 bytes that stand for it, and how long its window is.

        Returns how many there were in the window, this one included, and the seconds until it ends. Raises
        :class:`CountsAwayError`.
        """


class Quotas:
    """Counts the requests of callers that have a quota.

    Where they cannot be counted, ``open`` answers them all the same, and otherwise :class:`NotReadyError` is raised.
    That is logged once, and once when it is over; meanwhile counting is tried once a second, so that requests do not
    wait.
    """

    def __init__(self, counts: Counts, *, open_when_away: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._counts = counts
        self._open = open_when_away
        self._clock = clock
        self._away_until: float | None = None  #: by the clock; ``None``: not away
        self._uncounted = 0  #: requests since counts are away

    async def spend(self, caller: Principal) -> Spent | None:
        """Count a request; ``None`` for a caller without a quota, and where it could not be counted."""
        quota = caller.quota
        if quota is None:
            return None
        if self._away_until is not None and self._clock() < self._away_until:
            self._do_without()
            return None
        try:
            tag = _tag(caller.id, quota.requests, quota.seconds, token=caller.kind is Kind.TOKEN)
            used, reset = await self._counts.add(tag, quota.seconds)
        except CountsAwayError as error:
            self._note_away(str(error))
            self._do_without()
            return None
        if self._away_until is not None and self._clock() >= self._away_until:
            self._note_back()
        return Spent(quota=quota, used=used, reset=reset)

    def _note_away(self, why: str) -> None:
        if self._away_until is None:
            done = "answered" if self._open else "refused"
            _log.warning("requests cannot be counted against quotas (%s); they are %s meanwhile", why, done)
        self._away_until = self._clock() + PAUSE_SECONDS

    def _note_back(self) -> None:
        _log.warning("requests are counted against quotas again; %d were not", self._uncounted)
        self._away_until, self._uncounted = None, 0

    def _do_without(self) -> None:
        self._uncounted += 1
        if not self._open:
            raise NotReadyError("requests cannot be counted against quotas now; try again soon")


@lru_cache(4096)
def _tag(name: str | None, *quota: int, token: bool) -> bytes:
    """16 bytes for a caller and its quota; a session spends its key's, and no token's subject does."""
    said = f"{'token' if token else 'key'}:{name}:{quota}"
    return hashlib.blake2b(said.encode("utf-8", "surrogatepass"), digest_size=16).digest()
