"""Profile fragments: what one dataset knows of one primary identity, and what of its records still counts.

A record dataset's fragment has one layer, its newest record. An upsert dataset's fragment has a layer for each record
that still contributes a value, so that every value keeps the time and batch that it came with.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from headwater.identity.values import Identity

Path = tuple[Hashable, ...]
"""Names from the record's root. Entries of `identityMap` are told apart by namespace and id."""

ROWS_PER_FILE: Final = 1 << 40
"""A place in a batch is the place of the source file among the batch's, times this, plus the row's in the file."""

IDENTITY_MAP: Final = "identityMap"

_Source = TypeVar("_Source")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """The attributes that one record brought.

    Attributes:
        attributes: JSON object without nulls.
        batch_id: Batch of the record.
        ingested_at: When that batch was ingested, aware UTC.
        changed_at: When the source changed the record (External Source System Audit Details), else `ingested_at`.
        row_number: The record's position in its batch (see `ROWS_PER_FILE`).
    """

    attributes: Mapping[str, Any]
    batch_id: str
    ingested_at: datetime
    changed_at: datetime
    row_number: int

    @property
    def age(self) -> tuple[datetime, datetime, str, int]:
        """Grows with newness. The order is total within one dataset: no two records share batch and row number."""
        return (self.changed_at, self.ingested_at, self.batch_id, self.row_number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """All attributes of one primary identity in one dataset. `map_paths`: see `bodies.map_paths`."""

    identity: Identity
    dataset: str
    layers: tuple[Layer, ...]
    map_paths: frozenset[tuple[str, ...]] = frozenset()


def absorb(layers: Iterable[Layer], map_paths: frozenset[tuple[str, ...]]) -> tuple[Layer, ...]:
    """The layers that make up an upsert fragment, newest first, each with what it still contributes.

    A record changes only the fields that it has. The order of the layers does not matter, but when they were ingested:
    the time at which the source changed a record counts between datasets only (spec: identity-and-profile.md, 3.1).
    """
    ordered = sorted(layers, key=_ingestion, reverse=True)
    settled = settle((number, explode(layer.attributes, map_paths)) for number, layer in enumerate(ordered))
    kept: dict[int, dict[Path, Any]] = {}
    for path, (value, number) in settled.items():
        kept.setdefault(number, {})[path] = value
    return tuple(
        Layer(
            attributes=implode(leaves),
            batch_id=ordered[number].batch_id,
            ingested_at=ordered[number].ingested_at,
            changed_at=ordered[number].changed_at,
            row_number=ordered[number].row_number,
        )
        for number, leaves in sorted(kept.items())
    )


def _ingestion(layer: Layer) -> tuple[datetime, str, int]:
    return (layer.ingested_at, layer.batch_id, layer.row_number)


def settle(sources: Iterable[tuple[_Source, Mapping[Path, Any]]]) -> dict[Path, tuple[Any, _Source]]:
    """The value of each path and who gave it: the first source that has one.

    A source's value does not count where an earlier source has an object in its place, or a plain value above it.
    """
    taken: dict[Path, tuple[Any, _Source]] = {}
    inner: set[Path] = set()
    for source, leaves in sources:
        new = [path for path in leaves if path not in inner and not any(above in taken for above in _up_to(path))]
        for path in new:
            taken[path] = (leaves[path], source)
            inner.update(path[:length] for length in range(1, len(path)))
    return taken


def explode(attributes: Mapping[str, Any], map_paths: frozenset[tuple[str, ...]]) -> dict[Path, Any]:
    """The leaves by path. Arrays and maps are leaves as a whole; each entry of `identityMap` is one by itself."""
    leaves = dict(_leaves(attributes, map_paths, ()))
    identity_map = leaves.pop((IDENTITY_MAP,), None)
    if isinstance(identity_map, Mapping):
        for code, entries in identity_map.items():
            for entry in entries:
                leaves.setdefault((IDENTITY_MAP, code, entry.get("id")), entry)
    elif identity_map is not None:
        leaves[(IDENTITY_MAP,)] = identity_map
    return leaves


def implode(leaves: Mapping[Path, Any]) -> dict[str, Any]:
    """The JSON object that has these leaves: `explode` the other way round."""
    root: dict[Any, Any] = {}
    for path, value in leaves.items():
        parent = root
        for name in path[:-1]:
            parent = parent.setdefault(name, {})
        parent[path[-1]] = value
    if isinstance(root.get(IDENTITY_MAP), dict):
        root[IDENTITY_MAP] = {code: list(entries.values()) for code, entries in root[IDENTITY_MAP].items()}
    return root


def _leaves(
    value: Mapping[str, Any], map_paths: frozenset[tuple[str, ...]], above: tuple[str, ...]
) -> Iterator[tuple[Path, Any]]:
    for name, member in value.items():
        path = (*above, name)
        if isinstance(member, Mapping) and path not in map_paths and path != (IDENTITY_MAP,):
            yield from _leaves(member, map_paths, path)
        else:
            yield path, member


def _up_to(path: Path) -> Iterator[Path]:
    """The path itself and every path above it."""
    return (path[:length] for length in range(len(path), 0, -1))
