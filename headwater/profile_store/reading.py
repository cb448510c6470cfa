"""Reading people and things out of the store."""

from collections.abc import Collection, Iterator
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headwater.identity.graph import GraphEdge, IdentityGraph
from headwater.identity.namespaces import canonical_code
from headwater.identity.values import Identity, identity_key
from headwater.model.documents import IdentityType, MergePolicy
from headwater.profile.fragments import Fragment, explode, implode, settle
from headwater.profile.merged import MergedProfile, ProfileEvent, merge_profile
from headwater.profile_store.layers import to_layers
from headwater.profile_store.loads import DatasetCounts, LookupEntity, StoreCounts
from headwater.profile_store.tables import (
    dataset,
    event,
    fragment,
    identity,
    identity_link,
    lookup_entity,
    primary_identity,
)
from headwater.profile_store.times import from_micros


def look_up(
    connection: Connection, namespace: str, value: str, policy: MergePolicy, event_limit: int
) -> MergedProfile | None:
    """See `ProfileStore.look_up`."""
    key = identity_key(namespace, value)
    members = _graph_members(connection, key) if policy.identity_graph == "pdg" else {}
    primaries = _people(connection, members.keys() | {key})
    asked = members.get(key) or primaries.get(key)
    if asked is None or not primaries:
        return None
    return merge_profile(
        asked=asked,
        members=members.values(),
        fragments=_fragments(connection, primaries),
        events=tuple(_events(connection, primaries, event_limit)),
        event_count=_count_events(connection, primaries),
        policy=policy,
    )


def look_up_entities(connection: Connection, namespace: str, value: str) -> tuple[LookupEntity, ...]:
    """See `ProfileStore.look_up_entities`."""
    found = connection.execute(
        sa.select(lookup_entity, primary_identity.c.namespace, primary_identity.c.value, dataset.c.map_paths)
        .join(primary_identity, primary_identity.c.identity_key == lookup_entity.c.identity_key)
        .join(dataset, dataset.c.name == lookup_entity.c.dataset)
        .where(lookup_entity.c.identity_key == identity_key(namespace, value))
        .order_by(lookup_entity.c.ingested_at.desc(), lookup_entity.c.dataset)
    )
    return tuple(
        LookupEntity(
            namespace=row.namespace,
            value=row.value,
            dataset=row.dataset,
            batch_id=row.batch_id,
            ingested_at=from_micros(row.ingested_at),
            attributes=_attributes(row),
        )
        for row in found
    )


def identity_graph(connection: Connection, namespace: str, value: str) -> IdentityGraph | None:
    """See `ProfileStore.identity_graph`."""
    key = identity_key(namespace, value)
    members = _graph_members(connection, key) or _people(connection, {key})
    if not members:
        return None
    return IdentityGraph(
        identities=tuple(sorted(members.values(), key=lambda each: (canonical_code(each.namespace), each.value))),
        edges=tuple(_edges(connection, members)),
    )


def counts(connection: Connection) -> StoreCounts:
    """See `ProfileStore.counts`."""
    person = sa.func.coalesce(identity.c.root, primary_identity.c.identity_key)
    people = primary_identity.outerjoin(identity, identity.c.identity_key == primary_identity.c.identity_key)
    profiles, unlinked = connection.execute(
        sa.select(sa.func.count(person.distinct()), sa.func.count().filter(identity.c.root.is_(None)))
        .select_from(people)
        .where(primary_identity.c.people)
    ).one()
    pairs = sa.select(identity_link.c.left_key, identity_link.c.right_key).distinct().subquery()
    datasets = {
        row.name: DatasetCounts(fragments=row.fragments, events=row.events, lookup_entities=row.lookup_entities)
        for row in connection.execute(sa.select(dataset).order_by(dataset.c.name))
    }
    return StoreCounts(
        profiles=profiles,
        fragments=sum(each.fragments for each in datasets.values()),
        events=sum(each.events for each in datasets.values()),
        identities=_count(connection, identity) + unlinked,
        links=_count(connection, pairs),
        lookup_entities=sum(each.lookup_entities for each in datasets.values()),
        datasets=datasets,
    )


