"""All tables. A change here needs a migration in ``migrations/versions``; the tests hold the two together."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.types import TypeDecorator, TypeEngine


class Instant(TypeDecorator[datetime]):
    """A point in time: ``timestamptz`` in PostgreSQL; in SQLite text that sorts, ``2026-01-02T03:04:05.678901Z``."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """What holds it."""
        return dialect.type_descriptor(String(27) if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """To the database."""
        return instant_as_text(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """From it."""
        if value is None:
            return None
        return datetime.fromisoformat(value) if dialect.name == "sqlite" else value.astimezone(UTC)


def instant_as_text(value: datetime) -> str:
    """As SQLite holds it."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _identifier() -> Any:
    """A UUID in its canonical form."""
    return String(36).with_variant(UUID(as_uuid=False), "postgresql")


metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "ix": "%(table_name)s_%(column_0_name)s",
        "uq": "%(table_name)s_%(column_0_name)s_key",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
    }
)

#: What was said: :class:`falsetrue.journal.records.Entry`. What is long stands last, so that it need not be read.
predictions = Table(
    "predictions",
    metadata,
    Column("id", _identifier(), primary_key=True),
    Column("created_at", Instant, nullable=False),
    Column("route", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("key_id", Text),
    Column("item_id", Text),
    Column("model_name", Text, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("policy", Text),
    Column("label", Text, nullable=False),
    Column("p_real", Float(53), nullable=False),
    Column("prevalence", Float(53)),
    Column("action", Text),
    Column("reasons", Text, nullable=False),  # a JSON list
    Column("language", Text),
    Column("characters", Integer, nullable=False),
    Column("words", Integer, nullable=False),
    Column("known_words", Integer, nullable=False),
    Column("text_hash", LargeBinary, nullable=False),
    Column("latency", Float(53), nullable=False),  # seconds
    Column("sketch", LargeBinary),
    Column("shadow", Text),
    Column("title", Text),
    Column("text", Text),
)
Index(
    "predictions_item_id",
    predictions.c.item_id,
    predictions.c.id,
    sqlite_where=text("item_id IS NOT NULL"),
    postgresql_where=text("item_id IS NOT NULL"),
)
#: Which texts there are to forget one day.
_HAS_TEXT = "text IS NOT NULL OR title IS NOT NULL"
Index("predictions_with_text", predictions.c.id, sqlite_where=text(_HAS_TEXT), postgresql_where=text(_HAS_TEXT))

#: What people say of it: :class:`falsetrue.journal.records.Feedback`.
feedback = Table(
    "feedback",
    metadata,
    Column("id", _identifier(), primary_key=True),
    Column("prediction_id", ForeignKey(predictions.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", Instant, nullable=False),
    Column("key_id", Text),
    Column("label", Text, nullable=False),
    Column("reason", Text),
)

#: What was answered to requests with an idempotency key: :class:`falsetrue.journal.records.StoredAnswer`.
answers = Table(
    "answers",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    Column("body_hash", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
    Column("content", LargeBinary, nullable=False),
)

#: Who may ask.
api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),  # public
    Column("name", Text, nullable=False),
    Column("prefix", Text, nullable=False),  # how the key begins, for people
    Column("hash", LargeBinary, nullable=False, unique=True),  # HMAC-SHA256 with the pepper
    Column("scopes", Text, nullable=False),  # separated by spaces
    Column("quota_requests", Integer),
    Column("quota_seconds", Integer),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("revoked_at", Instant),
    Column("last_used_at", Instant),
    Column("replaced_by", Text),  # the key that was made to take its place
)

#: Every change of a key.
key_events = Table(
    "key_events",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("created_at", Instant, nullable=False),
    Column("key_id", Text, nullable=False, index=True),
    Column("what", Text, nullable=False),  # created, rotated, revoked, ...
    Column("by_whom", Text, nullable=False),
)

#: What is said of the database itself.
facts = Table("facts", metadata, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))
