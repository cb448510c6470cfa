"""Reads rows: of staged files, of a whole table, of one batch."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.expressions import EqualTo
from pyiceberg.io import FileIO
from pyiceberg.table import Table

from headwater.lake.schemas import SYSTEM_COLUMN, columns_of
from headwater.model.runs import StagedFile

PIECE_ROWS: Final = 8192
"""Rows of small files are handed on so many together."""


def of_batch(batch_id: str) -> EqualTo:
    """For a scan: true of the batch's rows."""
    return EqualTo(term=f"{SYSTEM_COLUMN}.acp_sourceBatchId", value=batch_id)


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
    batch_id: str, files: Sequence[StagedFile], io_of: Callable[[StagedFile], FileIO], load: Callable[[], Table]
) -> Iterator[pa.RecordBatch]:
    """The rows that a loaded batch has: of its staged files, or of the table once those were compacted away."""
    if all(io_of(file).new_input(file.uri).exists() for file in files):
        yield from _gathered(batch for file in files for batch in file_rows(io_of(file), file, None))
        return
    table = load()
    columns = columns_of(table.schema())
    scanned = table.scan(row_filter=of_batch(batch_id)).to_arrow_batch_reader()
    yield from _gathered(
        piece for batch in scanned for piece in pa.Table.from_batches([batch]).cast(columns).to_batches()
    )


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
