"""Headers that every answer carries."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Nothing but this service's own files is ever loaded, framed, or sent a form.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = [
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
]
#: ... and where it comes by TLS: the next year's requests are to, too (RFC 6797). Other hosts of a domain are not ours.
_HEADERS_BY_TLS = [*_HEADERS, (b"strict-transport-security", b"max-age=31536000")]


class SecurityHeaders:
    """ASGI middleware that adds them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with a ``send`` that adds the headers."""
        own = _HEADERS_BY_TLS if scope.get("scheme") == "https" else _HEADERS

        async def adding_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                named = {name for name, _ in headers}
                message["headers"] = [*headers, *(header for header in own if header[0] not in named)]
            await send(message)

        await self._app(scope, receive, adding_send if scope["type"] == "http" else send)
