"""Messages and signatures as the Standard Webhooks specification has them."""

import base64
import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.monitor.test_alarms import finding

from falsetrue.errors import InputError
from falsetrue.monitor.findings import Alarm, Kind, Severity, Subject
from falsetrue.monitor.webhooks import (
    JITTER,
    RETRIES,
    Told,
    check_address,
    message_of,
    next_attempt,
    signature,
    signed_headers,
    signing_keys,
    trial_message,
)

NOW = datetime(2026, 3, 3, 4, 5, 6, tzinfo=UTC)
#: The example that the specification's libraries are tested with.
EXAMPLE_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
EXAMPLE_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
EXAMPLE_SECONDS = 1614265330
EXAMPLE_MESSAGE = '{"test": 2432232314}'
EXAMPLE_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def alarm(**given: object) -> Alarm:
    values = {
        "id": str(uuid4()),
        "watch": "harm",
        "kind": Kind.HARM,
        "severity": Severity.CRITICAL,
        "subject": Subject(language="es"),
        "model_version": "1",
        "raised_at": NOW,
        "last_seen_at": NOW,
        "finding": finding(watch="harm", details={"word": "a word of a text"}),
    }
    return Alarm(**(values | given))  # type: ignore[arg-type]


def hmac_by_hand(key: bytes, content: bytes) -> bytes:
    """HMAC-SHA256 as RFC 2104 defines it, of a key of at most 64 bytes."""
    padded = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded) + content).digest()
    return hashlib.sha256(bytes(byte ^ 0x5C for byte in padded) + inner).digest()


def test_the_published_example_has_its_signature() -> None:
    [key] = signing_keys([EXAMPLE_SECRET])
    assert signature(key, EXAMPLE_ID, EXAMPLE_SECONDS, EXAMPLE_MESSAGE) == EXAMPLE_SIGNATURE
    assert signed_headers([key], EXAMPLE_ID, datetime.fromtimestamp(EXAMPLE_SECONDS, UTC), EXAMPLE_MESSAGE) == {
        "webhook-id": EXAMPLE_ID,
        "webhook-timestamp": str(EXAMPLE_SECONDS),
        "webhook-signature": EXAMPLE_SIGNATURE,
    }


@given(st.lists(st.binary(min_size=24, max_size=64), min_size=1, max_size=3), st.text())
def test_a_receiver_with_any_of_the_secrets_can_verify(secrets: list[bytes], message: str) -> None:
    keys = signing_keys([f"whsec_{base64.b64encode(secret).decode()}" for secret in secrets])
    headers = signed_headers(keys, "1-2", NOW, message)
    found = headers["webhook-signature"].split(" ")
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + message.encode()
    for secret, each in zip(secrets, found, strict=True):
        version, _, signed = each.partition(",")
        assert version == "v1"
        assert base64.b64decode(signed) == hmac_by_hand(secret, content)


def test_what_the_guide_shows_verifies_what_is_genuine_and_nothing_else() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "how-to" / "be-told-of-alarms.md").read_text()
    [shown] = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    named: dict[str, Any] = {}
    exec(shown, named)  # noqa: S102 - our own guide
    is_genuine, other = named["is_genuine"], "whsec_" + "B" * 32
    headers = signed_headers(signing_keys([EXAMPLE_SECRET, other]), "1-2", datetime.now(UTC), '"é"')
    body = '"é"'.encode()
    assert is_genuine(headers, body, EXAMPLE_SECRET)
    assert is_genuine(headers, body, other)
    assert not is_genuine(headers, body, "whsec_" + "C" * 32)
    assert not is_genuine(headers, body + b" ", EXAMPLE_SECRET)
    assert not is_genuine(headers | {"webhook-id": "1-3"}, body, EXAMPLE_SECRET)
    old = signed_headers(signing_keys([other]), "1-2", datetime.now(UTC) - timedelta(minutes=6), '"é"')
    assert not is_genuine(old, body, other)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_c2hvcnQ=",
        "whsec_" + "A" * 88 + "A" * 8,
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS!",
        "whsec_secrét" + "A" * 32,
    ],
)
def test_a_secret_that_is_none_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(InputError, match="whsec_ and 24 to 64") as refused:
        signing_keys([EXAMPLE_SECRET, secret])
    assert not secret.removeprefix("whsec_") or secret.removeprefix("whsec_") not in str(refused.value)
    assert EXAMPLE_SECRET not in str(refused.value)


