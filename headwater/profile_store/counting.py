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
    halves = (sa.select(table.c.key_high, table.c.key_low) for table in (fragment, event))
    keys = sa.union(*halves).subquery()
    same = (vertex.c.key_high == keys.c.key_high) & (vertex.c.key_low == keys.c.key_low)
    shown = same & vertex.c.graph.is_not(None)
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
        "fragments": _distinct(connection, fragment),
        "events": _distinct(connection, event, event.c.event_high, event.c.event_low),
        "lookup_entities": _distinct(connection, lookup_entity),
    }
    names = connection.execute(sa.select(batch.c.dataset).distinct().order_by(batch.c.dataset)).scalars()
    return {name: DatasetCounts(**{table: counts.get(name, 0) for table, counts in found.items()}) for name in names}


def _distinct(connection: Connection, table: sa.Table, *more: sa.Column[Any]) -> dict[str, int]:
    """How many identities each dataset has in a table, or how many together with more columns."""
    key = (table.c.key_high, table.c.key_low, *more)
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
