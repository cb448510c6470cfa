"""Writes the rows of one file group into Parquet files that wait for their batch's commit."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime
from types import TracebackType
from typing import Any, Final, Self

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.io import FileIO
from pyiceberg.schema import Schema
from ulid import ULID

from headwater.lake.encoding import dictionary_columns, open_parquet
from headwater.lake.errors import explained
from headwater.lake.partitions import split_by_day
from headwater.lake.schemas import SYSTEM_COLUMN, SYSTEM_TYPE, with_field_ids
from headwater.lake.storage import delete_files
from headwater.model.runs import StagedFile

ROW_GROUP_ROWS: Final = 64 * 1024
ROW_GROUP_BYTES: Final = 64 * 1024 * 1024
"""A row group is written when it has this many rows or takes this much memory."""
FILE_BYTES: Final = 256 * 1024 * 1024
"""A file is completed when it has this size."""
OPEN_FILES: Final = 32
"""At most so many days' files are open; then the one that was written to longest ago is completed."""
PROVENANCE_COLUMNS: Final = ("row_number", "byte_offset")


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTarget:
    """Where a writer's files go: the table's columns, its file system, and a name that no other attempt uses.

    `locate` turns the name of a file into its address below the table's data folder. `day_of` is the column by whose
    days the table is partitioned, or None.
    """

    dataset: str
    batch_id: str
    group: int
    ingested_at: datetime
    columns: Schema
    io: FileIO
    locate: Callable[[str], str]
    day_of: str | None = None


class StageWriter:
    """Rows in, Parquet files out; memory holds at most one row group, and twice that while it is split by days.

    In a table that is partitioned by days each file holds the rows of one day.

    A context manager. Leaving it normally completes the files and fills `result`; an exception removes them. A process
    that is killed leaves files that no snapshot refers to; `Lake.remove_leftovers` finds them.
    """

    def __init__(self, target: StageTarget, *, file_bytes: int = FILE_BYTES) -> None:
        self._target = target
        self._file_bytes = file_bytes
        self._attempt = str(ULID()).lower()
        self._ingested_at = pa.scalar(target.ingested_at, pa.timestamp("us", "UTC"))
        self._pending: list[pa.RecordBatch] = []
        self._pending_rows = 0
        self._pending_bytes = 0
        self._open: dict[date | None, _OpenFile] = {}  # by day, the one written to last at the end
        self._layout: _Layout | None = None
        self._finished: list[StagedFile] = []
        self._uris: list[str] = []
        self.result: tuple[StagedFile, ...] = ()
        """The completed files; empty until the writer is left."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                with explained(self._doing):
                    self._write_row_group()
                    for day in list(self._open):
                        self._finish_file(day)
                self.result = tuple(self._finished)
        finally:
            if len(self.result) != len(self._uris):
                self._abort()

    def write(self, rows: pa.RecordBatch, source_file_id: str, member: str | None = None) -> None:
        """Take rows of one source file.

        Args:
            rows: Columns of the dataset, and `row_number` and `byte_offset` (int64) in the file they came from.
            source_file_id: Id of that file's version in the ledger.
            member: Which member of it they came from, if it is an archive.

        Raises:
            LakeError: a column is not in the table, or the warehouse refused or could not be reached.
        """
        if rows.num_rows == 0:
            return
        with explained(self._doing):
            staged = self._with_provenance(rows, source_file_id, member)
            self._pending.append(staged)
            self._pending_rows += staged.num_rows
            self._pending_bytes += staged.nbytes
            if self._pending_rows >= ROW_GROUP_ROWS or self._pending_bytes >= ROW_GROUP_BYTES:
                self._write_row_group()

    @property
    def _doing(self) -> str:
        return f"staging batch {self._target.batch_id} for dataset {self._target.dataset!r}"

    def _with_provenance(self, rows: pa.RecordBatch, source_file_id: str, member: str | None) -> pa.RecordBatch:
        count = rows.num_rows
        system = pa.StructArray.from_arrays(
            [
                pa.repeat(self._target.batch_id, count),
                pa.repeat(source_file_id, count),
                rows.column("row_number"),
                rows.column("byte_offset"),
                pa.repeat(self._ingested_at, count),
                pa.repeat(pa.scalar(member, pa.string()), count),
            ],
            fields=list(SYSTEM_TYPE),
        )
        return rows.drop_columns(list(PROVENANCE_COLUMNS)).append_column(SYSTEM_COLUMN, system)

    def _write_row_group(self) -> None:
        if not self._pending:
            return
        rows = pa.Table.from_batches(self._pending)
        self._pending, self._pending_rows, self._pending_bytes = [], 0, 0
        days = [(None, rows)] if self._target.day_of is None else split_by_day(rows, self._target.day_of)
        for day, part in days:
            file = self._file_of(day, part)
            file.write(part)
            if file.size_bytes >= self._file_bytes:
                self._finish_file(day)

    def _file_of(self, day: date | None, sample: pa.Table) -> "_OpenFile":
        """The day's open file, or a new one; either is then the one used last."""
        file = self._open.pop(day, None)
        if file is None:
            if len(self._open) >= OPEN_FILES:
                self._finish_file(next(iter(self._open)))
            file = self._new_file(sample)
        self._open[day] = file
        return file

    def _new_file(self, sample: pa.Table) -> "_OpenFile":
        target = self._target
        if self._layout is None or not self._layout.of.equals(sample.schema):
            schema = with_field_ids(sample.schema, target.columns, target.dataset)
            self._layout = _Layout(of=sample.schema, schema=schema, dictionary=dictionary_columns(sample))
        name = f"{target.batch_id}/{target.group:05d}-{self._attempt}-{len(self._uris):03d}.parquet"
        uri = target.locate(name)
        self._uris.append(uri)
        return _OpenFile(uri, target.io, self._layout)

    def _finish_file(self, day: date | None) -> None:
        file = self._open.pop(day)
        file.close()
        self._finished.append(
            StagedFile(uri=file.uri, rows=file.rows, size_bytes=file.size_bytes, group=self._target.group)
        )

    def _abort(self) -> None:
        self._pending = []
        try:
            with ExitStack() as stack:
                for file in self._open.values():
                    stack.callback(file.close)
        finally:
            self._open = {}
            delete_files(self._target.io, self._uris)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """How rows of one schema are written; found once, since for a file of few rows it takes longer than these."""

    of: pa.Schema
    schema: pa.Schema
    dictionary: list[str]


class _OpenFile:
    """One Parquet file being written."""

    def __init__(self, uri: str, io: FileIO, layout: _Layout) -> None:
        self.uri = uri
        self.rows = 0
        self.size_bytes = 0
        self._sink: Any = io.new_output(uri).create(overwrite=False)
        self._writer: pq.ParquetWriter = open_parquet(self._sink, layout.schema, layout.dictionary)

    def write(self, rows: pa.Table) -> None:
        self._writer.write_table(rows, row_group_size=rows.num_rows)
        self.rows += rows.num_rows
        self.size_bytes = self._sink.tell()

    def close(self) -> None:
        try:
            self._writer.close()
            self.size_bytes = self._sink.tell()
        finally:
            self._sink.close()
