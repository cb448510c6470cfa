"""Sorting and comparing digests by column, as two 64-bit numbers each."""

from typing import Any

import numpy as np
import pyarrow as pa

from headwater.identity.extract import Integers, Mask
from headwater.identity.values import KEY_BYTES

Words = np.ndarray[Any, np.dtype[np.uint64]]


def to_words(keys: pa.Array) -> tuple[Words, Words]:
    """Each key as two numbers, which compare as the key's bytes do; the more significant one first."""
    words = np.frombuffer(keys.buffers()[1], ">u8").reshape(-1, KEY_BYTES // 8)[keys.offset : keys.offset + len(keys)]
    return words[:, 0].astype(np.uint64), words[:, 1].astype(np.uint64)


def sort_by(*columns: Words | Integers) -> tuple[Integers, Mask]:
    """The order in which the rows are sorted, the first column first, and where in it each different row begins.

    Equal rows keep their order.
    """
    order = np.lexsort(columns[::-1])
    begins = np.zeros(len(order), np.bool_)
    begins[:1] = True
    for column in columns:
        arranged = column[order]
        begins[1:] |= arranged[1:] != arranged[:-1]
    return order, begins
