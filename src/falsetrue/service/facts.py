"""What is known of a request while it is answered: beside what ASGI says, in its scope."""

import re
from collections.abc import Iterable, Mapping, MutableMapping
from contextlib import AbstractContextManager
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from falsetrue.journal.identifiers import Randomness

if TYPE_CHECKING:
    from falsetrue.access.principal import Principal

#: Where in an ASGI scope the facts stand.
SCOPE_KEY = "falsetrue"
#: A caller's own identifier of a request: safe in a header, a line of a log and a database.
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._~:/+=@-]{1,64}")
#: W3C Trace Context, section 3.2: a later version may say more behind what the first one says.
_TRACEPARENT = re.compile(rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_FIRST_VERSION = b"00"
_ID_BYTES, _SPAN_BYTES = 10, 8
#: Of an event loop; processes are forked before they answer anybody.
_random_bytes = Randomness()


class Trace(NamedTuple):
    """A trace that a request is part of (W3C Trace Context), in lower-case hexadecimal digits."""

    trace_id: str  #: 32 digits, of the whole trace
    parent_id: str  #: 16 digits, of the caller's part of it
    flags: str  #: 2 digits; the last bit says whether the caller records it
    span_id: str  #: 16 digits, of our part of it


class Span(Protocol):
    """The span of a request that is being answered, as a collector is told of it."""

    def part(self, name: str, attributes: Mapping[str, int]) -> AbstractContextManager[object]:
        """While the block lasts, a part of it."""

    def end(self, facts: "RequestFacts", method: str, route: str) -> None:
        """The request is answered."""


class RequestFacts:
    """What one request is called, who sent it, and what became of it."""

    __slots__ = ("code", "principal", "request_id", "route", "seconds", "span", "started", "status", "trace")

    def __init__(self, request_id: str, trace: Trace | None = None) -> None:
        self.request_id = request_id  #: the caller's if it is well-formed, else made here
        self.trace = trace  #: ``None``: the caller names none
        self.started = perf_counter()  #: seconds, on a clock that only this process has
        self.principal: Principal | None = None  #: who asks, once that is known
        self.route: str | None = None  #: template of the path, set by whoever knows it
        self.span: Span | None = None  #: where spans are told to a collector
        self.code: str | None = None  #: of the problem that is answered, if any
        self.status = 0  #: of the answer; 0 while there is none
        self.seconds = 0.0  #: until the answer began

    def begin_answer(self, status: int) -> list[tuple[bytes, bytes]]:
        """Note that the answer begins; returns the headers that it is to have."""
        self.status = status
        self.seconds = perf_counter() - self.started
        if self.trace is None:
            return [(b"x-request-id", self.request_id.encode())]
        trace_id, _, flags, span_id = self.trace
        return [
            (b"x-request-id", self.request_id.encode()),
            (b"traceresponse", f"00-{trace_id}-{span_id}-{flags}".encode()),
        ]

    def described(self) -> dict[str, str | int | float]:
        """What a line of the log says of the request; nothing that the caller wrote but its identifiers."""
        said: dict[str, str | int | float | None] = {
            **self.identifiers(),
            "status": self.status,
            "seconds": round(self.seconds, 6),
            "key_id": self.key_id,
            "code": self.code,
        }
        return {name: value for name, value in said.items() if value is not None}

    def identifiers(self) -> dict[str, str]:
        """What a line of the log names the request by."""
        if self.trace is None:
            return {"request_id": self.request_id}
        return {"request_id": self.request_id, "trace_id": self.trace.trace_id, "span_id": self.trace.span_id}

    @property
    def key_id(self) -> str | None:
        """Of the key or the token's subject; ``None`` for anonymous callers."""
        return None if self.principal is None else self.principal.id


def read_facts(headers: Iterable[tuple[bytes, bytes]]) -> RequestFacts:
    """The facts of a request that has just arrived; of a header that comes twice, the first."""
    request_id = trace = None
    for name, value in headers:
        if name == b"x-request-id" and request_id is None and _REQUEST_ID.fullmatch(value):
            request_id = value.decode("ascii")
        elif name == b"traceparent" and trace is None:
            trace = read_traceparent(value)
    return RequestFacts(request_id or _random_bytes(_ID_BYTES).hex(), trace)


def read_traceparent(value: bytes) -> Trace | None:
    """The trace that a ``traceparent`` names; ``None`` where it is not well-formed, as the standard demands."""
    found = _TRACEPARENT.fullmatch(value)
    if found is None or (found[5] is not None and found[1] == _FIRST_VERSION):
        return None
    trace_id, parent_id, flags = (found[number].decode("ascii") for number in (2, 3, 4))
    return Trace(trace_id, parent_id, flags, _random_bytes(_SPAN_BYTES).hex())


def facts_of(scope: MutableMapping[str, Any]) -> RequestFacts:
    """The facts of a request; made now where nobody observes, as in an application that was put together otherwise."""
    facts: RequestFacts | None = scope.get(SCOPE_KEY)
    if facts is None:
        facts = scope[SCOPE_KEY] = read_facts(scope["headers"])
    return facts
