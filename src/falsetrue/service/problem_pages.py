"""Problems shown as a page where a page was asked for."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import msgspec
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Of the request, the status, the code of the problem, and the path of what was wrong in the request, if anything.
Render: TypeAlias = Callable[[Request, int, str, Sequence[str | int]], Response]


class ProblemPages:
    """ASGI middleware: for requests that are ``for_people``, ``application/problem+json`` becomes HTML.

    Whatever layer refused the request, the status and the other headers stay as they were.
    """

    def __init__(self, app: ASGIApp, *, render: Render, for_people: Callable[[Scope], bool]) -> None:
        self._app = app
        self._render = render
        self._for_people = for_people

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with a ``send`` that looks for problems."""
        if scope["type"] != "http" or not self._for_people(scope):
            await self._app(scope, receive, send)
            return
        held: Message | None = None
        content = bytearray()

        async def rendering_send(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start" and _is_problem(message):
                held = message
            elif held is None:
                await send(message)
            else:
                content.extend(message.get("body", b""))
                if not message.get("more_body"):
                    await self._page(Request(scope), held, bytes(content))(scope, receive, send)

        await self._app(scope, receive, rendering_send)

    def _page(self, request: Request, start: Message, content: bytes) -> Response:
        problem = msgspec.json.decode(content)
        code = str(problem["type"]).rpartition(":")[2]
        response = self._render(request, start["status"], code, problem.get("where", []))
        for name, value in Headers(raw=start["headers"]).items():
            response.headers.setdefault(name, value)
        return response


def _is_problem(start: Message) -> bool:
    return Headers(raw=start["headers"]).get("content-type", "").startswith("application/problem+json")
