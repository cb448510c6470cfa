"""Rows as the row engine hands them to the lake, and short ways to load them."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from headwater.lake import Lake, Maintained
from headwater.model.runs import StagedFile

INGESTED_AT = datetime(2026, 11, 1, 2, 0, 0, 123_456, tzinfo=UTC)

COLUMNS = pa.schema(
    [
        pa.field("_id", pa.string(), nullable=False),
        pa.field("timestamp", pa.timestamp("us", "UTC")),
        pa.field("productListItems", pa.list_(pa.struct([("SKU", pa.string()), ("quantity", pa.int32())]))),
        pa.field("identityMap", pa.map_(pa.string(), pa.list_(pa.struct([("id", pa.string())])))),
        pa.field("_luma", pa.struct([("total", pa.float64()), ("shop", pa.struct([("city", pa.string())]))])),
    ]
)
PROVENANCE = [pa.field("row_number", pa.int64()), pa.field("byte_offset", pa.int64())]


@dataclass(frozen=True, slots=True, kw_only=True)
class LakeAddress:
    """Where a lake is."""

    iceberg_url: str
    warehouse: str

    def open(self) -> Lake:
        """Open it."""
        return Lake.open(iceberg_url=self.iceberg_url, warehouse=self.warehouse)


def purchase(key: str) -> dict[str, Any]:
    """One record."""
    return {
        "_id": key,
        "timestamp": datetime(2026, 10, 31, 12, 0, tzinfo=UTC),
        "productListItems": [{"SKU": "LLMS01", "quantity": 2}, {"SKU": "LLWH07", "quantity": 1}],
        "identityMap": [("Email", [{"id": f"{key}@example.com"}])],
        "_luma": {"total": 12.5, "shop": {"city": "Zürich"}},
    }


def rows(*keys: str, schema: pa.Schema = COLUMNS) -> pa.RecordBatch:
    """Records with these keys, as rows 1, 2, 3 … of their file, 100 bytes each."""
    records = [purchase(key) | {"row_number": i + 1, "byte_offset": i * 100} for i, key in enumerate(keys)]
    return pa.RecordBatch.from_pylist(records, schema=pa.schema([*schema, *PROVENANCE]))


def large_rows(count: int) -> pa.RecordBatch:
    """Any number of records, with a key and nothing else."""
    schema = pa.schema([COLUMNS.field("_id"), *PROVENANCE])
    numbers = pa.array(range(count), pa.int64())
    return pa.RecordBatch.from_arrays([numbers.cast(pa.string()), numbers, numbers], schema=schema)


def stage(
    lake: Lake, dataset: str, batch_id: str, *keys: str, source_file: str = "file-1", group: int = 0
) -> tuple[StagedFile, ...]:
    """Stage records with these keys."""
    with lake.stage(dataset, batch_id, group, ingested_at=INGESTED_AT) as writer:
        writer.write(rows(*keys), source_file)
    return writer.result


def load(
    lake: Lake, dataset: str, batch_id: str, *keys: str, source_file: str = "file-1", supersede: Collection[str] = ()
) -> int:
    """Stage and commit records with these keys."""
    files = stage(lake, dataset, batch_id, *keys, source_file=source_file)
    return lake.commit(dataset, batch_id, files, supersede=supersede)


def event_rows(*events: tuple[str, datetime | None]) -> pa.RecordBatch:
    """Events with a key and a time, as rows 1, 2, 3 … of their file."""
    records = [
        purchase(key) | {"timestamp": at, "row_number": i + 1, "byte_offset": i * 100}
        for i, (key, at) in enumerate(events)
    ]
    return pa.RecordBatch.from_pylist(records, schema=pa.schema([*COLUMNS, *PROVENANCE]))


def stage_events(
    lake: Lake, dataset: str, batch_id: str, *events: tuple[str, datetime | None], source_file: str = "file-1"
) -> tuple[StagedFile, ...]:
    """Stage events with these keys and times."""
    with lake.stage(dataset, batch_id, 0, ingested_at=INGESTED_AT) as writer:
        writer.write(event_rows(*events), source_file)
    return writer.result


@dataclass(slots=True)
class Facts:
    """What a catalog would know: every batch has ended but those in `open`."""

    open: set[str] = field(default_factory=set)

    def settled(self, batch_ids: Collection[str]) -> Collection[str]:
        """Those that are not open."""
        return set(batch_ids) - self.open

    def open_batches(self, dataset: str) -> Collection[str]:
        """Those that are open."""
        return self.open


def maintain(lake: Lake, dataset: str, *open_batches: str, days_later: float = 10) -> Maintained:
    """Maintain the dataset with a window of three days, as if some days had gone by."""
    now = datetime.now(UTC) + timedelta(days=days_later)
    return lake.maintain(dataset, Facts(open=set(open_batches)), now=now, window=timedelta(days=3))


def keys_in(lake: Lake, dataset: str) -> list[str]:
    """The keys of all rows, sorted."""
    return sorted(lake.scan(dataset, columns=["_id"]).column("_id").to_pylist())
