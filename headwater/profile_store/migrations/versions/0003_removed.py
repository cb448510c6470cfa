"""Whom to keep out: identities of people who were removed, and when."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "profile_removed",
        sa.Column("identity_key", sa.LargeBinary(16), primary_key=True, nullable=False),
        sa.Column("removed_at", sa.BigInteger, nullable=False),
    )
