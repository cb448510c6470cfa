"""The engine for JSON: a block of bytes in, an Arrow batch and explained bad rows out.

Every engine keeps one promise: what its fast path accepts, the oracle accepts after conversion; what it cannot decide
it hands to the row-by-row path (`judge`). So a second engine can join, and the same tests hold both.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any, Protocol

import msgspec
import pyarrow as pa

from headwater.formats.blocks import Block
from headwater.ingest.assemble import FastRows, Place, assemble
from headwater.ingest.judge import Judge, Verdict, unreadable
from headwater.ingest.nested import ObjectColumn
from headwater.ingest.report import Chunk, Observations
from headwater.ingest.unknown import EVERY, UnknownFields

_UNDECODABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class Engine(Protocol):
    """Reads the blocks of one file, in their order."""

    def read(self, block: Block, place: Place, seen: Observations) -> Chunk:
        """Read a block that stands at `place`; what is noticed goes into `seen`."""
        ...


class JsonEngine:
    """Typed decode, conversion and rules by column; suspects one by one.

    Args:
        root: The columns of a record.
        judge: The row-by-row path for the same columns.
        mapped: Whether records come out of a mapping, which leaves no unknown fields.
        rule: What problems of unreadable records are put down to.
    """

    def __init__(self, root: ObjectColumn, judge: Judge, *, mapped: bool = False, rule: str = "json") -> None:
        self._root = root
        self._judge = judge
        self._rule = rule
        self._decode = msgspec.json.Decoder(root.row_class).decode
        self._unknown = None if mapped else UnknownFields(root.shape)

    def read(self, block: Block, place: Place, seen: Observations) -> Chunk:
        """Read a block of JSON records."""
        if self._unknown:
            sample = block.records[:: EVERY if seen.read else 1]
            self._unknown.count(sample, seen.unknown_fields)
            seen.sampled += len(sample)
        rows, positions = self._decode_block(block)
        array, suspects = self._root.build_records(rows, seen.tally)
        doubts = _by_row(suspects)
        fast = FastRows(batch=pa.RecordBatch.from_struct_array(array), positions=positions, suspects=sorted(doubts))
        doubts = {positions[row]: fields for row, fields in doubts.items()}

        def look(position: int) -> Verdict:
            return self._look(block, position, doubts.get(position, ()))

        return assemble(block, fast, place, look=look, restore=self.restore)

    def restore(self, records: list[bytes]) -> pa.RecordBatch:
        """Records that the judge accepted, as he restated them, to a batch."""
        array, _ = self._root.build([self._decode(record) for record in records], Counter())
        return pa.RecordBatch.from_struct_array(array)

    def _look(self, block: Block, position: int, doubtful: Collection[str]) -> Verdict:
        fault = block.faults.get(position)
        if fault is not None:
            return Verdict(record=None, problems=(unreadable(fault, rule=self._rule),))
        return self._judge.judge(block.records[position], doubtful)

    def _decode_block(self, block: Block) -> tuple[list[Any], range | list[int]]:
        """Decoded rows, and which records they are."""
        if not block.faults and is_utf8(b"\n".join(block.records)):
            try:
                return list(map(self._decode, block.records)), range(len(block.records))
            except _UNDECODABLE:
                pass
        rows: list[Any] = []
        positions: list[int] = []
        for position, record in enumerate(block.records):
            if position in block.faults or not is_utf8(record):
                continue
            try:
                rows.append(self._decode(record))
            except _UNDECODABLE:
                continue
            positions.append(position)
        return rows, positions


def _by_row(suspects: Mapping[str, list[int]]) -> dict[int, Collection[str]]:
    """The fields in doubt of each suspect; none where the record itself is."""
    doubts: dict[int, set[str]] = {}
    for name, rows in suspects.items():
        for row in rows:
            doubts.setdefault(row, set()).add(name)
    return {row: () if "" in fields else fields for row, fields in doubts.items()}


def is_utf8(text: bytes) -> bool:
    """Whether a text is UTF-8 throughout; the typed decode does not look into what it skips."""
    try:
        pa.array([text], pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        return False
    return True
