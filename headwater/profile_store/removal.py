"""Taking batches, datasets, people and old events out of the store.

A batch's rows are its own, so removing deletes them; the graphs that it had a part in are made anew from the links that
other batches have shown. What is left is what would be there if the batch had never come.
"""

from collections.abc import Iterable
from datetime import datetime

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headwater.database.engine import upsert
from headwater.identity.values import identity_key
from headwater.profile_store.batches import rows_of, with_batch
from headwater.profile_store.bulk import Stage
from headwater.profile_store.keys import has_key, key_parameters
from headwater.profile_store.loads import Removal
from headwater.profile_store.regroup import regroup, stored_rules
from headwater.profile_store.tables import batch, event, fragment, link, lookup_entity, namespace, removed, vertex
from headwater.profile_store.times import to_micros


def remove_batches(connection: Connection, which: sa.ColumnElement[bool]) -> Removal:
    """Remove everything that the batches brought. The caller has one transaction around it."""
    numbers = connection.execute(sa.select(batch.c.no).where(which)).scalars().all()
    touched: set[int] = set()
    removed = {"fragments": 0, "events": 0, "lookup_entities": 0, "links": 0}
    for number in numbers:
        linked = link.join(vertex, vertex.c.id == link.c.left_id)
        found = sa.select(vertex.c.component).select_from(linked).where(rows_of(link, number)).distinct()
        touched.update(connection.execute(found).scalars())
        tables = {"fragments": fragment, "events": event, "lookup_entities": lookup_entity, "links": link}
        for name, table in tables.items():
            removed[name] += connection.execute(sa.delete(table).where(rows_of(table, number))).rowcount
        connection.execute(sa.delete(batch).where(batch.c.no == number))
    regroup(connection, touched, stored_rules(connection))
    return Removal(batches=len(numbers), **removed)


def remove_profile(connection: Connection, namespace_code: str, value: str, at: datetime) -> Removal:
    """Remove all fragments and events of the person with this identity, and the graph itself."""
    key = identity_key(namespace_code, value)
    me = sa.select(vertex.c.component, vertex.c.graph).where(has_key(vertex)).subquery()
    same = (vertex.c.component == me.c.component) & (vertex.c.graph == me.c.graph)
    named = sa.select(vertex.c.id, vertex.c.component, vertex.c.value, namespace.c.code).join(
        namespace, namespace.c.id == vertex.c.namespace_id
    )
    people = {
        row.id: row
        for which in (same, has_key(vertex))
        for row in connection.execute(named.where(which), key_parameters([key]))
    }
    keys = {key, *(identity_key(row.code, row.value) for row in people.values())}
    fragments, events = (
        connection.execute(sa.delete(table).where(has_key(table)), key_parameters(keys)).rowcount
        for table in (fragment, event)
    )
    _note_removed(connection, keys, at)
    links = _remove_links(connection, people)
    regroup(connection, {row.component for row in people.values()}, stored_rules(connection))
    return Removal(fragments=fragments, events=events, links=links)


def _note_removed(connection: Connection, keys: Iterable[bytes], at: datetime) -> None:
    values = {"removed_at": to_micros(at)}
    for key in sorted(keys):
        words = key_parameters([key])
        connection.execute(
            upsert(connection, removed)
            .values(key_high=words["key_highs"][0], key_low=words["key_lows"][0], **values)
            .on_conflict_do_update(index_elements=[removed.c.key_high, removed.c.key_low], set_=values)
        )


def keep_out_removed(connection: Connection, number: int) -> None:
    """Take out what a batch brought of people who were removed after it had been ingested."""
    ingested_at = sa.select(batch.c.ingested_at).where(batch.c.no == number).scalar_subquery()
    since = removed.c.removed_at >= ingested_at
    if connection.execute(sa.select(removed.c.key_high).where(since).limit(1)).first() is None:
        return
    for table in (fragment, event):
        connection.execute(sa.delete(table).where(rows_of(table, number), _is_removed(table, since)))
    people = connection.execute(sa.select(vertex.c.id, vertex.c.component).where(_is_removed(vertex, since))).all()
    with Stage(connection, "gone", sa.Column("id", sa.BigInteger)) as stage:
        stage.fill(pa.array(sorted(row.id for row in people), pa.int64()))
        ends = sa.select(stage.table.c.id)
        touches = link.c.left_id.in_(ends) | link.c.right_id.in_(ends)
        connection.execute(sa.delete(link).where(rows_of(link, number), touches))
    regroup(connection, {row.component for row in people}, stored_rules(connection))


def _is_removed(table: sa.Table, since: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    same = (removed.c.key_high == table.c.key_high) & (removed.c.key_low == table.c.key_low)
    return sa.exists().where(since, same).correlate(table)


def _remove_links(connection: Connection, vertices: Iterable[int]) -> int:
    with Stage(connection, "gone", sa.Column("id", sa.BigInteger)) as stage:
        stage.fill(pa.array(sorted(vertices), pa.int64()))
        gone = sa.select(stage.table.c.id)
        within = sa.select(vertex.c.id).where(
            vertex.c.component.in_(sa.select(vertex.c.component).where(vertex.c.id.in_(gone)))
        )
        ends = link.c.right_id.in_(gone) | (link.c.right_id.in_(within) & link.c.left_id.in_(gone))
        return connection.execute(sa.delete(link).where(ends)).rowcount


def expire_events(connection: Connection, dataset: str, before: datetime) -> Removal:
    """Remove a dataset's events that happened before a time."""
    old = (
        sa.select(event.c.id)
        .select_from(with_batch(event, event))
        .where(batch.c.dataset == dataset, event.c.timestamp < to_micros(before))
    )
    return Removal(events=connection.execute(sa.delete(event).where(event.c.id.in_(old))).rowcount)
