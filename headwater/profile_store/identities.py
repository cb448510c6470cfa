"""Loading a batch into the identity graph (spec: identity-and-profile.md, section 2).

The batch is taken in slices. Of the graph only what a slice touches is looked at: the roots of its identities, and the
members of a graph that has grown too large. A limit (links per identity and batch, identities per graph) acts on what
is there at the end of a slice; below the limits the result does not depend on the order of rows.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any, Final

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headwater.identity.graph import Components, Link, admit_links, record_links
from headwater.identity.values import Identity, SkipReason
from headwater.profile_store.bulk import Stage, larger, smaller, upsert
from headwater.profile_store.graph_limit import shrink_graphs
from headwater.profile_store.loads import BatchLoad, IdentityLoad
from headwater.profile_store.tables import identity, identity_link
from headwater.profile_store.times import to_micros

SLICE_LINKS: Final = 50_000
"""A slice is written when it has this many links."""
CHUNK_ROWS: Final = 4096
"""Rows whose identities are extracted together."""


def load_identities(connection: Connection, load: BatchLoad, rows: Iterable[pa.RecordBatch]) -> IdentityLoad:
    """Add the links between the identities of each row. The caller has one transaction around it.

    Raises:
        SchemaError: an identity field lies where no identity can.
    """
    with _GraphWriter(connection, load) as writer:
        for chunk in in_chunks(rows):
            writer.add(chunk)
        return writer.finish()


def in_chunks(rows: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows in pieces that fit into memory whatever is made of them."""
    for batch in rows:
        for start in range(0, batch.num_rows, CHUNK_ROWS):
            yield batch.slice(start, CHUNK_ROWS)


