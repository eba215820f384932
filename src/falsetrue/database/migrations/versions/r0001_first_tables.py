"""The first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

_WITH_ITEM = sa.text("item_id IS NOT NULL")
_WITH_TEXT = sa.text("text IS NOT NULL OR title IS NOT NULL")


def _identifier() -> sa.types.TypeEngine[str]:
    return sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")


def _instant() -> sa.types.TypeEngine[str]:
    return sa.String(27).with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    """Make them."""
    _make_predictions()
    op.create_table(
        "feedback",
        sa.Column("id", _identifier(), nullable=False),
        sa.Column("prediction_id", _identifier(), nullable=False),
        sa.Column("created_at", _instant(), nullable=False),
        sa.Column("key_id", sa.Text()),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.ForeignKeyConstraint(
            ["prediction_id"], ["predictions.id"], name="feedback_prediction_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="feedback_pkey"),
    )
    op.create_index("feedback_prediction_id", "feedback", ["prediction_id"])
    op.create_table(
        "answers",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("body_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", _instant(), nullable=False),
        sa.Column("expires_at", _instant(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="answers_pkey"),
    )
    op.create_index("answers_expires_at", "answers", ["expires_at"])
    _make_keys()
    op.create_table(
        "facts",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="facts_pkey"),
    )


def _make_predictions() -> None:
    op.create_table(
        "predictions",
        sa.Column("id", _identifier(), nullable=False),
        sa.Column("created_at", _instant(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text()),
        sa.Column("item_id", sa.Text()),
        sa.Column("model_name", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text()),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("p_real", sa.Float(53), nullable=False),
        sa.Column("prevalence", sa.Float(53)),
        sa.Column("action", sa.Text()),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("language", sa.Text()),
        sa.Column("characters", sa.Integer(), nullable=False),
        sa.Column("words", sa.Integer(), nullable=False),
        sa.Column("known_words", sa.Integer(), nullable=False),
        sa.Column("text_hash", sa.LargeBinary(), nullable=False),
        sa.Column("latency", sa.Float(53), nullable=False),
        sa.Column("sketch", sa.LargeBinary()),
        sa.Column("shadow", sa.Text()),
        sa.Column("title", sa.Text()),
        sa.Column("text", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="predictions_pkey"),
    )
    op.create_index(
        "predictions_item_id", "predictions", ["item_id", "id"], sqlite_where=_WITH_ITEM, postgresql_where=_WITH_ITEM
    )
    op.create_index(
        "predictions_with_text", "predictions", ["id"], sqlite_where=_WITH_TEXT, postgresql_where=_WITH_TEXT
    )


def _make_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("quota_requests", sa.Integer()),
        sa.Column("quota_seconds", sa.Integer()),
        sa.Column("created_at", _instant(), nullable=False),
        sa.Column("expires_at", _instant()),
        sa.Column("revoked_at", _instant()),
        sa.Column("last_used_at", _instant()),
        sa.Column("replaced_by", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="api_keys_pkey"),
        sa.UniqueConstraint("hash", name="api_keys_hash_key"),
    )
    op.create_table(
        "key_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("created_at", _instant(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("by_whom", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="key_events_pkey"),
    )
    op.create_index("key_events_key_id", "key_events", ["key_id"])


def downgrade() -> None:
    """Take them, and all that they hold, away."""
    for table in ("feedback", "predictions", "key_events", "facts", "api_keys", "answers"):
        op.drop_table(table)
