"""Which bearer tokens are believed: none that another than the issuer made, for another than us, or too late."""

import asyncio
import base64
import hmac
import json
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from falsetrue.access import tokens as tokens_module
from falsetrue.access.jwks import SecretKeys, parse_keys
from falsetrue.access.principal import Kind, Principal, Quota, Scope
from falsetrue.access.tokens import ALGORITHMS, LARGEST_TOKEN, LEEWAY, TokenRules, Tokens, find_scopes, open_tokens
from falsetrue.errors import InputError, NotReadyError, UnknownCallerError
from falsetrue.settings import Settings

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
RULES = TokenRules(
    issuer="https://login.example", audience="https://news.example/api", algorithms=frozenset(ALGORITHMS)
)
CLAIMS: dict[str, Any] = {
    "iss": RULES.issuer,
    "sub": "newsroom",
    "aud": RULES.audience,
    "exp": SECONDS + 600,
    "nbf": SECONDS - 10,
    "iat": SECONDS - 10,
    "scope": "openid classify feedback",
}
RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
EC = ECKey.generate_key("P-256", {"kid": "ec", "alg": "ES256"})
EDWARDS = OKPKey.generate_key("Ed25519", {"kid": "edwards"})
STRANGER = RSAKey.generate_key(2048, {"kid": "rsa"})
SECRET = "a secret that nobody can guess, as it is long"

Claim = tuple[str, Any]


class GivenKeys:
    """Keys that a test chooses, and what they are renewed to."""

    def __init__(self, *keys: Key, later: tuple[Key, ...] | None = None) -> None:
        self.current = published(*keys) if keys else ()
        self._later = later
        self.renewed = 0

    def renewal(self) -> Any:
        """Bring the later keys."""
        if self._later is None:
            return None
        self.renewed += 1
        self.current = published(*self._later)
        done = Future[None]()
        done.set_result(None)
        return done


def key_set(*keys: Key) -> bytes:
    """A key set as an issuer publishes it."""
    return json.dumps({"keys": [key.as_dict(private=False) for key in keys]}).encode()


def published(*keys: Key) -> tuple[Key, ...]:
    return parse_keys(key_set(*keys))


@pytest.fixture
def tokens() -> Tokens:
    return Tokens(RULES, GivenKeys(RSA, EC, EDWARDS))


def make(key: Key = RSA, algorithm: str = "RS256", header: dict[str, Any] | None = None, **changed: Any) -> str:
    """A token with some claims changed, or left out where they are ``None``; the key's own id unless told."""
    claims = {name: value for name, value in {**CLAIMS, **changed}.items() if value is not None}
    named = {"alg": algorithm, "kid": key.kid, **(header or {})}
    head = {name: value for name, value in named.items() if value is not None}
    return jwt.encode(head, claims, key, registry=tokens_module._Registry(frozenset((*ALGORITHMS, "HS256"))))  # noqa: SLF001


