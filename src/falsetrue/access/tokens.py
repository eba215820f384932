"""Bearer tokens of an issuer that the operator trusts (JSON Web Tokens, RFC 7519, read as RFC 8725 says).

Imported only where an issuer is set: what it needs takes long to import.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import Key
from joserfc.jws import JWSRegistry, deserialize_compact
from joserfc.util import urlsafe_b64decode

from falsetrue.access.jwks import FileKeys, Keys, SecretKeys, UrlKeys, choose_key
from falsetrue.access.keys import ID_PREFIX, parse_quota
from falsetrue.access.principal import Kind, Principal, Quota, Scope
from falsetrue.errors import InputError, NotReadyError, UnknownCallerError
from falsetrue.settings import Settings

#: Characters of a token beyond which nothing of it is read.
LARGEST_TOKEN = 8192
#: Seconds that the issuer's clock and ours may differ.
LEEWAY = 30
#: Tokens that are remembered as checked.
MOST_REMEMBERED = 10_000
#: Signatures that a key set may be used for. None of them can be made with what the issuer publishes.
ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "Ed25519", "EdDSA"),
)
#: ... and a secret.
_WITH_A_SECRET = {"HS256"}
#: Types of token (RFC 7519, section 5.1; RFC 9068, section 2.1): another was made for something else.
_TYPES = ("jwt", "at+jwt", "application/jwt", "application/at+jwt")
#: Claims in which issuers put scopes, the first that a token has: RFC 8693, section 4.2; Microsoft's and Okta's.
_SCOPE_CLAIMS = ("scope", "scp")
_LONGEST_SUBJECT = 255


class UnknownSignerError(UnknownCallerError):
    """A token names a key that is not known here, or not yet."""


@dataclass(frozen=True, kw_only=True)
class TokenRules:
    """Which tokens are believed."""

    issuer: str  #: ``iss``, to the letter
    audience: str  #: ``aud``, or one of them
    algorithms: frozenset[str]  #: of signatures
    scope_claim: str | None = None  #: where scopes are; ``None``: ``scope``, else ``scp``
    scope_prefix: str = ""  #: what stands before the names of our scopes; others are passed over
    quota: Quota | None = None  #: of each subject


class _Header(msgspec.Struct):
    """What is read of a token's head (RFC 7515, section 4.1): no key, and no address of one."""

    alg: str
    kid: str | None = None
    typ: str = "JWT"
    crit: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Claims(msgspec.Struct):
    """What is read of a token's claims (RFC 7519, section 4.1), the scopes aside. Times are seconds since 1970."""

    iss: str
    sub: str
    aud: str | list[str]
    exp: int | float
    nbf: int | float = 0
    iat: int | float = 0


class _Registry(JWSRegistry):
    """The algorithms of joserfc, but no others than the pinned ones, however few those are."""

    max_header_length = max_payload_length = max_signature_length = LARGEST_TOKEN

    def __init__(self, algorithms: frozenset[str]) -> None:
        super().__init__(algorithms=algorithms, strict_check_header=False)
        self._pinned = algorithms

    def get_alg(self, name: str) -> JWSAlgModel:
        if name not in self._pinned:
            raise UnsupportedAlgorithmError(f"Algorithm of {name!r} is not allowed")
        return self.algorithms[name]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Believed:
    """A token that was checked."""

    principal: Principal
    begins: float  #: seconds since 1970
    ends: float


class Tokens:
    """Tells callers by their tokens; remembers those that it has checked until they expire or the keys change."""

    def __init__(self, rules: TokenRules, keys: Keys) -> None:
        self._rules = rules
        self._keys = keys
        self._registry = _Registry(rules.algorithms)
        self._seen_with: tuple[Key, ...] = ()
        self._believed: dict[bytes, _Believed] = {}

    def __repr__(self) -> str:
        return f"<Tokens of {self._rules.issuer}>"

    async def authenticate(self, token: str, now: datetime) -> Principal:
        """As :meth:`authenticate_token`, but should its key be unknown, the issuer's keys are asked for first."""
        try:
            return self.authenticate_token(token, now)
        except (UnknownSignerError, NotReadyError):
            renewal = self._keys.renewal()
            if renewal is None:
                raise
        await asyncio.wrap_future(renewal)
        return self.authenticate_token(token, now)

    def authenticate_token(self, token: str, now: datetime) -> Principal:
        """Who shows a token; ``now`` in UTC.

        Raises :class:`UnknownCallerError` for one that is not to be believed, :class:`UnknownSignerError` where its key
        is not known, and :class:`NotReadyError` where the issuer's keys could not be had. No message repeats a token.
        """
        if len(token) > LARGEST_TOKEN:
            raise UnknownCallerError(f"a token has at most {LARGEST_TOKEN} characters")
        keys = self._keys.current
        if keys is not self._seen_with:
            self._believed.clear()
            self._seen_with = keys
        # A surrogate is no part of a token, nor of UTF-8.
        content = token.encode(errors="replace")
        digest = hashlib.sha256(content).digest()
        believed = self._believed.get(digest) or self._check(content, keys)
        _check_time(believed, now.timestamp())
        if len(self._believed) >= MOST_REMEMBERED and digest not in self._believed:
            del self._believed[next(iter(self._believed))]
        self._believed[digest] = believed
        return believed.principal

    def _check(self, token: bytes, keys: tuple[Key, ...]) -> _Believed:
        if not keys:
            raise NotReadyError("the keys of the tokens' issuer could not be had")
        header = _read_header(token)
        payload = self._verify(token, header, keys)
        try:
            claims = msgspec.json.decode(payload, type=dict[str, Any])
            known = msgspec.convert(claims, _Claims)
        except (ValueError, RecursionError) as error:
            raise UnknownCallerError("the token's claims are not in order: it needs iss, sub, aud and exp") from error
        _check_claims(known, self._rules)
        principal = Principal(
            kind=Kind.TOKEN,
            id=known.sub,
            name=known.sub,
            scopes=find_scopes(claims, self._rules),
            quota=self._rules.quota,
        )
        return _Believed(principal=principal, begins=max(known.nbf, known.iat) - LEEWAY, ends=known.exp + LEEWAY)

    def _verify(self, token: bytes, header: _Header, keys: tuple[Key, ...]) -> bytes:
        """The payload of a token whose signature is right."""
        if header.alg not in self._rules.algorithms:
            raise UnknownCallerError("the token is signed by an algorithm that is not allowed here")
        model = self._registry.get_alg(header.alg)
        key = choose_key(keys, header.kid, lambda each: _fits(model, each))
        if key is None:
            raise UnknownSignerError("the token is signed with a key that is not known here")
        try:
            return deserialize_compact(token, key, registry=self._registry).payload
        except (JoseError, ValueError, TypeError) as error:
            raise UnknownCallerError("the token's signature is not right") from error


