"""Parquet files: rows as Arrow batches of bounded size, each row also as JSON for whoever asks."""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from headwater.errors import FileError
from headwater.formats.blocks import FILE_MISMATCH
from headwater.formats.expansion import Allowance

MOST_ROWS: Final = 8192
"""How many rows of a file are in memory at once."""
_MOST_VALUES: Final = 4_000_000
MOST_TEXT_BYTES: Final = 64 * 1024 * 1024
"""How many bytes of text a batch of several rows has at most."""
_MOST_DICTIONARY_BYTES: Final = 24 * 1024 * 1024
"""How large the columns of a group may be together whose distinct texts are kept while the group is read."""
_BUFFER_BYTES: Final = 1024 * 1024


def parquet_batches(stream: BinaryIO, *, file: str) -> Iterator[pa.RecordBatch]:
    """All rows of a Parquet file, in batches; some thousand rows are in memory at a time, however large a group is.

    Texts of small columns stay encoded by a dictionary: a page of a few bytes may stand for gigabytes of one text.
    The same column may so be a dictionary in one batch and plain in another.

    Args:
        stream: Seekable.
        file: Path of the file, for messages.

    Raises:
        FileError: "200" if the file cannot be read as Parquet, or has a column twice, or if a
            group of rows expands beyond all measure by what the file's end says of it.
    """
    with _translated(file):
        with pq.ParquetFile(stream, memory_map=False) as parquet:
            _refuse_doubles(parquet.schema_arrow, file)
            metadata = parquet.metadata
        texts = [place for place in range(metadata.num_columns) if _is_text(metadata.schema.column(place))]
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            _refuse_bomb(group, file)
            small, large = _by_size(group, texts)
            rows = _rows_at_once(group)
            if large:
                rows = min(rows, _rows_of_longest(stream, metadata, number, large))
            with _open(stream, metadata, small) as parquet:
                for batch in parquet.iter_batches(batch_size=rows, row_groups=[number], use_threads=False):
                    yield from _in_parts(batch)


def _open(stream: BinaryIO, metadata: pq.FileMetaData, dictionaries: list[str]) -> pq.ParquetFile:
    """The file, read piece by piece: else the whole of each column of a group would be in memory."""
    return pq.ParquetFile(
        stream,
        metadata=metadata,
        memory_map=False,
        buffer_size=_BUFFER_BYTES,
        read_dictionary=dictionaries,
        coerce_int96_timestamp_unit="us",
    )


def _by_size(group: pq.RowGroupMetaData, texts: list[int]) -> tuple[list[str], list[str]]:
    """Paths of the columns whose distinct texts can all be kept while the group is read; and of the others."""
    small: list[str] = []
    large: list[str] = []
    size = 0
    for column in sorted((group.column(place) for place in texts), key=lambda column: column.total_uncompressed_size):
        size += column.total_uncompressed_size
        (small if size <= _MOST_DICTIONARY_BYTES else large).append(column.path_in_schema)
    return small, large


def _rows_of_longest(stream: BinaryIO, metadata: pq.FileMetaData, number: int, columns: list[str]) -> int:
    """How many rows fit into memory if each has the longest text that these columns have at the group's beginning.

    Read as dictionaries, the first rows show every text that a dictionary's references may repeat later on.
    """
    group = metadata.row_group(number)
    with _open(stream, metadata, columns) as parquet:
        rows = _rows_at_once(group)
        batches = parquet.iter_batches(batch_size=rows, row_groups=[number], columns=columns, use_threads=False)
        first = next(batches, None)
    if first is None:
        return rows
    longest = sum(_longest(text) for column in first.columns for text in _texts(column))
    return max(1, MOST_TEXT_BYTES // max(1, longest * _values_per_text(group, columns)))


def _values_per_text(group: pq.RowGroupMetaData, columns: list[str]) -> int:
    """How many elements a row has on average in the column that has most of them."""
    chunks = (group.column(place) for place in range(group.num_columns))
    values = max(int(chunk.num_values) for chunk in chunks if chunk.path_in_schema in columns)
    return max(1, values // max(1, int(group.num_rows)))


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
    double = next(_doubles(list(schema), ""), None)
    if double is not None:
        raise FileError(
            f"{file}: the file has the column {double!r} more than once; it is not clear which one is meant",
            code=FILE_MISMATCH,
        )


def _doubles(fields: list[pa.Field], before: str) -> Iterator[str]:
    """Dotted names that several fields of the same struct have."""
    for name, count in Counter(field.name for field in fields).items():
        if count > 1:
            yield before + name
    for field in fields:
        yield from _doubles_below(field.type, f"{before}{field.name}.")


def _doubles_below(kind: pa.DataType, before: str) -> Iterator[str]:
    if pa.types.is_struct(kind):
        yield from _doubles(list(kind), before)
    elif pa.types.is_map(kind):
        yield from _doubles_below(kind.item_type, before)
    elif _is_list(kind):
        yield from _doubles_below(kind.value_type, before)


def _refuse_bomb(group: pq.RowGroupMetaData, file: str) -> None:
    """A page is in memory as a whole, and nothing but the group's size bounds it."""
    chunks = [group.column(place) for place in range(group.num_columns)]
    packed = sum(int(chunk.total_compressed_size) for chunk in chunks)
    allowance = Allowance(file=file, packed_bytes=lambda: packed, most_bytes=sys.maxsize)
    allowance.take(sum(int(chunk.total_uncompressed_size) for chunk in chunks), name="Parquet")


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
    return sum(int(pc.sum(_lengths(text)).as_py() or 0) for text in _texts(array))


def _lengths(text: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(text.type):
        return pc.cast(pc.binary_length(text.dictionary).take(text.indices), pa.int64())
    return pc.cast(pc.binary_length(text), pa.int64())


def _longest(text: pa.Array) -> int:
    values = text.dictionary if pa.types.is_dictionary(text.type) else text
    return int(pc.max(pc.binary_length(values)).as_py() or 0)


def _texts(array: pa.Array) -> Iterator[pa.Array]:
    """The texts and byte strings within a column, plain or as dictionaries."""
    kind = array.type
    if pa.types.is_dictionary(kind) or _is_plain_text(kind):
        yield array
    elif pa.types.is_struct(kind):
        for member in array.flatten():
            yield from _texts(member)
    elif pa.types.is_map(kind):
        start, end = array.offsets[0].as_py(), array.offsets[-1].as_py()
        for part in (array.keys, array.items):
            yield from _texts(part.slice(start, end - start))
    elif _is_list(kind):
        yield from _texts(array.flatten())


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _is_plain_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )
