"""A block: some whole records of a file, still as bytes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from headwater.model.records import MAX_RAW_BYTES

FILE_EMPTY: Final = "106"
"""AEP's code for a file without content."""
HEADER_EMPTY: Final = "118"
"""AEP's code for a delimited file without a header."""
FILE_MISMATCH: Final = "200"
"""AEP's code for a file that is not what it is declared to be."""


class Displayed(bytes):
    """A record to be looked at only: read as JSON, it would not mean what it means in its file."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of a file is held at once.

    Attributes:
        block_bytes: Aimed-at size of a block.
        max_record_bytes: A longer record is rejected, unread.
        block_records: How many records are looked at together at most.
    """

    block_bytes: int = 2 * 1024 * 1024
    max_record_bytes: int = 16 * 1024 * 1024
    block_records: int = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Whole records, in the order of the file.

    Attributes:
        records: Each record's own bytes, without line end.
        offsets: Offset of each record's first byte in the decompressed file; None where the format has none.
        lines: 1-based line on which each record begins; None where the format has none.
        faults: For records that framing alone shows to be unreadable: position in `records` -> reason.
    """

    records: Sequence[bytes]
    offsets: Sequence[int] | npt.NDArray[np.int64] | None = None
    lines: Sequence[int] | None = None
    faults: dict[int, str] = field(default_factory=dict)

    def part(self, start: int, end: int | None = None) -> "Block":
        """Some of the records: those from `start` up to, not including, `end`."""
        chosen = range(len(self.records))[start:end]
        return Block(
            records=self.records[start:end],
            offsets=None if self.offsets is None else self.offsets[start:end],
            lines=None if self.lines is None else self.lines[start:end],
            faults={position - start: reason for position, reason in self.faults.items() if position in chosen},
        )


class BlockBuilder:
    """Collects records with their places one by one, for the cases that need care."""

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.offsets: list[int] = []
        self.lines: list[int] = []
        self.faults: dict[int, str] = {}

    def add(self, record: bytes, *, offset: int, line: int, fault: str | None = None) -> None:
        """Add one record; with a fault, only as many of its bytes as are kept of rejected records."""
        if fault is not None:
            self.faults[len(self.records)] = fault
            record = record[:MAX_RAW_BYTES]
        self.records.append(record)
        self.offsets.append(offset)
        self.lines.append(line)

    def build(self) -> Block:
        """The block so far; what is added afterwards is in the next one."""
        block = Block(records=self.records, offsets=self.offsets, lines=self.lines, faults=self.faults)
        self.records, self.offsets, self.lines, self.faults = [], [], [], {}
        return block


def too_long(limits: Limits) -> str:
    """The reason for which an overlong record is rejected."""
    return f"the record is longer than {limits.max_record_bytes:,} bytes (`max_record_bytes`)"
