"""From Arrow rows to JSON bodies: nested objects without nulls, times as RFC 3339 text in UTC.

Columns are converted one by one and filled into the rows' objects, several times faster than `to_pylist` on structs.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Body = dict[str, Any]
Path = tuple[str, ...]

_SYSTEM_COLUMNS: Final = frozenset({"row_number", "byte_offset"})
_SYSTEM_PREFIX: Final = "_acp"


def to_bodies(rows: pa.RecordBatch) -> list[Body]:
    """Each row as the JSON object of its XDM fields.

    Nulls, and objects that hold nothing, are left out; so are system columns (`_acp…`, `row_number`, `byte_offset`).
    Date-times become `2020-08-11T00:00:00Z`, with three or six decimals where they have a fraction; dates `2020-08-11`.
    """
    bodies: list[Body] = [{} for _ in range(rows.num_rows)]
    for name in xdm_columns(rows.schema):
        _fill(bodies, name, rows.column(name))
    return bodies


def map_paths(schema: pa.Schema) -> frozenset[Path]:
    """Where the bodies of these rows hold maps, which merge as a whole, as opposed to objects, whose fields merge."""
    return frozenset(path for name in xdm_columns(schema) for path in _map_paths((name,), schema.field(name).type))


def xdm_columns(schema: pa.Schema) -> list[str]:
    """The names of the columns that hold XDM fields, in the schema's order."""
    return [name for name in schema.names if name not in _SYSTEM_COLUMNS and not name.startswith(_SYSTEM_PREFIX)]


def _map_paths(path: Path, data_type: pa.DataType) -> Iterator[Path]:
    if pa.types.is_map(data_type):
        yield path
    elif pa.types.is_struct(data_type):
        for child in data_type:
            yield from _map_paths((*path, child.name), child.type)


def _fill(bodies: list[Body], name: str, column: pa.Array) -> None:
    for body, value in zip(bodies, to_values(column), strict=True):
        if value is not None:
            body[name] = value


def to_values(column: pa.Array) -> list[Any]:
    """The column's values as JSON has them: nulls and empty objects are None, times are text."""
    data_type = column.type
    if pa.types.is_dictionary(data_type):
        return to_values(column.dictionary_decode())
    if pa.types.is_struct(data_type):
        return _objects(column)
    if pa.types.is_map(data_type):
        return _maps(column)
    if pa.types.is_list(data_type) or pa.types.is_large_list(data_type):
        return _arrays(column)
    if pa.types.is_timestamp(data_type):
        return to_date_times(column).to_pylist()  # type: ignore[no-any-return]
    if pa.types.is_date(data_type):
        return column.cast(pa.string()).to_pylist()  # type: ignore[no-any-return]
    return column.to_pylist()  # type: ignore[no-any-return]


def _objects(column: pa.Array) -> list[Body | None]:
    bodies: list[Body] = [{} for _ in range(len(column))]
    for child, values in zip(column.type, column.flatten(), strict=True):
        _fill(bodies, child.name, values)
    return [body or None for body in bodies]


def _arrays(column: pa.Array) -> list[list[Any] | None]:
    elements = iter(to_values(column.flatten()))
    return [
        None if length is None else [element for element in islice(elements, length) if element is not None]
        for length in pc.list_value_length(column).to_pylist()
    ]


def _maps(column: pa.Array) -> list[Body | None]:
    pair = pa.struct([("key", column.type.key_type), ("value", column.type.item_type)])
    pairs = column.cast(pa.list_(pair))
    keys, values = (iter(to_values(each)) for each in pairs.flatten().flatten())
    return [
        None
        if length is None
        else {key: value for key, value in islice(zip(keys, values, strict=True), length) if value is not None}
        for length in pc.list_value_length(pairs).to_pylist()
    ]


def to_date_times(column: pa.Array) -> pa.Array:
    """Date-times as RFC 3339 text in UTC, with three or six decimals where they have a fraction."""
    micros = column.cast(pa.timestamp("us"))
    if np.any(micros.view(pa.int64()).fill_null(0).to_numpy() % 1_000_000):
        text = pc.replace_substring_regex(micros.cast(pa.string()), r"\.000000$", "")
        text = pc.replace_substring_regex(text, r"(\.\d{3})000$", r"\1")
    else:
        text = micros.cast(pa.timestamp("s")).cast(pa.string())
    return pc.binary_join_element_wise(pc.replace_substring(text, " ", "T", max_replacements=1), "Z", "")
