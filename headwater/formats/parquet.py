"""Parquet files: rows as JSON records, so that they go the same way as all others."""

from collections.abc import Iterator
from typing import BinaryIO

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from headwater.errors import FileError
from headwater.formats.blocks import FILE_MISMATCH, Block

_ROWS_AT_ONCE = 1024


def parquet_blocks(stream: BinaryIO, *, file: str) -> Iterator[Block]:
    """All rows of a Parquet file, in blocks; a row group at a time is in memory.

    Times are brought to microseconds; a timestamp without a zone stays without one, and is judged as such. Bytes are
    taken as UTF-8 text.

    Args:
        stream: Seekable.
        file: Path of the file, for messages.

    Raises:
        FileError: "200" if the file cannot be read as Parquet.
    """
    try:
        with pq.ParquetFile(stream, memory_map=False) as parquet:
            for batch in parquet.iter_batches(batch_size=_ROWS_AT_ONCE, use_threads=False):
                yield _block(_plain(batch))
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise FileError(
            f"{file}: the file begins like Parquet but cannot be read as such; it may be cut short or encrypted, or "
            f"have columns that are no JSON values ({type(error).__name__})",
            code=FILE_MISMATCH,
        ) from error


def _block(batch: pa.RecordBatch) -> Block:
    faults: dict[int, str] = {}
    try:
        rows = batch.to_pylist(maps_as_pydicts="strict")
    except KeyError:
        rows = [_row(batch, place, faults) for place in range(batch.num_rows)]
    faults |= dict.fromkeys(_not_finite(batch), "a number in the record is NaN or infinite")
    encode = msgspec.json.Encoder(decimal_format="string").encode
    return Block(records=list(map(encode, rows)), faults=faults)


def _row(batch: pa.RecordBatch, place: int, faults: dict[int, str]) -> dict[str, object]:
    try:
        row: dict[str, object] = batch.slice(place, 1).to_pylist(maps_as_pydicts="strict")[0]
    except KeyError:
        faults[place] = "a map in the record has a key twice"
        return {}
    return row


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch in types that have a JSON form."""
    schema = pa.schema([pa.field(field.name, _plain_type(field.type)) for field in batch.schema])
    if schema.equals(batch.schema):
        return batch
    return pa.RecordBatch.from_arrays(
        [pc.cast(column, field.type, safe=False) for column, field in zip(batch.columns, schema, strict=True)],
        schema=schema,
    )


def _plain_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(field.name, _plain_type(field.type)) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(pa.string(), _plain_type(kind.item_type))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return pa.list_(_plain_type(kind.value_type))
    if pa.types.is_dictionary(kind):
        return _plain_type(kind.value_type)
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", kind.tz)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_large_string(kind):
        return pa.string()
    return kind


def _not_finite(batch: pa.RecordBatch) -> list[int]:
    """Rows with a number that JSON cannot express."""
    return [
        place
        for column in batch.columns
        if _has_floats(column.type) and not _all_finite(column)
        for place in range(len(column))
        if not _all_finite(column.slice(place, 1))
    ]


def _has_floats(kind: pa.DataType) -> bool:
    return pa.types.is_floating(kind) or any(_has_floats(kind.field(i).type) for i in range(kind.num_fields))


def _all_finite(column: pa.Array) -> bool:
    if pa.types.is_floating(column.type):
        return bool(pc.all(pc.is_finite(column), min_count=0).as_py())
    if pa.types.is_struct(column.type):
        return all(map(_all_finite, column.flatten()))
    if pa.types.is_map(column.type):
        start, end = column.offsets[0].as_py(), column.offsets[-1].as_py()
        return _all_finite(column.items.slice(start, end - start))
    if pa.types.is_list(column.type):
        return _all_finite(column.flatten())
    return True
