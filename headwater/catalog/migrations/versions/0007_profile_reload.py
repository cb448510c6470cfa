"""Batches that lost rows to newer versions of their files, until their profiles have lost them too."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "profile_reload",
        sa.Column("batch_id", sa.String(length=26), nullable=False),
        sa.Column("superseded_by", sa.String(length=26), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_profile_reload_batch_id")),
        sa.ForeignKeyConstraint(["superseded_by"], ["batch.id"], name=op.f("fk_profile_reload_superseded_by")),
        sa.PrimaryKeyConstraint("batch_id", "superseded_by", name=op.f("pk_profile_reload")),
    )
