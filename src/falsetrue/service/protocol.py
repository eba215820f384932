"""◆ HTTP/1.1 as this service speaks it: uvicorn's, with the limits that uvicorn leaves to a proxy."""

import asyncio
import re
from asyncio import TimerHandle
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import (
    HEADER_RE,
    HEADER_VALUE_RE,
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from falsetrue.service.body import BODY_IS_HERE

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent, HTTPResponseStartEvent

#: Bytes that a client must take of what waits for it, to be waited for again.
_STEP = 64 * 1024
#: For whoever is one too many: no application is asked.
_NO_ROOM = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 31\r\n"
    b"retry-after: 1\r\nconnection: close\r\n\r\nToo many connections; try again"
)
#: Headers by which an application says how its answer is sent.
_ABOUT_CONNECTIONS = (b"connection", b"transfer-encoding")
_UPGRADE = re.compile(rb"\r\n[Uu][Pp][Gg][Rr][Aa][Dd][Ee][ \t]*:")


class CarefulConfig(uvicorn.Config):
    """uvicorn's, with limits of :class:`CarefulProtocol` that an operator chooses."""

    def __init__(
        self, app: ASGIApp | Callable[[], ASGIApp], *, most_connections: int, answer_seconds: float, **options: Any
    ) -> None:
        super().__init__(app, http=CarefulProtocol, **options)
        self.most_connections = most_connections
        self.answer_seconds = answer_seconds


