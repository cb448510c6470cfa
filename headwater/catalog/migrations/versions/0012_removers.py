"""Who removes a batch, and until when that counts."""

import sqlalchemy as sa
from alembic import op

from headwater.database.types import UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("batch", sa.Column("remover", sa.String(300)))
    op.add_column("batch", sa.Column("removal_lease_until", UtcDateTime))
