"""Which days' texts an alarm was found in."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_DAYS = ("first_day", "last_day")


def upgrade() -> None:
    """Add them; of alarms that are there they are not known."""
    for name in _DAYS:
        op.add_column("alarms", sa.Column(name, sa.Date()))


def downgrade() -> None:
    """Take them away."""
    for name in _DAYS:
        op.drop_column("alarms", name)
