"""What PostgreSQL's COPY reads in its binary format, made from Arrow columns.

A field is its length (four bytes, the greatest first) and its value; a row is the number of its fields and these. The
lengths, and everything of a fixed width, are laid out by numpy; Arrow joins them with the texts. No row is an object.
https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-BINARY
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END: Final = b"\xff\xff"
_ROWS_AT_ONCE: Final = 16_384

Bytes = np.ndarray[Any, np.dtype[np.uint8]]


def copy_stream(columns: Sequence[pa.Array]) -> Iterator[bytes | memoryview]:
    """The stream in parts. 64-bit integers become int8, 32-bit ones int4, texts text; no nulls."""
    yield _HEADER
    for start in range(0, len(columns[0]), _ROWS_AT_ONCE):
        yield _rows([column.slice(start, _ROWS_AT_ONCE) for column in columns])
    yield _END


def _rows(columns: Sequence[pa.Array]) -> memoryview:
    count = len(columns[0])
    pieces: list[pa.Array] = []
    fixed = [_repeat(len(columns).to_bytes(2), count)]
    for column in columns:
        if pa.types.is_string(column.type):
            fixed.append(_big_endian(pc.binary_length(column)))
            pieces += [_join(fixed), column.cast(pa.binary())]
            fixed = []
        else:
            values = _big_endian(column)
            fixed += [_repeat(values.shape[1].to_bytes(4), count), values]
    if fixed:
        pieces.append(_join(fixed))
    joined = pc.binary_join_element_wise(*pieces, pa.scalar(b"", pa.binary()))
    return memoryview(joined.buffers()[2])[: joined.total_values_length]


def _big_endian(column: pa.Array) -> Bytes:
    numbers = column.to_numpy()
    swapped: Bytes = numbers.astype(numbers.dtype.newbyteorder(">")).view(np.uint8)
    return swapped.reshape(len(column), -1)


def _repeat(value: bytes, count: int) -> Bytes:
    return np.broadcast_to(np.frombuffer(value, np.uint8), (count, len(value)))


def _join(fixed: list[Bytes]) -> pa.Array:
    """The lines side by side, as binaries."""
    lines = np.concatenate(fixed, axis=1)
    count, width = lines.shape
    offsets = np.arange(count + 1, dtype=np.int32) * np.int32(width)
    return pa.Array.from_buffers(pa.binary(), count, [None, pa.py_buffer(offsets), pa.py_buffer(lines)])
