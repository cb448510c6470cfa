"""Versions of any length: an S3 store's id of one has up to 1,024 bytes."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply. SQLite knows no lengths."""
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("source_file", "version", existing_type=sa.String(300), type_=sa.Text)