def join(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    """A token put together by hand."""
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def sign(header: dict[str, Any], claims: str, key: Key = RSA) -> str:
    """A token of the issuer with a head and claims that no library would write."""
    parts = (json.dumps({"alg": "RS256", "kid": "rsa", **header}), claims)
    signed = b".".join(base64.urlsafe_b64encode(part.encode()).rstrip(b"=") for part in parts)
    signature = JWSRegistry.algorithms["RS256"].sign(signed, key)
    return (signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


def refused(tokens: Tokens, token: str, now: datetime = NOW) -> str:
    """Why a token is not believed; never with a part of it."""
    with pytest.raises(UnknownCallerError) as error:
        tokens.authenticate_token(token, now)
    said = str(error.value)
    assert not any(len(part) > 8 and part in said for part in token.split("."))
    return said


# --- what is believed ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "algorithm"), [(RSA, "RS256"), (RSA, "PS256"), (EC, "ES256"), (EDWARDS, "EdDSA"), (EDWARDS, "Ed25519")]
)
def test_a_token_of_the_issuer_says_who_asks_and_for_what(tokens: Tokens, key: Key, algorithm: str) -> None:
    assert tokens.authenticate_token(make(key, algorithm), NOW) == Principal(
        kind=Kind.TOKEN, id="newsroom", name="newsroom", scopes=frozenset({Scope.CLASSIFY, Scope.FEEDBACK})
    )


@pytest.mark.parametrize("audience", [RULES.audience, [RULES.audience], ["elsewhere", RULES.audience]])
def test_the_audience_may_be_one_or_several(tokens: Tokens, audience: Any) -> None:
    assert tokens.authenticate_token(make(aud=audience), NOW).id == "newsroom"


def test_a_token_without_an_id_of_its_key_is_checked_with_the_only_one_that_fits(tokens: Tokens) -> None:
    assert tokens.authenticate_token(make(header={"kid": None}), NOW).id == "newsroom"
    two = Tokens(RULES, GivenKeys(RSA, RSAKey.generate_key(2048, {"kid": "other"})))
    assert "key" in refused(two, make(header={"kid": None}))


def test_a_quota_of_the_rules_is_each_subject_s() -> None:
    quota = Quota(requests=5, seconds=60)
    tokens = Tokens(replace(RULES, quota=quota), GivenKeys(RSA))
    assert tokens.authenticate_token(make(), NOW).quota == quota


@pytest.mark.parametrize(
    ("claims", "changed", "granted"),
    [
        ({"scope": "classify read"}, {}, {"classify", "read"}),
        ({"scp": ["metrics", "classify"]}, {}, {"metrics", "classify"}),
        ({"scp": "admin"}, {}, {"admin"}),
        ({"scope": "read", "scp": "admin"}, {}, {"read"}),
        ({}, {}, set()),
        ({"scope": ["read", 5, None, ["admin"]]}, {}, {"read"}),
        ({"scope": 5}, {}, set()),
        ({"scope": {"admin": True}}, {}, set()),
        ({"scope": "ADMIN administrator classify,read admin\x00"}, {}, set()),
        ({"scope": "admin", "roles": ["read"]}, {"scope_claim": "roles"}, {"read"}),
        ({"scope": "admin"}, {"scope_claim": "roles"}, set()),
        ({"scope": "ft:classify admin"}, {"scope_prefix": "ft:"}, {"classify"}),
    ],
)
def test_scopes_are_those_of_the_claims_that_are_ours(
    claims: dict[str, Any], changed: dict[str, str], granted: set[str]
) -> None:
    assert find_scopes(claims, replace(RULES, **changed)) == granted  # type: ignore[arg-type]


# --- attacks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", ""])
def test_a_token_that_nobody_signed(tokens: Tokens, algorithm: str) -> None:
    for header in ({"alg": algorithm}, {"alg": algorithm, "kid": "rsa"}):
        assert "algorithm" in refused(tokens, join(header, CLAIMS))


@pytest.mark.parametrize("form", ["pem", "der", "json"])
def test_a_token_signed_by_hs256_with_the_public_key_as_its_secret(tokens: Tokens, form: str) -> None:
    public = key_set(RSA) if form == "json" else RSA.as_bytes("PEM" if form == "pem" else "DER", private=False)
    unsigned = join({"alg": "HS256", "kid": "rsa"}, CLAIMS).removesuffix(".")
    signature = base64.urlsafe_b64encode(hmac.digest(public, unsigned.encode(), "sha256")).decode().rstrip("=")
    assert "algorithm" in refused(tokens, f"{unsigned}.{signature}")


def test_a_token_by_hs256_where_the_key_set_holds_a_secret() -> None:
    secret = OctKey.import_key(SECRET, {"kid": "secret"})
    with pytest.raises(InputError):
        parse_keys(json.dumps({"keys": [secret.as_dict(private=True)]}).encode())


def test_a_token_by_another_algorithm_than_the_pinned_ones() -> None:
    tokens = Tokens(replace(RULES, algorithms=frozenset({"ES256"})), GivenKeys(RSA, EC))
    assert "algorithm" in refused(tokens, make(RSA, "RS256"))
    assert tokens.authenticate_token(make(EC, "ES256"), NOW)


def test_a_token_by_an_algorithm_that_its_key_is_not_for(tokens: Tokens) -> None:
    assert "key" in refused(tokens, make(RSA, "RS256", {"kid": "ec"}))


@pytest.mark.parametrize(
    "changed",
    [("exp", None), ("exp", "soon"), ("exp", True), ("exp", str(SECONDS + 600)), ("exp", [SECONDS + 600])],
    ids=str,
)
def test_a_token_that_does_not_say_when_it_ends(tokens: Tokens, changed: Claim) -> None:
    assert "exp" in refused(tokens, make(**dict([changed])))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_a_token_that_ends_at_no_number(tokens: Tokens, number: str) -> None:
    claims = json.dumps({**CLAIMS, "exp": -12345}).replace("-12345", number)
    assert "exp" in refused(tokens, sign({}, claims))


@pytest.mark.parametrize(
    "audience", ["elsewhere", ["elsewhere"], [], "", None, 5, {"aud": RULES.audience}, RULES.audience + "/", [[]]]
)
def test_a_token_for_another_audience(tokens: Tokens, audience: Any) -> None:
    assert "aud" in refused(tokens, make(aud=audience))


@pytest.mark.parametrize("issuer", ["https://evil.example", RULES.issuer + "/", RULES.issuer.upper(), "", None, 5, []])
def test_a_token_of_another_issuer(tokens: Tokens, issuer: Any) -> None:
    assert "iss" in refused(tokens, make(iss=issuer))


def test_a_token_that_has_expired(tokens: Tokens) -> None:
    assert refused(tokens, make(exp=SECONDS - LEEWAY)) == "the token has expired"
    assert tokens.authenticate_token(make(exp=SECONDS - LEEWAY + 1), NOW)


@pytest.mark.parametrize("claim", ["nbf", "iat"])
def test_a_token_that_is_not_valid_yet(tokens: Tokens, claim: str) -> None:
    early: dict[str, Any] = {claim: SECONDS + LEEWAY + 1}
    just: dict[str, Any] = {claim: SECONDS + LEEWAY}
    assert refused(tokens, make(**early)) == "the token is not valid yet"
    assert tokens.authenticate_token(make(**just), NOW)


@pytest.mark.parametrize(
    "kid",
    [
        "../../../../dev/null",
        "/etc/passwd",
        "rsa' OR '1'='1",
        "rsa; curl https://evil.example",
        "https://evil.example/jwks.json",
        "RSA",
        "rsa ",
        "rsa\x00",
        "",
        "\ud800",
        "x" * 3000,
    ],
    ids=lambda kid: ascii(kid)[:20],
)
def test_a_token_whose_key_id_is_a_trick(tokens: Tokens, kid: str) -> None:
    assert refused(tokens, join({"alg": "RS256", "kid": kid}, CLAIMS, b"x" * 256))


@pytest.mark.parametrize("name", ["jku", "x5u", "jwk", "x5c"])
def test_a_token_that_brings_its_own_key(tokens: Tokens, name: str) -> None:
    """The key or address in its head is ignored: a stranger's signature stays wrong, and the issuer's right."""
    key = STRANGER.as_dict(private=False)
    brought = {"jwk": key, "x5c": ["MIIB"]}.get(name, "https://127.0.0.1:9/jwks.json")
    assert "signature" in refused(tokens, make(STRANGER, header={name: brought, "kid": "rsa"}))
    assert "key" in refused(tokens, make(STRANGER, header={name: brought, "kid": "mine"}))
    assert tokens.authenticate_token(make(RSA, header={name: brought}), NOW)


def test_a_token_that_is_too_large_is_refused_before_it_is_read(
    tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = make(padding="x" * LARGEST_TOKEN)
    monkeypatch.setattr(tokens_module, "_read_header", lambda _: pytest.fail("it was read"))
    assert str(LARGEST_TOKEN) in refused(tokens, token)


def test_a_token_signed_by_somebody_else(tokens: Tokens) -> None:
    assert "signature" in refused(tokens, make(STRANGER))


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token[:-4],
        lambda token: token.rpartition(".")[0] + ".",
        lambda token: token.rpartition(".")[0],
        lambda token: token + ".",
        lambda token: token + "=",
        lambda token: token + "\n",
        lambda token: " " + token,
        lambda token: token[:-1] + chr(ord(token[-1]) ^ 1),
        lambda token: token.replace(".", ".."),
        lambda token: token.replace("_", "/").replace("-", "+") + "/",
        lambda _: "",
        lambda _: ".",
        lambda _: "..",
        lambda _: "\uff21.\uff21.\uff21",
        lambda _: "\ud800.\ud800.\ud800",
        lambda _: join({"alg": "RS256", "kid": "rsa"}, {})[:30],
        lambda _: base64.urlsafe_b64encode(b"[" * 6000).decode() + "..",
        lambda _: base64.urlsafe_b64encode(b'["alg"]').decode().rstrip("=") + ".e30.",
    ],
)
def test_a_token_that_is_cut_off_or_no_token(tokens: Tokens, change: Callable[[str], str]) -> None:
    assert refused(tokens, change(make()))


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ({"crit": ["exp"]}, "crit"),
        ({"crit": []}, "crit"),
        ({"b64": False, "crit": ["b64"]}, "crit"),
        ({"crit": None}, "crit"),
        ({"typ": "logout+jwt"}, "typ"),
        ({"typ": ""}, "typ"),
    ],
    ids=str,
)
def test_a_token_that_asks_for_what_is_not_understood(tokens: Tokens, header: dict[str, Any], named: str) -> None:
    assert f"({named})" in refused(tokens, sign(header, json.dumps(CLAIMS)))


