"""◆ Requests counted in Redis, for several instances that share their callers."""

import asyncio
import time
from typing import Any

from falsetrue.access.quotas import CountsAwayError
from falsetrue.errors import InputError, MissingExtraError

#: Seconds for which Redis may take to answer; a request waits for no longer.
_PATIENCE = 0.25
#: Connections of a worker, and so requests that ask Redis at once; more wait for their turn.
_CONNECTIONS = 32
#: Callers whose window's end is remembered.
_REMEMBERED = 10_000
#: What our keys in Redis begin with.
_PREFIX = "falsetrue"
_SCHEMES = ("redis://", "rediss://", "unix://")


class RedisCounts:
    """How many requests each caller made in its window, counted by the library `limits` in a Redis at ``url``.

    Windows are timed by Redis. To be made in the process, and used in the event loop, that asks it. Raises
    :class:`InputError` for a URL that cannot be used, which is never repeated, and :class:`MissingExtraError`.
    """

    def __init__(self, url: str) -> None:
        # 90 ms that counting in shared memory should not cost.
        try:
            from limits.aio.storage import RedisStorage  # noqa: PLC0415
            from redis.asyncio import ConnectionPool, RedisError  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise MissingExtraError("counting quotas in Redis", "redis") from error

        if not url.startswith(_SCHEMES):
            raise InputError(
                "the URL of Redis cannot be used; write redis://:PASSWORD@HOST:6379/0, or rediss:// for TLS"
            )
        try:
            pool: Any = ConnectionPool.from_url(url, max_connections=_CONNECTIONS, socket_connect_timeout=_PATIENCE)
        except ValueError as error:
            raise InputError("the URL of Redis cannot be used: its port or database is no number") from error
        self._errors = (RedisError, OSError)  # time-outs too
        self._pool = pool
        self._turns = asyncio.Semaphore(_CONNECTIONS)
        self._failures = 0
        self._ends: dict[bytes, float] = {}  #: when windows end, by the monotonic clock
        self._storage = RedisStorage(
            "async+redis://", implementation="redispy", key_prefix=_PREFIX, connection_pool=pool
        )

    async def add(self, tag: bytes, seconds: int) -> tuple[int, float]:
        """Count a request, see :class:`falsetrue.access.quotas.Counts`."""
        failures = self._failures
        async with self._turns:
            if failures != self._failures:
                raise CountsAwayError("Redis: did not answer the request before")
            try:
                async with asyncio.timeout(_PATIENCE):
                    used = await self._storage.incr(tag.hex(), seconds)
                    return used, await self._reset(tag, seconds, used)
            except self._errors as error:
                self._failures += 1
                raise CountsAwayError(f"Redis: {type(error).__name__}") from error

    async def _reset(self, tag: bytes, seconds: int, used: int) -> float:
        """Seconds until a window ends; Redis need not be asked where this process knows."""
        now = time.monotonic()
        if used == 1:
            self._remember(tag, now + seconds)
        elif self._ends.get(tag, 0.0) <= now:
            left = await self._storage.get_expiry(tag.hex()) - time.time()
            self._remember(tag, now + min(max(left, 0.0), seconds))
        return self._ends[tag] - now

    def _remember(self, tag: bytes, ends: float) -> None:
        if len(self._ends) >= _REMEMBERED:
            self._ends.clear()
        self._ends[tag] = ends

    async def close(self) -> None:
        """Let go of the connections."""
        await self._pool.aclose()
