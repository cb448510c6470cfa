"""What a table's snapshots consist of: which files must stay, and whose rows the newest one has."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.manifest import ManifestFile
from pyiceberg.table import Table

from headwater.lake.commits import BATCH_PROPERTY, GIVEN_UP_PROPERTY
from headwater.lake.provenance import only_batch
from headwater.lake.schemas import SYSTEM_COLUMN

_READERS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSnapshot:
    """A snapshot that names a batch: the one that loaded it, or the empty one that gave it up."""

    batch_id: str
    snapshot_id: int
    given_up: bool
    committed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """Addresses of every file that the table refers to, whatever the snapshot."""

    data: frozenset[str]
    metadata: frozenset[str]


def batch_snapshots(table: Table) -> tuple[BatchSnapshot, ...]:
    """The snapshots that name a batch, oldest first; those that were expired are missing."""
    return tuple(
        BatchSnapshot(
            batch_id=batch_id,
            snapshot_id=snapshot.snapshot_id,
            given_up=snapshot.summary.get(GIVEN_UP_PROPERTY) is not None,
            committed_at=datetime.fromtimestamp(snapshot.timestamp_ms / 1000, UTC),
        )
        for snapshot in table.metadata.snapshots
        if snapshot.summary is not None and (batch_id := snapshot.summary.get(BATCH_PROPERTY)) is not None
    )


def references(table: Table) -> References:
    """Every file of every snapshot, read from the manifests, each once."""
    manifests: dict[str, ManifestFile] = {}
    for snapshot in table.metadata.snapshots:
        manifests |= {manifest.manifest_path: manifest for manifest in snapshot.manifests(table.io)}
    with ThreadPoolExecutor(max_workers=_READERS) as pool:
        found = pool.map(lambda manifest: _paths(table, manifest), manifests.values())
        data = frozenset(path for paths in found for path in paths)
    metadata = table.metadata
    others = {table.metadata_location, *(entry.metadata_file for entry in metadata.metadata_log)}
    others |= {snapshot.manifest_list for snapshot in metadata.snapshots}
    statistics = [*metadata.statistics, *metadata.partition_statistics]
    others |= {entry.statistics_path for entry in statistics}
    return References(data=data, metadata=frozenset({*others, *manifests}))


def _paths(table: Table, manifest: ManifestFile) -> list[str]:
    return [entry.data_file.file_path for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True)]


def rows_by_batch(table: Table) -> dict[str, int]:
    """How many rows of each batch the newest snapshot has. Files that one batch alone wrote are not opened."""
    rows: Counter[str] = Counter()
    for task in table.scan().plan_files():
        path = task.file.file_path
        if (batch_id := only_batch(path)) is not None:
            rows[batch_id] += task.file.record_count
        else:
            rows.update(dict(_batches_in(table, path)))
    return dict(rows)


def _batches_in(table: Table, path: str) -> Iterator[tuple[str, int]]:
    column = f"{SYSTEM_COLUMN}.acp_sourceBatchId"
    counts: Counter[str] = Counter()
    with table.io.new_input(path).open() as stream, pq.ParquetFile(stream) as parquet:
        for i in range(parquet.metadata.num_row_groups):
            system = parquet.read_row_group(i, columns=[column]).column(SYSTEM_COLUMN)
            for found in pc.value_counts(pc.struct_field(system, "acp_sourceBatchId")).to_pylist():
                counts[found["values"]] += found["counts"]
    yield from counts.items()
