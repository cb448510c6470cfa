"""Nested records as rows of a table."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatTable:
    """Records side by side: dotted column names, a cell for each, None where a record has no such field."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def flat_table(records: Iterable[Mapping[str, Any]]) -> FlatTable:
    """The records with their nested objects spread over columns, in the order in which fields first appear."""
    flat = [dict(flatten(record)) for record in records]
    columns = tuple(dict.fromkeys(name for record in flat for name in record))
    return FlatTable(columns=columns, rows=tuple(tuple(record.get(name) for name in columns) for record in flat))


def flatten(record: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """The record's leaves with dotted names; a list is one cell, as JSON."""
    cells: list[tuple[str, Any]] = []
    for key, value in record.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            cells += flatten(value, f"{name}.")
        elif isinstance(value, list):
            cells.append((name, json.dumps(value, ensure_ascii=False, default=str)))
        else:
            cells.append((name, value))
    return cells


def value_at(document: Any, pointer: str) -> Any:  # noqa: ANN401 - JSON values
    """What a JSON Pointer (RFC 6901) points to; None if nothing is there."""
    value = document
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping):
            value = value.get(key)
        elif isinstance(value, Sequence) and not isinstance(value, str) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value
