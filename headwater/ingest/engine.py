"""The engine for JSON: a block of bytes in, an Arrow batch and explained bad rows out.

Every engine keeps one promise: what its fast path accepts, the oracle accepts after conversion; what it cannot decide
it hands to the row-by-row path (`judge`). So a second engine can join, and the same tests hold both.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final, Protocol

import msgspec
import pyarrow as pa

from headwater.formats.blocks import Block
from headwater.ingest.assemble import FastRows, Place, assemble
from headwater.ingest.column import Tally
from headwater.ingest.judge import Judge, Verdict, unreadable
from headwater.ingest.nested import Doubts, ObjectColumn
from headwater.ingest.report import Chunk, Observations
from headwater.ingest.unknown import UnknownFields, choose_sample

SLICE_BYTES: Final = 256 * 1024
"""The objects of so much JSON nearly fit into a processor's cache, and calls into Arrow cost little beside them."""
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
        slice_bytes: About so much of a block is decoded and gathered at once.
    """

    def __init__(
        self,
        root: ObjectColumn,
        judge: Judge,
        *,
        mapped: bool = False,
        rule: str = "json",
        slice_bytes: int = SLICE_BYTES,
    ) -> None:
        self._root = root
        self._judge = judge
        self._rule = rule
        self._slice_bytes = slice_bytes
        self._decode = msgspec.json.Decoder(root.row_class).decode
        self._unknown = None if mapped else UnknownFields(root.shape)

    def read(self, block: Block, place: Place, seen: Observations) -> Chunk:
        """Read a block of JSON records."""
        if self._unknown:
            sample = choose_sample(block.records, seen.read)
            self._unknown.count(sample, seen.unknown_fields)
            seen.sampled += len(sample)
        gathered, positions, doubts = self._gather(block, seen.tally)
        array, unread = self._root.convert_records(gathered, seen.tally)
        by_row = _by_row(doubts, unread, self._root.check_records(array))
        fast = FastRows(batch=pa.RecordBatch.from_struct_array(array), positions=positions, suspects=sorted(by_row))
        in_doubt = {positions[row]: fields for row, fields in by_row.items()}

        def look(position: int) -> Verdict:
            return self._look(block, position, in_doubt.get(position, ()))

        return assemble(block, fast, place, look=look, restore=self.restore)

    def restore(self, records: list[bytes]) -> pa.RecordBatch:
        """Records that the judge accepted, as he restated them, to a batch."""
        gathered, _ = self._root.gather_records([self._decode(record) for record in records], Counter())
        array, _ = self._root.convert_records(gathered, Counter())
        return pa.RecordBatch.from_struct_array(array)

    def _look(self, block: Block, position: int, doubtful: Collection[str]) -> Verdict:
        fault = block.faults.get(position)
        if fault is not None:
            return Verdict(record=None, problems=(unreadable(fault, rule=self._rule),))
        return self._judge.judge(block.records[position], doubtful)

    def _gather(self, block: Block, tally: Tally) -> tuple[pa.StructArray, Sequence[int], Doubts]:
        """What can be decoded as an array, which records they are, and what fits no array."""
        arrays: list[pa.StructArray] = []
        positions: list[int] = []
        doubts: Doubts = {}
        is_clean = not block.faults and are_utf8(block.records)
        for part in _slices(len(block.records), -(-sum(map(len, block.records)) // self._slice_bytes)):
            array, places, misfits = self._gather_part(block, part, tally, is_clean=is_clean)
            for name, found in misfits.items():
                doubts.setdefault(name, []).extend(len(positions) + row for row in found)
            positions += places
            arrays.append(array)
        is_whole = len(positions) == len(block.records)
        return pa.concat_arrays(arrays), range(len(positions)) if is_whole else positions, doubts

    def _gather_part(
        self, block: Block, part: range, tally: Tally, *, is_clean: bool
    ) -> tuple[pa.StructArray, Sequence[int], Doubts]:
        """The same for a part of a block. Its objects are gone before those of the next are made in their place."""
        rows, places = self._decode_part(block, part, is_clean=is_clean)
        array, misfits = self._root.gather_records(rows, tally)
        return array, places, misfits

    def _decode_part(self, block: Block, part: range, *, is_clean: bool) -> tuple[list[Any], Sequence[int]]:
        """Decoded rows of a part of a block, and which records they are; a clean block is without fault, and UTF-8."""
        if is_clean:
            try:
                return list(map(self._decode, block.records[part.start : part.stop])), part
            except _UNDECODABLE:
                pass
        rows: list[Any] = []
        positions: list[int] = []
        for position in part:
            record = block.records[position]
            if position in block.faults or not (is_clean or are_utf8([record])):
                continue
            try:
                rows.append(self._decode(record))
            except _UNDECODABLE:
                continue
            positions.append(position)
        return rows, positions


def _slices(count: int, parts: int) -> Iterator[range]:
    """So many records in so many ranges; at least one, perhaps an empty one."""
    step = max(1, -(-count // max(parts, 1)))
    for start in range(0, max(count, 1), step):
        yield range(start, min(start + step, count))


def _by_row(*doubts: Doubts) -> dict[int, Collection[str]]:
    """The fields in doubt of each suspect; none where the record itself is."""
    found: dict[int, set[str]] = {}
    for fields in doubts:
        for name, rows in fields.items():
            for row in rows:
                found.setdefault(row, set()).add(name)
    return {row: () if "" in names else names for row, names in found.items()}


def are_utf8(texts: Sequence[bytes]) -> bool:
    """Whether all texts are UTF-8 throughout; the typed decode does not look into what it skips."""
    doubtful = [text for text in texts if not text.isascii()]
    try:
        pa.array([b"\n".join(doubtful)], pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        return False
    return True
