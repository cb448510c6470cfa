"""Nested records as rows of a table."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from headwater.model.nested import flatten


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatTable:
    """Records side by side: dotted column names, a cell for each, None where a record has no such field."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def flat_table(records: Iterable[Mapping[str, Any]]) -> FlatTable:
    """The records with their nested objects spread over columns, in the order in which fields first appear."""
    flat = [{name: _cell(value) for name, value in flatten(record)} for record in records]
    columns = tuple(dict.fromkeys(name for record in flat for name in record))
    return FlatTable(columns=columns, rows=tuple(tuple(record.get(name) for name in columns) for record in flat))


def _cell(value: Any) -> Any:  # noqa: ANN401 - JSON values
    """A list is one cell, as JSON."""
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, list) else value
