"""Who may ask for what: every request is let in here, or nowhere."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from falsetrue.access.exposure import exposing, exposure_of, is_loopback
from falsetrue.access.principal import Kind, Principal
from falsetrue.access.principal import Scope as Allowed
from falsetrue.access.quotas import Quotas
from falsetrue.errors import (
    DatabaseUnavailableError,
    FalsetrueError,
    NotAllowedError,
    NotReadyError,
    UnknownCallerError,
)
from falsetrue.service.facts import facts_of
from falsetrue.service.problems import RequestProblem, problem_response, refusal
from falsetrue.settings import Settings
from falsetrue.wiring import Storage, open_redis_counts

if TYPE_CHECKING:
    from falsetrue.access.keyring import Keyring
    from falsetrue.access.quotas import Counts, Spent
    from falsetrue.access.tokens import Tokens

#: Path -> what a caller must be allowed; nothing: anybody may ask. What is not listed is the operator's alone.
NEEDS: Mapping[str, Allowed | None] = {
    "/falsetrue": Allowed.CLASSIFY,
    "/v1/classifications": Allowed.CLASSIFY,
    "/v1/feedback": Allowed.FEEDBACK,
    "/v1/model": Allowed.CLASSIFY,
    "/metrics": Allowed.METRICS,
    "/healthz": None,
    "/readyz": None,
    "/docs": None,
    "/openapi.json": None,
    "/sign-in": None,
    "/sign-out": None,
    "/": Allowed.CLASSIFY,
    "/upload": Allowed.CLASSIFY,
    "/model": Allowed.CLASSIFY,
    "/ops": Allowed.ADMIN,
    "/monitor": Allowed.ADMIN,
}
#: The same, where reading takes another right than writing.
_READING: Mapping[str, Allowed] = {"/v1/classifications": Allowed.READ}
#: What lies below is public.
_PUBLIC = "/static/"
#: Here, and nowhere else, a cookie counts.
PAGES = frozenset({"/", "/upload", "/model", "/ops", "/monitor", "/sign-out"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_KEY_PREFIX = "ftk_"
#: A request that has one of these comes from somewhere else, through a proxy.
_PASSED_ON = frozenset({b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip"})
#: Seconds between two looks for changed keys.
BETWEEN_LOOKS = 0.4
_log = logging.getLogger("falsetrue")
#: Credentials longer than this are not looked at.
_LONGEST = 16_384


def need_of(method: str, path: str) -> Allowed | None:
    """What a caller must be allowed to ask this; ``None``: anybody may."""
    if path.startswith(_PUBLIC):
        return None
    if method in _SAFE and path in _READING:
        return _READING[path]
    return NEEDS.get(path, Allowed.ADMIN)


class Gate:
    """Tells who asks, by a key, a token or a cookie, and what anybody may ask who shows none of them."""

    def __init__(self, *, anonymous: frozenset[Allowed], open_without_keys: bool, expects_keys: bool) -> None:
        self._anonymous = Principal(kind=Kind.ANONYMOUS, id=None, name="anonymous", scopes=anonymous)
        self._nobody = Principal(kind=Kind.ANONYMOUS, id=None, name="anonymous", scopes=frozenset())
        self._open_without_keys = open_without_keys  #: whether those rights end with the first key
        self._expects_keys = expects_keys  #: whether there is a database that may hold some
        self.keyring: Keyring | None = None  #: ``None``: nothing is kept here, keys neither
        self.tokens: Tokens | None = None
        self.quotas: Quotas | None = None
        self.read_session: Callable[[Scope, datetime], Principal | None] = lambda _scope, _now: None

    def stranger(self) -> Principal:
        """Somebody who shows nothing; raises :class:`NotReadyError` before it is known whether there are keys."""
        if self._open_without_keys and (self.tokens is not None or self._keys_are_on()):
            return self._nobody
        return self._anonymous

    def strangers(self) -> frozenset[Allowed]:
        """What anybody may do now; nothing before it is known whether there are keys."""
        try:
            return self.stranger().scopes
        except NotReadyError:
            return frozenset()

    def _keys_are_on(self) -> bool:
        if self.keyring is None:
            self.check_ready()
            return False
        return self.keyring.on

    @property
    def takes_keys(self) -> bool:
        """Whether somebody may have a key, as far as is known."""
        return self.keyring is not None and self.keyring.on

    def check_ready(self) -> None:
        """Raise :class:`NotReadyError` while it is not known which keys there are."""
        if self._expects_keys and (self.keyring is None or not self.keyring.loaded):
            raise NotReadyError("the keys have not been read yet")

    async def tell(self, scope: Scope) -> Principal:
        """Who asks; raises :class:`AccessError` or :class:`NotReadyError`."""
        shown = _credential(scope)
        if shown is not None:
            return await self._tell_by(scope, shown, datetime.now(UTC))
        if scope["path"] in PAGES:
            session = self.read_session(scope, datetime.now(UTC))
            if session is not None:
                return session
        if not self._anonymous.scopes:
            self.check_ready()  # else a visitor would be told to sign in, with a key that nobody can know yet
        return self._check_host(scope, self.stranger())

    async def _tell_by(self, scope: Scope, shown: str, now: datetime) -> Principal:
        if shown.startswith(_KEY_PREFIX):
            self.check_ready()
            if self.keyring is not None and self.keyring.on:
                return self.keyring.authenticate(shown, now)
        if self.tokens is not None:
            return await self.tokens.authenticate(shown, now)
        stranger = self._check_host(scope, self.stranger())
        if not stranger.scopes:
            raise UnknownCallerError("this is not a key of this service: they begin with ftk_")
        return stranger  # what it shows may be meant for a gateway in front

    def _check_host(self, scope: Scope, stranger: Principal) -> Principal:
        """Where everything is open to this machine, let nobody in who asks for another.

        A page of any site may have its name point here (DNS rebinding), and a proxy on this machine may pass on what
        comes from outside.
        """
        is_open = stranger is self._anonymous and self._open_without_keys
        if is_open and not all(_is_from_here(*header) for header in scope["headers"]):
            raise UnknownCallerError(
                "without keys, only this machine is answered, and asked for as localhost; "
                "make a key, or say that there is a gateway in front"
            )
        return stranger


def _is_from_here(name: bytes, value: bytes) -> bool:
    """Whether a header says nothing else: no proxy, and no other machine."""
    return _is_local(value) if name == b"host" else name not in _PASSED_ON


@lru_cache(64)
def _is_local(host: bytes) -> bool:
    """Whether a Host header names this machine for itself."""
    name = host.decode("latin-1").lower()
    name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
    return is_loopback(name)


def make_gate(settings: Settings, storage: Storage, counts: "Counts | None") -> Gate:
    """The gate that the settings ask for; ``counts`` are shared by workers, ``None`` where Redis is to count.

    What a process must not share it opens by :func:`open_gate`; of who has keys it learns by :func:`watch_keys`.
    """
    exposure = exposure_of(**exposing(settings))
    gate = Gate(anonymous=exposure.anonymous, open_without_keys=exposure.until_keys, expects_keys=storage.is_wanted)
    if counts is not None:
        gate.quotas = Quotas(counts, open_when_away=settings.quota_when_down == "open")
    return gate


def open_gate(gate: Gate, settings: Settings) -> None:
    """Open what asks others: the issuer of tokens, and Redis; in the event loop that uses it.

    Raises :class:`InputError` or :class:`MissingExtraError` for settings that cannot be used.
    """
    if settings.jwt_issuer is not None:
        from falsetrue.access.tokens import open_tokens  # noqa: PLC0415 - it takes long, and few want it

        gate.tokens = open_tokens(settings)
    if gate.quotas is None:
        gate.quotas = Quotas(open_redis_counts(settings), open_when_away=settings.quota_when_down == "open")


async def watch_keys(gate: Gate, storage: Storage) -> None:
    """Keep a gate's keys as those of the database, so that a change counts within a second; until cancelled."""
    loop = asyncio.get_running_loop()
    thread = ThreadPoolExecutor(1, "keys")
    said: str | None = None
    try:
        while True:
            problem = await loop.run_in_executor(thread, _refresh, gate, storage)
            if problem is not None and problem != said:
                _log.error("the keys cannot be read: %s", problem)
            said = problem
            await asyncio.sleep(BETWEEN_LOOKS)
    finally:
        thread.shutdown(wait=False)  # it may be waiting for a database that is away


