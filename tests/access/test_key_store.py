import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from falsetrue.access.key_store import GRACE, KeyStore, NewKey
from falsetrue.access.keyring import Keyring
from falsetrue.access.keys import hash_key, is_well_formed
from falsetrue.access.principal import Quota, Scope
from falsetrue.database.engine import reading
from falsetrue.database.tables import metadata
from falsetrue.errors import InputError, UnknownCallerError

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PEPPER = b"p" * 32
WHO = "os:ana"
HOUR = timedelta(hours=1)

Create = Callable[..., NewKey]


@pytest.fixture
def store(engine: Engine) -> KeyStore:
    return KeyStore(engine)


@pytest.fixture
def create(store: KeyStore) -> Create:
    def make(name: str = "newsroom", **changes: Any) -> NewKey:
        wanted: dict[str, Any] = {
            "scopes": frozenset({Scope.CLASSIFY, Scope.FEEDBACK}),
            "quota": Quota(requests=600, seconds=60),
            "lifetime": timedelta(days=90),
            "now": NOW,
        }
        return store.create(name, pepper=PEPPER, who=WHO, **wanted | changes)

    return make


def test_a_key_is_read_as_it_was_made(store: KeyStore, create: Create) -> None:
    made = create()
    assert is_well_formed(made.key)
    assert store.all() == [made.kept]
    assert made.kept.hash == hash_key(PEPPER, made.key)
    assert made.kept.expires_at == NOW + timedelta(days=90)
    endless = create("archive", quota=None, lifetime=None, now=NOW + HOUR)
    assert store.all() == [made.kept, endless.kept]
    assert (endless.kept.quota, endless.kept.expires_at) == (None, None)


def test_the_key_itself_is_kept_and_said_nowhere(
    engine: Engine, create: Create, store: KeyStore, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        made = create()
        made = store.rotate("newsroom", pepper=PEPPER, now=NOW, who=WHO)
    secret = made.key[8:]
    assert secret not in repr(made)
    assert secret not in caplog.text
    with reading(engine) as connection:
        for table in metadata.sorted_tables:
            assert secret not in repr(connection.execute(select(table)).all())


def test_every_change_has_another_mark_and_reading_none(store: KeyStore, create: Create) -> None:
    marks = [store.revision()]
    assert marks == [""]
    create()
    marks.append(store.revision())
    store.rotate("newsroom", pepper=PEPPER, now=NOW, who=WHO)
    marks.append(store.revision())
    store.revoke("newsroom", now=NOW, who=WHO)
    marks.append(store.revision())
    store.all()
    store.mark_used({"key_1": NOW})
    assert store.revision() == marks[-1]
    assert len(set(marks)) == 4


def test_a_change_that_is_refused_changes_nothing(store: KeyStore, create: Create) -> None:
    create()
    before = store.revision(), store.all(), store.history()
    for change in (
        lambda: create("newsroom"),
        lambda: create("not a name"),
        lambda: store.revoke("nobody", now=NOW, who=WHO),
        lambda: store.rotate("nobody", pepper=PEPPER, now=NOW, who=WHO),
    ):
        with pytest.raises(InputError):
            change()
    assert (store.revision(), store.all(), store.history()) == before


# --- rotation -------------------------------------------------------------------------------------------


def test_a_rotated_key_stays_valid_for_a_day(store: KeyStore, create: Create) -> None:
    old = create()
    new = store.rotate("newsroom", pepper=PEPPER, now=NOW + HOUR, who=WHO)
    ring = Keyring(store, PEPPER)
    ring.refresh()
    for made in (old, new):
        assert ring.authenticate(made.key, NOW + HOUR + GRACE - timedelta(seconds=1)).name == "newsroom"
    with pytest.raises(UnknownCallerError, match="expired"):
        ring.authenticate(old.key, NOW + HOUR + GRACE)
    assert ring.authenticate(new.key, NOW + HOUR + GRACE)
    assert new.replaces == store.all()[0]
    assert new.replaces.replaced_by == new.kept.id


def test_the_new_key_is_like_the_old_one_and_lives_as_long(store: KeyStore, create: Create) -> None:
    old, new = create().kept, store.rotate("newsroom", pepper=PEPPER, now=NOW + HOUR, who=WHO).kept
    assert (new.name, new.scopes, new.quota) == (old.name, old.scopes, old.quota)
    assert new.expires_at == NOW + HOUR + timedelta(days=90)
    assert new.hash != old.hash


def test_a_key_without_an_end_is_rotated_to_one_without_and_ends_itself(store: KeyStore, create: Create) -> None:
    old = create(lifetime=None)
    new = store.rotate("newsroom", pepper=PEPPER, now=NOW, who=WHO, grace=HOUR)
    assert new.kept.expires_at is None
    assert {key.id: key.expires_at for key in store.all()} == {new.kept.id: None, old.kept.id: NOW + HOUR}


def test_grace_prolongs_nothing_and_may_be_nothing(store: KeyStore, create: Create) -> None:
    create("short", lifetime=HOUR)
    new = store.rotate("short", pepper=PEPPER, now=NOW, who=WHO)
    assert new.replaces is not None
    assert new.replaces.expires_at == NOW + HOUR
    create("lost")
    new = store.rotate("lost", pepper=PEPPER, now=NOW, who=WHO, grace=timedelta())
    assert new.replaces is not None
    assert not new.replaces.is_live(NOW)


def test_no_more_than_two_keys_of_a_name_are_live(store: KeyStore, create: Create) -> None:
    old = create().kept.id
    new = store.rotate("newsroom", pepper=PEPPER, now=NOW, who=WHO).kept.id
    for name_or_id in ("newsroom", old, new):
        with pytest.raises(InputError, match=f"(?=.*{old})(?=.*{new}).*revoke one first"):
            store.rotate(name_or_id, pepper=PEPPER, now=NOW, who=WHO)
    with pytest.raises(InputError, match="rotate it, or choose another name"):
        create()
    assert store.rotate("newsroom", pepper=PEPPER, now=NOW + GRACE, who=WHO)


def test_two_that_rotate_a_key_at_once_do_not_both(store: KeyStore, create: Create) -> None:
    create()

    def rotate(_: int) -> bool:
        try:
            store.rotate("newsroom", pepper=PEPPER, now=NOW, who=WHO)
        except InputError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(rotate, range(4))) == [False, False, False, True]
    assert len(store.all()) == 2


