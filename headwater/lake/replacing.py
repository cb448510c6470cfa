"""Removes the rows of superseded source files: writes the data files that hold some anew, without them."""

from collections.abc import Collection, Iterator
from itertools import chain
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.expressions import In
from pyiceberg.manifest import DataFile, FileFormat
from pyiceberg.table import FileScanTask, Table
from ulid import ULID

from headwater.errors import LakeError
from headwater.lake.encoding import dictionary_columns, open_parquet
from headwater.lake.schemas import SYSTEM_COLUMN
from headwater.lake.storage import delete_files

_SOURCE_FILE: Final = f"{SYSTEM_COLUMN}.sourceFileId"


class Replacements:
    """The data files that a commit replaces, and what it replaces them with.

    Attributes:
        files: Addresses of the files that take the places of those `plan` returned last; fewer where nothing remained.
    """

    def __init__(self, table: Table, batch_id: str, superseded: Collection[str]) -> None:
        self.files: tuple[str, ...] = ()
        self._table = table
        self._batch_id = batch_id
        self._superseded = pa.array(sorted(superseded), pa.string())
        self._remains: dict[
            str, str | None
        ] = {}  # by the old file's address: itself, a new one, or None if nothing remains
        self._new: set[str] = set()
        self._kept: set[str] = set()

    def plan(self) -> tuple[DataFile, ...]:
        """Find the data files that hold superseded rows in the table as it was last loaded, and write their remains.

        A file that an earlier attempt wrote is used again.

        Raises:
            LakeError: another engine deleted rows of such a file in a way that only a compaction settles.
        """
        if len(self._superseded) == 0:
            return ()
        affected: list[DataFile] = []
        for task in self._table.scan(
            row_filter=In(term=_SOURCE_FILE, literals=self._superseded.to_pylist())
        ).plan_files():
            path = task.file.file_path
            if path not in self._remains:
                self._remains[path] = self._write_remains(task)
            if self._remains[path] != path:
                affected.append(task.file)
        self.files = tuple(uri for file in affected if (uri := self._remains[file.file_path]) is not None)
        return tuple(affected)

    def keep(self) -> None:
        """Call when the files belong to a snapshot, or may."""
        self._kept.update(self.files)

    def discard_unused(self) -> None:
        """Delete what was written for attempts that failed."""
        delete_files(self._table.io, self._new - self._kept)

    def _write_remains(self, task: FileScanTask) -> str | None:
        path = task.file.file_path
        if task.delete_files or task.file.file_format != FileFormat.PARQUET:
            raise LakeError(
                f"{path} cannot be written anew: it is not Parquet, or another engine deleted rows of it by a delete "
                "file. Compact the table with that engine (Spark: rewrite_data_files), then run the batch again."
            )
        with self._table.io.new_input(path).open() as stream, pq.ParquetFile(stream) as old:
            keep = [self._rows_to_keep(group) for group in _row_groups(old, [_SOURCE_FILE])]
            kept_rows = sum(pc.sum(mask).as_py() or 0 for mask in keep)
            if kept_rows == old.metadata.num_rows:
                return path
            return self._copy(old, keep) if kept_rows else None

    def _rows_to_keep(self, group: pa.Table) -> pa.ChunkedArray:
        source_files = pc.struct_field(group.column(SYSTEM_COLUMN), "sourceFileId")
        return pc.invert(pc.is_in(source_files, self._superseded))

    def _copy(self, old: pq.ParquetFile, keep: list[pa.ChunkedArray]) -> str:
        name = f"{self._batch_id}/replaced-{str(ULID()).lower()}.parquet"
        uri = self._table.location_provider().new_data_location(name)
        self._new.add(uri)
        groups = (group.filter(mask) for group, mask in zip(_row_groups(old), keep, strict=True))
        filled = (rows for rows in groups if rows.num_rows)
        first = next(filled)
        with (
            self._table.io.new_output(uri).create() as sink,
            open_parquet(sink, old.schema_arrow, dictionary_columns(first)) as writer,
        ):
            for rows in chain([first], filled):
                writer.write_table(rows, row_group_size=rows.num_rows)
        return uri


def _row_groups(file: pq.ParquetFile, columns: list[str] | None = None) -> Iterator[pa.Table]:
    return (file.read_row_group(i, columns=columns) for i in range(file.metadata.num_row_groups))
