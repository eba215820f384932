"""The keys of an issuer: which are taken from a key set, and when it is read again."""

import json
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey

from falsetrue.access.jwks import LARGEST_SET, MOST_KEYS, FileKeys, Keys, UrlKeys, fetch, parse_keys
from falsetrue.errors import InputError
from falsetrue.service.certificates import make_certificate

EC = ECKey.generate_key("P-256", {"kid": "ec"})
OTHER = ECKey.generate_key("P-384", {"kid": "other"})
PATIENCE = 20.0


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def key_set(*keys: Key | dict[str, Any]) -> bytes:
    return json.dumps({"keys": [k if isinstance(k, dict) else k.as_dict(private=False) for k in keys]}).encode()


def names(keys: Keys) -> list[str | None]:
    return [key.kid for key in keys.current]


# --- which keys ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        OctKey.import_key("a secret that nobody can guess, as it is long").as_dict(private=True),
        RSAKey.generate_key(2048, {"use": "enc"}).as_dict(private=False),
        OKPKey.generate_key("X25519").as_dict(private=False),
        ECKey.generate_key("secp256k1").as_dict(private=False),
        {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        {"kty": "RSA", "n": "!" * 400, "e": "AQAB"},
        {"kty": "RSA", "n": "_" * 4000, "e": "AQAB"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "P-256"},
        {"kty": ["EC"]},
        {},
    ],
    ids=lambda key: ", ".join(f"{name} {str(key[name])[:9]}" for name in ("kty", "crv", "use") if name in key),
)
def test_keys_that_cannot_check_signatures_are_passed_over(other: dict[str, Any]) -> None:
    assert [key.kid for key in parse_keys(key_set(other, EC))] == ["ec"]
    with pytest.raises(InputError, match="no key"):
        parse_keys(key_set(other))


def test_nothing_private_is_kept_of_a_key() -> None:
    (key,) = parse_keys(json.dumps({"keys": [EC.as_dict(private=True)]}).encode())
    assert not key.is_private


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b'{"keys": 5}', b'{"keys": []}', b'{"keys": ["a"]}', b"[" * 100_000, b"\xff"]
)
def test_what_is_no_key_set_is_refused(content: bytes) -> None:
    with pytest.raises(InputError):
        parse_keys(content)


def test_a_set_of_too_many_keys_is_refused() -> None:
    with pytest.raises(InputError, match=str(MOST_KEYS)):
        parse_keys(key_set(*[EC] * (MOST_KEYS + 1)))


# --- from a file -----------------------------------------------------------------------------------