@pytest.mark.parametrize(
    "header", [{"typ": "at+jwt"}, {"typ": "Application/AT+JWT"}, {"cty": "x", "else": [1]}], ids=str
)
def test_a_token_whose_head_says_more_is_believed_all_the_same(tokens: Tokens, header: dict[str, Any]) -> None:
    assert tokens.authenticate_token(sign(header, json.dumps(CLAIMS)), NOW)


@pytest.mark.parametrize("name", ["alg", "kid", "typ", "jku", "x5c", "jwk", "b64"])
@pytest.mark.parametrize("value", [5, [], {}, True, [[]]], ids=str)
def test_a_token_with_a_head_of_other_types(tokens: Tokens, name: str, value: Any) -> None:
    assert refused(tokens, join({"alg": "RS256", "kid": "rsa", name: value}, CLAIMS, b"x" * 256))


@pytest.mark.parametrize("subject", ["", None, 5, "a\nb", "\x1b[31m", "x" * 256, "key_0123456789abcdef"])
def test_a_token_of_a_subject_that_the_journal_could_not_tell(tokens: Tokens, subject: Any) -> None:
    assert "sub" in refused(tokens, make(sub=subject))


@given(position=st.integers(0, 10_000), bit=st.integers(0, 6))
def test_no_token_is_believed_with_one_bit_of_it_changed(position: int, bit: int) -> None:
    token = TOKEN.encode()
    position %= len(token)
    changed = token[:position] + bytes([token[position] ^ (1 << bit)]) + token[position + 1 :]
    with pytest.raises(UnknownCallerError):
        Tokens(RULES, KEYS).authenticate_token(changed.decode(), NOW)


