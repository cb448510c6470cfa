"""Forgetting what only the removal of an old batch would show again.

Of each batch, oldest first, those rows go that a whole record of the same identity has replaced. The search for one
begins at the next older batch, so that it ends at once where a dataset is sent whole again and again. They go a page
at a time, so that whoever loads meanwhile does not wait for all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headwater.profile_store.batches import rows_of
from headwater.profile_store.loads import Removal
from headwater.profile_store.tables import BATCH_ROWS, batch, fragment, lookup_entity
from headwater.profile_store.times import to_micros


def batches_with_history(connection: Connection, dataset: str, before: datetime) -> Sequence[str]:
    """The dataset's batches that others may have replaced that were ingested before a time, oldest first."""
    aged = (batch.c.dataset == dataset) & (batch.c.ingested_at < to_micros(before))
    in_order = sa.select(batch.c.batch_id, batch.c.upsert).where(aged).order_by(batch.c.ingested_at, batch.c.batch_id)
    found = connection.execute(in_order).all()
    newest_whole = max((place for place, row in enumerate(found) if not row.upsert), default=0)
    return [row.batch_id for row in found[:newest_whole]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Rows of a batch that lie together: those with ids from `first` until before `end`."""

    table: sa.Table
    first: int
    end: int


def pages_to_forget(connection: Connection, batch_id: str, before: datetime, *, rows: int) -> list[Page]:
    """Where rows of a batch lie that were replaced by then: parts of so many rows, of which some are to go.

    It only reads, so that nobody waits for the search.
    """
    known = _batch(connection, batch_id)
    if known is None:
        return []
    start = known.no * BATCH_ROWS
    pages = []
    for table in (fragment, lookup_entity):
        to_go = sa.and_(rows_of(table, known.no), _is_replaced(table, known, to_micros(before)))
        numbers = connection.execute(sa.select((table.c.id - start) // rows).where(to_go).distinct()).scalars()
        firsts = (start + number * rows for number in sorted(numbers))
        pages += [Page(table=table, first=first, end=first + rows) for first in firsts]
    return pages


def forget_page(connection: Connection, batch_id: str, before: datetime, page: Page) -> Removal:
    """Remove what was replaced by then of a part of a batch. The caller has one transaction around it."""
    known = _batch(connection, batch_id)
    if known is None:
        return Removal()
    ids = page.table.c.id
    to_go = sa.and_(ids >= page.first, ids < page.end, _is_replaced(page.table, known, to_micros(before)))
    removed = connection.execute(sa.delete(page.table).where(to_go)).rowcount
    return Removal(fragments=removed) if page.table is fragment else Removal(lookup_entities=removed)


def _batch(connection: Connection, batch_id: str) -> sa.Row[tuple[Any, ...]] | None:
    return connection.execute(sa.select(batch).where(batch.c.batch_id == batch_id)).one_or_none()


def _is_replaced(table: sa.Table, known: sa.Row[tuple[Any, ...]], before: int) -> sa.ColumnElement[bool]:
    """For a row of that batch: whether a newer one took its place.

    Row by row, and a row's batch by its number, whatever a planner thinks of joining the whole of both tables.
    """
    newer = table.alias("newer")
    same = (newer.c.key_high == table.c.key_high) & (newer.c.key_low == table.c.key_low)
    later = sa.tuple_(batch.c.ingested_at, batch.c.batch_id) > sa.tuple_(
        sa.literal(known.ingested_at), sa.literal(known.batch_id)
    )
    counts = sa.and_(batch.c.dataset == known.dataset, batch.c.upsert.is_(False), batch.c.ingested_at < before, later)
    its_batch = batch.c.no == newer.c.id.op(">>")(sa.literal_column("32"))
    by_such_a_batch = sa.select(counts).where(its_batch).correlate(newer).scalar_subquery()
    found = sa.select(newer.c.id).where(same, by_such_a_batch).limit(1).correlate(table)
    return found.scalar_subquery().is_not(None)
