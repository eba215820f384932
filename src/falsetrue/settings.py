"""Every setting, from ``FALSETRUE_*`` environment variables; loaded by entry points only.

A new one is a line of :class:`Settings` and a row of ``docs/reference/settings.md``. Its type may be ``bool``, ``int``,
``float``, ``str``, ``Path``, ``Literal[...]``, a ``StrEnum`` or ``tuple[str, ...]`` (separated by commas in the
environment), and any of these with ``| None``.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct, field, inspect

from falsetrue.errors import InputError


def _state_folder() -> Path:
    return Path("~/.local/state/falsetrue").expanduser()


class Settings(Struct, frozen=True, kw_only=True):
    """What an operator may choose. Names are those of the variables, less ``FALSETRUE_``.

    A plain record of values as they are given; :func:`load_settings` reads the environment and checks them.
    """

    model: str | None = None  #: ``MODEL`` to serve; nothing for the shipped one
    models_folder: Path = Path("models")  #: where models are found by name
    policies_folder: Path = Path("policies")  #: the team's ``NAME@N.toml``
    policy: str | None = None  #: policy applied where a caller names none; nothing for the model's own
    state_folder: Path = field(default_factory=_state_folder)  #: what the operator has trusted
    kernel: bool = True  #: score with the compiled kernel where it is there; off: with NumPy

    secret: str | None = None  #: keys for hashes and cookies are derived from it; nothing: a file in the state folder
    database_url: str | None = None  #: of PostgreSQL, or a file of SQLite; nothing: one in the state folder
    sqlite_synchronous: Literal["normal", "full"] = "normal"  #: full: no commit is lost when the power fails
    journal: bool = True  #: every prediction is written down before it is answered
    journal_when_down: Literal["refuse", "degrade"] = "refuse"  #: while the database is away: 503, or keep in a file
    journal_spool_bytes: Annotated[int, Meta(ge=4096)] = 256 * 1024 * 1024  #: of that file, for each worker
    store_text: bool = False  #: the journal keeps texts too, unless the caller says store: false
    text_days: Annotated[int, Meta(ge=1)] = 30  #: how long it keeps them, for ``falsetrue journal prune``
    audit: Literal["off", "on"] = "off"  #: of each day, keep the texts of a few predictions drawn at random, for labels
    audit_daily: Annotated[int, Meta(ge=1, le=1000)] = 20  #: how many
    audit_days: Annotated[int, Meta(ge=1)] = 30  #: how long their texts are kept, until they are forgotten
    webhook_url: str | None = None  #: where alarms are told to; nothing: to nobody
    webhook_secret: tuple[str, ...] = ()  #: what that is signed with, as ``whsec_...``; two while one replaces another
    answer_hours: Annotated[int, Meta(ge=1, le=720)] = 24  #: how long an idempotency key is remembered

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8000
    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    allow_anonymous: bool = False  #: classify for anybody, on a public address too
    drain_seconds: Annotated[float, Meta(ge=0, le=600)] = 1  #: after SIGTERM, how long to go on, with /readyz at 503
    stop_seconds: Annotated[int, Meta(ge=1, le=600)] = 30  #: after that, how long requests in flight may take to finish

    max_body_bytes: Annotated[int, Meta(ge=1024)] = 8 * 1024 * 1024  #: a larger request is 413
    max_items: Annotated[int, Meta(ge=1)] = 128  #: of ``POST /v1/classifications``
    max_texts: Annotated[int, Meta(ge=1)] = 1024  #: of ``POST /falsetrue``
    max_text_bytes: Annotated[int, Meta(ge=100)] = 50_000  #: UTF-8 bytes of one item, title and text joined
    max_upload_rows: Annotated[int, Meta(ge=1)] = 1000  #: of a file given to the page
    body_seconds: Annotated[float, Meta(gt=0)] = 30  #: how long a request body may take to arrive
    answer_seconds: Annotated[float, Meta(gt=0)] = 30  #: how long a caller may take to read on in its answer
    idle_seconds: Annotated[int, Meta(ge=1)] = 75  #: how long a connection stays open between two requests
    max_connections: Annotated[int, Meta(ge=16)] = 8192  #: of a worker; further ones are answered 503 and closed
    max_waiting_requests: Annotated[int, Meta(ge=1)] = 512  #: of a worker, for their texts to be scored; then 503
    max_waiting_bytes: Annotated[int, Meta(ge=1024)] = 64 * 1024 * 1024  #: of bodies, in a worker; then 503

    quota_redis_url: str | None = None  #: where requests are counted for several instances; nothing: in this one
    quota_when_down: Literal["open", "closed"] = "open"  #: while they cannot be counted: answer, or 503

    log_format: Literal["auto", "text", "json"] = "auto"  #: auto: text on a terminal, else a JSON object a line
    log_requests: Literal["off", "errors", "all"] = "off"  #: which requests leave a line in the log
    otel: bool | None = None  #: tell spans to a collector; nothing: where ``OTEL_EXPORTER_OTLP_ENDPOINT`` names one

    tls_cert: Path | None = None  #: PEM file: the certificate and those that lead to its issuer; nothing: no TLS
    tls_key: Path | None = None  #: PEM file of its private key
    tls_self_signed: bool = False  #: TLS for a try, with a certificate made at start
    behind_gateway: bool = False  #: a gateway in front decides who may ask
    trusted_proxies: tuple[str, ...] = ()  #: addresses or networks whose ``Forwarded`` and ``X-Forwarded-*`` count
    proxy_headers: Literal["x-forwarded", "forwarded"] = "x-forwarded"  #: which of these they write; only that is read
    cors_origins: tuple[str, ...] = ()  #: pages of these origins may ask the API from a browser; ``*``: of all

    jwt_issuer: str | None = None  #: whose tokens are believed; nothing: nobody's
    jwt_audience: str | None = None  #: what a token must be made for
    jwt_jwks: str | None = None  #: file or https address of the issuer's keys
    jwt_secret: str | None = None  #: in their place, a secret shared with the issuer (HS256)
    jwt_algorithms: tuple[str, ...] = ("RS256", "PS256", "ES256", "Ed25519", "EdDSA")  #: of signatures, by such keys
    jwt_scope_claim: str | None = None  #: where a token's scopes are; nothing: ``scope``, else ``scp``
    jwt_scope_prefix: str = ""  #: what stands before our scopes in a token, as ``falsetrue:``
    jwt_quota: str | None = None  #: of each subject, as ``600/min``; nothing: as often as it likes


#: Variables that platforms set, and the ones of ours that they stand for where these are not set.
_ALIASES = {"PORT": "FALSETRUE_PORT"}
#: Variables of ours that are not settings: the tests read them.
_OTHERS = {"FALSETRUE_CORPORA", "FALSETRUE_EXAMPLES", "FALSETRUE_NO_SKIPS"}
#: Each word in any case.
_SWITCHES = dict.fromkeys(("1", "true", "t", "yes", "y", "on"), True) | dict.fromkeys(
    ("0", "false", "f", "no", "n", "off"), False
)
_Record = TypeVar("_Record", bound=Struct)


def load_settings(**given: Any) -> Settings:
    """The settings of the environment, with some given; raises :class:`InputError` naming the one that is wrong."""
    return read_settings(Settings, os.environ, given)


def setting_variables(record: type[Struct] = Settings) -> dict[str, str]:
    """The environment variable of each setting, as ``FALSETRUE_MAX_ITEMS``, and the field that it sets."""
    return {f"FALSETRUE_{name.upper()}": name for name in record.__struct_fields__}


def read_settings(record: type[_Record], environment: Mapping[str, str], given: Mapping[str, Any]) -> _Record:
    """A record of settings from environment variables, in any case, and given values by field, which win.

    Raises :class:`InputError` naming the variable: one that is no setting, or has a value that the field cannot take.
    """
    known = setting_variables(record)
    unknown = sorted(n for n in environment if n.startswith("FALSETRUE_") and n.upper() not in known.keys() | _OTHERS)
    if unknown:
        raise InputError(f"there is no setting {unknown[0]}; it may be misspelt")
    said = {name.upper(): value for name, value in environment.items()}
    said = {_ALIASES[alias]: said[alias] for alias in _ALIASES.keys() & said.keys()} | said
    found = {each: said[name] for name, each in known.items() if name in said} | dict(given)
    types = {each.name: each.type for each in msgspec.structs.fields(record)}
    return record(**{name: _read(name, types[name], value) for name, value in found.items()})


def _read(name: str, annotation: Any, value: Any) -> Any:
    """A value of the annotated type: as it was given, or from the text of a variable."""
    kind = _without_none(inspect.type_info(annotation))
    if isinstance(value, str):
        value = _parse(kind, value)
    try:
        return msgspec.convert(value, annotation, strict=False, dec_hook=lambda wanted, given: wanted(given))
    except (msgspec.ValidationError, UnicodeEncodeError) as error:  # the latter of bytes that are no UTF-8
        raise InputError(f"setting FALSETRUE_{name.upper()}: must be {_describe(kind)}") from error


def _without_none(kind: inspect.Type) -> inspect.Type:
    if isinstance(kind, inspect.UnionType):
        return next(each for each in kind.types if not isinstance(each, inspect.NoneType))
    return kind


def _parse(kind: inspect.Type, text: str) -> Any:
    match kind:
        case inspect.BoolType():
            return _SWITCHES.get(text.strip().lower(), text)
        case inspect.IntType() | inspect.FloatType():
            return text.strip()
        case inspect.VarTupleType():
            return tuple(part.strip() for part in text.split(",") if part.strip())
    return text


def _describe(kind: inspect.Type) -> str:
    """What a setting must be, for whoever set it; never what it is: it may be a secret."""
    match kind:
        case inspect.BoolType():
            return "yes or no (or true, on, 1; false, off, 0)"
        case inspect.IntType() | inspect.FloatType():
            return _describe_number(kind)
        case inspect.LiteralType(values=values):
            return f"one of {', '.join(map(str, values))}"
        case inspect.EnumType(cls=choices):
            return f"one of {', '.join(choice.value for choice in choices)}"
        case inspect.VarTupleType(item_type=item):
            return f"a list, separated by commas, and each {_describe(item)}"
    return "text of another form"


def _describe_number(kind: inspect.IntType | inspect.FloatType) -> str:
    what = "a whole number" if isinstance(kind, inspect.IntType) else "a number"
    limits = {"at least": kind.ge, "more than": kind.gt, "at most": kind.le, "less than": kind.lt}
    said = " and ".join(f"{words} {limit}" for words, limit in limits.items() if limit is not None)
    return f"{what}, {said}" if said else what
