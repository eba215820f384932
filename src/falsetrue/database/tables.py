"""All tables. A change here needs a migration in ``migrations/versions``; the tests hold the two together."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
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

#: What was refused of a request: :class:`falsetrue.journal.records.RefusedItems`.
refused_items = Table(
    "refused_items",
    metadata,
    Column("id", _identifier(), primary_key=True),
    Column("created_at", Instant, nullable=False, index=True),
    Column("model_version", Text, nullable=False),
    Column("key_id", Text),
    Column("code", Text, nullable=False),
    Column("items", Integer, nullable=False),
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

# --- monitoring ---------------------------------------------------------------------------------------

#: What came on a day, UTC, by subject; "" in ``language`` and ``key_id`` stands for all.
monitor_days = Table(
    "monitor_days",
    metadata,
    Column("model_version", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("language", Text, primary_key=True),
    Column("key_id", Text, primary_key=True),
    Column("texts", Integer, nullable=False),
    Column("profile", LargeBinary, nullable=False),
)

#: What a team's own traffic is held against, in the place of what came with the model.
monitor_references = Table(
    "monitor_references",
    metadata,
    Column("model_version", Text, primary_key=True),
    Column("created_at", Instant, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

#: Where watching a model stands.
monitor_state = Table(
    "monitor_state",
    metadata,
    Column("model_version", Text, primary_key=True),
    Column("last_day", Date),  # the last one that a look closed
    Column("content", Text, nullable=False),  # JSON
)

#: Who is at it.
monitor_locks = Table(
    "monitor_locks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("taken_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
)

#: Finished reports, of which the last are kept.
monitor_reports = Table(
    "monitor_reports",
    metadata,
    Column("id", _identifier(), primary_key=True),
    Column("made_at", Instant, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("severity", Text),  # of the gravest that was found; none: nothing was
    Column("report", Text, nullable=False),  # JSON of falsetrue.monitor.findings.Report
)

#: Problems: :class:`falsetrue.monitor.findings.Alarm`. "" in ``language`` and ``key_id`` stands for all.
alarms = Table(
    "alarms",
    metadata,
    Column("id", _identifier(), primary_key=True),
    Column("watch", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("raised_at", Instant, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("acknowledged_at", Instant),
    Column("acknowledged_by", Text),
    Column("quiet_looks", Integer, nullable=False),  # in a row, up to now
    Column("finding", Text, nullable=False),  # JSON
    Column("first_day", Date),  # UTC, the last day of the texts that it was first found in
    Column("last_day", Date),  # the same, of those that it was found in last
)
#: One problem is one alarm.
Index(
    "alarms_open",
    alarms.c.model_version,
    alarms.c.watch,
    alarms.c.language,
    alarms.c.key_id,
    unique=True,
    sqlite_where=text("ended_at IS NULL"),
    postgresql_where=text("ended_at IS NULL"),
)

#: What became of an alarm.
alarm_events = Table(
    "alarm_events",
    metadata,
    Column("id", _identifier(), primary_key=True),
    Column("alarm_id", ForeignKey(alarms.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", Instant, nullable=False),
    Column("what", Text, nullable=False),  # raised, seen, ended, acknowledged, noted
    Column("by_whom", Text, nullable=False),
    Column("note", Text),
)

#: What is to be told to others, and was.
webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", _identifier(), primary_key=True),
    Column("alarm_id", _identifier(), index=True),
    Column("event", Text, nullable=False),
    Column("payload", Text, nullable=False),  # JSON
    Column("created_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", Instant),
    Column("delivered_at", Instant),
    Column("dead_at", Instant),  # given up
    Column("last_error", Text),
)
_IS_DUE = "delivered_at IS NULL AND dead_at IS NULL"
Index(
    "webhook_deliveries_due",
    webhook_deliveries.c.next_attempt_at,
    sqlite_where=text(_IS_DUE),
    postgresql_where=text(_IS_DUE),
)

#: Predictions drawn at random for a label by people.
audit_items = Table(
    "audit_items",
    metadata,
    Column("prediction_id", _identifier(), primary_key=True),
    Column("day", Date, nullable=False),  # UTC
    Column("rank", BigInteger, nullable=False),  # the lowest of a day are the sample
    Column("model_version", Text, nullable=False),
    Column("language", Text),
    Column("refused", Boolean, nullable=False),  # the caller forbade that the text be kept
    Column("title", Text),
    Column("text", Text),
    Column("p_real", Float(53), nullable=False),
    Column("said", Text, nullable=False),  # false, real or unsure
    Column("drawn_at", Instant, nullable=False),
    Column("first_label", Text),  # false or real, said without knowing what the model said; it stands
    Column("label", Text),  # false, real or unclear, as corrected since
    Column("labelled_at", Instant),
    Column("labelled_by", Text),
    Column("note", Text),
    Column("counted_at", Instant),  # when a look gave the label to the detectors
)
Index("audit_items_day", audit_items.c.day, audit_items.c.rank)
_IS_UNCOUNTED = "first_label IS NOT NULL AND counted_at IS NULL"
Index(
    "audit_items_uncounted",
    audit_items.c.model_version,
    audit_items.c.prediction_id,
    sqlite_where=text(_IS_UNCOUNTED),
    postgresql_where=text(_IS_UNCOUNTED),
)
