"""The first tables: batch loads, identity graph, fragments, events, lookup entities."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make all tables."""
    op.create_table(
        "profile_batch_load",
        sa.Column("batch_id", sa.String(64), primary_key=True),
        sa.Column("step", sa.String(16), primary_key=True),
        sa.Column("dataset", sa.String(128), nullable=False),
        sa.Column("result", sa.Text, nullable=False),
    )
    op.create_table(
        "profile_dataset",
        sa.Column("name", sa.String(128), primary_key=True),
        sa.Column("map_paths", sa.Text, nullable=False),
        sa.Column("fragments", sa.BigInteger, nullable=False),
        sa.Column("events", sa.BigInteger, nullable=False),
        sa.Column("lookup_entities", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "profile_primary_identity",
        sa.Column("identity_key", sa.LargeBinary(16), primary_key=True),
        sa.Column("namespace", sa.String(128), nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("type", sa.String(16), nullable=False),
        sa.Column("people", sa.Boolean, nullable=False),
        sqlite_with_rowid=False,
    )
    _create_record_table("profile_fragment")
    _create_record_table("profile_lookup_entity")
    op.create_table(
        "profile_event",
        sa.Column("identity_key", sa.LargeBinary(16), primary_key=True),
        sa.Column("dataset", sa.String(128), primary_key=True),
        sa.Column("event_key", sa.LargeBinary(16), primary_key=True),
        sa.Column("batch_id", sa.String(64), nullable=False),
        sa.Column("ingested_at", sa.BigInteger, nullable=False),
        sa.Column("row_number", sa.BigInteger, nullable=False),
        sa.Column("timestamp", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    _create_graph_tables()


def _create_record_table(name: str) -> None:
    op.create_table(
        name,
        sa.Column("identity_key", sa.LargeBinary(16), primary_key=True),
        sa.Column("dataset", sa.String(128), primary_key=True),
        sa.Column("batch_id", sa.String(64), nullable=False),
        sa.Column("ingested_at", sa.BigInteger, nullable=False),
        sa.Column("row_number", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("older", sa.Text),
        sqlite_with_rowid=False,
    )


def _create_graph_tables() -> None:
    op.create_table(
        "profile_identity",
        sa.Column("identity_key", sa.LargeBinary(16), primary_key=True),
        sa.Column("namespace", sa.String(128), nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("type", sa.String(16), nullable=False),
        sa.Column("root", sa.LargeBinary(16), nullable=False),
        sa.Column("first_seen", sa.BigInteger, nullable=False),
        sa.Column("last_seen", sa.BigInteger, nullable=False),
        sa.Column("link_batch", sa.String(64), nullable=False),
        sa.Column("batch_links", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("profile_identity_root", "profile_identity", ["root"])
    op.create_table(
        "profile_identity_link",
        sa.Column("left_key", sa.LargeBinary(16), primary_key=True),
        sa.Column("right_key", sa.LargeBinary(16), primary_key=True),
        sa.Column("dataset", sa.String(128), primary_key=True),
        sa.Column("first_seen", sa.BigInteger, nullable=False),
        sa.Column("last_seen", sa.BigInteger, nullable=False),
        sa.Column("first_batch", sa.String(64), nullable=False),
        sa.Column("last_batch", sa.String(64), nullable=False),
        sqlite_with_rowid=False,
    )
