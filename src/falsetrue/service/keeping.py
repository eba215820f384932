"""What is said is kept before it is answered; and said again, not anew, to a request that is repeated."""

import hmac
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from time import perf_counter
from typing import NamedTuple

from starlette.types import Scope

from falsetrue.bundle.manifest import Manifest
from falsetrue.errors import DatabaseUnavailableError, NotReadyError
from falsetrue.jobs.recording import Told
from falsetrue.journal.auditing import Slice
from falsetrue.journal.identifiers import Identifiers
from falsetrue.journal.records import Entry, RefusedItems, StoredAnswer, Writing
from falsetrue.service.facts import RequestFacts, facts_of
from falsetrue.service.journaling import Journaling, Kept
from falsetrue.service.problems import RequestProblem
from falsetrue.service.spans import part_of

_IDEMPOTENCY_KEY = b"idempotency-key"
#: Printable ASCII; quoted, as draft-ietf-httpapi-idempotency-key-header writes it, or not.
_KEY = re.compile(rb'(?P<quote>"?)([!#-~](?:[ !#-~]{0,253}[!#-~])?)(?P=quote)')
_HASH_BYTES = 32
#: Characters that are kept of a caller's own identifier: what is indexed must not be long.
LONGEST_ITEM_ID = 200


class Said(NamedTuple):
    """An answer that was not sent yet."""

    entries: tuple[Entry, ...]
    encode: Callable[[bool], bytes]  #: the answer's body, of whether its entries are in the database
    refused: tuple[RefusedItems, ...] = ()  #: what was not classified, by reason


@dataclass(frozen=True, kw_only=True, slots=True)
class About:
    """What entries of one request have in common."""

    scope: Scope
    manifest: Manifest
    route: str
    policy: str | None = None
    prevalence: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Claim:
    """A request that may be repeated."""

    key: bytes
    body_hash: bytes