def write(path: Path, content: bytes) -> None:
    """Put a file in the place of another, as operators are told to."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(content)
    fresh.replace(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "jwks.json").write_bytes(key_set(EC))
    return tmp_path / "jwks.json"


def test_a_file_that_changed_is_read_again_after_a_second(path: Path) -> None:
    clock = Clock()
    keys = FileKeys(path, clock=clock)
    before = keys.current
    write(path, key_set(OTHER))
    assert keys.current is before
    clock.now += 1
    assert names(keys) == ["other"]


def test_a_file_that_did_not_change_gives_the_same_keys(path: Path) -> None:
    clock = Clock()
    keys = FileKeys(path, clock=clock)
    before = keys.current
    clock.now += 5
    assert keys.current is before


@pytest.mark.parametrize("content", [None, b"", b"{", b" " * (LARGEST_SET + 1)], ids=["gone", "empty", "cut", "large"])
def test_a_file_that_went_wrong_leaves_the_keys_as_they_were(
    path: Path, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    keys = FileKeys(path, clock=clock)
    path.unlink()
    if content is not None:
        write(path, content)
    clock.now += 1
    assert names(keys) == ["ec"]
    assert "stay as they were" in caplog.text
    write(path, key_set(OTHER))
    clock.now += 1
    assert names(keys) == ["other"]


def test_a_file_that_is_wrong_from_the_beginning_is_refused(tmp_path: Path) -> None:
    for content in (b"", b" " * (LARGEST_SET + 1)):
        (tmp_path / "keys").write_bytes(content)
        with pytest.raises(InputError, match="JWT_JWKS"):
            FileKeys(tmp_path / "keys")


# --- from an address -------------------------------------------------------------------------------


class Issuer:
    """An https server of this machine that publishes what a test says."""

    def __init__(self, folder: Path) -> None:
        self.content = key_set(EC)
        self.status = 200
        self.asked = 0
        self.location: str | None = None
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                self.send_response(issuer.status)
                if issuer.location:
                    self.send_header("Location", issuer.location)
                self.end_headers()
                self.wfile.write(issuer.content)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        make_certificate(["127.0.0.1"], folder / "certificate.pem", datetime.now(UTC))
        context.load_cert_chain(folder / "certificate.pem")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_port}/jwks.json"


@pytest.fixture
def issuer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Issuer]:
    """The issuer, whose certificate this process trusts."""
    served = Issuer(tmp_path)
    thread = threading.Thread(target=served.server.serve_forever)
    thread.start()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield served
    served.server.shutdown()
    served.server.server_close()
    thread.join(PATIENCE)


def renew(keys: UrlKeys) -> bool:
    """Fetch them and wait for it; returns whether they were fetched."""
    running = keys.renewal()
    if running is None:
        return False
    running.result(PATIENCE)
    return True


def test_keys_are_fetched_when_they_are_asked_for(issuer: Issuer) -> None:
    keys = UrlKeys(issuer.url, clock=Clock())
    assert keys.current == ()
    assert renew(keys)
    assert names(keys) == ["ec"]


def test_keys_are_fetched_again_at_most_once_in_a_while_whoever_asks(issuer: Issuer) -> None:
    clock = Clock()
    keys = UrlKeys(issuer.url, clock=clock)
    assert renew(keys)
    issuer.content = key_set(OTHER)
    clock.now += UrlKeys.again_seconds - 1
    assert not any(renew(keys) for _ in range(100))
    assert (issuer.asked, names(keys)) == (1, ["ec"])
    clock.now += 1
    assert renew(keys)
    assert names(keys) == ["other"]


def test_those_who_ask_at_once_wait_for_one_fetch(issuer: Issuer) -> None:
    keys = UrlKeys(issuer.url, clock=Clock())
    asked = [keys.renewal() for _ in range(5)]
    for running in asked:
        assert running is not None
        running.result(PATIENCE)
    assert issuer.asked == 1


def test_keys_that_became_old_are_fetched_again_while_the_old_ones_count(issuer: Issuer) -> None:
    clock = Clock()
    keys = UrlKeys(issuer.url, clock=clock)
    renew(keys)
    issuer.content = key_set(OTHER)
    clock.now += UrlKeys.renew_seconds + 1
    assert names(keys) == ["ec"]
    running = keys._running  # noqa: SLF001
    if running is not None:
        running.result(PATIENCE)
    assert (issuer.asked, names(keys)) == (2, ["other"])


def test_the_same_keys_fetched_again_are_the_same_object(issuer: Issuer) -> None:
    """What was checked with them need not be checked again."""
    clock = Clock()
    keys = UrlKeys(issuer.url, clock=clock)
    renew(keys)
    before = keys.current
    clock.now += UrlKeys.again_seconds
    assert renew(keys)
    assert keys.current is before


def test_an_issuer_that_fails_leaves_its_keys_for_a_day(issuer: Issuer, caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    keys = UrlKeys(issuer.url, clock=clock)
    renew(keys)
    issuer.status = 500
    clock.now += UrlKeys.longest_seconds
    assert renew(keys)
    assert names(keys) == ["ec"]
    assert "cannot be had" in caplog.text
    clock.now += 1
    assert keys.current == ()


@pytest.mark.parametrize("content", [b"", b"<html>", b" " * (LARGEST_SET + 1)], ids=["nothing", "a page", "too large"])
def test_an_answer_that_is_no_key_set_brings_no_keys(
    issuer: Issuer, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    issuer.content = content
    keys = UrlKeys(issuer.url, clock=Clock())
    assert renew(keys)
    assert keys.current == ()
    assert "cannot be had" in caplog.text


def test_no_redirect_is_followed(issuer: Issuer, caplog: pytest.LogCaptureFixture) -> None:
    issuer.status, issuer.location = 302, issuer.url + "?again"
    keys = UrlKeys(issuer.url, clock=Clock())
    renew(keys)
    assert (issuer.asked, keys.current) == (1, ())
    assert "302" in caplog.text


def test_an_issuer_whose_certificate_nobody_vouches_for_is_not_believed(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    keys = UrlKeys(issuer.url, clock=Clock())
    renew(keys)
    assert (issuer.asked, keys.current) == (0, ())
    assert "CERTIFICATE_VERIFY_FAILED" in caplog.text


def test_an_issuer_that_drips_is_given_up(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fetch(issuer.url, 5) == issuer.content
    times = iter([0.0, 5.1])
    monkeypatch.setattr("falsetrue.access.jwks.time", SimpleNamespace(monotonic=lambda: next(times)))
    with pytest.raises(TimeoutError, match="5 seconds"):
        fetch(issuer.url, 5)
