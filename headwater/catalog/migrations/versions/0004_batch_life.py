"""What becomes of a batch after its load: replaced, replayed, removed."""

import sqlalchemy as sa
from alembic import op

from headwater.database.types import Json

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_HELD = sa.text("status IN ('loading', 'staged', 'success')")


def upgrade() -> None:
    """Apply."""
    op.add_column("batch", sa.Column("replaces", Json, nullable=False, server_default=sa.text("'[]'")))
    op.add_column("batch", sa.Column("replay_of", sa.String(length=26), nullable=True))
    op.add_column("batch", sa.Column("removing", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("batch", sa.Column("release_files", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index(
        "uq_batch_replay_of", "batch", ["replay_of"], unique=True, sqlite_where=_HELD, postgresql_where=_HELD
    )
