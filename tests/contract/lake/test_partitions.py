"""Event tables: one partition per UTC day of `timestamp`."""

import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.transforms import HourTransform

from headwater.errors import LakeError
from headwater.lake import SYSTEM_COLUMN, Lake, staging
from headwater.lake.iceberg_catalog import NAMESPACE, open_catalog
from headwater.lake.storage import parse_location
from tests.contract.lake.rows import COLUMNS, INGESTED_AT, PROVENANCE, LakeAddress, keys_in, load, stage, stage_events

BATCH = "01JBKD0000000000000000AAAA"
LATER = "01JBKD0000000000000000BBBB"
NOON = datetime(2026, 10, 31, 12, tzinfo=UTC)


def partitions(address: LakeAddress, dataset: str) -> dict[str | None, int]:
    """Rows by day."""
    catalog = open_catalog(address.iceberg_url, parse_location(address.warehouse))
    found = catalog.load_table((NAMESPACE, dataset)).inspect.partitions().to_pylist()
    catalog.close()
    return {str(row["partition"]["timestamp_day"]): row["record_count"] for row in found}


@pytest.fixture
def events(lake: Lake) -> str:
    lake.ensure_table("events", COLUMNS, day_of="timestamp")
    return "events"


def test_each_day_has_files_of_its_own_and_all_rows_are_one_snapshot(
    lake: Lake, address: LakeAddress, events: str
) -> None:
    midnight = datetime(2026, 11, 1, tzinfo=UTC)
    files = stage_events(
        lake, events, BATCH,
        ("b", midnight), ("a", midnight - timedelta(microseconds=1)), ("c", datetime(1969, 12, 31, 23, 59, tzinfo=UTC)),
        ("d", None), ("e", midnight + timedelta(hours=23)),
    )  # fmt: skip

    lake.commit(events, BATCH, files)

    assert partitions(address, events) == {"2026-10-31": 1, "2026-11-01": 2, "1969-12-31": 1, "None": 1}
    assert len(lake.batch_snapshots(events)) == 1
    assert keys_in(lake, events) == ["a", "b", "c", "d", "e"]
    numbers = {row["_id"]: row[SYSTEM_COLUMN]["rowNumber"] for row in lake.scan(events).to_pylist()}
    assert numbers == {"b": 1, "a": 2, "c": 3, "d": 4, "e": 5}
    assert lake.count(events) == 5
    assert lake.preview(events, limit=2, batch_id=BATCH).num_rows == 2


def test_any_number_of_days_is_written_with_few_open_files(lake: Lake, events: str, tmp_path: Path) -> None:
    days = staging.OPEN_FILES * 2 + 3
    for batch, keys in ((BATCH, "abc"), (LATER, "xyz")):
        rows = [(f"{key}{day}", NOON + timedelta(days=day)) for key in keys for day in range(days)]
        staged = stage_events(lake, events, batch, *rows)
        lake.commit(events, batch, staged)
        pieces = list(lake.read_batch(events, batch, staged))
        assert [piece.num_rows for piece in pieces] == [days * 3]

    assert lake.count(events) == days * 6
    assert len(lake.data_files(events)) == days * 2
    by_day = [pq.read_table(path, columns=["timestamp"]) for path in (tmp_path / "lake").rglob("*.parquet")]
    assert all(len(set(rows.column("timestamp").cast(pa.date32()).to_pylist())) == 1 for rows in by_day)


def test_the_store_is_asked_once_what_it_has_of_a_batch_however_many_files(lake: Lake, events: str) -> None:
    staged = stage_events(lake, events, BATCH, *((str(day), NOON + timedelta(days=day)) for day in range(30)))
    lake.commit(events, BATCH, staged)
    asked: Counter[str] = Counter()

    def count(frame: FrameType, what: str, _argument: object) -> None:
        if what == "call":
            asked[frame.f_code.co_qualname] += 1

    sys.setprofile(count)
    try:
        pieces = list(lake.read_batch(events, BATCH, staged))
    finally:
        sys.setprofile(None)

    assert sum(piece.num_rows for piece in pieces) == len(staged) == 30
    assert asked["TableFolder.files"] == 1
    assert asked["PyArrowFile.exists"] == 0
    assert asked["PyArrowFile.open"] >= 30


def test_an_exception_removes_the_files_of_every_day(lake: Lake, events: str, tmp_path: Path) -> None:
    def write_and_fail() -> None:
        with lake.stage(events, BATCH, 0, ingested_at=INGESTED_AT) as writer:
            count = staging.ROW_GROUP_ROWS + 1
            times = pa.array([NOON, NOON + timedelta(days=1)] * (count // 2 + 1), pa.timestamp("us", "UTC"))[:count]
            numbers = pa.array(range(count), pa.int64())
            schema = pa.schema([COLUMNS.field("timestamp"), *PROVENANCE])
            writer.write(pa.RecordBatch.from_arrays([times, numbers, numbers], schema=schema), "file-1")
            assert len(list((tmp_path / "lake").rglob("*.parquet"))) == 2
            raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        write_and_fail()

    assert list((tmp_path / "lake").rglob("*.parquet")) == []


def test_superseding_rewrites_only_the_days_it_concerns(lake: Lake, address: LakeAddress, events: str) -> None:
    lake.commit(events, BATCH, stage_events(lake, events, BATCH, ("a", NOON), ("b", NOON + timedelta(days=1))))
    lake.commit(
        events,
        LATER,
        stage_events(lake, events, LATER, ("a2", NOON), source_file="file-2"),
        supersede={"file-1"},
    )

    assert partitions(address, events) == {"2026-10-31": 1}
    assert keys_in(lake, events) == ["a2"]


def test_a_table_of_an_earlier_version_goes_on_without_partitions(lake: Lake) -> None:
    lake.ensure_table("old", COLUMNS)
    load(lake, "old", BATCH, "a")

    lake.ensure_table("old", COLUMNS.append(pa.field("coupon", pa.string())), day_of="timestamp")
    lake.commit("old", LATER, stage_events(lake, "old", LATER, ("b", NOON), ("c", NOON + timedelta(days=9))))

    assert keys_in(lake, "old") == ["a", "b", "c"]
    assert len(lake.data_files("old")) == 2


def test_partitions_of_another_engine_are_refused_with_what_to_do(
    lake: Lake, address: LakeAddress, events: str
) -> None:
    catalog = open_catalog(address.iceberg_url, parse_location(address.warehouse))
    with catalog.load_table((NAMESPACE, events)).update_spec() as update:
        update.remove_field("timestamp_day")
        update.add_field("timestamp", HourTransform(), "by_hour")
    catalog.close()

    with pytest.raises(LakeError, match=r"dataset 'events' is partitioned by .*hour of timestamp.*DROP PARTITION"):
        stage(lake, events, BATCH, "a")
