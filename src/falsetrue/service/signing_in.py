"""Signing in on the page: a key is exchanged for a cookie, which counts on the page alone."""

import hmac
import re
import secrets
from collections.abc import MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from falsetrue.access.principal import Principal
from falsetrue.access.principal import Scope as Allowed
from falsetrue.access.sessions import (
    NONCE_BYTES,
    Session,
    check_form,
    form_token,
    read_cookie,
    renew,
    start_session,
    write_cookie,
)
from falsetrue.errors import NotAllowedError, UnknownCallerError
from falsetrue.service.admission import Gate
from falsetrue.service.problems import RequestProblem

#: What the cookie of a session is called; behind https a browser lets no other host or path write it
#: (draft-ietf-httpbis-rfc6265bis, section 4.1.3.2).
COOKIE, SECURE_COOKIE = "falsetrue_session", "__Host-falsetrue_session"
#: The same for the form that asks for a key, which has no session yet: it is sent from where it was shown.
FORM_COOKIE, SECURE_FORM_COOKIE = "falsetrue_sign_in", "__Host-falsetrue_sign_in"
#: What of a form carries its token.
TOKEN_FIELD = "token"  # noqa: S105 - the name of a field
#: Where somebody may be led who has signed in.
_LEADS_TO = frozenset({"/", "/upload", "/model", "/ops", "/monitor", "/docs"})
_NONCE = re.compile(r"[0-9a-f]{32}")
_FOUND = "falsetrue.signed_in"


@dataclass(frozen=True, kw_only=True, slots=True)
class Visitor:
    """Whom a page is shown to."""

    name: str | None  #: of the key; ``None``: has not signed in
    token: str  #: for the forms; empty where nobody has signed in
    is_operator: bool  #: may see the operator's view
    may_sign_in: bool  #: has not, and there are keys


class _SignedIn(NamedTuple):
    session: Session
    principal: Principal