def test_without_a_secret_nothing_can_be_signed() -> None:
    with pytest.raises(InputError, match="FALSETRUE_WEBHOOK_SECRET"):
        signing_keys([])


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example/a?token=1",
        "https://hooks.example:8443/",
        "http://localhost:9/",
        "http://127.0.0.1/x",
        "http://[::1]:8/",
    ],
)
def test_an_address_may_be_https_or_on_this_machine(url: str) -> None:
    assert check_address(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/secret-path",
        "http://localhost.example/secret-path",
        "http://127.0.0.1.example/secret-path",
        "https://user:secret-path@hooks.example/",
        "https://secret-path@hooks.example/",
        "http://@localhost/secret-path",
        "https:///secret-path",
        "file:///secret-path",
        "secret-path",
        "",
        "https://hooks.example:secret-path/",
        "https://[::1/secret-path",
        "https://hooks.example/secret-path\nx: y",
        "https://hooks.example/secret-path#part",
        "https://hooks.exämple/secret-path",
    ],
)
def test_other_addresses_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(InputError, match="FALSETRUE_WEBHOOK_URL") as refused:
        check_address(url)
    assert "secret-path" not in str(refused.value)


def test_a_message_says_what_happened_to_which_alarm() -> None:
    day = NOW.date()
    days = {"first_day": day - timedelta(days=30), "last_day": day - timedelta(days=1)}
    seen = finding(since=day - timedelta(days=3), until=day - timedelta(days=1))
    ended = alarm(ended_at=NOW + timedelta(days=1), finding=seen, **days)
    found = json.loads(message_of(ended, Told.ENDED, NOW + timedelta(days=1), "nothing was found"))
    assert (found["type"], found["timestamp"]) == ("alarm.ended", "2026-03-04T04:05:06Z")
    data = found["data"]
    assert (data["id"], data["watch"], data["severity"], data["language"]) == (ended.id, "harm", "critical", "es")
    assert (data["raised_at"], data["ended_at"]) == ("2026-03-03T04:05:06Z", "2026-03-04T04:05:06Z")
    assert (data["first_day"], data["last_day"]) == ("2026-02-01", "2026-03-02")
    assert (data["finding"]["since"], data["finding"]["until"]) == ("2026-02-28", "2026-03-02")
    assert data["note"] == "nothing was found"
    assert data["finding"]["current"] == ended.finding.current
    assert json.loads(trial_message(NOW)) == {"type": "webhook.test", "timestamp": "2026-03-03T04:05:06Z", "data": {}}


def test_no_words_of_texts_leave() -> None:
    assert "a word of a text" in msgspec.json.encode(alarm()).decode()
    assert "a word of a text" not in message_of(alarm(), Told.RAISED, NOW)


@given(st.uuids().map(str), st.integers(1, len(RETRIES)))
def test_pauses_are_those_of_the_specification_and_a_little_longer(identifier: str, attempts: int) -> None:
    again = next_attempt(identifier, attempts, NOW)
    assert again is not None
    assert RETRIES[attempts - 1] <= again - NOW <= RETRIES[attempts - 1] * (1 + JITTER)
    assert again == next_attempt(identifier, attempts, NOW)
    assert next_attempt(identifier, len(RETRIES) + 1, NOW) is None


def test_what_failed_together_does_not_come_again_together() -> None:
    assert len({next_attempt(str(uuid4()), 3, NOW) for _ in range(100)}) == 100


def test_it_is_given_up_after_three_days() -> None:
    assert timedelta(days=3) < sum(RETRIES, timedelta()) < timedelta(days=4)
