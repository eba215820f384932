"""What alarms are told to others by: the message, its signature, and when it is tried again.

As the Standard Webhooks specification 1.0.0 has it (https://www.standardwebhooks.com), so that receivers can verify
a message with any library that knows it.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from falsetrue.access.exposure import is_loopback
from falsetrue.errors import InputError
from falsetrue.monitor.findings import Alarm

#: How long after a failed attempt the next one is made: the schedule that the specification gives as an example.
RETRIES: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
#: Share of a pause by which it is longer at most, so that not all that failed together comes again together.
JITTER: Final = 0.1
#: Bytes of a secret, from and to.
SECRET_BYTES: Final = (24, 64)
_PREFIX = "whsec_"
_SECRETS = (
    "setting FALSETRUE_WEBHOOK_SECRET: must be whsec_ and 24 to 64 random bytes in base64, as "
    "echo whsec_$(openssl rand -base64 32) makes one; several separated by commas"
)
_ADDRESS = "setting FALSETRUE_WEBHOOK_URL: must be an https address without user and password; http on this machine"


class Told(StrEnum):
    """What a message is about: its ``type``."""

    RAISED = "alarm.raised"
    ENDED = "alarm.ended"
    TEST = "webhook.test"  #: nothing happened; somebody tries whether it arrives


# --- settings -------------------------------------------------------------------------------------------


def check_address(url: str) -> str:
    """An address that messages may be sent to; raises :class:`InputError`, which does not repeat it."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise InputError(_ADDRESS) from error
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host or ""))
    is_plain = url.isascii() and url.isprintable() and " " not in url
    if not host or not is_safe or not is_plain or "@" in parts.netloc or parts.fragment:
        raise InputError(_ADDRESS)
    return url


def signing_keys(secrets: Sequence[str]) -> tuple[bytes, ...]:
    """What messages are signed with; several while one secret takes another's place.

    Raises :class:`InputError`, which repeats none of them.
    """
    if not secrets:
        raise InputError(_SECRETS)
    return tuple(map(_signing_key, secrets))


def _signing_key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise InputError(_SECRETS) from None  # what went wrong may quote it
    if not secret.startswith(_PREFIX) or not SECRET_BYTES[0] <= len(key) <= SECRET_BYTES[1]:
        raise InputError(_SECRETS)
    return key


# --- messages -------------------------------------------------------------------------------------------


def message_of(alarm: Alarm, told: Told, at: datetime, note: str | None = None) -> str:
    """What is told of an alarm, as JSON: ``type``, ``timestamp`` and ``data``; ``at`` is when it happened.

    It has what the alarm goes by, and no ``details``, in which there may be words of texts. Below 20 kB.
    """
    finding = msgspec.to_builtins(alarm.finding)
    shown = ("texts", "statistic", "value", "effect", "size", "baseline", "current", "low", "high")
    data = {
        "id": alarm.id,
        "watch": alarm.watch,
        "kind": alarm.kind,
        "severity": alarm.severity,
        "language": alarm.subject.language,
        "key": alarm.subject.key,
        "model_version": alarm.model_version,
        "raised_at": alarm.raised_at,
        "ended_at": alarm.ended_at,
        "first_day": alarm.first_day,
        "last_day": alarm.last_day,
        "note": note,
        "finding": {name: finding[name] for name in (*shown, "corrected", "evidence", "remedies", "since", "until")},
    }
    return _message(told, at, data)


def trial_message(at: datetime) -> str:
    """One that tells of nothing."""
    return _message(Told.TEST, at, {})


def _message(told: Told, at: datetime, data: dict[str, Any]) -> str:
    return msgspec.json.encode({"type": told, "timestamp": at.astimezone(UTC), "data": data}).decode()


# --- signatures -----------------------------------------------------------------------------------------


def signature(key: bytes, identifier: str, seconds: int, message: str) -> str:
    """``v1,`` and the HMAC-SHA256 of ``identifier.seconds.message`` in base64; ``seconds`` since 1970."""
    digest = hmac.digest(key, f"{identifier}.{seconds}.{message}".encode(), hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def signed_headers(keys: Sequence[bytes], identifier: str, now: datetime, message: str) -> dict[str, str]:
    """The headers of an attempt: a signature by each key, so that receivers may have the old secret or the new one."""
    seconds = int(now.timestamp())
    return {
        "webhook-id": identifier,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(signature(key, identifier, seconds, message) for key in keys),
    }


# --- attempts -------------------------------------------------------------------------------------------


def next_attempt(identifier: str, attempts: int, now: datetime) -> datetime | None:
    """When to try again after ``attempts`` that failed, the last one ``now``; ``None``: it is given up.

    A pause is longer by up to :data:`JITTER`, which depends on the identifier and the attempt alone.
    """
    if attempts > len(RETRIES):
        return None
    digest = hashlib.sha256(f"{identifier}.{attempts}".encode()).digest()
    share = int.from_bytes(digest[:8]) / 2**64
    return now + RETRIES[attempts - 1] * (1 + JITTER * share)
