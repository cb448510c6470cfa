"""Whom to keep out: identities of people who were removed, and when."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "profile_removed",
        sa.Column("key_high", sa.BigInteger, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("key_low", sa.BigInteger, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("removed_at", sa.BigInteger, nullable=False),
    )
