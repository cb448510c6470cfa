"""The tables of the profile store. `migrations/` makes them; a test holds the two together.

**Whatever a batch brings is a row of its own, and nothing that another batch brought is overwritten.** So a batch that
goes takes exactly its rows with it. Rows of one batch lie together: a row's id is its batch's number times 2³² plus a
running number, so that loading appends, however random the identities are, and removing deletes one range.

Fragments and events refer to an identity by its key (`headwater.identity.identity_key`, 16 bytes, which two numbers
hold: see `keys`), the graph by the vertex's number. So the two loads of a batch do not need each other:
`load_identities` writes `vertex` and `link`, `load_profiles` the rest. Times are microseconds since 1970 in UTC, bodies
are JSON text. All names begin with `profile_`, so that the store may share a database.

Whoever writes holds the database's only write lock (`engine.writing`), so that no index has to be unique.
"""

from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, String, Table, Text

VERSION_TABLE: Final = "headwater_profile_version"
VERSION: Final = "0004"
"""The newest migration. A store at this version is opened without asking Alembic."""

BATCH_ROWS: Final = 1 << 32
"""Ids that a batch has: more rows than a batch can hold."""

metadata = MetaData()


def _id() -> Column[Any]:
    """SQLite keeps rows in the order of an INTEGER key. On PostgreSQL there is no such key; see `_by_id`."""
    return Column(
        "id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False, nullable=False
    )


def _by_id(name: str, *, sought: bool) -> Index:
    """How PostgreSQL finds rows by id: one row if it is sought, otherwise ranges of them, by a summary of each page."""
    only: dict[Any, Any] = {"only": "postgresql"}
    if sought:
        return Index(f"{name}_rows", "id", unique=True, info=only)
    return Index(f"{name}_rows", "id", info=only, postgresql_using="brin", postgresql_with={"autosummarize": "on"})


def _identity() -> tuple[Column[Any], ...]:
    return (
        Column("key_high", BigInteger, nullable=False),
        Column("key_low", BigInteger, nullable=False),
        Column("namespace_id", Integer, nullable=False),
        Column("value", Text, nullable=False),
    )


def _record_table(name: str) -> Table:
    """One row for each record that a batch has of a primary identity."""
    return Table(
        name,
        metadata,
        _id(),
        *_identity(),
        Column("row_number", BigInteger, nullable=False),
        Column("changed_at", BigInteger, nullable=False),
        Column("body", Text, nullable=False),
        Index(f"{name}_identity", "key_high"),
        _by_id(name, sought=False),
    )


namespace = Table(
    "profile_namespace",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False, nullable=False),
    Column("code", String(128), nullable=False),
    Column("type", String(16), nullable=False),
)
"""Identity namespaces as they were when identities came; a code whose type was changed stands here twice."""

batch = Table(
    "profile_batch",
    metadata,
    Column("no", Integer, primary_key=True, autoincrement=False, nullable=False),
    Column("batch_id", String(64), nullable=False),
    Column("dataset", String(128), nullable=False),
    Column("ingested_at", BigInteger, nullable=False),
    Column("upsert", Boolean, nullable=False),
    Column("map_paths", Text, nullable=False),
    Column("identities", Text),
    Column("profiles", Text),
    Index("profile_batch_batch_id", "batch_id", unique=True),
    Index("profile_batch_dataset", "dataset"),
)
"""The batches that are in. `identities` and `profiles` are what the two loads answered, null before; `map_paths` says
where the batch's bodies hold maps."""

fragment = _record_table("profile_fragment")
lookup_entity = _record_table("profile_lookup_entity")

event = Table(
    "profile_event",
    metadata,
    _id(),
    *_identity(),
    Column("event_high", BigInteger, nullable=False),
    Column("event_low", BigInteger, nullable=False),
    Column("row_number", BigInteger, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Index("profile_event_identity", "key_high", "event_high"),
    _by_id("profile_event", sought=True),
)
"""`event_high` and `event_low` are a digest of the event's `_id`."""

vertex = Table(
    "profile_vertex",
    metadata,
    _id(),
    *_identity(),
    Column("component", BigInteger, nullable=False),
    Column("graph", BigInteger),
    Index("profile_vertex_identity", "key_high"),
    Index("profile_vertex_component", "component"),
    _by_id("profile_vertex", sought=True),
)
"""Identities that have a link. `component` is a vertex of the connected component, the same for all of them; `graph`
is the same number unless limits or linking rules took the component apart; null for an identity that they removed."""

link = Table(
    "profile_link",
    metadata,
    _id(),
    Column("left_id", BigInteger, nullable=False),
    Column("right_id", BigInteger, nullable=False),
    Index("profile_link_right", "right_id", "left_id"),
    _by_id("profile_link", sought=False),
)
"""Which batch showed which two identities together; `left_id` is the smaller one.

Sought by the greater one: nearly every new link has a new identity, so that the index grows at its end.
"""

removed = Table(
    "profile_removed",
    metadata,
    *(
        Column(name, BigInteger, primary_key=True, autoincrement=False, nullable=False)
        for name in ("key_high", "key_low")
    ),
    Column("removed_at", BigInteger, nullable=False),
)
"""Identities of people who were removed, and when. What was ingested until then never brings them back."""

graph_rules = Table(
    "profile_graph_rules",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False, nullable=False),
    Column("rules", Text, nullable=False),
)
"""One row: the linking rules by which `vertex.graph` was made, as JSON."""