def _refresh(gate: Gate, storage: Storage) -> str | None:
    """Look once; what is wrong, where the journal does not say so."""
    try:
        if gate.keyring is not None:
            gate.keyring.refresh()
            gate.keyring.write_used(datetime.now(UTC))
        elif storage.is_wanted:
            keyring = storage.keyring()
            if keyring.refresh():
                gate.keyring = keyring
    except DatabaseUnavailableError:
        return None
    except FalsetrueError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - it is tried again, and meanwhile keys stay as they were
        return f"for a reason that nobody foresaw ({type(error).__name__})"
    return None


def _credential(scope: Scope) -> str | None:
    """What the request shows: ``Authorization: Bearer …`` (RFC 6750), or ``X-API-Key: …``."""
    found: str | None = None
    for name, value in scope["headers"]:
        if name == b"authorization":
            kind, _, rest = value.partition(b" ")
            this = rest if kind.lower() == b"bearer" else b""
        elif name == b"x-api-key":
            this = value
        else:
            continue
        if found is not None or len(this) > _LONGEST:
            raise UnknownCallerError("show one key or token, once")
        found = this.strip().decode("latin-1")
    return found


class Admission:
    """ASGI middleware: lets a request in that may ask what it asks, and has asked no more often than it may."""

    def __init__(self, app: ASGIApp, *, gate: Gate, status: Mapping[str, int]) -> None:
        self._app = app
        self._gate = gate
        self._status = status

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            need = need_of(scope["method"], scope["path"])
            if need is not None:
                caller = facts_of(scope).principal = await self._gate.tell(scope)
                check(caller, need)
                if caller.quota is not None and self._gate.quotas is not None:
                    send = await self._spend(self._gate.quotas, caller, send)
        except (RequestProblem, UnknownCallerError, NotAllowedError, NotReadyError) as error:
            await self._refuse(scope, receive, send, error)
            return
        await self._app(scope, receive, send)

    async def _spend(self, quotas: "Quotas", caller: Principal, send: Send) -> Send:
        """``send`` that says what is left; raises :class:`RequestProblem` where nothing is."""
        spent = await quotas.spend(caller)
        if spent is None:
            return send
        headers = [(name.lower().encode(), value.encode()) for name, value in spent.headers().items()]
        if not spent.allowed:
            raise RequestProblem("quota_exceeded", _exceeded(spent), headers=spent.headers())

        async def telling_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *headers]
            await send(message)

        return telling_send

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, error: Exception) -> None:
        if scope["path"] in NEEDS:
            facts_of(scope).route = scope["path"]
        if isinstance(error, UnknownCallerError) and self._gate.takes_keys and _is_visit(scope):
            await RedirectResponse(sign_in_address(scope), 303)(scope, receive, send)
            return
        if isinstance(error, NotReadyError):
            response = refusal(scope["path"], error)
        else:
            problem = error if isinstance(error, RequestProblem) else _problem_of(error)
            response = problem_response(scope["path"], self._status[problem.code], problem)
        await response(scope, receive, send)


