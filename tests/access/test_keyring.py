import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from falsetrue.access.keyring import USED_SECONDS, Keyring
from falsetrue.access.keys import RANDOM_BYTES, ApiKey, hash_key, make_key, show_key
from falsetrue.access.principal import Kind, Principal, Quota, Scope
from falsetrue.errors import DatabaseError, DatabaseUnavailableError, NotReadyError, UnknownCallerError

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PEPPER = b"p" * 32
KEY = make_key(b"1" * RANDOM_BYTES)
OTHER = make_key(b"2" * RANDOM_BYTES)


class Kept:
    """Keys in a list, in the place of a database."""

    def __init__(self, *keys: ApiKey) -> None:
        self.keys = list(keys)
        self.mark = "1"
        self.error: DatabaseError | None = None
        self.reads = 0
        self.used: list[dict[str, datetime]] = []

    def revision(self) -> str:
        """As :class:`Store` says, like the other two."""
        if self.error:
            raise self.error
        return self.mark

    def all(self) -> Sequence[ApiKey]:
        """All of them."""
        self.reads += 1
        return list(self.keys)

    def mark_used(self, used: dict[str, datetime]) -> None:
        """Note what was to be kept."""
        if self.error:
            raise self.error
        self.used.append(used)

    def change(self, **values: object) -> None:
        """Change the first key, as another process would."""
        self.keys[0] = replace(self.keys[0], **values)  # type: ignore[arg-type]
        self.mark += "1"


def _kept(key: str = KEY, name: str = "newsroom") -> ApiKey:
    return ApiKey(
        id=f"key_{name}",
        name=name,
        shown=show_key(key),
        hash=hash_key(PEPPER, key),
        scopes=frozenset({Scope.CLASSIFY}),
        quota=Quota(requests=600, seconds=60),
        created_at=NOW,
        expires_at=NOW + timedelta(days=90),
    )


@pytest.fixture
def kept() -> Kept:
    return Kept(_kept(), _kept(OTHER, "archive"))


@pytest.fixture
def ring(kept: Kept) -> Keyring:
    ring = Keyring(kept, PEPPER)
    assert ring.refresh()
    return ring


def test_a_key_tells_who_asks(ring: Keyring) -> None:
    assert ring.authenticate(KEY, NOW) == Principal(
        kind=Kind.KEY,
        id="key_newsroom",
        name="newsroom",
        scopes=frozenset({Scope.CLASSIFY}),
        quota=Quota(requests=600, seconds=60),
    )
    assert ring.authenticate(OTHER, NOW).name == "archive"


def test_a_session_is_of_its_keys_rights(ring: Keyring) -> None:
    assert ring.admit("key_newsroom", NOW) == replace(ring.authenticate(KEY, NOW), kind=Kind.SESSION)


@pytest.mark.parametrize(
    ("key", "why"),
    [
        (make_key(b"3" * RANDOM_BYTES), "unknown here"),
        (KEY[:-1] + "x", "misspelt"),
        (KEY[:-1], "cut off"),
        ("", "misspelt"),
        ("ñ" * 40, "misspelt"),
        ("\ud800", "misspelt"),
    ],
)
def test_what_is_no_key_of_ours_is_refused(ring: Keyring, key: str, why: str) -> None:
    with pytest.raises(UnknownCallerError, match=why) as refused:
        ring.authenticate(key, NOW)
    assert not key or key not in str(refused.value)


def test_a_key_hashed_with_another_secret_is_unknown(kept: Kept) -> None:
    ring = Keyring(kept, b"q" * 32)
    ring.refresh()
    with pytest.raises(UnknownCallerError):
        ring.authenticate(KEY, NOW)


def test_a_revoked_key_ends_with_the_next_look_and_its_sessions_too(ring: Keyring, kept: Kept) -> None:
    kept.change(revoked_at=NOW)
    ring.authenticate(KEY, NOW)
    ring.refresh()
    with pytest.raises(UnknownCallerError, match="key_newsroom was revoked"):
        ring.authenticate(KEY, NOW)
    with pytest.raises(UnknownCallerError, match="key_newsroom was revoked"):
        ring.admit("key_newsroom", NOW)
    assert ring.authenticate(OTHER, NOW)


