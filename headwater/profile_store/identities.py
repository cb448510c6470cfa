"""Loading a batch into the identity graph (spec: identity-and-profile.md, section 2).

The batch is taken in slices. Of the graph only what a slice touches is looked at: the vertices of its identities, and
the members of components that limits or linking rules act on; those are settled when the whole batch is in.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any, Final

import numpy as np
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headwater.identity.extract import Integers, Mask
from headwater.identity.graph import GRAPH_LIMIT
from headwater.identity.joining import JoinedVertices
from headwater.identity.values import SkipReason
from headwater.profile_store.admission import LinksMade
from headwater.profile_store.bulk import Stage, append, to_columns
from headwater.profile_store.indexes import IndexesLater
from headwater.profile_store.keys import sort_by
from headwater.profile_store.loads import BatchLoad, IdentityLoad
from headwater.profile_store.pairs import PairReader, Slice
from headwater.profile_store.regroup import crowded_components, follow_rules, regroup
from headwater.profile_store.tables import BATCH_ROWS, link, vertex

SLICE_LINKS: Final = 1_000_000
"""A slice is written when it has this many links."""
CHUNK_ROWS: Final = 8192
"""Rows whose identities are extracted together."""


def load_identities(
    connection: Connection, load: BatchLoad, number: int, rows: Iterable[pa.RecordBatch]
) -> IdentityLoad:
    """Add the links between the identities of each row. The caller has one transaction around it.

    Raises:
        SchemaError: an identity field lies where no identity can, or the identity settings do not fit the namespaces.
    """
    follow_rules(connection, load.rules)
    with _GraphWriter(connection, load, number) as writer:
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

    def __init__(self, connection: Connection, load: BatchLoad, number: int) -> None:
        super().__init__()
        self._connection = connection
        self._load = load
        self._pairs = PairReader(connection, load)
        self._next_link = number * BATCH_ROWS
        self._first_link = self._next_link
        self._next_vertex: int = 1 + (connection.execute(sa.select(sa.func.max(vertex.c.id))).scalar() or 0)
        self._empty = self._next_vertex == 1
        self._indexes = IndexesLater(connection)
        self._made = LinksMade()
        self._crowded: set[int] = set()
        self._counts: Counter[str] = Counter()
        self._keys = self._stage("key", "key_high", "key_low", "place")
        self._links = self._stage("link", "left_id", "right_id", "place")

    def _stage(self, name: str, *columns: str) -> Stage:
        return self.enter_context(Stage(self._connection, name, *(sa.Column(each, sa.BigInteger) for each in columns)))

    def add(self, rows: pa.RecordBatch) -> None:
        """Take some rows."""
        self._counts["received"] += rows.num_rows
        self._pairs.add(rows)
        if self._pairs.count >= SLICE_LINKS:
            self._write_slice(self._pairs.take())

    def finish(self) -> IdentityLoad:
        """Write what is left and settle crowded components; the counts of the whole batch."""
        if self._pairs.count:
            self._write_slice(self._pairs.take())
        if self._crowded:
            self._counts["removed"] = max(0, regroup(self._connection, self._crowded, self._load.rules))
        return IdentityLoad(
            batch_id=self._load.batch_id,
            dataset=self._load.dataset,
            placeholders=self._pairs.placeholders,
            skipped={str(reason): count for reason, count in sorted(self._pairs.skipped.items())},
            **self._counts,
        )

    def _write_slice(self, pairs: Slice) -> None:
        """Write the links that are new in this batch, and the vertices and components that they make."""
        count = len(pairs.high)
        ids, component_of = self._known(pairs)
        self._empty = False
        new = np.flatnonzero(ids == 0)
        ids[new] = component_of[new] = np.arange(self._next_vertex, self._next_vertex + len(new))
        is_new = np.zeros(count, np.bool_)
        is_new[new] = True
        self._next_vertex += len(new)

        left, right = pairs.left, pairs.right
        repeated, confirmed = self._existing(ids, component_of, ~is_new, left, right)
        left, right, confirmed = left[~repeated], right[~repeated], confirmed[~repeated]
        admitted = self._made.admit(ids, left, right)
        if not admitted.all():
            self._pairs.skipped[SkipReason.TOO_MANY_LINKS] += int(np.count_nonzero(~admitted))
            left, right, confirmed = left[admitted], right[admitted], confirmed[admitted]
            linked = np.zeros(count, np.bool_)
            linked[left] = linked[right] = True
            new = np.flatnonzero(is_new & linked)
        again = int(np.count_nonzero(confirmed))
        self._counts.update(identities=len(new), links=len(left) - again, confirmed=again)

        joined = JoinedVertices(component_of[left], component_of[right])
        roots = joined.roots(component_of[new])
        for target in (vertex, link):
            self._indexes.leave_out(target)
        self._write(pairs, new, ids, roots)
        self._write_links(ids[left], ids[right])
        self._indexes.make()
        stored = np.unique(component_of[~is_new])
        self._merge_stored(stored, joined.roots(stored))
        self._note_crowded(roots, joined.roots(stored))

    def _known(self, pairs: Slice) -> tuple[Integers, Integers]:
        """Number and component of the identities that the graph has, 0 for others."""
        ids, component_of = np.zeros(len(pairs.high), np.int64), np.zeros(len(pairs.high), np.int64)
        if not self._empty:
            self._keys.fill(pa.array(pairs.high), pa.array(pairs.low), pa.array(np.arange(len(pairs.high))))
            staged = self._keys.table
            same = (vertex.c.key_high == staged.c.key_high) & (vertex.c.key_low == staged.c.key_low)
            found = self._connection.execute(
                sa.select(staged.c.place, vertex.c.id, vertex.c.component).select_from(staged.join(vertex, same))
            )
            places, numbers, components = (each.to_numpy() for each in to_columns(found, *[pa.int64()] * 3))
            ids[places], component_of[places] = numbers, components
        return ids, component_of

    def _existing(
        self, ids: Integers, component_of: Integers, known: Mask, left: Integers, right: Integers
    ) -> tuple[Mask, Mask]:
        """Which links an earlier slice of the batch has written, and which ones other batches have shown as well.

        Both ends of such a link are known and in one component.
        """
        repeated, confirmed = np.zeros(len(left), np.bool_), np.zeros(len(left), np.bool_)
        possible = np.flatnonzero(known[left] & known[right] & (component_of[left] == component_of[right]))
        if len(possible):
            ends = ids[left[possible]], ids[right[possible]]
            low, high = np.minimum(*ends), np.maximum(*ends)
            order, _ = sort_by(high, low)
            self._links.fill(pa.array(low[order]), pa.array(high[order]), pa.array(possible[order]))
            confirmed[self._shown()] = True
            if self._next_link > self._first_link:
                mine = link.c.id.between(self._first_link, self._next_link - 1)
                repeated[self._shown(mine)] = True
        return repeated, confirmed

    def _shown(self, *which: sa.ColumnElement[bool]) -> list[int]:
        """Places of the staged links of which there is such a row, however often batches have shown them."""
        staged = self._links.table.c
        same = (link.c.left_id == staged.left_id) & (link.c.right_id == staged.right_id)
        found = sa.select(staged.place).where(sa.exists().where(same, *which))
        return list(self._connection.execute(found).scalars())

    def _write(self, pairs: Slice, new: Integers, ids: Integers, roots: Integers) -> None:
        """Write new vertices."""
        components, namespaces = pa.array(roots), pa.array(pairs.namespaces[new].astype(np.int32))
        numbers = [pa.array(each[new]) for each in (ids, pairs.high, pairs.low)]
        values = pairs.values if len(new) == len(ids) else pairs.values.take(pa.array(new))
        columns = [*numbers, namespaces, values]
        append(self._connection, vertex, [*columns, components, components])

    def _write_links(self, left: Integers, right: Integers) -> None:
        low, high = np.minimum(left, right), np.maximum(left, right)
        order, _ = sort_by(high, low)
        numbers = np.arange(self._next_link, self._next_link + len(order))
        append(self._connection, link, [pa.array(numbers), pa.array(low[order]), pa.array(high[order])])
        self._next_link += len(order)

    def _merge_stored(self, stored: Integers, roots: Integers) -> None:
        """Give the components that were joined to another one that one's number."""
        moved = stored != roots
        moves = [
            {"old": old, "new": new} for old, new in zip(stored[moved].tolist(), roots[moved].tolist(), strict=True)
        ]
        if moves:
            new: sa.BindParameter[Any] = sa.bindparam("new")
            self._connection.execute(
                sa.update(vertex).where(vertex.c.component == sa.bindparam("old")).values(component=new, graph=new),
                moves,
            )

    def _note_crowded(self, new: Integers, stored: Integers) -> None:
        """Remember which of the components that were touched limits or linking rules act on.

        Args:
            new: Component of each new vertex.
            stored: What the components that the graph had are now.
        """
        roots, sizes = np.unique(new, return_counts=True)
        self._crowded.update(roots[sizes > GRAPH_LIMIT].tolist())
        touched = np.union1d(stored, roots) if self._load.rules.unique else np.unique(stored)
        self._crowded |= crowded_components(self._connection, touched.tolist(), self._load.rules)
