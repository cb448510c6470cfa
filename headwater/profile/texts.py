"""From Arrow rows to the JSON text of their bodies, column by column and without an object for each row."""

from collections.abc import Iterable
from typing import Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from headwater.identity.extract import characters
from headwater.profile.bodies import to_date_times, to_values, xdm_columns

_FIRST_PLAIN: Final = 0x20
"""Characters before it stand in JSON text only behind a backslash; so do quotation mark and backslash themselves."""

Member = tuple[str, pa.Array]
"""Name and column of an object's field."""


def to_texts(rows: pa.RecordBatch) -> pa.Array:
    """The JSON text of each row's body: what `orjson.dumps` makes of `bodies.to_bodies`, but sooner."""
    members = [(name, rows.column(name)) for name in xdm_columns(rows.schema)]
    if not members:
        return pa.array(["{}"] * rows.num_rows, pa.string())
    return pc.binary_join_element_wise("{", _join_members(members), "}", "")


def _join_members(members: Iterable[Member]) -> pa.Array:
    """What stands between an object's braces, empty where it has no field.

    Each text brings its comma: with a separator and nulls to skip, Arrow would leave out rows that have nothing.
    """
    texts = [_member("," + orjson.dumps(name).decode(), column) for name, column in members]
    return pc.ascii_ltrim(pc.binary_join_element_wise(*texts, "", null_handling="replace"), ",")


def _member(name: str, column: pa.Array) -> pa.Array:
    """The text of a field, null where it has no value. `name` is as it stands before the colon."""
    data_type = column.type
    if pa.types.is_dictionary(data_type):
        return _member(name, column.dictionary_decode())
    if pa.types.is_struct(data_type):
        return _object_member(name, column)
    if pa.types.is_boolean(data_type) or pa.types.is_integer(data_type):
        return _enclose(f"{name}:", column.cast(pa.string()), "")
    if pa.types.is_timestamp(data_type):
        return _enclose(f'{name}:"', to_date_times(column), '"')
    if pa.types.is_date(data_type):
        return _enclose(f'{name}:"', column.cast(pa.string()), '"')
    if pa.types.is_string(data_type) and not _has_escaped(column):
        return _enclose(f'{name}:"', column, '"')
    texts = [None if value is None else orjson.dumps(value).decode() for value in to_values(column)]
    return _enclose(f"{name}:", pa.array(texts, pa.string()), "")


def _object_member(name: str, column: pa.Array) -> pa.Array:
    children = [(child.name, values) for child, values in zip(column.type, column.flatten(), strict=True)]
    if not children:
        return pa.nulls(len(column), pa.string())
    inner = _join_members(children)
    filled = pc.if_else(pc.equal(pc.binary_length(inner), 0), pa.scalar(None, pa.string()), inner)
    return _enclose(f"{name}:{{", filled, "}")


def _has_escaped(column: pa.Array) -> bool:
    every = characters(column)
    return bool(np.any((every < _FIRST_PLAIN) | (every == ord('"')) | (every == ord("\\"))))


def _enclose(before: str, texts: pa.Array, after: str) -> pa.Array:
    return pc.binary_join_element_wise(before, texts, after, "")
