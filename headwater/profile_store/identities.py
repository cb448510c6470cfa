"""Loading a batch into the identity graph (spec: identity-and-profile.md, section 2).

The batch is taken in slices. Of the graph only what a slice touches is looked at: the vertices of its identities, and
the members of components that limits or linking rules act on; those are settled when the whole batch is in.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import combinations
from typing import Any, Final

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headwater.identity.graph import GRAPH_LIMIT, Components, Link, admit_links
from headwater.identity.namespaces import Namespace
from headwater.identity.values import SkipReason, identity_keys, key_prefix
from headwater.profile_store.batches import NamespaceNumbers
from headwater.profile_store.bulk import Stage, append
from headwater.profile_store.loads import BatchLoad, IdentityLoad
from headwater.profile_store.regroup import crowded_components, follow_rules, regroup
from headwater.profile_store.tables import BATCH_ROWS, link, vertex

SLICE_LINKS: Final = 100_000
"""A slice is written when it has this many links."""
CHUNK_ROWS: Final = 8192
"""Rows whose identities are extracted together."""

KeyPair = tuple[bytes, bytes]


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
        self._reader = load.reader
        self._numbers = NamespaceNumbers(connection)
        self._prefixes: dict[int, tuple[bytes, int]] = {}
        self._pairs: dict[KeyPair, None] = {}
        self._identities: dict[bytes, tuple[int, str]] = {}
        self._next_link = number * BATCH_ROWS
        self._first_link = self._next_link
        self._next_vertex = 1 + (connection.execute(sa.select(sa.func.max(vertex.c.id))).scalar() or 0)
        self._empty = self._next_vertex == 1
        self._made = bytearray(self._next_vertex)
        self._crowded: set[int] = set()
        self._counts: Counter[str] = Counter()
        self._skipped: Counter[SkipReason] = Counter()
        self._keys = self.enter_context(Stage(connection, "key", sa.Column("identity_key", sa.LargeBinary)))
        self._links = self.enter_context(
            Stage(connection, "link", sa.Column("left_id", sa.BigInteger), sa.Column("right_id", sa.BigInteger))
        )

    def add(self, rows: pa.RecordBatch) -> None:
        """Take some rows."""
        found = self._reader.read(rows)
        self._counts["received"] += rows.num_rows
        self._counts["placeholders"] += found.placeholders
        self._skipped.update(found.skipped)
        prefixes, numbers = self._describe(found.namespaces)
        keys = identity_keys(prefixes, found.values)
        by_row: list[list[bytes]] = [[] for _ in range(rows.num_rows)]
        for row, key, number in zip(found.rows, keys, numbers, strict=True):
            if number:
                by_row[row].append(key)
        self._identities.update(zip(keys, zip(numbers, found.values, strict=True), strict=True))
        pairs = self._pairs
        for together in by_row:
            if len(together) > 1:
                for pair in combinations(sorted(set(together)), 2):
                    pairs[pair] = None
        if len(pairs) >= SLICE_LINKS:
            self._write_slice()

    def finish(self) -> IdentityLoad:
        """Write what is left and settle crowded components; the counts of the whole batch."""
        self._write_slice()
        if self._crowded:
            self._counts["removed"] = max(0, regroup(self._connection, self._crowded, self._load.rules))
        return IdentityLoad(
            batch_id=self._load.batch_id,
            dataset=self._load.dataset,
            skipped={str(reason): count for reason, count in sorted(self._skipped.items())},
            **self._counts,
        )

    def _describe(self, namespaces: list[Namespace]) -> tuple[list[bytes], list[int]]:
        """Key prefix and number of each namespace; number 0 where it joins no graph."""
        for namespace in {id(each): each for each in namespaces}.values():
            if id(namespace) not in self._prefixes:
                number = self._numbers.number(namespace) if namespace.type.joins_graphs else 0
                self._prefixes[id(namespace)] = (key_prefix(namespace.code), number)
        described = [self._prefixes[id(each)] for each in namespaces]
        return [prefix for prefix, _ in described], [number for _, number in described]

    def _write_slice(self) -> None:
        """Write the links that are new in this batch, and the vertices and components that they make."""
        if not self._pairs:
            return
        keys = sorted({key for pair in self._pairs for key in pair})
        known = {} if self._empty else self._known(keys)
        self._empty = False
        new = [key for key in keys if key not in known] if known else keys
        ids = {key: number for key, (number, _) in known.items()}
        ids.update(zip(new, range(self._next_vertex, self._next_vertex + len(new)), strict=True))
        self._made.extend(bytes(len(new) + 1))
        component_of = dict(known.values())
        ends = ((ids[one], ids[other]) for one, other in self._pairs)
        links = [(left, right) if left < right else (right, left) for left, right in ends]
        repeated, confirmed = self._existing(links, component_of) if known else (set(), set())
        fresh = [each for each in links if each not in repeated] if repeated else links
        admitted = admit_links(fresh, self._made)
        if len(admitted) < len(fresh):
            self._skipped[SkipReason.TOO_MANY_LINKS] += len(fresh) - len(admitted)
            linked = {end for each in admitted for end in each}
            new = [key for key in new if ids[key] in linked]
        if confirmed:
            confirmed.intersection_update(admitted)
        self._counts.update(identities=len(new), links=len(admitted) - len(confirmed), confirmed=len(confirmed))
        components = self._join(admitted, component_of)
        roots = self._write(new, ids, components, admitted)
        self._next_vertex += len(ids) - len(known)
        self._merge_stored(set(component_of.values()), components)
        self._note_crowded(roots, component_of, components)
        self._pairs.clear()
        self._identities.clear()

    def _known(self, keys: list[bytes]) -> dict[bytes, tuple[int, int]]:
        """Number and component of those identities that the graph has."""
        self._keys.fill((key,) for key in keys)
        found = self._connection.execute(
            sa.select(vertex.c.identity_key, vertex.c.id, vertex.c.component).select_from(
                self._keys.table.join(vertex, vertex.c.identity_key == self._keys.table.c.identity_key)
            )
        )
        return {key: (number, component) for key, number, component in found}

    def _existing(self, links: list[Link], component_of: dict[int, int]) -> tuple[set[Link], set[Link]]:
        """Links that an earlier slice of the batch has written, and those that other batches have shown.

        Both ends of such a link are in one component.
        """
        possible = [
            each for each in links if each[0] in component_of and component_of[each[0]] == component_of.get(each[1])
        ]
        if not possible:
            return set(), set()
        self._links.fill(sorted(possible))
        staged = self._links.table.c
        same = (link.c.left_id == staged.left_id) & (link.c.right_id == staged.right_id)
        found = self._connection.execute(
            sa.select(link.c.left_id, link.c.right_id, link.c.id).select_from(self._links.table.join(link, same))
        ).all()
        repeated = {(left, right) for left, right, number in found if self._first_link <= number < self._next_link}
        return repeated, {(left, right) for left, right, _ in found}

    def _join(self, links: list[Link], component_of: dict[int, int]) -> Components:
        """The components after these links; those of the store are joined as wholes."""
        if not component_of:
            return Components(links)
        return Components((component_of.get(left, left), component_of.get(right, right)) for left, right in links)

    def _write(self, new: list[bytes], ids: dict[bytes, int], components: Components, links: list[Link]) -> list[int]:
        """Write new vertices and links; the component of each new vertex."""
        numbers = [ids[key] for key in new]
        roots = components.roots(numbers)
        described = [self._identities[key] for key in new]
        namespaces, values = zip(*described, strict=True) if described else ((), ())
        append(self._connection, vertex, zip(numbers, new, namespaces, values, roots, roots, strict=True))
        append(
            self._connection,
            link,
            ((number, left, right) for number, (left, right) in enumerate(sorted(links), self._next_link)),
        )
        self._next_link += len(links)
        return roots

    def _merge_stored(self, stored: set[int], components: Components) -> None:
        """Give the components that were joined to another one that one's number."""
        moves = [
            {"old": each, "new": components.find(each)} for each in sorted(stored) if components.find(each) != each
        ]
        if moves:
            new: sa.BindParameter[Any] = sa.bindparam("new")
            self._connection.execute(
                sa.update(vertex).where(vertex.c.component == sa.bindparam("old")).values(component=new, graph=new),
                moves,
            )

    def _note_crowded(self, new: list[int], component_of: dict[int, int], components: Components) -> None:
        """Remember which of the components that were touched limits or linking rules act on.

        Args:
            new: Component of each new vertex.
            component_of: What was the component of each vertex that the graph had.
            components: The components as they are now.
        """
        sizes = Counter(new)
        self._crowded.update(root for root, size in sizes.items() if size > GRAPH_LIMIT)
        stored = set(components.roots(component_of.values()))
        self._crowded |= crowded_components(
            self._connection, stored | sizes.keys() if self._load.rules.unique else stored, self._load.rules
        )
