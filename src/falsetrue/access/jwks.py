"""◆ The keys of whoever issues tokens (JSON Web Key Sets, RFC 7517): from a file, or from an https address."""

import base64
import binascii
import logging
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from http.client import HTTPException
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, OctKey

from falsetrue.errors import InputError

#: Bytes of a key set, and keys in it, beyond which it is refused.
LARGEST_SET, MOST_KEYS = 256 * 1024, 100
#: Bits of an RSA key: fewer are refused by RFC 7518, section 3.3; more take long to check.
_RSA_BITS = range(2048, 8193)
_CURVES = {"EC": ("P-256", "P-384", "P-521"), "OKP": ("Ed25519", "Ed448")}
#: All that is read of a key: nothing private, and no address to fetch anything from.
_PUBLIC = ("kty", "kid", "use", "key_ops", "alg", "n", "e", "crv", "x", "y")
#: Bytes that a secret needs to be as strong as HS256 (RFC 7518, section 3.2).
_SHORTEST_SECRET = 32

_log = logging.getLogger("falsetrue")


class Keys(Protocol):
    """Keys that signatures are checked with."""

    @property
    def current(self) -> tuple[Key, ...]:
        """Those that count now: the same object until they change; none where they could not be had."""
        ...

    def renewal(self) -> "Future[None] | None":
        """What ends once they were asked for anew; nothing where that is of no use, or was done a moment ago."""
        ...


def choose_key(keys: Sequence[Key], kid: str | None, fits: Callable[[Key], bool]) -> Key | None:
    """The key that a token names and that ``fits`` its algorithm; where it names none, the only one that fits."""
    fitting = [key for key in keys if (kid is None or key.get("kid") == kid) and fits(key)]
    return fitting[0] if len(fitting) == 1 or (kid is not None and fitting) else None


class _KeySet(msgspec.Struct):
    keys: list[dict[str, Any]]


def parse_keys(content: bytes) -> tuple[Key, ...]:
    """The public keys of a JSON Web Key Set that can check signatures; others are passed over (RFC 7517, section 5).

    Raises :class:`InputError` where there are none, or far too many.
    """
    try:
        found = msgspec.json.decode(content, type=_KeySet).keys
    except (ValueError, RecursionError) as error:
        raise InputError('this is no JSON Web Key Set: {"keys": [...]}') from error
    if len(found) > MOST_KEYS:
        raise InputError(f"a key set of more than {MOST_KEYS} keys")
    keys = tuple(key for key in map(_import_key, found) if key is not None)
    if not keys:
        raise InputError("no key here can check a signature: RSA of 2048 bits or more, P-256, P-384, P-521, Ed25519")
    return keys


def _import_key(given: dict[str, Any]) -> Key | None:
    parts = {name: given[name] for name in _PUBLIC if name in given}
    if not all(isinstance(part, str) for name, part in parts.items() if name != "key_ops") or not _is_strong(parts):
        return None
    try:
        return JWKRegistry.import_key(parts)
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def _is_strong(parts: dict[str, Any]) -> bool:
    if parts.get("use", "sig") != "sig":
        return False
    if parts.get("kty") == "RSA":
        return _bits(parts.get("n", "")) in _RSA_BITS
    return parts.get("crv") in _CURVES.get(parts.get("kty", ""), ())


def _bits(number: str) -> int:
    """Of a whole number in base64url."""
    try:
        return int.from_bytes(base64.urlsafe_b64decode(number + "=" * (-len(number) % 4)), "big").bit_length()
    except (binascii.Error, ValueError):
        return 0


class SecretKeys:
    """A secret that is shared with the issuer; raises :class:`InputError` for one that can be guessed."""

    def __init__(self, secret: str) -> None:
        content = secret.encode()
        if len(content) < _SHORTEST_SECRET:
            raise InputError(f"setting FALSETRUE_JWT_SECRET: must be at least {_SHORTEST_SECRET} bytes long")
        self.current: tuple[Key, ...] = (OctKey.import_key(content),)

    def renewal(self) -> Future[None] | None:
        """Nothing: it never changes."""
        return None


