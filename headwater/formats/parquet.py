"""Parquet files: rows as Arrow batches of bounded size, each row also as JSON for whoever asks."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from headwater.errors import FileError
from headwater.formats.blocks import FILE_MISMATCH

MOST_ROWS: Final = 8192
"""How many rows of a file are in memory at once."""
_MOST_VALUES: Final = 4_000_000
MOST_TEXT_BYTES: Final = 64 * 1024 * 1024
"""How many bytes of text a batch of several rows has at most."""


def parquet_batches(stream: BinaryIO, *, file: str) -> Iterator[pa.RecordBatch]:
    """All rows of a Parquet file, in batches; some thousand rows are in memory at a time.

    Texts stay encoded by a dictionary: a page of a few bytes may stand for gigabytes of the same text.

    Args:
        stream: Seekable.
        file: Path of the file, for messages.

    Raises:
        FileError: "200" if the file cannot be read as Parquet, or has a column twice.
    """
    with _translated(file):
        with pq.ParquetFile(stream, memory_map=False) as parquet:
            columns = [parquet.schema.column(place) for place in range(len(parquet.schema))]
        with pq.ParquetFile(
            stream,
            memory_map=False,
            read_dictionary=[column.path for column in columns if _is_text(column)],
            coerce_int96_timestamp_unit="us",
        ) as parquet:
            _refuse_doubles(parquet.schema_arrow, file)
            for group in range(parquet.num_row_groups):
                rows = _rows_at_once(parquet.metadata.row_group(group))
                for batch in parquet.iter_batches(batch_size=rows, row_groups=[group], use_threads=False):
                    yield from _in_parts(batch)


@contextmanager
def _translated(file: str) -> Iterator[None]:
    """Arrow's errors as ours."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise FileError(
            f"{file}: the file begins like Parquet but cannot be read as such; it may be cut short or encrypted, or "
            f"have columns that are no JSON values ({type(error).__name__})",
            code=FILE_MISMATCH,
        ) from error


def _is_text(column: pq.ColumnSchema) -> bool:
    return bool(column.physical_type == "BYTE_ARRAY" and column.logical_type.type != "DECIMAL")


def _refuse_doubles(schema: pa.Schema, file: str) -> None:
    doubles = sorted({name for name in schema.names if schema.names.count(name) > 1})
    if doubles:
        raise FileError(
            f"{file}: the file has the column {doubles[0]!r} more than once; it is not clear which one is meant",
            code=FILE_MISMATCH,
        )


def _rows_at_once(group: pq.RowGroupMetaData) -> int:
    """Fewer rows where each has very many values: columns, or elements of arrays."""
    values = int(sum(group.column(place).num_values for place in range(group.num_columns)))
    per_row = max(1, values // max(1, int(group.num_rows)))
    return max(1, min(MOST_ROWS, _MOST_VALUES // per_row))


def _in_parts(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The batch, halved until its texts fit into memory however often each of them stands in it."""
    if batch.num_rows > 1 and sum(map(_text_bytes, batch.columns)) > MOST_TEXT_BYTES:
        half = batch.num_rows // 2
        yield from _in_parts(batch.slice(0, half))
        yield from _in_parts(batch.slice(half))
    elif batch.num_rows:
        yield batch


def _text_bytes(array: pa.Array) -> int:
    """How large the texts of a column are once each stands in its own place."""
    if pa.types.is_dictionary(array.type):
        lengths = pc.binary_length(array.dictionary)
        return int(pc.sum(lengths.take(array.indices)).as_py() or 0)
    if pa.types.is_struct(array.type):
        return sum(_text_bytes(member) for member in array.flatten())
    if pa.types.is_map(array.type):
        start, end = array.offsets[0].as_py(), array.offsets[-1].as_py()
        return sum(_text_bytes(part.slice(start, end - start)) for part in (array.keys, array.items))
    if pa.types.is_list(array.type) or pa.types.is_large_list(array.type) or pa.types.is_fixed_size_list(array.type):
        return _text_bytes(array.flatten())
    return 0