def _count(connection: Connection, table: sa.FromClause) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def _graph_members(connection: Connection, key: bytes) -> dict[bytes, Identity]:
    """The identities of the graph that the key is in; none if it is in none."""
    root = sa.select(identity.c.root).where(identity.c.identity_key == key).scalar_subquery()
    return _identities(connection, identity, identity.c.root == root)


def _people(connection: Connection, keys: Collection[bytes]) -> dict[bytes, Identity]:
    """Which of the keys are primary identities of people's fragments or events."""
    return _identities(
        connection, primary_identity, primary_identity.c.people & primary_identity.c.identity_key.in_(list(keys))
    )


def _identities(connection: Connection, table: sa.Table, where: sa.ColumnElement[bool]) -> dict[bytes, Identity]:
    found = connection.execute(
        sa.select(table.c.identity_key, table.c.namespace, table.c.value, table.c.type).where(where)
    )
    return {
        key: Identity(namespace=namespace, value=value, type=IdentityType(type_))
        for key, namespace, value, type_ in found
    }


def _fragments(connection: Connection, people: dict[bytes, Identity]) -> list[Fragment]:
    found = connection.execute(
        sa.select(fragment, dataset.c.map_paths)
        .join(dataset, dataset.c.name == fragment.c.dataset)
        .where(fragment.c.identity_key.in_(list(people)))
    )
    return [
        Fragment(
            identity=people[row.identity_key],
            dataset=row.dataset,
            layers=to_layers(row),
            map_paths=frozenset(tuple(path) for path in orjson.loads(row.map_paths)),
        )
        for row in found
    ]


def _events(connection: Connection, people: dict[bytes, Identity], limit: int) -> Iterator[ProfileEvent]:
    """The newest events, oldest first. Of those with the same `_id` only the one ingested last."""
    latest = sa.func.row_number().over(
        partition_by=event.c.event_key,
        order_by=[
            event.c.ingested_at.desc(),
            event.c.batch_id.desc(),
            event.c.dataset.desc(),
            event.c.row_number.desc(),
            event.c.identity_key.desc(),
        ],
    )
    ranked = sa.select(event, latest.label("rank")).where(event.c.identity_key.in_(list(people))).subquery()
    found = connection.execute(
        sa.select(ranked)
        .where(ranked.c.rank == 1)
        .order_by(ranked.c.timestamp.desc(), ranked.c.event_key.desc())
        .limit(limit)
    ).all()
    for row in reversed(found):
        body = orjson.loads(row.body)
        yield ProfileEvent(
            id=body["_id"],
            timestamp=from_micros(row.timestamp),
            body=body,
            dataset=row.dataset,
            batch_id=row.batch_id,
            ingested_at=from_micros(row.ingested_at),
            row_number=row.row_number,
            identity=people[row.identity_key],
        )


def _count_events(connection: Connection, people: dict[bytes, Identity]) -> int:
    return connection.execute(
        sa.select(sa.func.count(event.c.event_key.distinct())).where(event.c.identity_key.in_(list(people)))
    ).scalar_one()


def _edges(connection: Connection, members: dict[bytes, Identity]) -> Iterator[GraphEdge]:
    """The links of a graph, each once, whatever datasets have shown it."""
    found = connection.execute(sa.select(identity_link).where(identity_link.c.left_key.in_(list(members))))
    shown: dict[tuple[bytes, bytes], list[Any]] = {}
    for row in found:
        shown.setdefault((row.left_key, row.right_key), []).append(row)
    for (left, right), rows in sorted(shown.items()):
        yield GraphEdge(
            left=members[left],
            right=members[right],
            first_seen=from_micros(min(row.first_seen for row in rows)),
            last_seen=from_micros(max(row.last_seen for row in rows)),
            datasets=tuple(sorted({row.dataset for row in rows})),
            batch_ids=tuple(sorted({batch for row in rows for batch in (row.first_batch, row.last_batch)})),
        )


def _attributes(row: sa.Row[Any]) -> dict[str, Any]:
    """A lookup entity's attributes, all layers of an upsert dataset together."""
    layers = to_layers(row)
    map_paths = frozenset(tuple(path) for path in orjson.loads(row.map_paths))
    settled = settle((layer, explode(layer.attributes, map_paths)) for layer in layers)
    return implode({path: value for path, (value, _) in settled.items()})
