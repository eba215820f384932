"""What monitoring keeps."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

_IS_OPEN = sa.text("ended_at IS NULL")
_IS_DUE = sa.text("delivered_at IS NULL AND dead_at IS NULL")
_IS_UNCOUNTED = sa.text("first_label IS NOT NULL AND counted_at IS NULL")


def _identifier() -> sa.types.TypeEngine[str]:
    return sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")


def _instant() -> sa.types.TypeEngine[str]:
    return sa.String(27).with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    """Make the tables."""
    _make_looks()
    _make_alarms()
    _make_webhook()
    _make_audit()


def _make_looks() -> None:
    op.create_table(
        "monitor_days",
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("texts", sa.Integer(), nullable=False),
        sa.Column("profile", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("model_version", "day", "language", "key_id", name="monitor_days_pkey"),
    )
    op.create_table(
        "monitor_references",
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("created_at", _instant(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("model_version", "created_at", "name", name="monitor_references_pkey"),
    )
    op.create_table(
        "monitor_state",
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("last_day", sa.Date()),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("model_version", name="monitor_state_pkey"),
    )
    op.create_table(
        "monitor_locks",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("taken_at", _instant(), nullable=False),
        sa.Column("expires_at", _instant(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="monitor_locks_pkey"),
    )
    op.create_table(
        "monitor_reports",
        sa.Column("id", _identifier(), nullable=False),
        sa.Column("made_at", _instant(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text()),
        sa.Column("report", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="monitor_reports_pkey"),
    )


def _make_alarms() -> None:
    op.create_table(
        "alarms",
        sa.Column("id", _identifier(), nullable=False),
        sa.Column("watch", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("raised_at", _instant(), nullable=False),
        sa.Column("last_seen_at", _instant(), nullable=False),
        sa.Column("ended_at", _instant()),
        sa.Column("acknowledged_at", _instant()),
        sa.Column("acknowledged_by", sa.Text()),
        sa.Column("quiet_looks", sa.Integer(), nullable=False),
        sa.Column("finding", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="alarms_pkey"),
    )
    op.create_index(
        "alarms_open",
        "alarms",
        ["model_version", "watch", "language", "key_id"],
        unique=True,
        sqlite_where=_IS_OPEN,
        postgresql_where=_IS_OPEN,
    )
    op.create_table(
        "alarm_events",
        sa.Column("id", _identifier(), nullable=False),
        sa.Column("alarm_id", _identifier(), nullable=False),
        sa.Column("created_at", _instant(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("by_whom", sa.Text(), nullable=False),
        sa.Column("note", sa.Text()),
        sa.ForeignKeyConstraint(["alarm_id"], ["alarms.id"], name="alarm_events_alarm_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="alarm_events_pkey"),
    )
    op.create_index("alarm_events_alarm_id", "alarm_events", ["alarm_id"])


def _make_webhook() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", _identifier(), nullable=False),
        sa.Column("alarm_id", _identifier()),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("created_at", _instant(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", _instant()),
        sa.Column("delivered_at", _instant()),
        sa.Column("dead_at", _instant()),
        sa.Column("last_error", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="webhook_deliveries_pkey"),
    )
    op.create_index("webhook_deliveries_alarm_id", "webhook_deliveries", ["alarm_id"])
    op.create_index(
        "webhook_deliveries_due",
        "webhook_deliveries",
        ["next_attempt_at"],
        sqlite_where=_IS_DUE,
        postgresql_where=_IS_DUE,
    )


def _make_audit() -> None:
    op.create_table(
        "audit_items",
        sa.Column("prediction_id", _identifier(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("rank", sa.BigInteger(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("language", sa.Text()),
        sa.Column("refused", sa.Boolean(), nullable=False),
        sa.Column("title", sa.Text()),
        sa.Column("text", sa.Text()),
        sa.Column("p_real", sa.Float(53), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("drawn_at", _instant(), nullable=False),
        sa.Column("first_label", sa.Text()),
        sa.Column("label", sa.Text()),
        sa.Column("labelled_at", _instant()),
        sa.Column("labelled_by", sa.Text()),
        sa.Column("note", sa.Text()),
        sa.Column("counted_at", _instant()),
        sa.PrimaryKeyConstraint("prediction_id", name="audit_items_pkey"),
    )
    op.create_index("audit_items_day", "audit_items", ["day", "rank"])
    op.create_index(
        "audit_items_uncounted",
        "audit_items",
        ["model_version", "prediction_id"],
        sqlite_where=_IS_UNCOUNTED,
        postgresql_where=_IS_UNCOUNTED,
    )


def downgrade() -> None:
    """Take them, and all that they hold, away."""
    for table in (
        "alarm_events",
        "alarms",
        "audit_items",
        "monitor_days",
        "monitor_locks",
        "monitor_references",
        "monitor_reports",
        "monitor_state",
        "webhook_deliveries",
    ):
        op.drop_table(table)
