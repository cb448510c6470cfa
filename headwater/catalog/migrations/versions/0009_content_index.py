"""A file's content is looked up among all that its dataflow ever took, whatever became of them."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_index("ix_source_file_flow_sha256", "source_file", ["flow", "sha256"])