class _GraphWriter(ExitStack):
    """Collects links and writes them slice by slice."""

    def __init__(self, connection: Connection, load: BatchLoad) -> None:
        super().__init__()
        self._connection = connection
        self._load = load
        self._reader = load.reader
        self._seen = to_micros(load.ingested_at)
        self._links: set[Link] = set()
        self._identities: dict[bytes, Identity] = {}
        self._counts: Counter[str] = Counter()
        self._skipped: Counter[SkipReason] = Counter()
        self._link_stage = self.enter_context(Stage(connection, "link", *_link_columns()))
        self._key_stage = self.enter_context(Stage(connection, "key", sa.Column("identity_key", sa.LargeBinary)))
        self._vertex_stage = self.enter_context(Stage(connection, "vertex", *_vertex_columns()))

    def add(self, rows: pa.RecordBatch) -> None:
        """Take the links of some rows."""
        found = self._reader.read(rows)
        self._counts["received"] += rows.num_rows
        self._skipped.update(found.skipped)
        for identities in found.all:
            people = {each.key: each for each in identities if each.type.joins_graphs} if len(identities) > 1 else {}
            if len(people) > 1:
                self._links.update(record_links(people))
                self._identities.update(people)
        if len(self._links) >= SLICE_LINKS:
            self._write_slice()

    def finish(self) -> IdentityLoad:
        """Write what is left; the counts of the whole batch."""
        self._write_slice()
        return IdentityLoad(
            batch_id=self._load.batch_id,
            dataset=self._load.dataset,
            skipped={str(reason): count for reason, count in sorted(self._skipped.items())},
            **self._counts,
        )

    def _write_slice(self) -> None:
        if not self._links:
            return
        known = self._known_links()
        fresh = [link for link in self._links if not known.get(link, False)]
        vertices = self._known_vertices(fresh)
        made = {key: row.batch_links for key, row in vertices.items() if row.link_batch == self._load.batch_id}
        admitted, refused = admit_links(fresh, made)
        if refused:
            self._skipped[SkipReason.TOO_MANY_LINKS] += refused
        confirmed = sum(link in known for link in admitted)
        keys = sorted({key for link in admitted for key in link})
        self._counts.update(
            identities=sum(key not in vertices for key in keys), links=len(admitted) - confirmed, confirmed=confirmed
        )
        components = Components({key: row.root for key, row in vertices.items()})
        for left, right in admitted:
            components.join(left, right)
        self._move_roots({row.root for row in vertices.values()}, components)
        self._write_vertices(keys, components, made)
        self._write_links(admitted)
        self._counts["removed"] += shrink_graphs(self._connection, {components.find(key) for key in keys})
        self._links.clear()
        self._identities.clear()

    def _known_links(self) -> dict[Link, bool]:
        """Links of the slice that the graph has, and whether it has them from an earlier slice of this batch."""
        self._link_stage.fill(sorted(self._links))
        staged = self._link_stage.table.c
        of_batch = sa.and_(
            identity_link.c.dataset == self._load.dataset, identity_link.c.last_batch == self._load.batch_id
        )
        found = self._connection.execute(
            sa.select(staged.left_key, staged.right_key, sa.func.max(sa.case((of_batch, 1), else_=0)))
            .join(
                identity_link,
                (identity_link.c.left_key == staged.left_key) & (identity_link.c.right_key == staged.right_key),
            )
            .group_by(staged.left_key, staged.right_key)
        )
        return {(left, right): bool(repeated) for left, right, repeated in found}

    def _known_vertices(self, links: list[Link]) -> dict[bytes, Any]:
        """Root and link count of each identity of the links that the graph has."""
        self._key_stage.fill([(key,) for key in sorted({key for link in links for key in link})])
        staged = self._key_stage.table
        found = self._connection.execute(
            sa.select(
                identity.c.identity_key, identity.c.root, identity.c.link_batch, identity.c.batch_links
            ).select_from(staged.join(identity, identity.c.identity_key == staged.c.identity_key))
        )
        return {row.identity_key: row for row in found}

    def _vertex_row(self, key: bytes, root: bytes, links: int) -> tuple[Any, ...]:
        each = self._identities[key]
        return (key, each.namespace, each.value, each.type.value, root, links)

    def _move_roots(self, roots: set[bytes], components: Components) -> None:
        """Give the graphs that were joined to another one that one's root."""
        moves = [{"old": root, "new": components.find(root)} for root in sorted(roots) if components.find(root) != root]
        if moves:
            update = sa.update(identity).where(identity.c.root == sa.bindparam("old")).values(root=sa.bindparam("new"))
            self._connection.execute(update, moves)

    def _write_vertices(self, keys: list[bytes], components: Components, made: dict[bytes, int]) -> None:
        self._vertex_stage.fill([self._vertex_row(key, components.find(key), made[key]) for key in keys])
        staged = self._vertex_stage.table.c
        seen = sa.literal(self._seen, sa.BigInteger)
        rows = sa.select(
            *(staged[name] for name in ("identity_key", "namespace", "value", "type", "root", "batch_links")),
            seen.label("first_seen"),
            seen.label("last_seen"),
            sa.literal(self._load.batch_id, sa.String).label("link_batch"),
        ).order_by(staged.identity_key)
        newest: dict[str, Any] = {
            name: sa.literal_column(f"excluded.{name}") for name in ("root", "link_batch", "batch_links")
        }
        seen_range = {"first_seen": smaller(identity, "first_seen"), "last_seen": larger(identity, "last_seen")}
        upsert(self._connection, identity, rows, update=newest | seen_range)

    def _write_links(self, links: list[Link]) -> None:
        self._link_stage.fill(links)
        staged = self._link_stage.table.c
        seen = sa.literal(self._seen, sa.BigInteger)
        batch = sa.literal(self._load.batch_id, sa.String)
        rows = sa.select(
            staged.left_key,
            staged.right_key,
            sa.literal(self._load.dataset, sa.String).label("dataset"),
            seen.label("first_seen"),
            seen.label("last_seen"),
            batch.label("first_batch"),
            batch.label("last_batch"),
        ).order_by(staged.left_key, staged.right_key)
        old, new = identity_link.c, sa.alias(identity_link, name="excluded").c
        update = {
            "first_seen": smaller(identity_link, "first_seen"),
            "last_seen": larger(identity_link, "last_seen"),
            "first_batch": sa.case((new.first_seen < old.first_seen, new.first_batch), else_=old.first_batch),
            "last_batch": sa.case((new.last_seen >= old.last_seen, new.last_batch), else_=old.last_batch),
        }
        upsert(self._connection, identity_link, rows, update=update)


def _link_columns() -> tuple[sa.Column[Any], ...]:
    return (sa.Column("left_key", sa.LargeBinary), sa.Column("right_key", sa.LargeBinary))


def _vertex_columns() -> tuple[sa.Column[Any], ...]:
    texts = (sa.Column(name, sa.Text) for name in ("namespace", "value", "type"))
    return (
        sa.Column("identity_key", sa.LargeBinary),
        *texts,
        sa.Column("root", sa.LargeBinary),
        sa.Column("batch_links", sa.BigInteger),
    )
