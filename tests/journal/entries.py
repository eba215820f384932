"""Entries made up for tests."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from hypothesis import strategies as st

from falsetrue.journal.identifiers import Identifiers
from falsetrue.journal.records import Entry, Feedback, StoredAnswer, Writing

NOW = datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=UTC)
_MILLISECOND = 1_000_000


class Maker:
    """Makes entries, each a minute after the one before."""

    def __init__(self, begin: datetime = NOW) -> None:
        self.now = begin - timedelta(minutes=1)
        self.identifiers = Identifiers(lambda: int(self.now.timestamp() * 1000) * _MILLISECOND)

    def entry(self, **given: Any) -> Entry:
        """The next one, with some values given."""
        self.now += timedelta(minutes=1)
        values: dict[str, Any] = {
            "id": self.identifiers.new(),
            "created_at": self.now,
            "route": "/v1/classifications",
            "request_id": "request-1",
            "key_id": "key-1",
            "item_id": None,
            "model_name": "news",
            "model_version": "1",
            "policy": "default@1",
            "label": "unsure",
            "p_real": 0.5,
            "prevalence": None,
            "action": "review",
            "reasons": ("too_short",),
            "language": "en",
            "characters": 10,
            "words": 2,
            "known_words": 1,
            "text_hash": b"h" * 32,
            "sketch": b"s" * 700,
            "latency": 0.001,
        }
        return Entry(**(values | given))

    def writings(self, count: int, **given: Any) -> list[Writing]:
        """Of one entry each."""
        return [Writing(entries=(self.entry(**given),)) for _ in range(count)]

    def feedback(self, prediction_id: str, label: str, **given: Any) -> Feedback:
        """A minute later, what somebody says."""
        self.now += timedelta(minutes=1)
        values: dict[str, Any] = {
            "id": self.identifiers.new(),
            "prediction_id": prediction_id,
            "created_at": self.now,
            "key_id": "analyst",
            "label": label,
            "reason": None,
        }
        return Feedback(**(values | given))


def answer(key: bytes, content: bytes = b"{}", *, at: datetime = NOW, hours: float = 24) -> StoredAnswer:
    return StoredAnswer(
        key=key, body_hash=b"b" * 32, content=content, created_at=at, expires_at=at + timedelta(hours=hours)
    )


#: What a database keeps of a text exactly: no NUL, and no lone surrogates.
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
any_texts = st.text(st.characters())
_times = st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - strategies' own
_counts = st.integers(0, 2**31 - 1)
_shares = st.floats(0, 1)


def entries(words: st.SearchStrategy[str] = texts) -> st.SearchStrategy[Entry]:
    """Any entry."""
    return st.builds(
        Entry,
        id=st.builds(lambda: str(uuid4())),  # the database remembers those of other examples
        created_at=_times,
        request_id=words,
        key_id=st.none() | words,
        item_id=st.none() | words,
        route=texts,
        model_name=texts,
        model_version=texts,
        policy=st.none() | texts,
        label=texts,
        p_real=_shares,
        prevalence=st.none() | _shares,
        action=st.none() | texts,
        reasons=st.lists(texts, max_size=3).map(tuple),
        language=st.none() | texts,
        characters=_counts,
        words=_counts,
        known_words=_counts,
        text_hash=st.binary(min_size=32, max_size=32),
        sketch=st.none() | st.binary(max_size=800),
        latency=st.floats(0, 1e6),
        shadow=st.none() | texts,
        title=st.none() | words,
        text=st.none() | words,
    )
