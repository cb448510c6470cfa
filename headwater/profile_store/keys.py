"""Digests as two numbers: how the tables hold them, and how columns of them are sorted.

A number is half as wide as the digest in an index, and databases take and compare numbers sooner than bytes. It stands
for eight bytes, read as an unsigned number, less 2⁶³: so numbers compare as the bytes do, and fit a signed column.
"""

from collections.abc import Collection
from typing import Final

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from headwater.identity.extract import Integers, Mask
from headwater.identity.values import KEY_BYTES

_MIDDLE: Final = 1 << 63


def to_words(keys: pa.Array) -> tuple[Integers, Integers]:
    """Each digest as two numbers, the more significant one first."""
    words = np.frombuffer(keys.buffers()[1], ">u8").reshape(-1, KEY_BYTES // 8)[keys.offset : keys.offset + len(keys)]
    high, low = ((words[:, each].astype(np.uint64) ^ np.uint64(_MIDDLE)).view(np.int64) for each in (0, 1))
    return high, low


def key_parameters(keys: Collection[bytes]) -> dict[str, list[int]]:
    """What `has_key` asks for."""
    first, second = ([int.from_bytes(key[half : half + 8]) - _MIDDLE for key in keys] for half in (0, 8))
    return {"key_highs": first, "key_lows": second}


def has_key(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """Whether a row's identity has one of the keys that `key_parameters` names when the statement is executed.

    The two numbers are compared apart, so that the index is used; that a row has those of two different keys happens as
    seldom as that two keys are equal.
    """
    high: sa.BindParameter[list[int]] = sa.bindparam("key_highs", expanding=True)
    low: sa.BindParameter[list[int]] = sa.bindparam("key_lows", expanding=True)
    return table.c.key_high.in_(high) & table.c.key_low.in_(low)


def sort_by(*columns: Integers) -> tuple[Integers, Mask]:
    """The order in which the rows are sorted, the first column first, and where in it each different row begins.

    Equal rows keep their order.
    """
    order = np.argsort(columns[0], kind="stable")
    begins = _begins(columns[0][order])
    if not all(np.array_equal(begins, begins | _begins(column[order])) for column in columns[1:]):
        order = np.lexsort(columns[::-1])
        begins = np.logical_or.reduce([_begins(column[order]) for column in columns])
    return order, begins


def _begins(column: Integers) -> Mask:
    changes = np.ones(len(column), np.bool_)
    changes[1:] = column[1:] != column[:-1]
    return changes
