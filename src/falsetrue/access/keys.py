"""API keys: what they look like, what is kept of them, and how scopes, quotas and times are written.

A key is ``ftk_``, 30 random characters of base 62 (178 bits), and 6 that are their CRC-32, so that a misspelt one is
told from an unknown one, and a scanner for lost keys has no false alarms (GitHub engineering blog, "Behind GitHub's new
authentication token formats", 2021). Only its HMAC-SHA256 is kept.
"""

import hmac
import re
import zlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from falsetrue.access.principal import Quota, Scope
from falsetrue.errors import InputError

#: What the pepper of keys is derived for from the operator's secret.
PEPPER = "api keys"
#: What every key begins with.
PREFIX = "ftk_"
#: Bytes of randomness that a key is made from: more than it can hold, so that no character is likelier than another.
RANDOM_BYTES = 32
#: What the id of every key begins with, and no name does.
ID_PREFIX = "key_"
#: Bytes of randomness in an id.
ID_BYTES = 8

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_CHARACTERS = 30
_CHECK_CHARACTERS = 6  # 62 ** 6 is more than 2 ** 32
_SHOWN_CHARACTERS = len(PREFIX) + 4
_KEY = re.compile(rf"{PREFIX}([0-9A-Za-z]{{{_RANDOM_CHARACTERS}}})([0-9A-Za-z]{{{_CHECK_CHARACTERS}}})", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_QUOTA = re.compile(r"([0-9]{1,9})/(s|min|h|day)", re.ASCII)
_TIME = re.compile(r"([0-9]{1,6})(s|min|h|d|w)", re.ASCII)
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "day": 86_400, "w": 604_800}
_LONGEST = timedelta(days=36_500)


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiKey:
    """What is kept of a key."""

    id: str  #: ``key_`` and 16 hexadecimal digits
    name: str  #: for people; at most two live keys share one
    shown: str  #: its first 8 characters, for people
    hash: bytes = field(repr=False)  #: HMAC-SHA256, 32 bytes
    scopes: frozenset[Scope]
    quota: Quota | None  #: ``None``: as often as it likes
    created_at: datetime  #: UTC
    expires_at: datetime | None  #: UTC; no request is answered from then on
    revoked_at: datetime | None = None  #: UTC
    last_used_at: datetime | None = None  #: UTC; up to a minute behind
    replaced_by: str | None = None  #: id of the key that it was rotated to

    def is_live(self, now: datetime) -> bool:
        """Whether a request with it is answered."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyEvent:
    """One change of a key."""

    at: datetime  #: UTC
    key_id: str
    name: str  #: of the key
    what: str  #: ``created``, ``rotated`` or ``revoked``
    who: str  #: ``os:`` and a user of the operating system, or the id of a key


def make_key(random: bytes) -> str:
    """A key from :data:`RANDOM_BYTES` random bytes."""
    number = int.from_bytes(random, "big") % len(_DIGITS) ** _RANDOM_CHARACTERS
    characters = _write_number(number, _RANDOM_CHARACTERS)
    return PREFIX + characters + _checksum(characters)


def make_id(random: bytes) -> str:
    """The id of a key from :data:`ID_BYTES` random bytes."""
    return ID_PREFIX + random.hex()


def is_well_formed(key: str) -> bool:
    """Whether a text is a key of ours by its form and checksum; every one with a single wrong character is not."""
    found = _KEY.fullmatch(key)
    return found is not None and _checksum(found[1]) == found[2]


def hash_key(pepper: bytes, key: str) -> bytes:
    """What is kept of a key: HMAC-SHA256 (RFC 2104) under the operator's secret; 32 bytes."""
    return hmac.digest(pepper, key.encode(), "sha256")


def show_key(key: str) -> str:
    """The beginning of a key, by which people tell it from others and nobody can guess the rest."""
    return key[:_SHOWN_CHARACTERS]


def _checksum(characters: str) -> str:
    return _write_number(zlib.crc32(characters.encode()), _CHECK_CHARACTERS)


def _write_number(number: int, length: int) -> str:
    """A number in base 62, with zeros in front."""
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))


# --- what operators write ------------------------------------------------------------------------------


def check_name(name: str) -> str:
    """The name of a key; raises :class:`InputError` for one that cannot be."""
    if not _NAME.fullmatch(name) or name.startswith(ID_PREFIX):
        raise InputError(
            f"{name!r} cannot be the name of a key: 1 to 64 letters, digits, points, dashes and underscores, "
            f"the first a letter or digit, not beginning with {ID_PREFIX}"
        )
    return name


def parse_scopes(written: str) -> frozenset[Scope]:
    """Scopes from ``classify,feedback``; raises :class:`InputError` naming the one that there is not."""
    names = [part.strip() for part in written.split(",") if part.strip()]
    unknown = [name for name in names if name not in set(Scope)]
    if unknown or not names:
        what = f"there is no scope {unknown[0]!r}" if unknown else "no scope is named"
        raise InputError(f"{what}; there are {', '.join(Scope)}")
    return frozenset(map(Scope, names))


def show_scopes(scopes: frozenset[Scope]) -> str:
    """Scopes as :func:`parse_scopes` reads them, in the order in which they are defined."""
    return ",".join(scope for scope in Scope if scope in scopes)


def parse_quota(written: str) -> Quota:
    """A quota from ``10/s``, ``600/min``, ``1000/h`` or ``50000/day``; raises :class:`InputError`."""
    found = _QUOTA.fullmatch(written.strip())
    if not found or not int(found[1]):
        raise InputError(f"{written!r} is no quota; write one as 10/s, 600/min, 1000/h or 50000/day")
    return Quota(requests=int(found[1]), seconds=_SECONDS[found[2]])


def show_quota(quota: Quota) -> str:
    """A quota as :func:`parse_quota` reads it, where it can."""
    units = {_SECONDS[unit]: unit for unit in ("s", "min", "h", "day")}
    return f"{quota.requests}/{units.get(quota.seconds, f'{quota.seconds} s')}"


def parse_time(written: str) -> timedelta:
    """A length of time from ``30min``, ``24h``, ``90d`` or ``8w``, at most 100 years; raises :class:`InputError`."""
    found = _TIME.fullmatch(written.strip())
    if not found or (length := timedelta(seconds=int(found[1]) * _SECONDS[found[2]])) > _LONGEST:
        raise InputError(f"{written!r} is no length of time; write one as 30min, 24h, 90d or 8w, at most 36500d")
    return length
