"""Request bodies: how much may arrive, how long it may take, and JSON that is what a route expects."""

import asyncio
import re
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, TypeVar

import msgspec
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from falsetrue.service.backpressure import BodyBudget
from falsetrue.service.problems import RequestProblem, problem_response

Body = TypeVar("Body")
#: Of a request, as ASGI gives them: names in lower case.
Headers = Iterable[tuple[bytes, bytes]]
#: Where in an ASGI scope the server says that all of the body has arrived; it need not.
BODY_IS_HERE = "falsetrue.body_is_here"
_PATH = re.compile(r" - at `\$([^`]*)`$")


#: What is still read, and thrown away, of a body that was answered before it had all arrived: times the largest body.
_LINGER_BODIES = 4
#: ... and for how long, in seconds.
_LINGER_SECONDS = 1.0


class BodyLimit:
    """ASGI middleware: no body is larger than ``max_bytes`` or takes longer than ``seconds`` to arrive.

    Counted as it arrives, declared length or not; a body refused is never held in memory. All bodies together stay
    within ``budget``, if any: only what has arrived counts, so that nobody reserves room for what never comes.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_bytes: int,
        seconds: float,
        status: dict[str, int],
        budget: BodyBudget | None = None,
    ) -> None:
        self._app = app
        self._budget = BodyBudget(sys.maxsize) if budget is None else budget
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._status = status

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with a ``receive`` that counts and a ``send`` that knows whether all was read."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared, in_chunks = _framing(scope["headers"])
        if not declared and not in_chunks:
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(
            scope, receive, send, max_bytes=self._max_bytes, seconds=self._seconds, budget=self._budget
        )
        if declared > self._max_bytes:
            problem = exchange.too_large()
            response = problem_response(scope["path"], self._status[problem.code], problem)
            await response(scope, exchange.receive, exchange.send)
            return
        try:
            await self._app(scope, exchange.receive, exchange.send)
        finally:
            exchange.let_go()


class _Exchange:
    """One request body as it arrives, and its answer as it leaves.

    A body answered before it was read would be taken for the next request, or be streamed for ever: the connection
    is closed then, but only after the client had time to finish, as one that sends before it reads would lose the
    answer.
    """

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, *, max_bytes: int, seconds: float, budget: BodyBudget
    ) -> None:
        self._scope = scope
        self._held = 0  #: bytes of the budget
        self._budget = budget
        self._receive = receive
        self._send = send
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._deadline = asyncio.get_running_loop().time() + seconds
        self._seen = 0
        self._unread = True

    def too_large(self) -> RequestProblem:
        return RequestProblem("body_too_large", f"the body is larger than {self._max_bytes} bytes; send less at a time")

    async def receive(self) -> Message:
        if not self._unread:
            return await self._receive()
        message = await (self._receive() if BODY_IS_HERE in self._scope else self._receive_in_time())
        try:
            self._hold(message)
        except RequestProblem:
            self.let_go()
            raise
        return message

    async def _receive_in_time(self) -> Message:
        try:
            async with asyncio.timeout_at(self._deadline):
                return await self._receive()
        except TimeoutError as error:
            raise RequestProblem("body_too_slow", f"the body took more than {self._seconds:g} seconds") from error

    def _hold(self, message: Message) -> None:
        self._count(message)
        if self._seen > self._max_bytes:
            raise self.too_large()
        self._budget.take(self._seen - self._held, self._seen)
        self._held = self._seen

    def let_go(self) -> None:
        """Nothing of the body is needed any more."""
        self._budget.give_back(self._held)
        self._held = 0

    def _count(self, message: Message) -> None:
        self._seen += len(message.get("body", b""))
        self._unread = message["type"] == "http.request" and message.get("more_body", False)

    async def send(self, message: Message) -> None:
        if not self._unread:
            await self._send(message)
        elif message["type"] == "http.response.start":
            MutableHeaders(scope=message)["connection"] = "close"
            await self._send(message)
        elif message.get("more_body", False):
            await self._send(message)
        else:
            await self._send({**message, "more_body": True})
            await self._linger()
            await self._send({"type": "http.response.body"})

    async def _linger(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_SECONDS):
                while self._unread and self._seen <= _LINGER_BODIES * self._max_bytes:
                    self._count(await self._receive())


def _framing(headers: Headers) -> tuple[int, bool]:
    """The declared length of a body, 0 for none, and whether it comes in chunks of any length."""
    length, in_chunks = 0, False
    for name, value in headers:
        if name == b"content-length":
            length = int(value) if value.isdigit() else 0
        elif name == b"transfer-encoding":
            in_chunks = True
    return length, in_chunks


def media_type(headers: Headers) -> bytes:
    """The content type without its parameters, in lower case."""
    declared = next((value for name, value in headers if name == b"content-type"), b"")
    return declared.partition(b";")[0].strip().lower()


async def read_body(receive: Receive) -> bytes:
    """All of a request's body; raises :class:`ClientDisconnect` where the client hangs up."""
    parts: list[bytes] = []
    try:
        while _add(parts, await receive()):
            pass
    except Exception:
        parts.clear()  # else the error would keep them as long as it takes to answer
        raise
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _add(parts: list[bytes], message: Message) -> bool:
    """Add what a message brings; returns whether there is more to come."""
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    parts.append(message.get("body", b""))
    more: bool = message.get("more_body", False)
    return more


def decode(content: bytes, decoder: msgspec.json.Decoder[Body]) -> Body:
    """Decode and check a JSON body; raises :class:`RequestProblem` that says where it is wrong, never with what.

    A UTF-8 byte order mark is passed over (RFC 8259, section 8.1, allows it).
    """
    try:
        return decoder.decode(content.removeprefix(b"\xef\xbb\xbf"))
    except msgspec.ValidationError as error:
        raise _invalid(error) from error
    except msgspec.DecodeError as error:
        raise RequestProblem("invalid_json", "the body is not valid JSON") from error
    except UnicodeDecodeError as error:
        raise RequestProblem("invalid_json", "the body is not UTF-8") from error
    except RecursionError as error:
        raise RequestProblem("invalid_json", "the body is nested too deeply") from error


def _invalid(error: msgspec.ValidationError) -> RequestProblem:
    message = str(error)
    path = _PATH.search(message)
    where = [int(part) if part.isdecimal() else part for part in re.findall(r"[^.\[\]]+", path[1])] if path else []
    said = _PATH.sub("", message)
    if "unknown field" in said:
        said, where = "Object contains an unknown field", []
    if said.startswith("Invalid enum value"):
        said = "Invalid enum value"  # which it repeats
    return RequestProblem("invalid_body", said, where=where)


def schema_of(*types: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """JSON Schemas of record types: one reference each, and the components they refer to."""
    references, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    return list(references), components
