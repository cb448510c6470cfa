"""Reading people and things out of the store."""

from collections.abc import Collection, Iterable, Iterator
from itertools import groupby
from typing import Any, Final

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headwater.identity.graph import GraphEdge, IdentityGraph
from headwater.identity.namespaces import canonical_code
from headwater.identity.values import Identity, identity_key
from headwater.model.documents import IdentityType, MergePolicy
from headwater.profile.fragments import ROWS_PER_FILE, Fragment, Layer, absorb, explode, implode, settle
from headwater.profile.merged import MergedProfile, ProfileEvent, merge_profile
from headwater.profile_store.batches import read_map_paths, with_batch
from headwater.profile_store.keys import has_key, key_parameters
from headwater.profile_store.loads import LookupEntity
from headwater.profile_store.tables import batch, event, fragment, link, lookup_entity, namespace, vertex
from headwater.profile_store.times import from_micros


def _named(table: sa.Table) -> sa.ColumnElement[bool]:
    return namespace.c.id == table.c.namespace_id


def _select_members() -> sa.Select[Any]:
    """The vertices of the graph that an identity is in."""
    me = sa.select(vertex.c.component, vertex.c.graph).where(has_key(vertex)).subquery()
    return (
        sa.select(vertex.c.id, namespace.c.code, vertex.c.value, namespace.c.type)
        .select_from(me.join(vertex, vertex.c.component == me.c.component).join(namespace, _named(vertex)))
        .where(vertex.c.graph == me.c.graph)
    )


def _select_records(table: sa.Table) -> sa.Select[Any]:
    """All that batches have brought to some identities, with what is known of the batches."""
    return (
        sa.select(table.c.key_high, table.c.key_low, table.c.value, table.c.row_number, table.c.changed_at)
        .add_columns(table.c.body, batch.c.batch_id, batch.c.dataset, batch.c.ingested_at, batch.c.upsert)
        .add_columns(batch.c.map_paths, namespace.c.code, namespace.c.type)
        .select_from(with_batch(table, table).join(namespace, _named(table)))
        .where(has_key(table))
    )


def _select_events() -> sa.Select[Any]:
    """The newest events of some identities, the newest first. Of those with one `_id` the one ingested last counts."""
    latest = sa.func.row_number().over(
        partition_by=[event.c.event_high, event.c.event_low],
        order_by=[
            batch.c.ingested_at.desc(),
            batch.c.batch_id.desc(),
            batch.c.dataset.desc(),
            event.c.row_number.desc(),
            event.c.key_high.desc(),
            event.c.key_low.desc(),
        ],
    )
    ranked = (
        sa.select(event.c.id, event.c.timestamp, event.c.event_high, event.c.event_low, latest.label("rank"))
        .select_from(with_batch(event, event))
        .where(has_key(event))
        .subquery()
    )
    newest_first = (ranked.c.timestamp.desc(), ranked.c.event_high.desc(), ranked.c.event_low.desc())
    limit: sa.BindParameter[int] = sa.bindparam("event_limit")
    chosen = (
        sa.select(ranked.c.id, sa.func.count().over().label("total"))
        .add_columns(sa.func.row_number().over(order_by=newest_first).label("place"))
        .where(ranked.c.rank == 1)
        .order_by(*newest_first)
        .limit(limit)
        .subquery()
    )
    return (
        sa.select(event.c.value, event.c.row_number, event.c.timestamp, event.c.body)
        .add_columns(batch.c.batch_id, batch.c.dataset, batch.c.ingested_at, namespace.c.code, namespace.c.type)
        .add_columns(chosen.c.total)
        .select_from(with_batch(chosen.join(event, event.c.id == chosen.c.id), event).join(namespace, _named(event)))
        .order_by(chosen.c.place)
    )


_MEMBERS: Final = _select_members()
_RECORDS: Final = {table.name: _select_records(table) for table in (fragment, lookup_entity)}
_EVENTS: Final = _select_events()
"""The statements of a look-up, made once: SQLAlchemy takes longer to make one than databases to answer it."""


def look_up(
    connection: Connection, namespace_code: str, value: str, policy: MergePolicy, event_limit: int
) -> MergedProfile | None:
    """See `ProfileStore.look_up`."""
    key = identity_key(namespace_code, value)
    members = _graph_members(connection, key) if policy.identity_graph == "pdg" else {}
    keys = {key, *(each.key for each in members.values())}
    fragments = _fragments(connection, fragment, keys)
    events, event_count = _events(connection, keys, event_limit)
    known = [*members.values(), *(each.identity for each in fragments), *(each.identity for each in events)]
    asked = next((each for each in known if each.key == key), None)
    if asked is None:
        return None
    return merge_profile(
        asked=asked,
        members=members.values(),
        fragments=fragments,
        events=events,
        event_count=event_count,
        policy=policy,
    )


def look_up_entities(connection: Connection, namespace_code: str, value: str) -> tuple[LookupEntity, ...]:
    """See `ProfileStore.look_up_entities`."""
    found = _fragments(connection, lookup_entity, {identity_key(namespace_code, value)})
    found.sort(key=lambda each: each.dataset)
    found.sort(key=lambda each: each.layers[0].ingested_at, reverse=True)
    return tuple(
        LookupEntity(
            namespace=each.identity.namespace,
            value=each.identity.value,
            dataset=each.dataset,
            batch_id=each.layers[0].batch_id,
            ingested_at=each.layers[0].ingested_at,
            attributes=_attributes(each),
        )
        for each in found
    )


