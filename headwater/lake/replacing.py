"""Removes rows of source files or of whole batches: writes the data files that hold some anew, without them."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.expressions import AlwaysFalse, BooleanExpression, In, Or
from pyiceberg.manifest import DataFile, FileFormat
from pyiceberg.table import FileScanTask, Table
from ulid import ULID

from headwater.errors import LakeError
from headwater.lake.encoding import dictionary_columns, open_parquet
from headwater.lake.provenance import BATCH, SOURCE_FILE, only_batch
from headwater.lake.schemas import SYSTEM_COLUMN
from headwater.lake.storage import delete_files

_MOST_COMPARED: Final = 200
"""pyiceberg compares no more values at once with a file's bounds; of more, it takes every file for a match."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedRows:
    """Which rows go: those that came from one of these source files, or with one of these batches."""

    source_files: Collection[str] = ()
    batches: Collection[str] = ()

    def __bool__(self) -> bool:
        """Whether any row can be meant."""
        return bool(self.source_files or self.batches)

    def expression(self) -> BooleanExpression:
        """For a scan: true of every row that goes."""
        terms = [
            In(term=f"{SYSTEM_COLUMN}.{name}", literals=values[start : start + _MOST_COMPARED])
            for name, values in self._conditions()
            for start in range(0, len(values), _MOST_COMPARED)
        ]
        return Or(AlwaysFalse(), AlwaysFalse(), *terms)

    def rows_to_keep(self, rows: pa.Table) -> pa.ChunkedArray:
        """A mask of the rows that stay; the table needs the fields of `columns` only."""
        system = rows.column(SYSTEM_COLUMN)
        removed = pa.chunked_array([pa.repeat(pa.scalar(False), rows.num_rows)])
        for name, values in self._conditions():
            found = pc.is_in(pc.struct_field(system, name), pa.array(values, pa.string()))
            removed = pc.or_(removed, found)
        return pc.invert(removed)

    @property
    def columns(self) -> list[str]:
        """The columns that tell which rows go."""
        return [f"{SYSTEM_COLUMN}.{name}" for name, _ in self._conditions()]

    def _conditions(self) -> Iterator[tuple[str, list[str]]]:
        if self.source_files:
            yield SOURCE_FILE, sorted(self.source_files)
        if self.batches:
            yield BATCH, sorted(self.batches)


class Replacements:
    """The data files that a commit replaces, and what it replaces them with.

    Attributes:
        files: Addresses of the files that take the places of those `plan` returned last; fewer where nothing remained.
    """

    def __init__(self, table: Table, folder: str, removed: RemovedRows) -> None:
        self.files: tuple[str, ...] = ()
        self._table = table
        self._folder = folder
        self._removed = removed
        # By the old file's address: itself, a new one, or None if nothing remains.
        self._remains: dict[str, str | None] = {}
        self._new: set[str] = set()
        self._kept: set[str] = set()

    def plan(self) -> tuple[DataFile, ...]:
        """Find the data files that hold such rows in the table as it was last loaded, and write their remains.

        Opened are those whose bounds in the manifests allow such rows. A file that an earlier attempt wrote is used
        again.

        Raises:
            LakeError: another engine deleted rows of such a file in a way that only a compaction settles.
        """
        if not self._removed:
            return ()
        affected: list[DataFile] = []
        for task in self._table.scan(row_filter=self._removed.expression()).plan_files():
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
        if only_batch(path) in self._removed.batches:
            return None
        with self._table.io.new_input(path).open() as stream, pq.ParquetFile(stream) as old:
            keep = [self._removed.rows_to_keep(group) for group in _row_groups(old, self._removed.columns)]
            kept_rows = sum(pc.sum(mask).as_py() or 0 for mask in keep)
            if kept_rows == old.metadata.num_rows:
                return path
            return self._copy(old, keep) if kept_rows else None

    def _copy(self, old: pq.ParquetFile, keep: list[pa.ChunkedArray]) -> str:
        name = f"{self._folder}/replaced-{str(ULID()).lower()}.parquet"
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
