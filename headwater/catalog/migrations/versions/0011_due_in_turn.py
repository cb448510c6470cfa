"""What is due to a webhook is read in turn, however much else is open."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_OPEN = sa.text("delivered_at IS NULL AND given_up_at IS NULL")


def upgrade() -> None:
    """Apply."""
    op.drop_index("ix_delivery_due", table_name="delivery", sqlite_where=_OPEN, postgresql_where=_OPEN)
    columns = ["webhook", "next_attempt_at", "event_id", "replay"]
    op.create_index("ix_delivery_due", "delivery", columns, sqlite_where=_OPEN, postgresql_where=_OPEN)
