"""The page's session: a cookie that says who signed in with a key, and that nobody else can write.

Nothing of it is kept on the server. It holds the key's id, never the key, so it ends when the key does; and it ends
:data:`LONGEST` after signing in or :data:`IDLE` after it was last renewed. Forms carry a token made from it, which
other sites cannot know (OWASP Cross-Site Request Forgery Prevention Cheat Sheet, "Signed Double-Submit Cookie").
"""

import hmac
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from falsetrue.errors import NotAllowedError, UnknownCallerError

#: After signing in, how long a session may last.
LONGEST = timedelta(hours=8)
#: After it was renewed, how long it may be left alone.
IDLE = timedelta(hours=2)
#: After it was renewed, when it is to be renewed by the next request.
RENEW = timedelta(minutes=5)
#: How far the clocks of several instances may be apart.
LEEWAY = timedelta(minutes=1)
#: Bytes of randomness in a session: two of one key are not the same.
NONCE_BYTES = 16

_COOKIE = re.compile(
    r"([0-9A-Za-z_-]{1,100})\.([0-9]{1,11})\.([0-9]{1,11})\.([0-9a-f]{32})\.([0-9A-Za-z_-]{43})", re.ASCII
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """Somebody who signed in on the page."""

    key_id: str
    started_at: datetime  #: UTC, whole seconds
    renewed_at: datetime  #: UTC, whole seconds
    nonce: str = field(repr=False)  #: hexadecimal, 32 digits

    def is_due(self, now: datetime) -> bool:
        """Whether the answer to this request is to bring a new cookie, see :func:`renew`."""
        return now >= self.renewed_at + RENEW


def start_session(key_id: str, *, now: datetime, random: bytes) -> Session:
    """The session of somebody who has just shown a live key; ``random`` are :data:`NONCE_BYTES` random bytes."""
    now = now.replace(microsecond=0)
    return Session(key_id=key_id, started_at=now, renewed_at=now, nonce=random.hex())


def renew(session: Session, now: datetime) -> Session:
    """The same session, not left alone; its forms stay valid."""
    return replace(session, renewed_at=now.replace(microsecond=0))


def write_cookie(secret: bytes, session: Session) -> str:
    """The cookie's value. ``secret`` is a key of its own, derived from the operator's."""
    said = f"{_identity(session)}.{int(session.renewed_at.timestamp())}.{session.nonce}"
    return f"{said}.{_sign(secret, 'cookie', said)}"


def read_cookie(secret: bytes, value: str, now: datetime) -> Session:
    """The session of a cookie; raises :class:`UnknownCallerError` for one that we did not write, or that has ended.

    Whether its key is still live is for :meth:`falsetrue.access.keyring.Keyring.admit` to say.
    """
    found = _COOKIE.fullmatch(value)
    said, _, signature = value.rpartition(".")
    if not found or not hmac.compare_digest(_sign(secret, "cookie", said), signature):
        raise UnknownCallerError("this is not a session of this service: sign in again")
    key_id, started, renewed, nonce = found.groups()[:4]
    session = Session(key_id=key_id, started_at=_read_time(started), renewed_at=_read_time(renewed), nonce=nonce)
    ended = now >= min(session.started_at + LONGEST, session.renewed_at + IDLE)
    if ended or now + LEEWAY < session.renewed_at:
        raise UnknownCallerError("the session has ended: sign in again")
    return session


def form_token(secret: bytes, session: Session) -> str:
    """What the forms of a session carry."""
    return _sign(secret, "form", f"{_identity(session)}.{session.nonce}")


def check_form(secret: bytes, session: Session, token: str) -> None:
    """Raise :class:`NotAllowedError` where a form was not made for this session."""
    if not hmac.compare_digest(form_token(secret, session).encode(), token.encode("utf-8", "surrogatepass")):
        raise NotAllowedError("this form was not made for this session: load the page again")


def _identity(session: Session) -> str:
    return f"{session.key_id}.{int(session.started_at.timestamp())}"


def _sign(secret: bytes, purpose: str, said: str) -> str:
    digest = hmac.digest(secret, f"{purpose}:{said}".encode(), "sha256")
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def _read_time(seconds: str) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)
