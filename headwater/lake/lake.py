"""The lake: what the rest of Headwater calls."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Self

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.expressions import AlwaysTrue, BooleanExpression
from pyiceberg.io import FileIO, load_file_io
from pyiceberg.table import Table

from headwater.lake.commits import BatchCommit, commit_batch, find_snapshot, give_up_batch
from headwater.lake.errors import explained
from headwater.lake.iceberg_catalog import NAMESPACE, open_catalog
from headwater.lake.maintenance import BatchFacts, Maintained, maintain_table
from headwater.lake.orphans import TableFolder, find_missing, find_orphans
from headwater.lake.partitions import day_column
from headwater.lake.reading import batch_rows, file_rows, of_batch, remaining_rows
from headwater.lake.references import BatchSnapshot, batch_snapshots, references, rows_by_batch
from headwater.lake.removal import remove_batches
from headwater.lake.replacing import RemovedRows
from headwater.lake.schemas import table_schema
from headwater.lake.staging import FILE_BYTES, StageTarget, StageWriter
from headwater.lake.storage import Location, delete_files, parse_location
from headwater.lake.tables import find_table, prepare_table
from headwater.model.records import RecordCounts
from headwater.model.runs import StagedFile


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

    def ensure_table(self, dataset: str, arrow_schema: pa.Schema, *, day_of: str | None = None) -> None:
        """Create the dataset's table, or add what it lacks: new columns at any depth, wider numbers.

        Columns that the schema no longer has stay, empty in new rows. A table keeps the partitions it was made with.

        Args:
            dataset: The dataset.
            arrow_schema: The columns of its rows.
            day_of: A timestamp column; a new table is partitioned by its UTC days. None for no partitions.

        Raises:
            LakeError: a column would have to change its type; each is named, and nothing is changed.
        """
        wanted = table_schema(arrow_schema)
        with explained(f"preparing the table of dataset {dataset!r}", dataset):
            prepare_table(self._catalog, dataset, wanted, day_of)

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
                day_of=day_column(table.spec(), table.schema(), dataset),
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
        replace_batches: Collection[str] = (),
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
            replace_batches: Ids of batches whose rows the same snapshot removes.

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
        removed = RemovedRows(source_files=supersede, batches=replace_batches)
        commit = BatchCommit(batch_id=batch_id, files=files, removed=removed, properties=properties)
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

    def remove_batches(self, dataset: str, batch_ids: Collection[str]) -> int | None:
        """Take the rows of whole batches out of the dataset, in one snapshot. Safe to repeat.

        Returns:
            The snapshot's id; None if the dataset has no row of theirs.

        Raises:
            LakeError: the lake refused; `retryable` if it could not be reached or others wrote all the time.
        """
        with explained(f"removing {len(batch_ids)} batches from dataset {dataset!r}", dataset):
            return remove_batches(table, batch_ids) if (table := self._find(dataset)) is not None else None

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
            leftovers = self._present(table, batch_id) - {file.uri for file in keep}
            if leftovers:
                leftovers -= references(table).data
            delete_files(table.io, leftovers)
            return len(leftovers)

    # Looking after

    def datasets(self) -> tuple[str, ...]:
        """The names of all tables."""
        with explained("listing the lake's tables"):
            return tuple(sorted(identifier[-1] for identifier in self._catalog.list_tables(NAMESPACE)))

    def maintain(self, dataset: str, facts: BatchFacts, *, now: datetime, window: timedelta) -> Maintained:
        """Compact small files, merge manifests, expire snapshots and delete orphans (see `maintain_table`).

        Raises:
            NotFoundError: the dataset has no table.
            LakeError: the lake refused; `retryable` if it could not be reached or others wrote all the time.
        """
        with explained(f"maintaining dataset {dataset!r}", dataset):
            folder = self._folder(self._load(dataset).location())
            return maintain_table(dataset, partial(self._load, dataset), folder, facts, now=now, window=window)

    def orphans(self, dataset: str, facts: BatchFacts, *, before: datetime) -> tuple[str, ...]:
        """Files that `maintain` would delete as belonging to nothing.

        Raises:
            NotFoundError: the dataset has no table.
        """
        with explained(f"looking for orphans of dataset {dataset!r}", dataset):
            load = partial(self._load, dataset)
            folder = self._folder(load().location())
            return find_orphans(load, folder, before=before, open_batches=lambda: facts.open_batches(dataset))

    def batch_snapshots(self, dataset: str) -> tuple[BatchSnapshot, ...]:
        """The snapshots that name a batch, oldest first; none if there is no table."""
        with explained(f"reading the history of dataset {dataset!r}", dataset):
            return batch_snapshots(table) if (table := self._find(dataset)) is not None else ()

    def rows_by_batch(self, dataset: str) -> dict[str, int]:
        """How many rows of each batch the dataset has; empty if there is no table."""
        with explained(f"counting dataset {dataset!r} by batch", dataset):
            return rows_by_batch(table) if (table := self._find(dataset)) is not None else {}

    def missing_files(self, dataset: str) -> tuple[str, ...]:
        """Data files of the newest snapshot that are not there."""
        with explained(f"looking for the files of dataset {dataset!r}", dataset):
            if (table := self._find(dataset)) is None:
                return ()
            return find_missing(partial(self.data_files, dataset), self._folder(table.location()))

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
            with explained(f"reading staged file {file.uri}"):
                yield from file_rows(self._io(file), file, columns)

    def read_batch(self, dataset: str, batch_id: str, files: Sequence[StagedFile]) -> Iterator[pa.RecordBatch]:
        """The rows of a loaded batch none of whose files was superseded, in bounded pieces.

        Args:
            dataset: The dataset.
            batch_id: The batch.
            files: What its writers staged; where compaction has replaced them, the rows come from the table.

        Raises:
            LakeError: the lake refused or could not be reached.
        """
        with explained(f"reading batch {batch_id} of dataset {dataset!r}", dataset):
            if files:
                table = self._load(dataset)
                yield from batch_rows(table, batch_id, files, self._io, present=self._present(table, batch_id))

    def read_remaining(self, dataset: str, batch_id: str) -> Iterator[pa.RecordBatch]:
        """The rows that the dataset has now of a batch, in bounded pieces, in the order in which they were loaded.

        Raises:
            NotFoundError: the dataset has no table.
            LakeError: the lake refused or could not be reached.
        """
        with explained(f"reading what is left of batch {batch_id} in dataset {dataset!r}", dataset):
            yield from remaining_rows(self._load(dataset), batch_id)

    def preview(self, dataset: str, limit: int = 100, batch_id: str | None = None) -> pa.Table:
        """Up to `limit` rows, of one batch or of any. Columns as in the table, the system column last.

        Raises:
            NotFoundError: the dataset has no table.
        """
        rows: BooleanExpression = AlwaysTrue()
        if batch_id is not None:
            rows = of_batch(batch_id)
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

    def _present(self, table: Table, batch_id: str) -> set[str]:
        """Addresses of the files in a batch's folder: one listing, however many they are."""
        folder = self._folder(table.location_provider().new_data_location(batch_id))
        return {f"{folder.uri}/{name}" for name in folder.files()}

    def _folder(self, uri: str) -> TableFolder:
        file_system, path = replace(self._warehouse, uri=uri).file_system()
        return TableFolder(uri=uri, file_system=file_system, path=path)

    def _io(self, file: StagedFile) -> FileIO:
        return load_file_io(self._catalog.properties, file.uri)

    def _load(self, dataset: str) -> Table:
        return self._catalog.load_table((NAMESPACE, dataset))

    def _find(self, dataset: str) -> Table | None:
        return find_table(self._catalog, dataset)
