"""Forgetting what only the removal of an old batch would show again."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headwater.profile_store.loads import Removal
from headwater.profile_store.tables import batch, fragment, lookup_entity
from headwater.profile_store.times import to_micros


def forget_history(connection: Connection, dataset: str, before: datetime) -> Removal:
    """See `ProfileStore.forget_history`. The caller has one transaction around it."""
    fragments, entities = (_forget(connection, table, dataset, before) for table in (fragment, lookup_entity))
    return Removal(fragments=fragments, lookup_entities=entities)


def _forget(connection: Connection, table: sa.Table, dataset: str, before: datetime) -> int:
    """Remove rows that a whole record of the same identity has replaced, in a batch from before that time."""
    old, old_batch = table.alias(), batch.alias()
    new, new_batch = table.alias(), batch.alias()
    same = (new.c.key_high == old.c.key_high) & (new.c.key_low == old.c.key_low)
    newer = sa.tuple_(new_batch.c.ingested_at, new_batch.c.batch_id) > sa.tuple_(
        old_batch.c.ingested_at, old_batch.c.batch_id
    )
    of_old = old.join(old_batch, _brought(old, old_batch))
    replaced = (
        sa.select(old.c.id)
        .select_from(of_old.join(new, same).join(new_batch, _brought(new, new_batch)))
        .where(old_batch.c.dataset == dataset, new_batch.c.dataset == dataset)
        .where(new_batch.c.upsert.is_(False), new_batch.c.ingested_at < to_micros(before), newer)
    )
    return connection.execute(sa.delete(table).where(table.c.id.in_(replaced))).rowcount


def _brought(rows: sa.FromClause, by: sa.FromClause) -> sa.ColumnElement[bool]:
    return by.c.no == rows.c.id.op(">>")(sa.literal_column("32"))
