"""Request bodies: how much may arrive, how long it may take, and JSON that is what a route expects."""

import asyncio
import re
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from falsetrue.service.problems import RequestProblem, problem_response

Body = TypeVar("Body")
_PATH = re.compile(r" - at `\$([^`]*)`$")


class BodyLimit:
    """ASGI middleware: no body is larger than ``max_bytes`` or takes longer than ``seconds`` to arrive.

    Counted as it arrives, declared length or not; a body refused is never held in memory.
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int, seconds: float, status: dict[str, int]) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._status = status

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with a ``receive`` that counts."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answered = False

        async def noting_send(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            self._check_declared(scope)
            await self._app(scope, self._counting(receive), noting_send)
        except RequestProblem as problem:
            if answered:
                raise
            response = problem_response(scope["path"], self._status[problem.code], problem)
            # What is still under way would be read as the next request.
            response.headers["connection"] = "close"
            await response(scope, receive, send)

    def _check_declared(self, scope: Scope) -> None:
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value) > self._max_bytes:
                raise self._too_large()

    def _too_large(self) -> RequestProblem:
        return RequestProblem("body_too_large", f"the body is larger than {self._max_bytes} bytes; send less at a time")

    def _counting(self, receive: Receive) -> Receive:
        seen = 0
        complete = False
        deadline = asyncio.get_running_loop().time() + self._seconds

        async def counting_receive() -> Message:
            nonlocal seen, complete
            if complete:
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError as error:
                raise RequestProblem("body_too_slow", f"the body took more than {self._seconds:g} seconds") from error
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                complete = not message.get("more_body", False)
                if seen > self._max_bytes:
                    raise self._too_large()
            return message

        return counting_receive


def media_type(request: Request) -> str:
    """The content type without its parameters, in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_json(request: Request, decoder: msgspec.json.Decoder[Body]) -> Body:
    """Read and check a JSON body; raises :class:`RequestProblem` that says where it is wrong, never with what.

    A UTF-8 byte order mark is passed over (RFC 8259, section 8.1, allows it).
    """
    content = (await request.body()).removeprefix(b"\xef\xbb\xbf")
    try:
        return decoder.decode(content)
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
    where = re.findall(r"[^.\[\]]+", path[1]) if path else []
    said = _PATH.sub("", message)
    if "unknown field" in said:
        said, where = "Object contains an unknown field", []
    return RequestProblem("invalid_body", said, where=where)


def schema_of(*types: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """JSON Schemas of record types: one reference each, and the components they refer to."""
    references, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    return list(references), components
