"""◆ HTTP/1.1 as this service speaks it: uvicorn's, with the limits that uvicorn leaves to a proxy."""

import asyncio
import re
from asyncio import TimerHandle

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_UPGRADE = re.compile(rb"\r\n[Uu][Pp][Gg][Rr][Aa][Dd][Ee][ \t]*:")


class CarefulProtocol(HttpToolsProtocol):
    """HTTP/1.1 with limits on a request's head, which uvicorn leaves to a proxy, and deaf to ``Upgrade``.

    Measured without: one connection that sends 100 MB of header lines takes 1.6 GB; one that never finishes its
    head is kept for ever; and the body of a request that offers HTTP/2, as Java's client does, is lost.
    """

    largest_head = 64 * 1024  #: bytes of a head, or of what stands between two parts of a body
    head_seconds = 20.0  #: from the connection, or the first byte of a further request

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._pending = 0
        self._waiting: TimerHandle | None = None
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_waiting()
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

    def on_body(self, body: bytes) -> None:
        """``BodyLimit`` counts these."""
        self._pending = 0
        super().on_body(body)

    def _waits_for_head(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _wait_for_head(self) -> None:
        self._waiting = self.loop.call_later(self.head_seconds, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None


def _without_upgrade(data: bytes) -> bytes:
    """The first bytes of a request with the offer of another protocol under a name that says nothing.

    RFC 9110, section 7.8: a server may ignore it.
    """
    end = data.find(b"\r\n\r\n")
    if not _UPGRADE.search(data, 0, len(data) if end < 0 else end):
        return data
    head, blank, rest = data.partition(b"\r\n\r\n")
    return _UPGRADE.sub(b"\r\nx-upgrade-offered:", head) + blank + rest
