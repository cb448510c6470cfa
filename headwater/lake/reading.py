"""Reads rows: of staged files, of a whole table, of one batch."""

from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.expressions import EqualTo
from pyiceberg.io import FileIO
from pyiceberg.table import Table

from headwater.lake.schemas import SYSTEM_COLUMN, columns_of
from headwater.model.runs import StagedFile


def of_batch(batch_id: str) -> EqualTo:
    """For a scan: true of the batch's rows."""
    return EqualTo(term=f"{SYSTEM_COLUMN}.acp_sourceBatchId", value=batch_id)


def file_rows(io: FileIO, file: StagedFile, columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
    """The rows of a staged (or committed) file in bounded pieces; `columns` are top-level ones, None for all."""
    with (
        io.new_input(file.uri).open() as stream,
        pq.ParquetFile(stream, pre_buffer=False) as parquet,
    ):
        yield from parquet.iter_batches(columns=None if columns is None else list(columns))


def batch_rows(
    batch_id: str, files: Sequence[StagedFile], io_of: Callable[[StagedFile], FileIO], load: Callable[[], Table]
) -> Iterator[pa.RecordBatch]:
    """The rows that a loaded batch has: of its staged files, or of the table once those were compacted away."""
    if all(io_of(file).new_input(file.uri).exists() for file in files):
        for file in files:
            yield from file_rows(io_of(file), file, None)
        return
    table = load()
    columns = columns_of(table.schema())
    for batch in table.scan(row_filter=of_batch(batch_id)).to_arrow_batch_reader():
        yield from pa.Table.from_batches([batch]).cast(columns).to_batches()
