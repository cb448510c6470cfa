"""Keeping graphs below their limit: removing identities from those that have grown too large."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headwater.identity.graph import GRAPH_LIMIT, Components, Link, Vertex, choose_removals
from headwater.model.documents import IdentityType
from headwater.profile_store.bulk import Stage
from headwater.profile_store.tables import identity, identity_link


def shrink_graphs(connection: Connection, roots: Collection[bytes]) -> int:
    """Remove identities from those of the graphs that are over the limit; how many went.

    A removed identity loses its links, so a graph may fall apart. Fragments and events are not touched.
    """
    with Stage(connection, "root", sa.Column("root", sa.LargeBinary)) as stage:
        stage.fill([(root,) for root in sorted(roots)])
        oversized = _oversized(connection, stage)
        if not oversized:
            return 0
        stage.fill([(root,) for root in oversized])
        vertices = _members(connection, stage)
        links = _links(connection, stage)
    removals = choose_removals(vertices, links)
    _delete(connection, removals, links)
    _regroup(
        connection, [vertex.key for vertex in vertices if vertex.key not in removals], links - _of(links, removals)
    )
    return len(removals)


def _oversized(connection: Connection, stage: Stage) -> list[bytes]:
    found = connection.execute(
        sa.select(identity.c.root)
        .select_from(stage.table.join(identity, identity.c.root == stage.table.c.root))
        .group_by(identity.c.root)
        .having(sa.func.count() > GRAPH_LIMIT)
        .order_by(identity.c.root)
    )
    return list(found.scalars())


def _members(connection: Connection, stage: Stage) -> list[Vertex]:
    found = connection.execute(
        sa.select(
            identity.c.identity_key, identity.c.namespace, identity.c.value, identity.c.type, identity.c.last_seen
        ).select_from(stage.table.join(identity, identity.c.root == stage.table.c.root))
    )
    return [
        Vertex(key=key, namespace=namespace, value=value, type=IdentityType(type_), last_seen=last_seen)
        for key, namespace, value, type_, last_seen in found
    ]


def _links(connection: Connection, stage: Stage) -> set[Link]:
    """The links of the graphs: both ends of a link are in one graph, so its left end is enough to find it."""
    found = connection.execute(
        sa.select(identity_link.c.left_key, identity_link.c.right_key).select_from(
            stage.table.join(identity, identity.c.root == stage.table.c.root).join(
                identity_link, identity_link.c.left_key == identity.c.identity_key
            )
        )
    )
    return {(left, right) for left, right in found}


def _of(links: set[Link], keys: set[bytes]) -> set[Link]:
    return {link for link in links if link[0] in keys or link[1] in keys}


def _delete(connection: Connection, removals: set[bytes], links: set[Link]) -> None:
    _each(
        connection,
        sa.delete(identity).where(identity.c.identity_key == sa.bindparam("removed")),
        [{"removed": key} for key in sorted(removals)],
    )
    _each(
        connection,
        sa.delete(identity_link).where(
            identity_link.c.left_key == sa.bindparam("left"), identity_link.c.right_key == sa.bindparam("right")
        ),
        [{"left": left, "right": right} for left, right in sorted(_of(links, removals))],
    )


def _regroup(connection: Connection, keys: list[bytes], links: set[Link]) -> None:
    """Find the components of what is left; an identity without links is one by itself."""
    components = Components()
    for left, right in links:
        components.join(left, right)
    _each(
        connection,
        sa.update(identity).where(identity.c.identity_key == sa.bindparam("member")).values(root=sa.bindparam("new")),
        [{"member": key, "new": components.find(key)} for key in sorted(keys)],
    )


def _each(connection: Connection, statement: sa.Update | sa.Delete, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(statement, rows)
