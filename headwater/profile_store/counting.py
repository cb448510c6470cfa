"""Counting what the store holds."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headwater.profile_store.batches import with_batch
from headwater.profile_store.loads import DatasetCounts, StoreCounts
from headwater.profile_store.tables import batch, event, fragment, link, lookup_entity, vertex


def count(connection: Connection) -> StoreCounts:
    """See `ProfileStore.counts`."""
    datasets = _by_dataset(connection)
    keys = sa.union(sa.select(fragment.c.identity_key), sa.select(event.c.identity_key)).subquery()
    shown = sa.and_(vertex.c.identity_key == keys.c.identity_key, vertex.c.graph.is_not(None))
    profiles, linked, primaries = connection.execute(
        sa.select(sa.func.count(vertex.c.graph.distinct()), sa.func.count(vertex.c.graph), sa.func.count()).select_from(
            keys.outerjoin(vertex, shown)
        )
    ).one()
    alone = primaries - linked
    vertices = connection.execute(sa.select(sa.func.count(vertex.c.graph))).scalar_one()
    return StoreCounts(
        profiles=profiles + alone,
        fragments=sum(each.fragments for each in datasets.values()),
        events=sum(each.events for each in datasets.values()),
        identities=vertices + alone,
        links=_links(connection),
        lookup_entities=sum(each.lookup_entities for each in datasets.values()),
        datasets=datasets,
    )


def _by_dataset(connection: Connection) -> dict[str, DatasetCounts]:
    found = {
        "fragments": _distinct(connection, fragment, fragment.c.identity_key),
        "events": _distinct(connection, event, event.c.identity_key, event.c.event_key),
        "lookup_entities": _distinct(connection, lookup_entity, lookup_entity.c.identity_key),
    }
    names = connection.execute(sa.select(batch.c.dataset).distinct().order_by(batch.c.dataset)).scalars()
    return {name: DatasetCounts(**{table: counts.get(name, 0) for table, counts in found.items()}) for name in names}


def _distinct(connection: Connection, table: sa.Table, *key: sa.Column[Any]) -> dict[str, int]:
    """How many keys each dataset has in a table."""
    rows = sa.select(batch.c.dataset, *key).select_from(with_batch(table, table)).distinct().subquery()
    found = connection.execute(sa.select(rows.c.dataset, sa.func.count()).group_by(rows.c.dataset))
    return {row[0]: row[1] for row in found}


def _links(connection: Connection) -> int:
    """Pairs of identities that have a link within a graph."""
    left, right = vertex.alias(), vertex.alias()
    ends = link.join(left, left.c.id == link.c.left_id).join(right, right.c.id == link.c.right_id)
    pairs = (
        sa.select(link.c.left_id, link.c.right_id)
        .select_from(ends)
        .where(left.c.graph == right.c.graph)
        .distinct()
        .subquery()
    )
    return connection.execute(sa.select(sa.func.count()).select_from(pairs)).scalar_one()
