"""A fragment's layers as the tables have them: the newest in the row itself, the older ones as JSON beside it."""

from collections.abc import Iterable
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headwater.profile.fragments import Layer, absorb
from headwater.profile_store.loads import BatchLoad
from headwater.profile_store.rows import StoreRow, to_json
from headwater.profile_store.tables import dataset
from headwater.profile_store.times import from_micros, to_micros


def read_map_paths(connection: Connection, name: str) -> frozenset[tuple[str, ...]]:
    """Where the dataset's bodies hold maps, as far as its loads have shown."""
    text = connection.execute(sa.select(dataset.c.map_paths).where(dataset.c.name == name)).scalar_one_or_none()
    return frozenset(tuple(path) for path in orjson.loads(text)) if text else frozenset()


def to_layers(row: sa.Row[Any]) -> tuple[Layer, ...]:
    """The layers of a row of `fragment` or `lookup_entity`, newest first."""
    newest = _layer(row.batch_id, row.ingested_at, row.changed_at, row.row_number, orjson.loads(row.body))
    return (newest, *(_layer(*older) for older in orjson.loads(row.older or "[]")))


def absorb_rows(
    load: BatchLoad, stored: Iterable[sa.Row[Any]], rows: Iterable[StoreRow], map_paths: frozenset[tuple[str, ...]]
) -> list[tuple[Any, ...]]:
    """What the stored rows of an upsert dataset become with the batch's rows, one row per fragment, sorted by key."""
    fragments = {row.identity_key: to_layers(row) for row in stored}
    ingested = to_micros(load.ingested_at)
    for row in rows:
        layer = _layer(load.batch_id, ingested, row.at, row.number, orjson.loads(row.body))
        fragments[row.key[0]] = absorb(fragments.get(row.key[0], ()), layer, map_paths)
    return [_stage_row(key, layers) for key, layers in sorted(fragments.items())]


def _stage_row(key: bytes, layers: tuple[Layer, ...]) -> tuple[Any, ...]:
    newest, *older = (
        (
            layer.batch_id,
            to_micros(layer.ingested_at),
            to_micros(layer.changed_at),
            layer.row_number,
            layer.attributes,
        )
        for layer in layers
    )
    batch_id, ingested_at, changed_at, row_number, attributes = newest
    return (
        key,
        b"",
        batch_id,
        ingested_at,
        row_number,
        changed_at,
        to_json(attributes),
        to_json(older) if older else None,
    )


def _layer(batch_id: str, ingested_at: int, changed_at: int, row_number: int, attributes: dict[str, Any]) -> Layer:
    return Layer(
        attributes=attributes,
        batch_id=batch_id,
        ingested_at=from_micros(ingested_at),
        changed_at=from_micros(changed_at),
        row_number=row_number,
    )