class Keeping:
    """Keeps what a worker says. Without ``journaling`` nothing is kept, and nothing has an identifier."""

    def __init__(
        self,
        journaling: Journaling | None,
        *,
        secret: bytes,
        answer_hours: int,
        store_text: bool,
        audit: Slice | None = None,
        on_kept: Callable[[tuple[Entry, ...]], object],
        on_refused: Callable[[tuple[RefusedItems, ...]], object],
    ) -> None:
        self.journaling = journaling
        self._secret = secret  #: keys the hashes of idempotency keys and bodies
        self._answer_hours = answer_hours
        self._store_text = store_text
        self._audit = audit  #: ``None``: nothing is drawn for people to label
        self._on_kept = on_kept
        self._on_refused = on_refused
        self._identifiers = Identifiers()
        self._in_flight: set[bytes] = set()

    async def answer(self, scope: Scope, body: bytes, make: Callable[[], Awaitable[Said]]) -> bytes:
        """The answer to a request, once its entries are kept; or what was answered to the same request before.

        Raises :class:`RequestProblem` for an idempotency key that cannot be used, and
        :class:`DatabaseUnavailableError` where the entries are not kept.
        """
        claim = self._claim(scope, body)
        if claim is None:
            self.check()
            said = await make()
            with part_of(facts_of(scope), "journal", rows=len(said.entries)):
                journaled = await self.keep(said.entries, said.refused)
            return said.encode(journaled)
        if claim.key in self._in_flight:
            raise RequestProblem("request_in_flight", "a request with this idempotency key is being answered")
        self._in_flight.add(claim.key)
        try:
            return await self._answer_once(facts_of(scope), claim, make)
        finally:
            self._in_flight.discard(claim.key)

    def check(self) -> None:
        """Raise what keeps the journal from being written, before anything is scored in vain."""
        if self.journaling is not None and self.journaling.is_refusing:
            raise DatabaseUnavailableError("the journal is not there; nothing is answered without it")

    def check_ready(self) -> None:
        """Raise :class:`NotReadyError` while the journal is being opened."""
        if self.journaling is not None and not self.journaling.is_ready:
            raise NotReadyError("the journal is being opened")

    async def _answer_once(self, facts: RequestFacts, claim: _Claim, make: Callable[[], Awaitable[Said]]) -> bytes:
        earlier = await self._earlier(claim)
        if earlier is not None:
            return _repeat(claim, earlier)
        said = await make()
        now = datetime.now(UTC)
        answer = StoredAnswer(
            key=claim.key,
            body_hash=claim.body_hash,
            content=said.encode(True),  # noqa: FBT003 - that is what it says of itself
            created_at=now,
            expires_at=now + timedelta(hours=self._answer_hours),
        )
        with part_of(facts, "journal", rows=len(said.entries)):
            kept = await self._write(Writing(entries=said.entries, answer=answer, refused=said.refused))
        if kept.earlier is not None:
            return _repeat(claim, kept.earlier)
        return answer.content if kept.journaled else said.encode(False)  # noqa: FBT003 - as above

    async def _earlier(self, claim: _Claim) -> StoredAnswer | None:
        """What was answered before; nothing while the database is away and that is put up with."""
        assert self.journaling is not None  # noqa: S101 - else there is no claim
        self.check()
        try:
            return await self.journaling.ask(lambda journal: journal.answer(claim.key, datetime.now(UTC)))
        except DatabaseUnavailableError:
            if self.journaling.is_strict:
                raise
            return None

    async def keep(self, entries: tuple[Entry, ...], refused: tuple[RefusedItems, ...] = ()) -> bool:
        """Keep entries, and say whether they are in the database; raises :class:`DatabaseUnavailableError`."""
        if not entries and not refused:
            return True
        if self.journaling is None:
            self._on_refused(refused)
            return True
        return (await self._write(Writing(entries=entries, refused=refused))).journaled

    async def _write(self, writing: Writing) -> Kept:
        assert self.journaling is not None  # noqa: S101 - without it there is nothing to write
        kept = await self.journaling.keep(writing)
        if kept.earlier is None:
            self._on_kept(writing.entries)
            if writing.refused:
                self._on_refused(writing.refused)
            if self._audit is not None:
                self._audit.note(writing.entries)
        return kept

    # --- idempotency keys ----------------------------------------------------------------------------

    def _claim(self, scope: Scope, body: bytes) -> _Claim | None:
        given = [value for name, value in scope["headers"] if name == _IDEMPOTENCY_KEY]
        if not given:
            return None
        match = _KEY.fullmatch(given[0]) if len(given) == 1 else None
        if match is None:
            raise RequestProblem(
                "invalid_idempotency_key", "Idempotency-Key must be sent once, with 1 to 255 printable characters"
            )
        if self.journaling is None:
            raise RequestProblem(
                "invalid_idempotency_key", "Idempotency-Key cannot be honoured, as this service keeps no journal"
            )
        principal = facts_of(scope).principal
        caller = "" if principal is None or principal.id is None else f"{principal.kind}:{principal.id}"
        named = b"\0".join((caller.encode(), scope["path"].encode(), match[2]))
        return _Claim(key=self._hash(b"key", named), body_hash=self._hash(b"body", body))

    def _hash(self, purpose: bytes, content: bytes) -> bytes:
        return blake2b(content, digest_size=_HASH_BYTES, key=self._secret, person=purpose).digest()

    # --- entries -------------------------------------------------------------------------------------

    def entries(
        self, about: About, told: list[Told], items: list[tuple[str | None, str | None, str]], *, store: bool | None
    ) -> tuple[Entry, ...]:
        """An entry for each text, with an identifier; none where nothing is kept.

        ``items`` are the caller's identifier, title and text of each. The text itself is kept where the caller says
        so by ``store``, or says nothing and the operator wants it; where it is drawn for people to label, unless the
        caller forbids it.
        """
        if self.journaling is None:
            return ()
        facts, now = facts_of(about.scope), datetime.now(UTC)
        latency = perf_counter() - facts.started
        with_text = self._store_text if store is None else store
        entries = tuple(
            _entry(about, each, item, (self._identifiers.new(), now, latency, facts), with_text=with_text)
            for each, item in zip(told, items, strict=True)
        )
        if self._audit is None:
            return entries
        return self._audit.mark(entries, [(title, text) for _, title, text in items], refused=store is False)

    def refused(self, about: About, codes: Iterable[str]) -> tuple[RefusedItems, ...]:
        """How many items were refused, by reason; ``codes`` has one for each of them."""
        now = datetime.now(UTC)
        return tuple(
            RefusedItems(
                id=self._identifiers.new(),
                created_at=now,
                model_version=about.manifest.version,
                key_id=facts_of(about.scope).key_id,
                code=code,
                items=items,
            )
            for code, items in sorted(Counter(codes).items())
        )


def _entry(
    about: About,
    told: Told,
    item: tuple[str | None, str | None, str],
    common: tuple[str, datetime, float, RequestFacts],
    *,
    with_text: bool,
) -> Entry:
    found, traces = told
    assert traces is not None  # noqa: S101 - made wherever something is kept
    item_id, title, text = item
    identifier, now, latency, facts = common
    return Entry(
        id=identifier,
        created_at=now,
        route=about.route,
        request_id=facts.request_id,
        key_id=facts.key_id,
        item_id=item_id and item_id[:LONGEST_ITEM_ID],
        model_name=about.manifest.name,
        model_version=about.manifest.version,
        policy=about.policy,
        label=found.label.value,
        p_real=found.p_real,
        prevalence=about.prevalence,
        action=found.action,
        reasons=tuple(reason.value for reason in found.reasons),
        language=found.language,
        characters=traces.characters,
        words=found.words,
        known_words=found.known_words,
        text_hash=traces.text_hash,
        sketch=traces.sketch,
        latency=latency,
        title=title if with_text else None,
        text=text if with_text else None,
    )


def _repeat(claim: _Claim, earlier: StoredAnswer) -> bytes:
    if not hmac.compare_digest(earlier.body_hash, claim.body_hash):
        raise RequestProblem(
            "idempotency_key_reused", "this idempotency key was sent with another body; use a new one for each request"
        )
    return earlier.content
