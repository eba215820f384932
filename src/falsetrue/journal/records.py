"""What the journal keeps of a prediction, and of what people say of it."""

import re
from dataclasses import dataclass
from datetime import datetime

import msgspec

#: What no database keeps in a text: NUL; and lone surrogates, which are no characters.
_NOT_KEPT = re.compile("[\0\ud800-\udfff]")


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """What the audit slice keeps of a prediction that may be of it."""

    rank: int  #: in [0, 2**63); the lowest of a day are the slice
    refused: bool  #: the caller forbade that the text be kept: there is none
    title: str | None = None
    text: str | None = None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One prediction."""

    id: str  #: UUIDv7 (RFC 9562), canonical
    created_at: datetime  #: UTC
    route: str  #: path of the API, or ``page``
    request_id: str
    key_id: str | None  #: who asked: of a key or a token's subject; ``None``: anonymous
    item_id: str | None  #: the caller's own
    model_name: str
    model_version: str
    policy: str | None  #: ``NAME@VERSION``; ``None`` where none was applied, as on ``POST /falsetrue``
    label: str  #: ``false``, ``real`` or ``unsure``
    p_real: float  #: in [0, 1]
    prevalence: float | None  #: share of false news that ``p_real`` was re-derived for
    action: str | None
    reasons: tuple[str, ...]  #: why there was no decision
    language: str | None  #: BCP 47
    characters: int  #: of title and text, joined
    words: int
    known_words: int
    text_hash: bytes  #: keyed, 32 bytes
    sketch: bytes | None  #: for monitoring; nothing of the text can be read back from it
    latency: float  #: seconds from the request's arrival to the row's making
    shadow: str | None = None  #: JSON of what a second model said
    title: str | None = None  #: only where the text is kept
    text: str | None = None  #: only where the caller or the operator asked for that
    drawn: Drawn | None = None  #: for the audit slice, on its way to the database; one that is read has none


class RefusedItems(msgspec.Struct, frozen=True, kw_only=True):
    """How many items of one request were refused for one reason: nothing is said of them, and nothing of them kept."""

    id: str  #: UUIDv7; what is written twice, as from a spool, is there once
    created_at: datetime  #: UTC
    model_version: str
    key_id: str | None  #: who asked, as of an entry
    code: str  #: ``empty`` or ``too_long``, as the item's error says
    items: int  #: at least 1


class StoredAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was answered to a request with an idempotency key."""

    key: bytes  #: keyed hash of caller, route and idempotency key, 32 bytes
    body_hash: bytes  #: keyed hash of the request's body, 32 bytes
    content: bytes  #: the answer's body
    created_at: datetime  #: UTC
    expires_at: datetime  #: UTC


class Writing(msgspec.Struct, frozen=True, kw_only=True):
    """What one request has to be kept: all of it, or nothing."""

    entries: tuple[Entry, ...]
    answer: StoredAnswer | None = None  #: where the request had an idempotency key
    refused: tuple[RefusedItems, ...] = ()  #: by reason


class Feedback(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody says a prediction should have been."""

    id: str  #: UUIDv7
    prediction_id: str
    created_at: datetime  #: UTC
    key_id: str | None
    label: str  #: ``false`` or ``real``
    reason: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Filters:
    """Which entries are wanted: those of which all that is given is true."""

    since: datetime | None = None  #: made then or later
    until: datetime | None = None  #: made before
    label: str | None = None
    action: str | None = None
    language: str | None = None
    model_version: str | None = None
    policy: str | None = None
    key_id: str | None = None
    item_id: str | None = None
    route: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Some entries, the newest first."""

    entries: list[Entry]
    next: str | None  #: the id to go on from, which need not be that of an entry here; ``None``: there are no more


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """Of entries, and of the database."""

    rows: int
    with_text: int
    oldest: datetime | None
    newest: datetime | None
    feedback: int  #: rows of it, of any entries
    bytes: int  #: that the whole database takes on its disk
    counts: dict[str, dict[str, int]]  #: by day, label, action, reason, language, model and key; then by value


@dataclass(frozen=True, kw_only=True, slots=True)
class Pruned:
    """What was forgotten."""

    texts: int
    rows: int
    answers: int


def keepable(text: str) -> str:
    """A caller's text as a database can hold it: NUL and lone surrogates become U+FFFD."""
    if text.isascii() and "\0" not in text:
        return text
    return _NOT_KEPT.sub("\ufffd", text)
