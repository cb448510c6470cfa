"""Reads rows: of staged files, of one batch."""

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.expressions import EqualTo
from pyiceberg.io import FileIO
from pyiceberg.io.pyarrow import ArrowScan
from pyiceberg.table import FileScanTask, Table

from headwater.lake.provenance import BATCH, SOURCE_FILE, only_batch, row_groups_with
from headwater.lake.schemas import SYSTEM_COLUMN
from headwater.model.runs import StagedFile

PIECE_ROWS: Final = 8192
"""Rows of small files are handed on so many together."""


def of_batch(batch_id: str) -> EqualTo:
    """For a scan: true of the batch's rows."""
    return EqualTo(term=f"{SYSTEM_COLUMN}.{BATCH}", value=batch_id)


def file_rows(io: FileIO, file: StagedFile, columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
    """The rows of a staged (or committed) file in bounded pieces; `columns` are top-level ones, None for all."""
    with (
        io.new_input(file.uri).open() as stream,
        pq.ParquetFile(stream, pre_buffer=False) as parquet,
    ):
        yield from parquet.iter_batches(
            columns=None if columns is None else list(columns), use_threads=parquet.metadata.num_rows > PIECE_ROWS
        )


def batch_rows(
    table: Table,
    batch_id: str,
    files: Sequence[StagedFile],
    io_of: Callable[[StagedFile], FileIO],
    *,
    present: Container[str],
) -> Iterator[pa.RecordBatch]:
    """The rows that a batch loaded: of its staged files, or of the table once those were compacted away.

    `present` has the addresses of the files that are there.
    """
    if all(file.uri in present for file in files):
        yield from _gathered(batch for file in files for batch in file_rows(io_of(file), file, None))
    else:
        yield from remaining_rows(table, batch_id)


def remaining_rows(table: Table, batch_id: str) -> Iterator[pa.RecordBatch]:
    """The rows that the newest snapshot has of a batch, a row group at a time.

    They come in the order in which they were staged: by source file, whose ids grow in the order of reading, and row.
    In a table that is partitioned by days, that holds for the rows of one day.
    """
    may_match = table.scan(row_filter=of_batch(batch_id)).plan_files()
    tasks = [task for task in may_match if only_batch(task.file.file_path) in (None, batch_id)]
    parts = [part for task in tasks if (part := _find_part(table, task, batch_id)) is not None]
    parts.sort(key=attrgetter("begins_with"))
    yield from _gathered(batch for part in parts for batch in _part_rows(table, part, batch_id))


def _gathered(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows in fewer pieces: a table of days has many small files, and each piece costs its reader much."""
    held: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        if held and (rows + batch.num_rows > PIECE_ROWS or not batch.schema.equals(held[0].schema)):
            yield pa.concat_batches(held)
            held, rows = [], 0
        held.append(batch)
        rows += batch.num_rows
    if held:
        yield pa.concat_batches(held)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """What a data file has of a batch: in which row groups, and source file and number of the first of its rows."""

    task: FileScanTask
    row_groups: tuple[int, ...]
    begins_with: tuple[str, int]


def _find_part(table: Table, task: FileScanTask, batch_id: str) -> _Part | None:
    """Where the batch's rows are in a data file; None if it has none."""
    columns = [f"{SYSTEM_COLUMN}.{name}" for name in (BATCH, SOURCE_FILE, "rowNumber")]
    row_groups, firsts = [], []
    with table.io.new_input(task.file.file_path).open() as stream, pq.ParquetFile(stream) as parquet:
        for number in row_groups_with(parquet.metadata, BATCH, batch_id):
            rows = _only_of_batch(parquet.read_row_group(number, columns=columns), batch_id)
            if rows.num_rows:
                row_groups.append(number)
                firsts.append(_first_place(rows))
    return _Part(task=task, row_groups=tuple(row_groups), begins_with=min(firsts)) if firsts else None


def _first_place(rows: pa.Table) -> tuple[str, int]:
    system = rows.column(SYSTEM_COLUMN)
    files = pc.struct_field(system, SOURCE_FILE)
    first = pc.min(files)
    return first.as_py(), pc.min(pc.struct_field(system.filter(pc.equal(files, first)), "rowNumber")).as_py()


def _part_rows(table: Table, part: _Part, batch_id: str) -> Iterator[pa.RecordBatch]:
    if part.task.delete_files:  # another engine's; a file's rows are in memory together
        scan = ArrowScan(table.metadata, table.io, table.schema(), of_batch(batch_id))
        yield from scan.to_record_batches([part.task])
        return
    with (
        table.io.new_input(part.task.file.file_path).open() as stream,
        pq.ParquetFile(stream, pre_buffer=False) as parquet,
    ):
        for number in part.row_groups:
            yield from _only_of_batch(parquet.read_row_group(number), batch_id).to_batches()


def _only_of_batch(rows: pa.Table, batch_id: str) -> pa.Table:
    return rows.filter(pc.equal(pc.struct_field(rows.column(SYSTEM_COLUMN), BATCH), batch_id))