class CarefulProtocol(HttpToolsProtocol):
    """HTTP/1.1 with limits on a request's head, which uvicorn leaves to a proxy, and deaf to ``Upgrade``.

    Measured without: one connection that sends 100 MB of header lines takes 1.6 GB; one that never finishes its
    head is kept for ever; and the body of a request that offers HTTP/2, as Java's client does, is lost.
    """

    largest_head = 64 * 1024  #: bytes of a head, or of what stands between two parts of a body
    head_seconds = 20.0  #: from the connection, or the first byte of a further request
    parting_seconds = 1.0  #: for a first request, when the server stops
    most_connections = 8192  #: further ones are answered 503 and closed
    answer_seconds = 30.0  #: for a client to take each further 64 kB of what is sent to it, or the rest
    alpn_protocols: ClassVar = ["http/1.1"]  #: what TLS offers

    def __init__(self, config: uvicorn.Config, *arguments: Any, **options: Any) -> None:
        super().__init__(config, *arguments, **options)
        if isinstance(config, CarefulConfig):
            self.most_connections = config.most_connections
            self.answer_seconds = config.answer_seconds

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._pending = 0
        self._waiting: TimerHandle | None = None
        self._parting = False
        self._unsent = 0
        self._watching: TimerHandle | None = None
        if len(self.connections) > self.most_connections:
            self.transport.write(_NO_ROOM)
            self._close()
        else:
            self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_waiting()
        self._stop_watching()
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what is neither a complete head nor part of a body."""
        if self._waits_for_head():
            data = _without_upgrade(data)
        self._pending += len(data)
        super().data_received(data)
        if self._pending > self.largest_head and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")
        elif self._waiting is None and self._waits_for_head():
            self._wait_for_head()

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._pending = 0
        self._stop_waiting()
        super().on_headers_complete()
        self.cycle.__class__ = _WholeCycle  # uvicorn makes its own kind, and offers no choice
        if self._parting or getattr(self.server_state, "parting", False):
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """Nobody needs a clock any more to wait for the body."""
        super().on_message_complete()
        self.scope[BODY_IS_HERE] = True  # type: ignore[literal-required]  # a server may add its own

    def on_body(self, body: bytes) -> None:
        """``BodyLimit`` counts these."""
        self._pending = 0
        super().on_body(body)

    def shutdown(self) -> None:
        """Called when the server stops: a request that is under way, or is sent as the first, is still answered.

        uvicorn hangs up on whoever was accepted but not heard yet.
        """
        self._parting = True
        if self.cycle is None:
            self.loop.call_later(self.parting_seconds, self._hang_up_if_silent)
        else:
            super().shutdown()

    def _hang_up_if_silent(self) -> None:
        if self.cycle is None:
            self._close()

    def _waits_for_head(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _wait_for_head(self) -> None:
        self._waiting = self.loop.call_later(self.head_seconds, self._close)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    # --- clients that do not read --------------------------------------------------------------------

    def pause_writing(self) -> None:
        """Called when much waits to be sent."""
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        """Called when little is left of it."""
        self._stop_watching()
        super().resume_writing()

    def on_response_complete(self) -> None:
        """Called when an answer is written; where that was the last one, the transport closes once it is sent."""
        if self.transport.is_closing():
            self._watch()
            super().on_response_complete()
        elif self.pipeline:
            super().on_response_complete()
        else:
            self._rest()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, and close."""
        super().send_400_response(msg)
        self._watch()

    # --- between two requests ------------------------------------------------------------------------

    def _rest(self) -> None:
        """Wait for a further request: as uvicorn does, but with one clock for many, instead of one for each."""
        self.server_state.total_requests += 1
        self.flow.resume_reading()
        self._resting_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _unset_keepalive_if_required(self) -> None:
        """Called when something comes: the clock goes on, and is looked at when it is time."""

    def timeout_keep_alive_handler(self) -> None:
        """Called when it is time for a further request to have begun."""
        self.timeout_keep_alive_task = None
        if self._waiting is not None or not self._waits_for_head():
            return  # it has begun; once it is answered there is a new clock
        left = self._resting_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self.timeout_keep_alive_task = self.loop.call_later(left, self.timeout_keep_alive_handler)
        else:
            self._close()

    def _close(self) -> None:
        self.transport.close()
        self._watch()

    def _watch(self) -> None:
        """Hang up, at last, on a client that does not take what is sent to it: `close` would wait for it for ever."""
        if self._watching is None and (unsent := self.transport.get_write_buffer_size()):
            self._unsent = unsent
            self._watching = self.loop.call_later(self.answer_seconds, self._hang_up_if_stuck)

    def _hang_up_if_stuck(self) -> None:
        self._watching = None
        if self.transport.get_write_buffer_size() > max(0, self._unsent - _STEP):
            self.transport.abort()
        else:
            self._watch()

    def _stop_watching(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None


class _WholeCycle(RequestResponseCycle):
    """A request and its answer, which leaves in one piece where it comes so: two writes are two calls of the system.

    The head is held back until the application sends what follows it, which it may not expect otherwise (ASGI 3.0,
    "Response Start"); where it fails before that, uvicorn's own answer takes its place. Whatever is not an answer as
    nearly all are is left to uvicorn.
    """

    _head: "HTTPResponseStartEvent | None" = None

    async def send(self, message: "ASGISendEvent") -> None:
        """Send a part of the answer, or keep its head until there is more."""
        head, self._head = self._head, None
        if message["type"] == "http.response.start" and not self.response_started:
            self._head = message
        elif head is None:
            await super().send(message)
        elif (whole := self._join(head, message)) is None:
            await super().send(head)
            await super().send(message)
        else:
            self.transport.write(whole)
            self.waiting_for_100_continue = False
            self.response_started = self.response_complete = True
            self.message_event.set()
            self.on_response()

    def _join(self, head: "HTTPResponseStartEvent", message: "ASGISendEvent") -> bytes | None:
        """The answer as it is sent; ``None`` where there is more to it than a head and a body of the length it says."""
        if message["type"] != "http.response.body" or message.get("more_body"):
            return None
        can_be_sent = self.keep_alive and not self.flow.write_paused and not self.disconnected
        if not can_be_sent or self.scope["method"] == "HEAD" or self.access_log:
            return None
        body = message.get("body", b"")
        lines = [_line(*each) for each in (*self.default_headers, *head.get("headers", ()))]
        if b"content-length: %d\r\n" % len(body) not in lines or b"" in lines:
            return None
        return b"".join((STATUS_LINE[head["status"]], *lines, b"\r\n", body))


@lru_cache(256)
def _line(name: bytes, value: bytes) -> bytes:
    """A line of a head, of which most are those of every answer; nothing where uvicorn has to think, or to object."""
    name = name.lower()
    if name in _ABOUT_CONNECTIONS or HEADER_RE.search(name) or HEADER_VALUE_RE.search(value):
        return b""
    return name + b": " + value + b"\r\n"


def _without_upgrade(data: bytes) -> bytes:
    """The first bytes of a request with the offer of another protocol under a name that says nothing.

    RFC 9110, section 7.8: a server may ignore it.
    """
    end = data.find(b"\r\n\r\n")
    if not _UPGRADE.search(data, 0, len(data) if end < 0 else end):
        return data
    head, blank, rest = data.partition(b"\r\n\r\n")
    return _UPGRADE.sub(b"\r\nx-upgrade-offered:", head) + blank + rest
