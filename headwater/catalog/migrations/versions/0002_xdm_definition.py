"""A place for imported XDM resources."""

import sqlalchemy as sa
from alembic import op

from headwater.database.types import Json, UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "xdm_definition",
        sa.Column("id", sa.String(length=500), nullable=False),
        sa.Column("body", Json, nullable=False),
        sa.Column("imported_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_xdm_definition")),
    )
