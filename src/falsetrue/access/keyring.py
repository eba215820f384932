"""The keys that one process knows, and who a caller is that shows one."""

import hmac
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from falsetrue.access.keys import ApiKey, hash_key, is_well_formed
from falsetrue.access.principal import Kind, Principal
from falsetrue.errors import DatabaseError, NotReadyError, UnknownCallerError

#: Seconds that a last-used time may be behind.
USED_SECONDS = 60
#: Compared with where there is no key with a hash, so that this takes as long as where there is one.
_NO_HASH = bytes(32)
_log = logging.getLogger("falsetrue")


class Store(Protocol):
    """Where keys are kept: :class:`falsetrue.access.key_store.KeyStore`."""

    def revision(self) -> str:
        """A mark that is another one after every change of any key; raises :class:`DatabaseError`."""

    def all(self) -> Sequence[ApiKey]:
        """Every key ever made; raises :class:`DatabaseError`."""

    def mark_used(self, used: dict[str, datetime]) -> None:
        """Keep the times of last use by id; raises :class:`DatabaseError`."""


class Keyring:
    """Tells callers by their keys, in memory.

    :meth:`refresh` and :meth:`write_used` read and write the database and may run in another thread than the rest.
    While the database is away, which is logged once, the keys last read stay valid: one revoked meanwhile ends when it
    is back.
    """

    def __init__(self, store: Store, pepper: bytes) -> None:
        self._store = store
        self._pepper = pepper
        self._revision: str | None = None  #: of what is known; ``None``: never read
        self._by_hash: dict[bytes, ApiKey] = {}
        self._by_id: dict[str, ApiKey] = {}
        self._used: dict[str, datetime] = {}  #: not yet kept
        self._written_at: datetime | None = None
        self._away = False  #: the database, as far as is known

    def __repr__(self) -> str:
        return f"<Keyring of {len(self._by_id)} keys>"

    def refresh(self) -> bool:
        """Read the keys anew if any has changed; ``False`` while the database is away."""
        try:
            revision = self._store.revision()
            if revision != self._revision:
                # Read after its number: what changes in between is read again next time.
                self._know(self._store.all())
                self._revision = revision
        except DatabaseError as error:
            self._note_away(error)
            return False
        self._note_back()
        return True

    def _note_away(self, error: DatabaseError) -> None:
        if not self._away:
            meanwhile = "those read before stay valid" if self.loaded else "nobody is let in"
            _log.warning("the keys cannot be read, and %s meanwhile: %s", meanwhile, error)
        self._away = True

    def _note_back(self) -> None:
        if self._away:
            _log.warning("the keys are read again")
        self._away = False

    def _know(self, keys: Sequence[ApiKey]) -> None:
        self._by_hash, self._by_id = {key.hash: key for key in keys}, {key.id: key for key in keys}

    @property
    def loaded(self) -> bool:
        """Whether the keys were ever read."""
        return self._revision is not None

    @property
    def on(self) -> bool:
        """Whether callers need a key: whether any was ever made; raises :class:`NotReadyError` before they are read."""
        self._check_loaded()
        return bool(self._by_id)

    def authenticate(self, key: str, now: datetime) -> Principal:
        """Who shows a key; ``now`` in UTC.

        Raises :class:`UnknownCallerError` for one that is not valid, and :class:`NotReadyError` before keys are read.
        """
        self._check_loaded()
        if not is_well_formed(key):
            raise UnknownCallerError("this is not a key of this service: it may be cut off or misspelt")
        shown = hash_key(self._pepper, key)
        # Finding a keyed hash in a table tells nobody anything of the key; comparing it again costs nothing.
        found = self._by_hash.get(shown)
        matches = hmac.compare_digest(found.hash if found else _NO_HASH, shown)
        if found is None or not matches:
            raise UnknownCallerError("this key is unknown here")
        return self._admit(found, Kind.KEY, now)

    def admit(self, key_id: str, now: datetime) -> Principal:
        """Who has shown the key of an id before, as a session of the page says; raises as :meth:`authenticate`."""
        self._check_loaded()
        found = self._by_id.get(key_id)
        if found is None:
            raise UnknownCallerError("the key of this session is unknown here")
        return self._admit(found, Kind.SESSION, now)

    def _admit(self, key: ApiKey, kind: Kind, now: datetime) -> Principal:
        if key.revoked_at is not None:
            raise UnknownCallerError(f"key {key.id} was revoked")
        if not key.is_live(now):
            raise UnknownCallerError(f"key {key.id} expired at {key.expires_at:%Y-%m-%d %H:%M} UTC")
        self._used[key.id] = now
        return Principal(kind=kind, id=key.id, name=key.name, scopes=key.scopes, quota=key.quota)

    def _check_loaded(self) -> None:
        if not self.loaded:
            raise NotReadyError("the keys have not been read yet")

    def write_used(self, now: datetime, *, at_once: bool = False) -> bool:
        """Keep the times of last use, once a minute unless ``at_once``; ``False`` while the database is away."""
        waited = self._written_at is None or abs((now - self._written_at).total_seconds()) >= USED_SECONDS
        if not self._used or not (waited or at_once):
            return True
        taken, self._used = self._used, {}
        used = dict(taken)  # in one go: a request may be writing to the other at this very moment
        try:
            self._store.mark_used(used)
        except DatabaseError:
            self._used = used | self._used
            return False
        self._written_at = now
        return True
