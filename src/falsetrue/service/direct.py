"""Routes from bytes to bytes: nothing of the framework stands between the server and the answer."""

from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from falsetrue.service.problems import REFUSALS, refusal

Answering = Callable[[Scope, Receive], Awaitable[bytes]]

_MEDIA_TYPE = (b"content-type", b"application/json")


class Direct:
    """ASGI application: ``answer`` gives the JSON to answer with, or raises why there is none."""

    def __init__(self, answer: Answering) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            content = await self._answer(scope, receive)
        except REFUSALS as error:
            await refusal(scope["path"], error)(scope, receive, send)
            return
        except ClientDisconnect:
            return  # nobody is there to be answered
        headers = [(b"content-length", b"%d" % len(content)), _MEDIA_TYPE]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})
