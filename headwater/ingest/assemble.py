"""From the fast path's rows and the judge's verdicts to a chunk: nothing lost, nothing twice, in the file's order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headwater.formats.blocks import Block, Displayed
from headwater.ingest.judge import Verdict
from headwater.ingest.report import BYTE_OFFSET, ROW_NUMBER, Chunk
from headwater.model.records import MAX_RAW_BYTES, Problem, RowError

_RUN_ROWS: Final = 32
"""A run of so many rows is worth being joined to others as a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FastRows:
    """What the fast path made of a block.

    Attributes:
        batch: Its rows.
        positions: Which record of the block each row is.
        suspects: Rows that need a second look.
    """

    batch: pa.RecordBatch
    positions: Sequence[int]
    suspects: list[int]

    def unsettled(self, count: int) -> list[int]:
        """Which of the block's `count` records have no row, or one that needs a second look; in their order."""
        suspects = [self.positions[row] for row in self.suspects]
        if len(self.positions) == count:
            return suspects
        return sorted(set(range(count)).difference(self.positions).union(suspects))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a block stands.

    Attributes:
        file: Path of its file; for a member of an archive `ARCHIVE!/MEMBER`.
        first_row: 1-based number of its first record in that file or member.
        rows_before: How many records of the same archive stand in members before. Rows are numbered through the
            archive, errors through the member.
    """

    file: str
    first_row: int
    rows_before: int = 0


def assemble(
    block: Block,
    fast: FastRows,
    place: Place,
    *,
    look: Callable[[int], Verdict],
    restore: Callable[[list[bytes]], pa.RecordBatch],
) -> Chunk:
    """Put good, restored and bad rows together.

    Args:
        block: The records.
        fast: What the fast path made of them.
        place: Where they stand.
        look: The judge's verdict on a record of the block, asked for each that the fast path did not settle.
        restore: Makes a batch of the records that the judge accepted, as he restated them.
    """
    rows = _without(_locate(fast.batch, block, fast.positions, place), fast.suspects)
    if rows.num_rows == len(block.records):
        return Chunk(rows=rows, errors=(), read=rows.num_rows)
    verdicts = [(position, look(position)) for position in fast.unsettled(len(block.records))]
    restored = {position: verdict.record for position, verdict in verdicts if verdict.record is not None}
    if restored:
        again = _locate(restore(list(restored.values())), block, list(restored), place)
        rows = _in_order(pa.concat_batches([rows, again]))
    errors = tuple(
        row_error(block, position, verdict.problems, place) for position, verdict in verdicts if verdict.record is None
    )
    return Chunk(rows=rows, errors=errors, read=len(block.records))


def row_error(block: Block, position: int, problems: tuple[Problem, ...], place: Place) -> RowError:
    """The error of one record of a block."""
    return RowError(
        file=place.file,
        row_number=place.first_row + position,
        line=None if block.lines is None else block.lines[position],
        byte_offset=None if block.offsets is None else int(block.offsets[position]),
        raw=block.records[position][:MAX_RAW_BYTES].rstrip(b"\r"),
        problems=problems,
        is_displayed=isinstance(block.records[position], Displayed),
        rows_before=place.rows_before,
    )


def _locate(batch: pa.RecordBatch, block: Block, positions: Sequence[int], place: Place) -> pa.RecordBatch:
    """The batch with its provenance columns."""
    is_whole = len(positions) == len(block.records)
    chosen = pa.arange(0, len(positions)) if is_whole else pa.array(positions, ROW_NUMBER.type)
    numbers = pc.add(chosen, place.first_row + place.rows_before)
    if block.offsets is None:
        offsets = pa.nulls(batch.num_rows, BYTE_OFFSET.type)
    else:
        offsets = pa.array(block.offsets, BYTE_OFFSET.type).take(chosen)
    schema = batch.schema.append(ROW_NUMBER).append(BYTE_OFFSET)
    return pa.RecordBatch.from_arrays([*batch.columns, numbers, offsets], schema=schema)


def _without(batch: pa.RecordBatch, suspects: list[int]) -> pa.RecordBatch:
    """The batch without some rows. Few of them leave long runs, and to join these costs less than to filter."""
    if not suspects:
        return batch
    if len(suspects) * _RUN_ROWS > batch.num_rows:
        good = np.ones(batch.num_rows, np.bool_)
        good[suspects] = False
        return batch.filter(pa.array(good))
    runs = pairwise([-1, *suspects, batch.num_rows])
    return pa.concat_batches([batch.slice(before + 1, after - before - 1) for before, after in runs])


def _in_order(rows: pa.RecordBatch) -> pa.RecordBatch:
    return rows.take(pc.sort_indices(rows.column(ROW_NUMBER.name)))
