"""Making graphs anew from the links that are there: after a load, a removal, or a change of the linking rules."""

from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headwater.identity.crowding import NO_GRAPH, Members, arrange
from headwater.identity.extract import Integers, Mask
from headwater.identity.graph import GRAPH_LIMIT
from headwater.identity.joining import JoinedVertices
from headwater.identity.rules import IdentityRules
from headwater.profile_store.batches import NamespaceNumbers, ages
from headwater.profile_store.bulk import Stage, to_columns
from headwater.profile_store.rows import to_json
from headwater.profile_store.tables import BATCH_ROWS, graph_rules, link, vertex

COMPONENTS_AT_ONCE: Final = 20_000
"""Components whose members and links are held in memory together."""


def stored_rules(connection: Connection) -> IdentityRules:
    """The linking rules by which the graph was made."""
    text = connection.execute(sa.select(graph_rules.c.rules)).scalar_one_or_none()
    if text is None:
        return IdentityRules()
    stored = orjson.loads(text)
    return IdentityRules(unique=frozenset(stored["unique"]), priority=tuple(stored["priority"]))


def follow_rules(connection: Connection, rules: IdentityRules) -> None:
    """Make the graph anew where these rules make another one than those that were followed so far."""
    stored = stored_rules(connection)
    if (stored.unique, stored.priority) == (rules.unique, rules.priority):
        return
    text = to_json({"unique": sorted(rules.unique), "priority": rules.priority})
    connection.execute(sa.delete(graph_rules))
    connection.execute(sa.insert(graph_rules).values(id=1, rules=text))
    apart = sa.or_(vertex.c.graph.is_(None), vertex.c.graph != vertex.c.component)
    touched = set(connection.execute(sa.select(vertex.c.component).where(apart).distinct()).scalars())
    regroup(connection, touched | _every_crowded_component(connection, rules), rules)


def crowded_components(connection: Connection, components: Collection[int], rules: IdentityRules) -> set[int]:
    """Which of the components limits or linking rules act on."""
    if not components:
        return set()
    found: set[int] = set()
    with Stage(connection, "touched", sa.Column("component", sa.BigInteger)) as stage:
        stage.fill(pa.array(sorted(components), pa.int64()))
        touched = stage.table.c.component
        for which, most in _limits(connection, rules):
            one_more = sa.select(vertex.c.id).where(vertex.c.component == touched, which).limit(1).offset(most)
            crowded = sa.select(touched).where(one_more.correlate(stage.table).scalar_subquery().is_not(None))
            found.update(connection.execute(crowded).scalars())
    return found


def _every_crowded_component(connection: Connection, rules: IdentityRules) -> set[int]:
    found: set[int] = set()
    for which, most in _limits(connection, rules):
        members = sa.select(vertex.c.component).where(which).group_by(vertex.c.component)
        found.update(connection.execute(members.having(sa.func.count() > most)).scalars())
    return found


def _limits(connection: Connection, rules: IdentityRules) -> Iterator[tuple[sa.ColumnElement[bool], int]]:
    """Of which vertices a component may have how many."""
    yield sa.true(), GRAPH_LIMIT
    numbers = NamespaceNumbers(connection)
    for code in rules.unique:
        yield vertex.c.namespace_id.in_(numbers.of_code(code)), 1


def regroup(connection: Connection, vertices: Iterable[int], rules: IdentityRules) -> int:
    """Find components and graphs anew, where these vertices are, from the links that are there.

    An identity without links is no vertex any more, and goes. Returns by how many the identities that limits and rules
    keep out of every graph have increased.
    """
    increase = 0
    with Stage(connection, "component", sa.Column("component", sa.BigInteger)) as stage:
        for part in _parts(sorted(set(vertices))):
            stage.fill(pa.array(part, pa.int64()))
            joined = stage.table.join(vertex, vertex.c.id == stage.table.c.component)
            components = (
                connection.execute(sa.select(vertex.c.component).select_from(joined).distinct()).scalars().all()
            )
            stage.fill(pa.array(sorted(components), pa.int64()))
            increase += _Regrouping(connection, stage, rules).write()
    return increase


def _parts(vertices: list[int]) -> Iterator[list[int]]:
    remaining = iter(vertices)
    while part := list(islice(remaining, COMPONENTS_AT_ONCE)):
        yield part