class Sessions:
    """The sessions of a page. ``secret`` is a key of their own, derived from the operator's."""

    def __init__(self, gate: Gate, secret: bytes) -> None:
        self._gate = gate
        self._secret = secret

    # --- who it is -----------------------------------------------------------------------------------

    def read(self, scope: MutableMapping[str, Any], now: datetime) -> Principal | None:
        """Who sends a request by its cookie; ``None`` where it has none, or that has ended, or its key has."""
        found = self._find(scope, now)
        return None if found is None else found.principal

    def visitor(self, request: Request) -> Visitor:
        """Whom the answer to a request is shown to."""
        found = self._find(request.scope, datetime.now(UTC))
        if found is not None:
            token = form_token(self._secret, found.session)
            operator = found.principal.allows(Allowed.ADMIN)
            return Visitor(name=found.principal.name, token=token, is_operator=operator, may_sign_in=False)
        return Visitor(
            name=None, token="", is_operator=Allowed.ADMIN in self._gate.strangers(), may_sign_in=self._gate.takes_keys
        )

    def _find(self, scope: MutableMapping[str, Any], now: datetime) -> _SignedIn | None:
        if _FOUND not in scope:
            scope[_FOUND] = self._look(Request(scope), now)
        found: _SignedIn | None = scope[_FOUND]
        return found

    def _look(self, request: Request, now: datetime) -> _SignedIn | None:
        cookie = request.cookies.get(SECURE_COOKIE if _is_secure(request) else COOKIE)
        if cookie is None or self._gate.keyring is None:
            return None
        try:
            session = read_cookie(self._secret, cookie, now)
            return _SignedIn(session, self._gate.keyring.admit(session.key_id, now))
        except UnknownCallerError:
            return None

    # --- beginning, going on and ending --------------------------------------------------------------

    def begin(self, request: Request, response: Response, key: str) -> None:
        """Give whoever shows a key a session; raises :class:`UnknownCallerError` where it is not valid."""
        now = datetime.now(UTC)
        if self._gate.keyring is None:
            self._gate.check_ready()
            raise UnknownCallerError("this service has no keys")
        principal = self._gate.keyring.authenticate(key, now)
        assert principal.id is not None  # noqa: S101 - every key has one
        self._write(request, response, start_session(principal.id, now=now, random=secrets.token_bytes(NONCE_BYTES)))

    def go_on(self, request: Request, response: Response) -> None:
        """Renew the session that a page is shown to, if it is time, and if the page was not asked for by a clock."""
        found, now = self._find(request.scope, datetime.now(UTC)), datetime.now(UTC)
        by_hand = request.method == "POST" or request.headers.get("sec-fetch-mode", "navigate") == "navigate"
        if found is not None and by_hand and found.session.is_due(now):
            self._write(request, response, renew(found.session, now))

    def end(self, request: Request, response: Response) -> None:
        """Take the cookie back."""
        _set_cookie(request, response, (COOKIE, SECURE_COOKIE), "", max_age=0)
        request.scope[_FOUND] = None

    def _write(self, request: Request, response: Response, session: Session) -> None:
        _set_cookie(request, response, (COOKIE, SECURE_COOKIE), write_cookie(self._secret, session))

    # --- forms ---------------------------------------------------------------------------------------

    def check_form(self, request: Request, token: str) -> None:
        """Raise :class:`RequestProblem` for a form that was not sent from this page, or not in this session.

        Somebody without a session has nothing that another site could abuse but the address that it asks from.
        """
        _check_site(request)
        found = self._find(request.scope, datetime.now(UTC))
        if found is None:
            return
        try:
            check_form(self._secret, found.session, token)
        except NotAllowedError as error:
            raise _foreign(str(error)) from error

    @staticmethod
    def check_sign_in(request: Request, token: str) -> None:
        """The same for the form that asks for a key: else another site could sign somebody in as somebody else."""
        _check_site(request)
        if not token or not hmac.compare_digest(token.encode("utf-8", "surrogatepass"), _form_nonce(request).encode()):
            raise _foreign("this form was not sent from where it was shown: load the page again")

    @staticmethod
    def prepare(request: Request) -> tuple[str, Any]:
        """The token of a form that asks for a key, and what is to be done to its page."""
        nonce = _form_nonce(request) or secrets.token_hex(NONCE_BYTES)

        def finish(response: Response) -> None:
            _set_cookie(request, response, (FORM_COOKIE, SECURE_FORM_COOKIE), nonce)

        return nonce, finish


def lead(to: str) -> str:
    """Where to lead somebody who wanted to go ``to``: there, if it is one of the pages here, else to the first."""
    try:
        wanted = urlsplit(to)
    except ValueError:
        return "/"
    if wanted.scheme or wanted.netloc or wanted.path not in _LEADS_TO:
        return "/"
    return f"{wanted.path}?{wanted.query}" if wanted.query else wanted.path


def comes_from_elsewhere(request: Request) -> bool:
    """Whether a link of another site leads here: browsers then leave the cookie of a session out."""
    return request.headers.get("sec-fetch-site") in ("cross-site", "same-site")


def _check_site(request: Request) -> None:
    """What browsers say of where a form was (Fetch Metadata, W3C), where they say it."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise _foreign("the forms of this page are sent from this page alone")


def _foreign(detail: str) -> RequestProblem:
    return RequestProblem("not_allowed", detail, where=[TOKEN_FIELD])


def _form_nonce(request: Request) -> str:
    found = request.cookies.get(SECURE_FORM_COOKIE if _is_secure(request) else FORM_COOKIE, "")
    return found if _NONCE.fullmatch(found) else ""


def _is_secure(request: Request) -> bool:
    return request.url.scheme == "https"


def _set_cookie(
    request: Request, response: Response, names: tuple[str, str], value: str, *, max_age: int | None = None
) -> None:
    secure = _is_secure(request)
    response.set_cookie(names[secure], value, max_age=max_age, httponly=True, samesite="strict", secure=secure)
