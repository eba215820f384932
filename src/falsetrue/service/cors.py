"""Which pages of other origins may ask the API from a browser: those that the operator lists."""

import re
from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from falsetrue.errors import InputError

#: Where they may ask; never the page, which has cookies.
_PATH, _PREFIX = "/falsetrue", "/v1/"
_METHODS = ("GET", "POST")
_ASKED = ("Authorization", "Content-Type", "Idempotency-Key", "Traceparent", "X-API-Key", "X-Request-Id")
_ANSWERED = ("RateLimit", "RateLimit-Policy", "Retry-After", "Traceresponse", "X-Request-Id")
_PREFLIGHT_SECONDS = 600
_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")


def check_origins(origins: Sequence[str]) -> None:
    """Raise :class:`InputError` naming what is no origin: a browser would never send it."""
    for origin in origins:
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise InputError(
                f"setting FALSETRUE_CORS_ORIGINS: {origin!r} is no origin; write https://news.example, "
                "in lower case and without a path, or *"
            )


class ApiCors:
    """ASGI middleware: CORS (Fetch standard, section 3.2) for the API, without credentials that browsers keep."""

    def __init__(self, app: ASGIApp, *, origins: Sequence[str]) -> None:
        self._app = app
        self._cors = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=_METHODS,
            allow_headers=_ASKED,
            expose_headers=_ANSWERED,
            allow_credentials=False,
            max_age=_PREFLIGHT_SECONDS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer whether a browser may send it."""
        is_api = scope["type"] == "http" and (scope["path"] == _PATH or scope["path"].startswith(_PREFIX))
        await (self._cors if is_api else self._app)(scope, receive, send)