def identity_graph(connection: Connection, namespace_code: str, value: str) -> IdentityGraph | None:
    """See `ProfileStore.identity_graph`."""
    key = identity_key(namespace_code, value)
    members = _graph_members(connection, key)
    identities = list(members.values()) or list(_primary(connection, key))
    if not identities:
        return None
    return IdentityGraph(
        identities=tuple(sorted(identities, key=_by_name)),
        edges=tuple(_edges(connection, members)),
    )


def _graph_members(connection: Connection, key: bytes) -> dict[int, Identity]:
    """The identities of the graph that the key is in, by vertex; none if it is in none."""
    found = connection.execute(_MEMBERS, key_parameters([key]))
    return {number: _identity(code, value, type_) for number, code, value, type_ in found}


def _primary(connection: Connection, key: bytes) -> Iterator[Identity]:
    """The identity, if it is the primary one of a person's fragment or event."""
    for table in (fragment, event):
        found = connection.execute(
            sa.select(namespace.c.code, table.c.value, namespace.c.type)
            .select_from(table.join(namespace, _named(table)))
            .where(has_key(table))
            .limit(1),
            key_parameters([key]),
        ).one_or_none()
        if found is not None:
            yield _identity(*found)
            return


def _identity(code: str, value: str, type_: str) -> Identity:
    return Identity(namespace=code, value=value, type=IdentityType(type_))


def _fragments(connection: Connection, table: sa.Table, keys: Collection[bytes]) -> list[Fragment]:
    """What each dataset knows of each identity, with the layers that count."""
    found = connection.execute(_RECORDS[table.name], key_parameters(keys)).all()
    newest_first = sorted(found, key=lambda row: (row.ingested_at, row.batch_id, row.row_number), reverse=True)
    newest_first.sort(key=_of_one_fragment)
    return [_fragment(list(rows)) for _, rows in groupby(newest_first, _of_one_fragment)]


def _of_one_fragment(row: sa.Row[Any]) -> tuple[str, int, int]:
    return row.dataset, row.key_high, row.key_low


def _fragment(newest_first: list[sa.Row[Any]]) -> Fragment:
    """A record replaces all older ones, unless its dataset takes upserts: then it lies on top of them."""
    counting: list[sa.Row[Any]] = []
    for row in newest_first:
        counting.append(row)
        if not row.upsert:
            break
    newest = newest_first[0]
    maps = frozenset[tuple[str, ...]]().union(*(read_map_paths(text) for text in {row.map_paths for row in counting}))
    layers = tuple(_layer(row) for row in counting)
    return Fragment(
        identity=_identity(newest.code, newest.value, newest.type),
        dataset=newest.dataset,
        layers=absorb(layers, maps) if len(layers) > 1 else layers,
        map_paths=maps,
    )


def _layer(row: sa.Row[Any]) -> Layer:
    return Layer(
        attributes=orjson.loads(row.body),
        batch_id=row.batch_id,
        ingested_at=from_micros(row.ingested_at),
        changed_at=from_micros(row.changed_at),
        row_number=row.row_number,
    )


def _events(connection: Connection, keys: Collection[bytes], limit: int) -> tuple[tuple[ProfileEvent, ...], int]:
    """The newest events, oldest first, and how many there are."""
    found = connection.execute(_EVENTS, {**key_parameters(keys), "event_limit": max(limit, 1)}).all()
    shown = found[: max(limit, 0)]
    return tuple(_event(row) for row in reversed(shown)), found[0].total if found else 0


def _event(row: sa.Row[Any]) -> ProfileEvent:
    body = orjson.loads(row.body)
    return ProfileEvent(
        id=body["_id"],
        timestamp=from_micros(row.timestamp),
        body=body,
        dataset=row.dataset,
        batch_id=row.batch_id,
        ingested_at=from_micros(row.ingested_at),
        row_number=row.row_number % ROWS_PER_FILE,
        identity=_identity(row.code, row.value, row.type),
    )


def _edges(connection: Connection, members: dict[int, Identity]) -> list[GraphEdge]:
    """The links of a graph, each once, whatever batches have shown it; ends and links are ordered by name."""
    found: Iterable[sa.Row[Any]] = connection.execute(
        sa.select(link.c.left_id, link.c.right_id, batch.c.ingested_at, batch.c.dataset, batch.c.batch_id)
        .select_from(with_batch(link, link))
        .where(link.c.right_id.in_(list(members)), link.c.left_id.in_(list(members)))
    )
    shown: dict[tuple[int, int], list[sa.Row[Any]]] = {}
    for row in found:
        shown.setdefault((row.left_id, row.right_id), []).append(row)
    edges: list[GraphEdge] = []
    for ends, rows in shown.items():
        left, right = sorted((members[end] for end in ends), key=_by_name)
        edges.append(_edge(left, right, rows))
    return sorted(edges, key=lambda each: (_by_name(each.left), _by_name(each.right)))


def _edge(left: Identity, right: Identity, rows: list[sa.Row[Any]]) -> GraphEdge:
    return GraphEdge(
        left=left,
        right=right,
        first_seen=from_micros(min(row.ingested_at for row in rows)),
        last_seen=from_micros(max(row.ingested_at for row in rows)),
        datasets=tuple(sorted({row.dataset for row in rows})),
        batch_ids=tuple(sorted({row.batch_id for row in rows})),
    )


def _by_name(identity: Identity) -> tuple[str, str]:
    return canonical_code(identity.namespace), identity.value


def _attributes(entity: Fragment) -> dict[str, Any]:
    """A thing's attributes, all layers of an upsert dataset together."""
    settled = settle((layer, explode(layer.attributes, entity.map_paths)) for layer in entity.layers)
    return implode({path: value for path, (value, _) in settled.items()})
