"""Rows as the row engine hands them to the lake, and short ways to load them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from headwater.lake import Lake
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


def keys_in(lake: Lake, dataset: str) -> list[str]:
    """The keys of all rows, sorted."""
    return sorted(lake.scan(dataset, columns=["_id"]).column("_id").to_pylist())