def test_an_expired_key_ends_without_a_look(ring: Keyring) -> None:
    ends = NOW + timedelta(days=90)
    ring.authenticate(KEY, ends - timedelta(seconds=1))
    with pytest.raises(UnknownCallerError, match="expired at 2026-04-02 03:04 UTC"):
        ring.authenticate(KEY, ends)
    with pytest.raises(UnknownCallerError, match="expired at 2026-04-02 03:04 UTC"):
        ring.admit("key_newsroom", ends)


def test_a_session_of_an_unknown_key_is_refused(ring: Keyring) -> None:
    with pytest.raises(UnknownCallerError):
        ring.admit("key_of-nobody", NOW)


def test_keys_are_read_again_only_when_one_has_changed(ring: Keyring, kept: Kept) -> None:
    for _ in range(10):
        ring.refresh()
    assert kept.reads == 1
    kept.change(name="desk")
    ring.refresh()
    assert kept.reads == 2
    assert ring.authenticate(KEY, NOW).name == "desk"


def test_keys_are_on_from_the_first_one_for_ever(kept: Kept) -> None:
    kept.keys.clear()
    ring = Keyring(kept, PEPPER)
    ring.refresh()
    assert not ring.on
    kept.keys.append(_kept())
    kept.change(revoked_at=NOW)
    ring.refresh()
    assert ring.on


def test_before_keys_were_read_nobody_is_let_in(kept: Kept) -> None:
    kept.error = DatabaseUnavailableError("gone")
    ring = Keyring(kept, PEPPER)
    assert not ring.refresh()
    assert not ring.loaded
    with pytest.raises(NotReadyError):
        ring.authenticate(KEY, NOW)
    with pytest.raises(NotReadyError):
        ring.admit("key_newsroom", NOW)
    with pytest.raises(NotReadyError):
        _ = ring.on


def test_while_the_database_is_away_the_keys_last_read_count(
    ring: Keyring, kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    kept.error = DatabaseUnavailableError("gone")
    kept.change(revoked_at=NOW)
    with caplog.at_level(logging.WARNING, "falsetrue"):
        assert [ring.refresh() for _ in range(20)] == [False] * 20
        assert ring.authenticate(KEY, NOW)
        kept.error = None
        assert ring.refresh()
    assert [record.getMessage() for record in caplog.records] == [
        "the keys cannot be read, and those read before stay valid meanwhile: gone",
        "the keys are read again",
    ]
    with pytest.raises(UnknownCallerError):
        ring.authenticate(KEY, NOW)


# --- last used ------------------------------------------------------------------------------------------


def test_last_use_is_written_down_once_a_minute(ring: Keyring, kept: Kept) -> None:
    for second in range(2 * USED_SECONDS + 1):
        now = NOW + timedelta(seconds=second)
        ring.authenticate(KEY, now)
        assert ring.write_used(now)
    minute = timedelta(seconds=USED_SECONDS)
    assert kept.used == [{"key_newsroom": NOW + number * minute} for number in range(3)]


def test_nothing_is_written_where_no_key_was_used(ring: Keyring, kept: Kept) -> None:
    with pytest.raises(UnknownCallerError):
        ring.authenticate(make_key(b"3" * RANDOM_BYTES), NOW)
    assert ring.write_used(NOW)
    assert kept.used == []


def test_last_use_is_not_lost_while_the_database_is_away(ring: Keyring, kept: Kept) -> None:
    ring.authenticate(KEY, NOW)
    ring.authenticate(OTHER, NOW)
    kept.error = DatabaseUnavailableError("gone")
    assert not ring.write_used(NOW)
    later = NOW + timedelta(seconds=1)
    ring.authenticate(KEY, later)
    kept.error = None
    assert ring.write_used(later)
    assert kept.used == [{"key_newsroom": later, "key_archive": NOW}]


def test_a_process_that_ends_writes_last_use_at_once(ring: Keyring, kept: Kept) -> None:
    for now in (NOW, NOW + timedelta(seconds=1)):
        ring.authenticate(KEY, now)
        ring.write_used(now, at_once=True)
    assert len(kept.used) == 2


@pytest.mark.parametrize("days", [-400, 400])
def test_a_clock_that_jumps_does_not_end_the_writing(ring: Keyring, kept: Kept, days: int) -> None:
    for now in (NOW, NOW + timedelta(days=days)):
        ring.admit("key_archive", NOW)
        ring.write_used(now)
    assert len(kept.used) == 2


def test_a_ring_shows_no_key_and_no_secret(ring: Keyring) -> None:
    assert repr(ring) == "<Keyring of 2 keys>"
