"""The lake: what the rest of Headwater calls."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Final, Self

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import CommitFailedException, NoSuchTableError, TableAlreadyExistsError
from pyiceberg.expressions import AlwaysTrue, BooleanExpression, EqualTo
from pyiceberg.io import FileIO, load_file_io
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.table import Table
from sqlalchemy.exc import IntegrityError

from headwater.errors import LakeError
from headwater.lake.commits import BatchCommit, commit_batch, find_snapshot, give_up_batch
from headwater.lake.errors import explained
from headwater.lake.iceberg_catalog import NAMESPACE, open_catalog
from headwater.lake.schemas import SYSTEM_COLUMN, ColumnChange, compare, table_schema
from headwater.lake.staging import FILE_BYTES, StageTarget, StageWriter
from headwater.lake.storage import Location, delete_files, parse_location
from headwater.model.records import RecordCounts
from headwater.model.runs import StagedFile

_TABLE_PROPERTIES: Final = {
    "format-version": "2",
    "commit.manifest-merge.enabled": "true",
    "commit.manifest.min-count-to-merge": "10",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
    "write.parquet.compression-codec": "zstd",
    "write.parquet.compression-level": "1",
}
"""Keep the work of a commit and of planning a scan small over thousands of batches."""
_EVOLUTION_ATTEMPTS: Final = 10


class Lake:
    """One Iceberg table per dataset, in the namespace `headwater`. Use it as a context manager, or call `close`."""

    def __init__(self, catalog: Catalog, warehouse: Location) -> None:
        self._catalog = catalog
        self._warehouse = warehouse

    @classmethod
    def open(cls, *, iceberg_url: str, warehouse: str) -> Self:
        """Connect to the catalog, creating its tables where they are missing.

        Args:
            iceberg_url: A SQLAlchemy URL, or `https://client:secret@host/?prefix=…` of a REST catalog, with its OAuth2
                credential and any of pyiceberg's catalog properties.
            warehouse: Where tables lie: `file://…`, `s3://…`, `gs://…` (see `storage.py` for its options); what a REST
                catalog calls its warehouse.

        Raises:
            SettingsError: one of the two cannot be understood.
            LakeError: the catalog refused or could not be reached.
        """
        location = parse_location(warehouse)
        with explained("opening the lake"):
            return cls(open_catalog(iceberg_url, location), location)

    def close(self) -> None:
        """Close the connections. May be called twice."""
        self._catalog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    # Tables

    def ensure_table(self, dataset: str, arrow_schema: pa.Schema) -> None:
        """Create the dataset's table, or add what it lacks: new columns at any depth, wider numbers.

        Columns that the schema no longer has stay, empty in new rows.

        Raises:
            LakeError: a column would have to change its type; each is named, and nothing is changed.
        """
        wanted = table_schema(arrow_schema)
        with explained(f"preparing the table of dataset {dataset!r}", dataset):
            for attempts_left in reversed(range(_EVOLUTION_ATTEMPTS)):
                table = self._load_or_create(dataset, wanted)
                changes = list(compare(wanted, schema_to_pyarrow(table.schema(), include_field_ids=False)))
                _refuse_breaking(dataset, changes)
                if not changes:
                    return
                try:
                    with table.update_schema() as update:
                        update.union_by_name(wanted)
                except CommitFailedException:
                    if attempts_left == 0:
                        raise
                else:
                    return

    def drop_table(self, dataset: str) -> None:
        """Take the table out of the catalog; its files stay. Does nothing if there is none."""
        with explained(f"dropping the table of dataset {dataset!r}", dataset):
            try:
                self._catalog.drop_table((NAMESPACE, dataset))
            except NoSuchTableError:
                return

    # Writing

    def stage(
        self, dataset: str, batch_id: str, group: int, *, ingested_at: datetime, file_bytes: int = FILE_BYTES
    ) -> StageWriter:
        """A writer for the rows of one file group. Nothing is visible before `commit`.

        Args:
            dataset: Its table must have been prepared by `ensure_table` for the schema of the rows.
            batch_id: The batch that the rows belong to.
            group: Number of the file group.
            ingested_at: The batch's time of ingestion (aware), the same for all its rows.
            file_bytes: The size at which a file is completed and another one begun.

        Raises:
            NotFoundError: the dataset has no table.
            LakeError: the lake refused or could not be reached.
        """
        with explained(f"staging batch {batch_id} for dataset {dataset!r}", dataset):
            table = self._load(dataset)
            target = StageTarget(
                dataset=dataset,
                batch_id=batch_id,
                group=group,
                ingested_at=ingested_at,
                columns=table.schema(),
                io=table.io,
                locate=table.location_provider().new_data_location,
            )
            return StageWriter(target, file_bytes=file_bytes)

    def commit(
        self,
        dataset: str,
        batch_id: str,
        files: Sequence[StagedFile],
        *,
        flow_run_id: str | None = None,
        counts: RecordCounts | None = None,
        supersede: Collection[str] = (),
    ) -> int:
        """Make the staged files visible in one snapshot, which carries the batch's id, flow run and counts.

        Safe to repeat and to call from several processes: the batch is committed once.

        Args:
            dataset: The dataset.
            batch_id: The batch.
            files: What the batch's writers staged; may be empty.
            flow_run_id: Goes into the snapshot's summary.
            counts: Go into the snapshot's summary.
            supersede: Ids of source files whose rows the same snapshot removes.

        Returns:
            The snapshot's id; that of the first commit if the batch is there already.

        Raises:
            NotFoundError: the dataset has no table.
            LakeError: the lake refused; `retryable` if it could not be reached or others wrote all the time.
        """
        properties = {"headwater.records": str(sum(file.rows for file in files))}
        if flow_run_id is not None:
            properties["headwater.flow-run-id"] = flow_run_id
        if counts is not None:
            properties |= {"headwater.read": str(counts.read), "headwater.failed": str(counts.failed)}
        commit = BatchCommit(batch_id=batch_id, files=files, supersede=supersede, properties=properties)
        with explained(f"committing batch {batch_id} to dataset {dataset!r}", dataset):
            return commit_batch(self._load(dataset), commit)

    def find_commit(self, dataset: str, batch_id: str) -> int | None:
        """The id of the batch's snapshot, or None if it was not committed, or its snapshot has been expired."""
        with explained(f"looking for batch {batch_id} in dataset {dataset!r}", dataset):
            return find_snapshot(table, batch_id) if (table := self._find(dataset)) is not None else None

    def give_up(self, dataset: str, batch_id: str) -> int | None:
        """Make sure that the batch can no longer be committed, also by a process that is just about to.

        Returns:
            The batch's snapshot if it was committed before; None if it is given up, so that its files may go.

        Raises:
            LakeError: the lake refused or could not be reached; the batch may still be committed.
        """
        with explained(f"giving up batch {batch_id} of dataset {dataset!r}", dataset):
            return give_up_batch(table, batch_id) if (table := self._find(dataset)) is not None else None

    def discard(self, files: Sequence[StagedFile]) -> None:
        """Delete staged files that will not be committed. Those that are gone already are no error."""
        with explained("discarding staged files"):
            for file in files:
                delete_files(self._io(file), [file.uri])

    def remove_leftovers(self, dataset: str, batch_id: str, keep: Sequence[StagedFile]) -> int:
        """Delete what killed attempts left in the batch's folder. Call it when no attempt of the batch is running.

        Args:
            dataset: The dataset.
            batch_id: The batch.
            keep: The batch's files. Files that any snapshot refers to, an older one included, are kept in any case.

        Returns:
            How many files were deleted.
        """
        with explained(f"cleaning up after batch {batch_id} of dataset {dataset!r}", dataset):
            table = self._load(dataset)
            folder = table.location_provider().new_data_location(batch_id)
            file_system, path = replace(self._warehouse, uri=folder).file_system()
            found = file_system.get_file_info(fs.FileSelector(path, allow_not_found=True))
            leftovers = {f"{folder}/{info.base_name}" for info in found if info.is_file}
            leftovers -= {file.uri for file in keep}
            if leftovers:
                leftovers -= set(table.inspect.all_data_files().column("file_path").to_pylist())
            delete_files(table.io, leftovers)
            return len(leftovers)

    # Reading

    def read_staged(
        self, files: Sequence[StagedFile], columns: Sequence[str] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The rows of staged (or committed) files, file by file, in bounded pieces.

        Args:
            files: The files.
            columns: Names of top-level columns, or None for all.
        """
        for file in files:
            with (
                explained(f"reading staged file {file.uri}"),
                self._io(file).new_input(file.uri).open() as stream,
                pq.ParquetFile(stream, pre_buffer=False) as parquet,
            ):
                yield from parquet.iter_batches(columns=None if columns is None else list(columns))

    def preview(self, dataset: str, limit: int = 100, batch_id: str | None = None) -> pa.Table:
        """Up to `limit` rows, of one batch or of any. Columns as in the table, the system column last.

        Raises:
            NotFoundError: the dataset has no table.
        """
        rows: BooleanExpression = AlwaysTrue()
        if batch_id is not None:
            rows = EqualTo(term=f"{SYSTEM_COLUMN}.acp_sourceBatchId", value=batch_id)
        with explained(f"reading dataset {dataset!r}", dataset):
            return self._load(dataset).scan(row_filter=rows, limit=limit).to_arrow()

    def scan(self, dataset: str, columns: Sequence[str] | None = None) -> pa.Table:
        """All rows, in memory.

        Raises:
            NotFoundError: the dataset has no table.
        """
        with explained(f"reading dataset {dataset!r}", dataset):
            return (
                self._load(dataset).scan(selected_fields=tuple(columns) if columns is not None else ("*",)).to_arrow()
            )

    def count(self, dataset: str) -> int:
        """How many rows the dataset has; 0 if it has no table yet."""
        with explained(f"counting dataset {dataset!r}", dataset):
            return table.scan().count() if (table := self._find(dataset)) is not None else 0

    def data_files(self, dataset: str) -> tuple[str, ...]:
        """Addresses of the Parquet files that the newest snapshot consists of.

        Raises:
            NotFoundError: the dataset has no table.
        """
        with explained(f"reading dataset {dataset!r}", dataset):
            return tuple(task.file.file_path for task in self._load(dataset).scan().plan_files())

    def _io(self, file: StagedFile) -> FileIO:
        return load_file_io(self._catalog.properties, file.uri)

    def _load(self, dataset: str) -> Table:
        return self._catalog.load_table((NAMESPACE, dataset))

    def _find(self, dataset: str) -> Table | None:
        try:
            return self._load(dataset)
        except NoSuchTableError:
            return None

    def _load_or_create(self, dataset: str, wanted: pa.Schema) -> Table:
        if (table := self._find(dataset)) is not None:
            return table
        create = partial(self._catalog.create_table, (NAMESPACE, dataset), wanted, properties=_TABLE_PROPERTIES)
        try:
            return create()
        except (TableAlreadyExistsError, IntegrityError):
            return self._load(dataset)


def _refuse_breaking(dataset: str, changes: Sequence[ColumnChange]) -> None:
    breaking = [change.message for change in changes if change.breaking]
    if breaking:
        raise LakeError(
            f"the table of dataset {dataset!r} cannot take rows of this schema: {'; '.join(breaking)}. Nothing was "
            "changed. Give the changed field another name, or load into another dataset."
        )
