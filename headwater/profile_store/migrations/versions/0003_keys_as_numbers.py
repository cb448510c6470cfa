"""Keys of identities as two numbers, and no index of row numbers on PostgreSQL but a summary of them.

A store with batches in it is not carried over: every row would have to be written anew.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from headwater.errors import ConflictError

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_INDEXES = {
    "fragment": ("identity",),
    "lookup_entity": ("identity",),
    "event": ("identity",),
    "vertex": ("identity", "component"),
    "link": ("left",),
}


def upgrade() -> None:
    """Make the tables of fragments, events and the graph anew.

    Raises:
        ConflictError: the store has batches.
    """
    if op.get_bind().execute(sa.text("SELECT 1 FROM profile_batch LIMIT 1")).first() is not None:
        raise ConflictError(
            "this profile store was made by an earlier version, which kept identities in another form. Nothing was"
            " changed. Name a new database in `HEADWATER_PROFILE_URL` and load the batches again."
        )
    for name, indexes in _INDEXES.items():
        for index in indexes:
            op.drop_index(f"profile_{name}_{index}", f"profile_{name}")
        op.drop_table(f"profile_{name}")
    for name in ("profile_fragment", "profile_lookup_entity"):
        _create(
            name,
            *_identity(),
            _number("row_number"),
            _number("changed_at"),
            sa.Column("body", sa.Text, nullable=False),
        )
        op.create_index(f"{name}_identity", name, ["key_high"])
    _create(
        "profile_event",
        *_identity(),
        *(_number(name) for name in ("event_high", "event_low", "row_number", "timestamp")),
        sa.Column("body", sa.Text, nullable=False),
        sought=True,
    )
    op.create_index("profile_event_identity", "profile_event", ["key_high", "event_high"])
    _create(
        "profile_vertex",
        *_identity(),
        _number("component"),
        sa.Column("graph", sa.BigInteger),
        sought=True,
    )
    op.create_index("profile_vertex_identity", "profile_vertex", ["key_high"])
    op.create_index("profile_vertex_component", "profile_vertex", ["component"])
    _create("profile_link", _number("left_id"), _number("right_id"))
    op.create_index("profile_link_right", "profile_link", ["right_id", "left_id"])


def _create(name: str, *columns: "sa.Column[Any]", sought: bool = False) -> None:
    """A table in the order of its rows' ids. Rows that are not sought by them are removed by ranges of them."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    id_type = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        name, sa.Column("id", id_type, primary_key=not postgresql, autoincrement=False, nullable=False), *columns
    )
    if postgresql and sought:
        op.create_index(f"{name}_rows", name, ["id"], unique=True)
    elif postgresql:
        summary: dict[str, Any] = {"postgresql_using": "brin", "postgresql_with": {"autosummarize": "on"}}
        op.create_index(f"{name}_rows", name, ["id"], **summary)


def _identity() -> "tuple[sa.Column[Any], ...]":
    return (
        _number("key_high"),
        _number("key_low"),
        sa.Column("namespace_id", sa.Integer, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
    )


def _number(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger, nullable=False)