def _fits(model: JWSAlgModel, key: Key) -> bool:
    try:
        model.check_key(key)
    except JoseError:
        return False
    return True


def _read_header(token: bytes) -> _Header:
    try:
        header = msgspec.json.decode(urlsafe_b64decode(token.partition(b".")[0]), type=_Header)
    except (ValueError, RecursionError) as error:
        raise UnknownCallerError("this is no JSON Web Token") from error
    if header.crit is not msgspec.UNSET:
        raise UnknownCallerError("the token asks for something that is not understood here (crit)")
    if header.typ.lower() not in _TYPES:
        raise UnknownCallerError("the token was made for something else (typ)")
    return header


def _check_claims(claims: _Claims, rules: TokenRules) -> None:
    if claims.iss != rules.issuer:
        raise UnknownCallerError("the token is of another issuer")
    if rules.audience not in ([claims.aud] if isinstance(claims.aud, str) else claims.aud):
        raise UnknownCallerError("the token is for another audience")
    subject = claims.sub
    if not subject.isprintable() or not 0 < len(subject) <= _LONGEST_SUBJECT or subject.startswith(ID_PREFIX):
        # That prefix would let a subject pass for a key of ours in the journal.
        raise UnknownCallerError(
            f"the token's subject is empty, longer than {_LONGEST_SUBJECT}, no text, or begins with {ID_PREFIX}"
        )


def _check_time(believed: _Believed, now: float) -> None:
    if now >= believed.ends:
        raise UnknownCallerError("the token has expired")
    if now < believed.begins:
        raise UnknownCallerError("the token is not valid yet")


def find_scopes(claims: Mapping[str, Any], rules: TokenRules) -> frozenset[Scope]:
    """The scopes that a token's claims grant: names between spaces, or a list of names; what is not ours is nothing."""
    names = (rules.scope_claim,) if rules.scope_claim else _SCOPE_CLAIMS
    said = next((claims[name] for name in names if name in claims), ())
    listed = said if isinstance(said, list) else ()
    granted = set(said.split() if isinstance(said, str) else (each for each in listed if isinstance(each, str)))
    return frozenset(scope for scope in Scope if rules.scope_prefix + scope in granted)


# --- what operators set ----------------------------------------------------------------------------


def open_tokens(settings: Settings) -> Tokens:
    """Tokens as the settings want them; ``jwt_issuer`` is set. Raises :class:`InputError`."""
    secret, source = settings.jwt_secret, settings.jwt_jwks
    if not settings.jwt_audience:
        raise InputError("setting FALSETRUE_JWT_AUDIENCE: must be set where FALSETRUE_JWT_ISSUER is")
    if (secret is None) == (source is None):
        raise InputError("set either FALSETRUE_JWT_JWKS or FALSETRUE_JWT_SECRET where FALSETRUE_JWT_ISSUER is set")
    unknown = sorted(set(settings.jwt_algorithms) - set(ALGORITHMS))
    if unknown or not settings.jwt_algorithms:
        raise InputError(f"setting FALSETRUE_JWT_ALGORITHMS: must be some of {', '.join(ALGORITHMS)}")
    algorithms = _WITH_A_SECRET if secret is not None else set(settings.jwt_algorithms)
    rules = TokenRules(
        issuer=settings.jwt_issuer or "",
        audience=settings.jwt_audience,
        algorithms=frozenset(algorithms),
        scope_claim=settings.jwt_scope_claim,
        scope_prefix=settings.jwt_scope_prefix,
        quota=parse_quota(settings.jwt_quota) if settings.jwt_quota else None,
    )
    return Tokens(rules, SecretKeys(secret) if secret is not None else _open_keys(source or ""))


def _open_keys(source: str) -> Keys:
    return UrlKeys(source) if "://" in source else FileKeys(Path(source))