class FileKeys:
    """Keys of a file, read again where it changed; raises :class:`InputError` where it cannot be read at first."""

    look_seconds = 1.0  #: between two looks at the file

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._due = clock() + self.look_seconds
        try:
            self._state = self._look()
            self._keys = parse_keys(_read_file(path))
        except (OSError, InputError) as error:
            raise InputError(f"setting FALSETRUE_JWT_JWKS: {path}: {error}") from error

    @property
    def current(self) -> tuple[Key, ...]:
        """Those of the file; where it can no longer be read, those that it had before."""
        now = self._clock()
        if now >= self._due:
            self._due = now + self.look_seconds
            self._read_if_changed()
        return self._keys

    def _look(self) -> tuple[int, int, int]:
        found = self._path.stat()
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read_if_changed(self) -> None:
        try:
            state = self._look()
            if state != self._state:
                self._state = state
                self._keys = parse_keys(_read_file(self._path))
        except (OSError, InputError) as error:
            _log.warning("the keys of the tokens' issuer stay as they were: %s: %s", self._path, error)

    def renewal(self) -> Future[None] | None:
        """Nothing: a look at the file is due every second anyway."""
        return None


def _read_file(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(LARGEST_SET + 1)
    if len(content) > LARGEST_SET:
        raise InputError(f"a key set of more than {LARGEST_SET} bytes")
    return content


class UrlKeys:
    """Keys that an issuer publishes at an https address, fetched in a thread of their own.

    Raises :class:`InputError` for an address that is not https, or holds a password.
    """

    renew_seconds = 600.0  #: after which they are fetched again, while the old ones count
    again_seconds = 30.0  #: between two attempts, whoever asks
    longest_seconds = 86_400.0  #: after which keys that could not be fetched again count no longer
    fetch_seconds = 5.0  #: for a fetch

    def __init__(self, url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname or parts.username is not None:
            raise InputError("setting FALSETRUE_JWT_JWKS: must be a file, or an https address without a password")
        self._url = url
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: tuple[Key, ...] = ()
        self._content: bytes | None = None
        self._had = self._tried = -float("inf")
        self._running: Future[None] | None = None

    @property
    def current(self) -> tuple[Key, ...]:
        """Those that were fetched last; none before the first fetch, or where it was too long ago."""
        age = self._clock() - self._had
        if age > self.longest_seconds:
            return ()
        if age > self.renew_seconds:
            self.renewal()
        return self._keys

    def renewal(self) -> Future[None] | None:
        """A fetch that is under way, or begins now; nothing where the last one was a moment ago."""
        with self._lock:
            if self._running is not None:
                return self._running
            if self._clock() - self._tried < self.again_seconds:
                return None
            self._tried = self._clock()
            self._running = running = Future[None]()
            # One that runs cannot be cancelled by whoever no longer waits for it.
            running.set_running_or_notify_cancel()
        threading.Thread(target=self._renew, args=(running,), name="jwks", daemon=True).start()
        return running

    def _renew(self, running: Future[None]) -> None:
        try:
            content = fetch(self._url, self.fetch_seconds)
            if content != self._content:
                self._keys = parse_keys(content)
                self._content = content
            self._had = self._clock()
        except (OSError, HTTPException, ValueError, InputError) as error:
            _log.warning("the keys of the tokens' issuer cannot be had: %s", error)
        finally:
            self._running = None
            running.set_result(None)


class _NoRedirects(HTTPRedirectHandler):
    """An address is fetched, or it is not: nobody else chooses another."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none."""


def fetch(url: str, seconds: float) -> bytes:
    """What an https address answers with 200, within some seconds; raises :class:`OSError` or :class:`InputError`."""
    deadline = time.monotonic() + seconds
    opener = build_opener(HTTPSHandler(context=ssl.create_default_context()), _NoRedirects)
    request = Request(url, headers={"Accept": "application/json"})  # noqa: S310 - callers allow https alone
    content = bytearray()
    with opener.open(request, timeout=seconds) as answer:
        while part := answer.read1(65536):
            content += part
            if len(content) > LARGEST_SET:
                raise InputError(f"a key set of more than {LARGEST_SET} bytes")
            if time.monotonic() > deadline:
                raise TimeoutError(f"it took more than {seconds:g} seconds")
    return bytes(content)
