"""Making graphs anew from the links that are there: after a load, a removal, or a change of the linking rules."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import Any, Final

import orjson
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headwater.identity.graph import GRAPH_LIMIT, Components, Link, Vertex, arrange
from headwater.identity.namespaces import canonical_code
from headwater.identity.rules import IdentityRules
from headwater.profile_store.batches import NamespaceNumbers, with_batch
from headwater.profile_store.bulk import Stage
from headwater.profile_store.rows import to_json
from headwater.profile_store.tables import batch, graph_rules, link, vertex

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
            members = sa.select(sa.func.count()).where(vertex.c.component == touched, which).scalar_subquery()
            found.update(connection.execute(sa.select(touched).where(members > most)).scalars())
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
    """Some whole components: their members as they are, and the links between them."""

    def __init__(self, connection: Connection, stage: Stage, rules: IdentityRules) -> None:
        self._connection = connection
        self._rules = rules
        members = stage.table.join(vertex, vertex.c.component == stage.table.c.component)
        columns = (vertex.c.id, vertex.c.namespace_id, vertex.c.value, vertex.c.component, vertex.c.graph)
        self._members = connection.execute(sa.select(*columns).select_from(members)).all()
        shown = connection.execute(
            sa.select(link.c.left_id, link.c.right_id, batch.c.ingested_at, batch.c.batch_id).select_from(
                with_batch(members.join(link, link.c.right_id == vertex.c.id), link)
            )
        )
        self._links: dict[Link, tuple[int, str]] = {}
        for left, right, time, batch_id in shown:
            self._links[left, right] = max(self._links.get((left, right), (time, batch_id)), (time, batch_id))

    def write(self) -> int:
        """Bring the tables up to date; by how many identities more are in no graph than before."""
        components = Components(self._links)
        linked = {end for each in self._links for end in each}
        roots = {row.id: components.find(row.id) for row in self._members if row.id in linked}
        graphs: dict[int, int | None] = dict(roots)
        graphs.update(self._arrange(roots))
        self._delete([row.id for row in self._members if row.id not in linked])
        changes = [
            {"member": row.id, "new_component": roots[row.id], "new_graph": graphs[row.id]}
            for row in self._members
            if row.id in linked and (row.component, row.graph) != (roots[row.id], graphs[row.id])
        ]
        if changes:
            values: dict[str, Any] = {"component": sa.bindparam("new_component"), "graph": sa.bindparam("new_graph")}
            self._connection.execute(
                sa.update(vertex).where(vertex.c.id == sa.bindparam("member")).values(values), changes
            )
        return sum(each is None for each in graphs.values()) - sum(row.graph is None for row in self._members)

    def _arrange(self, roots: dict[int, int]) -> dict[int, int | None]:
        """The graphs of the components on which limits or rules act."""
        numbers = NamespaceNumbers(self._connection)
        identities = {row.id: numbers.identity(row.namespace_id, row.value) for row in self._members}
        sizes = Counter(roots.values())
        crowded = {root for root, size in sizes.items() if size > GRAPH_LIMIT}
        codes = Counter((root, canonical_code(identities[key].namespace)) for key, root in roots.items())
        crowded |= {root for (root, code), count in codes.items() if count > 1 and code in self._rules.unique}
        if not crowded:
            return {}
        links = {each: seen for each, seen in self._links.items() if roots[each[0]] in crowded}
        last_seen: dict[int, int] = {}
        for ends, (time, _) in links.items():
            for end in ends:
                last_seen[end] = max(last_seen.get(end, time), time)
        vertices = [
            Vertex(key=key, namespace=each.namespace, value=each.value, type=each.type, last_seen=last_seen[key])
            for key, each in identities.items()
            if roots.get(key) in crowded
        ]
        return arrange(vertices, links, self._rules)

    def _delete(self, bare: list[int]) -> None:
        rows: list[dict[str, Any]] = [{"gone": key} for key in sorted(bare)]
        if rows:
            self._connection.execute(sa.delete(vertex).where(vertex.c.id == sa.bindparam("gone")), rows)