TOKEN, KEYS = make(EC, "ES256"), GivenKeys(EC)


@given(st.text(max_size=200) | st.from_regex(r"[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}"))
def test_whatever_is_shown_is_refused_as_unknown(text: str) -> None:
    with pytest.raises(UnknownCallerError):
        Tokens(RULES, KEYS).authenticate_token(text, NOW)


# --- what is remembered ----------------------------------------------------------------------------


def test_a_token_is_checked_once(tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    token = make()
    first = tokens.authenticate_token(token, NOW)
    monkeypatch.setattr(tokens_module, "deserialize_compact", lambda *_, **__: pytest.fail("it was checked again"))
    assert tokens.authenticate_token(token, NOW) is first


def test_a_remembered_token_still_ends_and_begins(tokens: Tokens) -> None:
    """Whichever way the clock jumps."""
    token = make()
    assert tokens.authenticate_token(token, NOW)
    assert "expired" in refused(tokens, token, NOW + timedelta(days=400))
    assert "yet" in refused(tokens, token, NOW - timedelta(days=400))
    assert tokens.authenticate_token(token, NOW)


def test_a_remembered_token_ends_with_its_key() -> None:
    keys = GivenKeys(RSA, EC)
    tokens, token = Tokens(RULES, keys), make()
    assert tokens.authenticate_token(token, NOW)
    keys.current = published(EC)
    assert "key" in refused(tokens, token)


def test_no_more_tokens_are_remembered_than_room_is_made_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens_module, "MOST_REMEMBERED", 3)
    tokens = Tokens(RULES, GivenKeys(EC))
    for number in range(10):
        assert tokens.authenticate_token(make(EC, "ES256", sub=f"s{number}"), NOW)
        assert len(tokens._believed) <= 3  # noqa: SLF001