def check(caller: Principal, need: Allowed) -> None:
    """Raise :class:`UnknownCallerError` for a stranger, or :class:`NotAllowedError`, where it takes more rights."""
    if caller.allows(need):
        return
    if caller.kind is Kind.ANONYMOUS:
        raise UnknownCallerError("this needs a key: send it as Authorization: Bearer ftk_…, or X-API-Key")
    raise NotAllowedError(f"this key may not do this: it needs the scope {need}")


def _is_visit(scope: Scope) -> bool:
    """Whether somebody opens a page, and shows nothing of what the API takes."""
    shown = any(name in (b"authorization", b"x-api-key") for name, _ in scope["headers"])
    return scope["method"] in ("GET", "HEAD") and scope["path"] in PAGES and not shown


def sign_in_address(scope: Scope) -> str:
    """Where somebody signs in, to be led on to what a request asks for."""
    query = scope["query_string"].decode("latin-1")
    wanted = f"{scope['path']}?{query}" if query else scope["path"]
    return "/sign-in" if wanted == "/" else f"/sign-in?to={quote(wanted, safe='/')}"


def _problem_of(error: Exception) -> RequestProblem:
    if isinstance(error, NotAllowedError):
        headers = {"WWW-Authenticate": 'Bearer realm="falsetrue", error="insufficient_scope"'}
        return RequestProblem("not_allowed", str(error), headers=headers)
    return RequestProblem("unknown_caller", str(error), headers={"WWW-Authenticate": 'Bearer realm="falsetrue"'})


def _exceeded(spent: "Spent") -> str:
    quota = spent.quota
    return f"more than {quota.requests} requests in {quota.seconds} seconds; the next one counts in {spent.reset:.0f} s"