# --- revocation and history -----------------------------------------------------------------------------


def test_revoking_a_name_ends_its_live_keys_and_revoking_an_id_that_one(store: KeyStore, create: Create) -> None:
    old, new = create().kept, store.rotate("newsroom", pepper=PEPPER, now=NOW, who=WHO).kept
    create("archive", now=NOW + HOUR)
    assert [key.id for key in store.revoke(old.id, now=NOW + HOUR, who=WHO)] == [old.id]
    assert [key.id for key in store.revoke("newsroom", now=NOW + 2 * HOUR, who=WHO)] == [new.id]
    revoked = {key.id: key.revoked_at for key in store.all() if key.name == "newsroom"}
    assert revoked == {old.id: NOW + HOUR, new.id: NOW + 2 * HOUR}
    with pytest.raises(InputError, match="no key newsroom is live any more"):
        store.revoke("newsroom", now=NOW, who=WHO)


def test_the_name_of_a_revoked_key_may_be_given_again(store: KeyStore, create: Create) -> None:
    create()
    store.revoke("newsroom", now=NOW, who=WHO)
    create()
    assert len(store.all()) == 2


def test_the_ring_of_another_process_learns_of_every_change(engine: Engine, store: KeyStore, create: Create) -> None:
    ring = Keyring(KeyStore(engine), PEPPER)
    ring.refresh()
    assert not ring.on
    made = create()
    ring.refresh()
    assert ring.authenticate(made.key, NOW).id == made.kept.id
    store.revoke("newsroom", now=NOW, who=WHO)
    ring.refresh()
    with pytest.raises(UnknownCallerError):
        ring.authenticate(made.key, NOW)
    assert ring.on


def test_every_change_is_in_the_history_with_who_made_it(store: KeyStore, create: Create) -> None:
    old = create().kept.id
    new = store.rotate("newsroom", pepper=PEPPER, now=NOW + HOUR, who="os:berto").kept.id
    store.revoke(old, now=NOW + 2 * HOUR, who="key_of-an-admin")
    create("archive")
    history = [(event.at, event.key_id, event.what, event.who) for event in store.history("newsroom")]
    assert history == [
        (NOW, old, "created", WHO),
        (NOW + HOUR, old, "rotated", "os:berto"),
        (NOW + HOUR, new, "created", "os:berto"),
        (NOW + 2 * HOUR, old, "revoked", "key_of-an-admin"),
    ]
    assert [event.what for event in store.history(new)] == ["created"]
    assert [event.name for event in store.history()] == ["newsroom"] * 4 + ["archive"]
    with pytest.raises(InputError, match="there is no key nobody"):
        store.history("nobody")


# --- last used ------------------------------------------------------------------------------------------


def test_last_use_is_kept_but_not_for_every_second_of_every_process(store: KeyStore, create: Create) -> None:
    key = create().kept.id
    seconds = {0: 0, 59: 0, 60: 60, 61: 60, 400 * 86_400: 400 * 86_400, 130: 130}
    for at, expected in seconds.items():
        store.mark_used({key: NOW + timedelta(seconds=at), "key_of-nobody": NOW})
        assert store.all()[0].last_used_at == NOW + timedelta(seconds=expected)
    store.mark_used({})


def test_a_scope_of_a_later_version_opens_nothing_here(engine: Engine, store: KeyStore, create: Create) -> None:
    create(scopes=frozenset({Scope.READ}))
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE api_keys SET scopes = 'read everything'")
    assert store.all()[0].scopes == {Scope.READ}
