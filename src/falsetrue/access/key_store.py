"""◆ API keys in the database, and what became of each.

Every change is one transaction that first writes a new mark into ``facts``: it is what tells the workers to read the
keys anew, and its row is what two changes at once wait for.
"""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, bindparam, insert, or_, select, update

from falsetrue.access.keyring import USED_SECONDS
from falsetrue.access.keys import (
    ID_BYTES,
    RANDOM_BYTES,
    ApiKey,
    KeyEvent,
    check_name,
    hash_key,
    make_id,
    make_key,
    show_key,
)
from falsetrue.access.principal import Quota, Scope
from falsetrue.database.engine import insert_into, reading, writing
from falsetrue.database.tables import api_keys, facts, key_events
from falsetrue.errors import InputError

#: How long a key that was rotated stays valid unless said otherwise.
GRACE = timedelta(hours=24)
_REVISION = "keys_revision"
#: Live keys of one name at most.
_MOST = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class NewKey:
    """A key that was just made: the only time that it is known."""

    key: str = field(repr=False)
    kept: ApiKey
    replaces: ApiKey | None = None  #: what it was rotated from, with the end of its validity


class KeyStore:
    """The keys of one database.

    Every method raises :class:`DatabaseError` where the database does not answer. Whoever makes a change is ``who``:
    ``os:`` and a user of the operating system, or the id of a key. New keys are hashed with ``pepper``, which is
    derived from the operator's secret for :data:`falsetrue.access.keys.PEPPER`.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # --- changes --------------------------------------------------------------------------------------

    def create(
        self,
        name: str,
        *,
        scopes: frozenset[Scope],
        quota: Quota | None,
        lifetime: timedelta | None,
        pepper: bytes,
        now: datetime,
        who: str,
    ) -> NewKey:
        """Make a key; raises :class:`InputError` where a live one has this name, or none may."""
        with self._change() as connection:
            live = _live(connection, check_name(name), now)
            if live:
                raise InputError(f"there is a key named {name}, {live[0].id}: rotate it, or choose another name")
            made = _make(pepper, name, scopes=scopes, quota=quota, lifetime=lifetime, now=now)
            _add(connection, made.kept, who)
        return made

    def rotate(self, name_or_id: str, *, pepper: bytes, now: datetime, who: str, grace: timedelta = GRACE) -> NewKey:
        """Make a key like another, which ends after a time of grace; the new one is valid for as long as that was.

        Raises :class:`InputError` where there is none, or two are live already.
        """
        with self._change() as connection:
            old = _find_live(connection, name_or_id, now)[0]
            live = _live(connection, old.name, now)
            if len(live) >= _MOST:
                both = " and ".join(key.id for key in live)
                raise InputError(f"two keys named {old.name} are live, {both}: revoke one first")
            lifetime = old.expires_at - old.created_at if old.expires_at else None
            made = _make(pepper, old.name, scopes=old.scopes, quota=old.quota, lifetime=lifetime, now=now)
            ends = min(now + grace, old.expires_at) if old.expires_at else now + grace
            _set(connection, old.id, expires_at=ends, replaced_by=made.kept.id)
            _note(connection, old.id, "rotated", now, who)
            _add(connection, made.kept, who)
        return replace(made, replaces=replace(old, expires_at=ends, replaced_by=made.kept.id))

    def revoke(self, name_or_id: str, *, now: datetime, who: str) -> list[ApiKey]:
        """End a key, or all live ones of a name, for good; raises :class:`InputError` where there is none."""
        with self._change() as connection:
            ended = _find_live(connection, name_or_id, now)
            for key in ended:
                _set(connection, key.id, revoked_at=now)
                _note(connection, key.id, "revoked", now, who)
        return [replace(key, revoked_at=now) for key in ended]

    @contextmanager
    def _change(self) -> Iterator[Connection]:
        """A transaction; another that changes keys waits for its end."""
        mark = insert_into(self._engine, facts).values(name=_REVISION, value=secrets.token_hex(8))
        with writing(self._engine) as connection:
            connection.execute(
                mark.on_conflict_do_update(index_elements=[facts.c.name], set_={"value": mark.excluded.value})
            )
            yield connection

    def mark_used(self, used: Mapping[str, datetime]) -> None:
        """Keep the times of last use by id, but none that differs by less than a minute from the one kept."""
        if not used:
            return
        last, minute = api_keys.c.last_used_at, timedelta(seconds=USED_SECONDS)
        far = or_(last.is_(None), last <= bindparam("earlier"), last >= bindparam("later"))
        change = update(api_keys).where(api_keys.c.id == bindparam("key"), far).values(last_used_at=bindparam("at"))
        # In their order: two processes that wait for each other's rows would wait for ever.
        rows = [
            {"key": key, "at": at, "earlier": at - minute, "later": at + minute} for key, at in sorted(used.items())
        ]
        with writing(self._engine) as connection:
            connection.execute(change, rows)

    # --- reading --------------------------------------------------------------------------------------

    def revision(self) -> str:
        """A mark that is another one after every change of any key; empty where there never was one."""
        with reading(self._engine) as connection:
            return connection.scalar(select(facts.c.value).where(facts.c.name == _REVISION)) or ""

    def all(self) -> list[ApiKey]:
        """Every key ever made, the oldest first."""
        with reading(self._engine) as connection:
            return _select(connection)

    def history(self, name_or_id: str | None = None) -> list[KeyEvent]:
        """What became of the keys, or of those with a name or id, the oldest first; raises :class:`InputError`."""
        query = select(key_events, api_keys.c.name).join(api_keys, api_keys.c.id == key_events.c.key_id)
        if name_or_id is not None:
            query = query.where(_is_named(name_or_id))
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(key_events.c.id)).all()
        if name_or_id is not None and not rows:
            raise InputError(f"there is no key {name_or_id}; `falsetrue keys list` names all")
        return [KeyEvent(at=r.created_at, key_id=r.key_id, name=r.name, what=r.what, who=r.by_whom) for r in rows]


def _make(
    pepper: bytes,
    name: str,
    *,
    scopes: frozenset[Scope],
    quota: Quota | None,
    lifetime: timedelta | None,
    now: datetime,
) -> NewKey:
    key = make_key(secrets.token_bytes(RANDOM_BYTES))
    kept = ApiKey(
        id=make_id(secrets.token_bytes(ID_BYTES)),
        name=name,
        shown=show_key(key),
        hash=hash_key(pepper, key),
        scopes=scopes,
        quota=quota,
        created_at=now,
        expires_at=now + lifetime if lifetime is not None else None,
    )
    return NewKey(key=key, kept=kept)


def _is_named(name_or_id: str) -> ColumnElement[bool]:
    return or_(api_keys.c.id == name_or_id, api_keys.c.name == name_or_id)


def _select(connection: Connection, *conditions: ColumnElement[bool]) -> list[ApiKey]:
    query = select(api_keys).where(*conditions).order_by(api_keys.c.created_at, api_keys.c.id)
    return list(map(_decode, connection.execute(query)))


def _live(connection: Connection, name: str, now: datetime) -> list[ApiKey]:
    return [key for key in _select(connection, api_keys.c.name == name) if key.is_live(now)]


def _find_live(connection: Connection, name_or_id: str, now: datetime) -> list[ApiKey]:
    """The live keys with a name or id, one at least; raises :class:`InputError`."""
    found = _select(connection, _is_named(name_or_id))
    live = [key for key in found if key.is_live(now)]
    if not live:
        why = f"no key {name_or_id} is live any more" if found else f"there is no key {name_or_id}"
        raise InputError(f"{why}; `falsetrue keys list` names all")
    return live


def _add(connection: Connection, key: ApiKey, who: str) -> None:
    connection.execute(insert(api_keys).values(_encode(key)))
    _note(connection, key.id, "created", key.created_at, who)


def _set(connection: Connection, key_id: str, **values: object) -> None:
    connection.execute(update(api_keys).where(api_keys.c.id == key_id).values(**values))


def _note(connection: Connection, key_id: str, what: str, now: datetime, who: str) -> None:
    connection.execute(insert(key_events).values(created_at=now, key_id=key_id, what=what, by_whom=who))


def _encode(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "prefix": key.shown,
        "hash": key.hash,
        "scopes": " ".join(sorted(key.scopes)),
        "quota_requests": key.quota.requests if key.quota else None,
        "quota_seconds": key.quota.seconds if key.quota else None,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
    }


def _decode(row: Row[Any]) -> ApiKey:
    quota = Quota(requests=row.quota_requests, seconds=row.quota_seconds) if row.quota_requests else None
    return ApiKey(
        id=row.id,
        name=row.name,
        shown=row.prefix,
        hash=bytes(row.hash),
        # A scope of a later version is none of this one's.
        scopes=frozenset(Scope(name) for name in row.scopes.split() if name in set(Scope)),
        quota=quota,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
        replaced_by=row.replaced_by,
    )
