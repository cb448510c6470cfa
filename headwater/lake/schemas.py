"""From Arrow schemas to table columns: the system column, what a table may become, field ids for its files."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.schema import Schema
from pyiceberg.types import IcebergType, ListType, MapType, NestedField, StructType

from headwater.errors import LakeError

SYSTEM_COLUMN: Final = "_acp_system_metadata"
"""AEP's name for the struct that says where a row came from (spec: catalog-and-datasets.md, section 4)."""

SYSTEM_TYPE: Final = pa.struct(
    [
        ("acp_sourceBatchId", pa.string()),
        ("sourceFileId", pa.string()),
        ("rowNumber", pa.int64()),
        ("byteOffset", pa.int64()),
        ("ingestTime", pa.timestamp("us", "UTC")),
        ("member", pa.string()),
    ]
)

_WIDER: Final = {(pa.int32(), pa.int64()), (pa.float32(), pa.float64())}
_FIELD_ID: Final = b"PARQUET:field_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnChange:
    """What a table lacks to hold rows of a schema. `breaking` changes cannot be made to a table with rows."""

    path: str
    breaking: bool
    message: str


def table_schema(columns: pa.Schema) -> pa.Schema:
    """The columns of a table for rows of this schema: every field optional, the system column last.

    What is required is checked before a row gets here; a table whose columns are optional can evolve.
    """
    fields = [_optional(field) for field in columns if field.name != SYSTEM_COLUMN]
    return pa.schema([*fields, pa.field(SYSTEM_COLUMN, SYSTEM_TYPE)])


def _optional(field: pa.Field) -> pa.Field:
    return pa.field(field.name, _with_optional_children(field.type))


def _with_optional_children(data_type: pa.DataType) -> pa.DataType:
    if pa.types.is_struct(data_type):
        return pa.struct([_optional(data_type.field(i)) for i in range(data_type.num_fields)])
    if pa.types.is_list(data_type) or pa.types.is_large_list(data_type):
        return pa.list_(_optional(data_type.value_field))
    if pa.types.is_map(data_type):
        return pa.map_(data_type.key_type, _with_optional_children(data_type.item_type))
    return data_type


def columns_of(table: Schema) -> pa.Schema:
    """A table's columns as Headwater writes them, with field ids; Arrow's types with large offsets are not used."""
    return pa.schema([_small(field) for field in schema_to_pyarrow(table)])


def _small(field: pa.Field) -> pa.Field:
    return field.with_type(_small_type(field.type))


def _small_type(data_type: pa.DataType) -> pa.DataType:
    if pa.types.is_struct(data_type):
        return pa.struct([_small(child) for child in data_type])
    if pa.types.is_list(data_type) or pa.types.is_large_list(data_type):
        return pa.list_(_small(data_type.value_field))
    if pa.types.is_map(data_type):
        return pa.map_(_small(data_type.key_field), _small(data_type.item_field))
    if pa.types.is_large_string(data_type):
        return pa.string()
    return pa.binary() if pa.types.is_large_binary(data_type) else data_type


def compare(wanted: pa.Schema, existing: pa.Schema) -> Iterator[ColumnChange]:
    """What has to change in a table of the schema `existing` for it to hold rows of the schema `wanted`."""
    yield from _compare_structs(pa.struct(list(wanted)), pa.struct(list(existing)), "")


def _compare_structs(wanted: pa.StructType, existing: pa.StructType, prefix: str) -> Iterator[ColumnChange]:
    for field in wanted:
        path = prefix + field.name
        position = existing.get_field_index(field.name)
        if position < 0:
            yield ColumnChange(path=path, breaking=False, message=f"column {path!r} is new")
        else:
            yield from _compare_types(field.type, existing.field(position).type, path)


def _compare_types(wanted: pa.DataType, existing: pa.DataType, path: str) -> Iterator[ColumnChange]:
    wanted, existing = _plain(wanted), _plain(existing)
    if pa.types.is_struct(wanted) and pa.types.is_struct(existing):
        yield from _compare_structs(wanted, existing, f"{path}.")
    elif pa.types.is_list(wanted) and pa.types.is_list(existing):
        yield from _compare_types(wanted.value_type, existing.value_type, f"{path}[]")
    elif pa.types.is_map(wanted) and pa.types.is_map(existing):
        yield from _compare_types(wanted.item_type, existing.item_type, f"{path}{{}}")
    elif (existing, wanted) in _WIDER:
        yield ColumnChange(path=path, breaking=False, message=f"column {path!r} widens from {existing} to {wanted}")
    elif wanted != existing and (wanted, existing) not in _WIDER:
        yield ColumnChange(
            path=path,
            breaking=True,
            message=f"column {path!r} holds {_named(existing)} and cannot become {_named(wanted)}",
        )


def _plain(data_type: pa.DataType) -> pa.DataType:
    """One of the types that Arrow has for the same values."""
    if pa.types.is_large_string(data_type) or pa.types.is_string_view(data_type):
        return pa.string()
    if pa.types.is_large_list(data_type):
        return pa.list_(data_type.value_field)
    if pa.types.is_int8(data_type) or pa.types.is_int16(data_type):
        return pa.int32()
    return data_type


def _named(data_type: pa.DataType) -> str:
    for test, name in ((pa.types.is_struct, "an object"), (pa.types.is_list, "a list"), (pa.types.is_map, "a map")):
        if test(data_type):
            return name
    return str(data_type)


def with_field_ids(columns: pa.Schema, table: Schema, dataset: str) -> pa.Schema:
    """The same schema with the table's field ids, by which readers find columns in a file whatever their names are.

    Raises:
        LakeError: a column is not in the table.
    """
    return pa.schema([_with_id(field, table.as_struct(), field.name, dataset) for field in columns])


def _with_id(field: pa.Field, parent: StructType, path: str, dataset: str) -> pa.Field:
    column = parent.field_by_name(field.name)
    if column is None:
        raise LakeError(
            f"dataset {dataset!r} has no column {path!r} in the lake; prepare the table for the schema of the rows "
            "before staging them"
        )
    return _identified(field, column, path, dataset)


def _identified(field: pa.Field, column: NestedField, path: str, dataset: str) -> pa.Field:
    data_type = _type_with_ids(field.type, column.field_type, path, dataset)
    return pa.field(field.name, data_type, field.nullable, {_FIELD_ID: str(column.field_id).encode()})


def _type_with_ids(data_type: pa.DataType, column_type: IcebergType, path: str, dataset: str) -> pa.DataType:
    if pa.types.is_struct(data_type) and isinstance(column_type, StructType):
        return pa.struct([_with_id(child, column_type, f"{path}.{child.name}", dataset) for child in data_type])
    if pa.types.is_list(data_type) and isinstance(column_type, ListType):
        return pa.list_(_identified(data_type.value_field, column_type.element_field, f"{path}[]", dataset))
    if pa.types.is_map(data_type) and isinstance(column_type, MapType):
        return pa.map_(
            _identified(data_type.key_field, column_type.key_field, path, dataset),
            _identified(data_type.item_field, column_type.value_field, f"{path}{{}}", dataset),
        )
    return data_type