def test_a_token_that_was_refused_is_not_remembered(tokens: Tokens) -> None:
    refused(tokens, make(STRANGER))
    assert not tokens._believed  # noqa: SLF001


# --- keys that are not known yet -------------------------------------------------------------------


def test_an_unknown_key_is_asked_for_once_and_then_believed() -> None:
    keys = GivenKeys(EC, later=(EC, RSA))
    tokens = Tokens(RULES, keys)
    assert asyncio.run(tokens.authenticate(make(), NOW)).id == "newsroom"
    assert asyncio.run(tokens.authenticate(make(), NOW)).id == "newsroom"
    assert keys.renewed == 1


def test_nobody_is_asked_for_keys_where_the_token_is_wrong_otherwise() -> None:
    keys = GivenKeys(RSA, later=(RSA,))
    with pytest.raises(UnknownCallerError):
        asyncio.run(Tokens(RULES, keys).authenticate(make(STRANGER), NOW))
    assert keys.renewed == 0


def test_without_any_key_the_service_is_not_ready_for_tokens() -> None:
    with pytest.raises(NotReadyError):
        asyncio.run(Tokens(RULES, GivenKeys()).authenticate(make(), NOW))
    assert asyncio.run(Tokens(RULES, GivenKeys(later=(RSA,))).authenticate(make(), NOW))


# --- settings --------------------------------------------------------------------------------------


@pytest.fixture
def published_file(tmp_path: Path) -> Path:
    (tmp_path / "jwks.json").write_bytes(key_set(RSA, EC))
    return tmp_path / "jwks.json"


def configured(**settings: Any) -> Settings:
    return Settings(**{"jwt_issuer": RULES.issuer, "jwt_audience": RULES.audience, **settings})


def test_tokens_are_set_up_from_a_file(published_file: Path) -> None:
    tokens = open_tokens(configured(jwt_jwks=str(published_file), jwt_quota="600/min"))
    assert tokens.authenticate_token(make(), NOW).quota == Quota(requests=600, seconds=60)
    assert "algorithm" in refused(tokens, join({"alg": "HS256"}, CLAIMS))


def test_tokens_are_set_up_from_a_secret_and_then_nothing_else_is_believed() -> None:
    tokens = open_tokens(configured(jwt_secret=SECRET))
    secret = OctKey.import_key(SECRET)
    assert tokens.authenticate_token(make(secret, "HS256", {"kid": None}), NOW).id == "newsroom"
    assert "algorithm" in refused(tokens, make())
    assert "algorithm" in refused(tokens, join({"alg": "none"}, CLAIMS))


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"jwt_secret": SECRET, "jwt_audience": None}, "JWT_AUDIENCE"),
        ({}, "JWT_JWKS"),
        ({"jwt_secret": SECRET, "jwt_jwks": "keys.json"}, "either"),
        ({"jwt_secret": "too short"}, "JWT_SECRET"),
        ({"jwt_jwks": "nowhere.json"}, "nowhere.json"),
        ({"jwt_jwks": "http://login.example/jwks.json"}, "https"),
        ({"jwt_jwks": "file:///etc/passwd"}, "https"),
        ({"jwt_jwks": "https://user:password@login.example/jwks.json"}, "password"),
        ({"jwt_jwks": "https://login.example/jwks.json", "jwt_algorithms": ("RS256", "none")}, "JWT_ALGORITHMS"),
        ({"jwt_jwks": "https://login.example/jwks.json", "jwt_algorithms": ("HS256",)}, "JWT_ALGORITHMS"),
        ({"jwt_jwks": "https://login.example/jwks.json", "jwt_algorithms": ()}, "JWT_ALGORITHMS"),
        ({"jwt_jwks": "https://login.example/jwks.json", "jwt_quota": "often"}, "quota"),
    ],
)
def test_settings_that_make_no_sense_together_are_refused(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=named) as error:
        open_tokens(configured(**settings))
    assert SECRET not in str(error.value)


def test_a_shared_secret_is_in_no_representation() -> None:
    assert SECRET not in repr(Tokens(RULES, SecretKeys(SECRET)))
