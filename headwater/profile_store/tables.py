"""The tables of the profile store. `migrations/` makes them; a test holds the two together.

Identities are referred to by their key (`headwater.identity.identity_key`, 16 bytes), times are microseconds since 1970
in UTC, bodies are JSON text. The two loads of a batch write to different tables, so that they never wait for each
other's rows: `load_identities` to `identity` and `identity_link`, `load_profiles` to the rest. All names begin with
`profile_`, so that the store may share a database.
"""

from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, MetaData, String, Table, Text

VERSION_TABLE: Final = "headwater_profile_version"
VERSION: Final = "0001"
"""The newest migration. A store at this version is opened without asking Alembic."""

metadata = MetaData()


def _key(name: str, *, primary: bool = False) -> Column[Any]:
    return Column(name, LargeBinary(16), primary_key=primary, nullable=False)


def _origin() -> tuple[Column[Any], ...]:
    """Which record a row is from."""
    return (
        Column("batch_id", String(64), nullable=False),
        Column("ingested_at", BigInteger, nullable=False),
        Column("row_number", BigInteger, nullable=False),
    )


def _record_table(name: str) -> Table:
    """One row for each primary identity of each record dataset. `older` has an upsert fragment's older layers."""
    return Table(
        name,
        metadata,
        _key("identity_key", primary=True),
        Column("dataset", String(128), primary_key=True),
        *_origin(),
        Column("changed_at", BigInteger, nullable=False),
        Column("body", Text, nullable=False),
        Column("older", Text),
        sqlite_with_rowid=False,
    )


batch_load = Table(
    "profile_batch_load",
    metadata,
    Column("batch_id", String(64), primary_key=True),
    Column("step", String(16), primary_key=True),
    Column("dataset", String(128), nullable=False),
    Column("result", Text, nullable=False),
)
"""Which batches are in, and what each load answered."""

dataset = Table(
    "profile_dataset",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("map_paths", Text, nullable=False),
    Column("fragments", BigInteger, nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("lookup_entities", BigInteger, nullable=False),
)
"""Each dataset's counts, kept by the loads, and where its bodies hold maps."""

primary_identity = Table(
    "profile_primary_identity",
    metadata,
    _key("identity_key", primary=True),
    Column("namespace", String(128), nullable=False),
    Column("value", Text, nullable=False),
    Column("type", String(16), nullable=False),
    Column("people", Boolean, nullable=False),
    sqlite_with_rowid=False,
)
"""Whose fragments, events and lookup entities there are."""

fragment = _record_table("profile_fragment")
lookup_entity = _record_table("profile_lookup_entity")

event = Table(
    "profile_event",
    metadata,
    _key("identity_key", primary=True),
    Column("dataset", String(128), primary_key=True),
    _key("event_key", primary=True),
    *_origin(),
    Column("timestamp", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""`event_key` is a digest of the event's `_id`."""

identity = Table(
    "profile_identity",
    metadata,
    _key("identity_key", primary=True),
    Column("namespace", String(128), nullable=False),
    Column("value", Text, nullable=False),
    Column("type", String(16), nullable=False),
    _key("root"),
    Column("first_seen", BigInteger, nullable=False),
    Column("last_seen", BigInteger, nullable=False),
    Column("link_batch", String(64), nullable=False),
    Column("batch_links", BigInteger, nullable=False),
    Index("profile_identity_root", "root"),
    sqlite_with_rowid=False,
)
"""The graph's vertices. `root` is the smallest key of the connected component; `batch_links` counts the links that
`link_batch`, the last batch to make one, has made."""

identity_link = Table(
    "profile_identity_link",
    metadata,
    _key("left_key", primary=True),
    _key("right_key", primary=True),
    Column("dataset", String(128), primary_key=True),
    Column("first_seen", BigInteger, nullable=False),
    Column("last_seen", BigInteger, nullable=False),
    Column("first_batch", String(64), nullable=False),
    Column("last_batch", String(64), nullable=False),
    sqlite_with_rowid=False,
)
"""The graph's edges, one for each dataset that has shown it; `left_key` is the smaller one."""
