"""Rows by batch, so that a batch can be taken out again.

A store with batches in it cannot be carried over: the first tables had overwritten what this one keeps.
"""

import sqlalchemy as sa
from alembic import op

from headwater.errors import ConflictError

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_FIRST = ("batch_load", "dataset", "primary_identity", "fragment", "lookup_entity", "event", "identity_link")


def upgrade() -> None:
    """Make the tables anew.

    Raises:
        ConflictError: the store has batches.
    """
    if op.get_bind().execute(sa.text("SELECT 1 FROM profile_batch_load LIMIT 1")).first() is not None:
        raise ConflictError(
            "this profile store was made by an earlier version, which did not keep what is needed to take a batch out"
            " again. Nothing was changed. Name a new database in `HEADWATER_PROFILE_URL` and load the batches again."
        )
    for name in _FIRST:
        op.drop_table(f"profile_{name}")
    op.drop_index("profile_identity_root", "profile_identity")
    op.drop_table("profile_identity")
    _create_registers()
    for name in ("profile_fragment", "profile_lookup_entity"):
        _create_rows(
            name,
            sa.Column("row_number", sa.BigInteger, nullable=False),
            sa.Column("changed_at", sa.BigInteger, nullable=False),
            sa.Column("body", sa.Text, nullable=False),
        )
        op.create_index(f"{name}_identity", name, ["identity_key"])
    _create_rows(
        "profile_event",
        sa.Column("event_key", sa.LargeBinary(16), nullable=False),
        sa.Column("row_number", sa.BigInteger, nullable=False),
        sa.Column("timestamp", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("profile_event_identity", "profile_event", ["identity_key", "event_key"])
    _create_graph_tables()


def _create_registers() -> None:
    op.create_table(
        "profile_namespace",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("code", sa.String(128), nullable=False),
        sa.Column("type", sa.String(16), nullable=False),
    )
    op.create_table(
        "profile_batch",
        sa.Column("no", sa.Integer, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("batch_id", sa.String(64), nullable=False),
        sa.Column("dataset", sa.String(128), nullable=False),
        sa.Column("ingested_at", sa.BigInteger, nullable=False),
        sa.Column("upsert", sa.Boolean, nullable=False),
        sa.Column("map_paths", sa.Text, nullable=False),
        sa.Column("identities", sa.Text),
        sa.Column("profiles", sa.Text),
    )
    op.create_index("profile_batch_batch_id", "profile_batch", ["batch_id"], unique=True)
    op.create_index("profile_batch_dataset", "profile_batch", ["dataset"])


def _id() -> "sa.Column[int]":
    id_type = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    return sa.Column("id", id_type, primary_key=True, autoincrement=False, nullable=False)


def _create_rows(name: str, *columns: "sa.Column[object]") -> None:
    op.create_table(
        name,
        _id(),
        sa.Column("identity_key", sa.LargeBinary(16), nullable=False),
        sa.Column("namespace_id", sa.Integer, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        *columns,
    )


def _create_graph_tables() -> None:
    _create_rows(
        "profile_vertex",
        sa.Column("component", sa.BigInteger, nullable=False),
        sa.Column("graph", sa.BigInteger),
    )
    op.create_index("profile_vertex_identity", "profile_vertex", ["identity_key"], unique=True)
    op.create_index("profile_vertex_component", "profile_vertex", ["component"])
    op.create_table(
        "profile_link",
        _id(),
        sa.Column("left_id", sa.BigInteger, nullable=False),
        sa.Column("right_id", sa.BigInteger, nullable=False),
    )
    op.create_index("profile_link_left", "profile_link", ["left_id", "right_id"])
    op.create_table(
        "profile_graph_rules",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("rules", sa.Text, nullable=False),
    )
