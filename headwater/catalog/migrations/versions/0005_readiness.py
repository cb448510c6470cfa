"""What a manifest expects of a file, since when we wait for one, and an index that alone tells what is known."""

import sqlalchemy as sa
from alembic import op

from headwater.database.types import Json, UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply. Observations are begun anew: they only shorten the wait for files that are being written."""
    op.add_column("source_file", sa.Column("expected", Json, nullable=True))
    op.drop_index("ix_source_file_known", table_name="source_file")
    op.create_index("ix_source_file_known", "source_file", ["flow", "path", "signature", "state", "id"])
    op.drop_table("observation")
    op.create_table(
        "observation",
        sa.Column("flow", sa.String(length=128), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("signature", sa.String(length=400), nullable=False),
        sa.Column("first_seen_at", UtcDateTime(), nullable=False),
        sa.Column("waiting_since", UtcDateTime(), nullable=False),
        sa.Column("cut", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("flow", "path", name=op.f("pk_observation")),
    )
