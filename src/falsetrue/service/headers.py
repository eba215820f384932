"""Headers that every answer carries."""

from collections.abc import Iterable

#: Of an answer, as ASGI has them: names in lower case.
Headers = Iterable[tuple[bytes, bytes]]

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
_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
#: ... and where it comes by TLS: the next year's requests are to, too (RFC 6797). Other hosts of a domain are not ours.
_HEADERS_BY_TLS = (*_HEADERS, (b"strict-transport-security", b"max-age=31536000"))
_NAMES = frozenset(name for name, _ in _HEADERS_BY_TLS)


def with_security_headers(headers: Headers, scheme: str | None) -> list[tuple[bytes, bytes]]:
    """An answer's headers with those that every answer carries, unless it has its own; ``scheme`` as it was asked."""
    added = _HEADERS_BY_TLS if scheme == "https" else _HEADERS
    own = [name for name, _ in headers if name in _NAMES]
    if own:
        added = tuple(header for header in added if header[0] not in own)
    return [*headers, *added]