class _Regrouping:
    """Some whole components, by column: their members as they are, and the links between them, each once."""

    def __init__(self, connection: Connection, stage: Stage, rules: IdentityRules) -> None:
        self._connection = connection
        self._rules = rules
        # Not joined: SQLite would begin with all vertices or links, in the order of an index.
        which = vertex.c.component.in_(sa.select(stage.table.c.component))
        columns = (vertex.c.id, vertex.c.component, sa.func.coalesce(vertex.c.graph, NO_GRAPH), vertex.c.namespace_id)
        found = connection.execute(sa.select(*columns, vertex.c.value).where(which))
        *numbers, values = to_columns(found, *[pa.int64()] * len(columns), pa.string())
        order = np.argsort(numbers[0].to_numpy())
        self._ids, self._components, self._graphs, self._namespaces = (each.to_numpy()[order] for each in numbers)
        self._values = values.take(pa.array(order))
        self._read_links(link.c.right_id.in_(sa.select(vertex.c.id).where(which)))

    def _read_links(self, which: sa.ColumnElement[bool]) -> None:
        """Both ends of each link, by place, when it was seen last, and the newest batch that showed it."""
        columns = (link.c.id, link.c.left_id, link.c.right_id)
        found = self._connection.execute(sa.select(*columns).where(which))
        ids, left_ids, right_ids = (each.to_numpy() for each in to_columns(found, *[pa.int64()] * len(columns)))
        left, right = np.searchsorted(self._ids, left_ids), np.searchsorted(self._ids, right_ids)
        numbers, batch_of = np.unique(ids // BATCH_ROWS, return_inverse=True)
        times, ranks = ages(self._connection, numbers)
        newest_first = np.argsort(-ranks[batch_of], kind="stable")
        _, newest = np.unique((left * len(self._ids) + right)[newest_first], return_index=True)
        kept = newest_first[newest]
        self._left, self._right = left[kept], right[kept]
        self._seen, self._shown = times[batch_of[kept]], ranks[batch_of[kept]]

    def write(self) -> int:
        """Bring the tables up to date; by how many identities more are in no graph than before."""
        linked = np.zeros(len(self._ids), np.bool_)
        linked[self._left] = linked[self._right] = True
        components = JoinedVertices(self._ids[self._left], self._ids[self._right]).roots(self._ids)
        graphs = components.copy()
        crowded = self._crowded(components)
        graphs[crowded] = self._arrange(crowded)
        self._delete(self._ids[~linked])
        changed = linked & ((components != self._components) | (graphs != self._graphs))
        self._update(self._ids[changed], components[changed], graphs[changed])
        return int(np.count_nonzero(graphs[linked] == NO_GRAPH) - np.count_nonzero(self._graphs == NO_GRAPH))

    def _crowded(self, components: Integers) -> Mask:
        """Which members belong to components on which limits or rules act."""
        _, component, sizes = np.unique(components, return_inverse=True, return_counts=True)
        crowded: Mask = sizes > GRAPH_LIMIT
        numbers = NamespaceNumbers(self._connection)
        for code in self._rules.unique:
            of_code = np.isin(self._namespaces, numbers.of_code(code))
            crowded |= np.bincount(component[of_code], minlength=len(sizes)) > 1
        return crowded[component]

    def _arrange(self, members: Mask) -> Integers:
        """The graphs of the members of some whole components."""
        if not members.any():
            return np.empty(0, np.int64)
        numbers, kinds = np.unique(self._namespaces[members], return_inverse=True)
        namespaces = NamespaceNumbers(self._connection)
        among = members[self._left]
        place_of = np.cumsum(members) - 1
        return arrange(
            Members(
                keys=self._ids[members],
                kinds=kinds,
                namespaces=tuple(namespaces[number] for number in numbers.tolist()),
                values=self._values.filter(pa.array(members)),
                left=place_of[self._left[among]],
                right=place_of[self._right[among]],
                seen=self._seen[among],
                shown=self._shown[among],
            ),
            self._rules,
        )

    def _delete(self, bare: Integers) -> None:
        rows: list[dict[str, Any]] = [{"gone": key} for key in bare.tolist()]
        if rows:
            self._connection.execute(sa.delete(vertex).where(vertex.c.id == sa.bindparam("gone")), rows)

    def _update(self, ids: Integers, components: Integers, graphs: Integers) -> None:
        rows: list[dict[str, Any]] = [
            {"member": member, "new_component": component, "new_graph": None if graph == NO_GRAPH else graph}
            for member, component, graph in zip(ids.tolist(), components.tolist(), graphs.tolist(), strict=True)
        ]
        if rows:
            values: dict[str, Any] = {"component": sa.bindparam("new_component"), "graph": sa.bindparam("new_graph")}
            self._connection.execute(
                sa.update(vertex).where(vertex.c.id == sa.bindparam("member")).values(values), rows
            )
