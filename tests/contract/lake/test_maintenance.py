"""Maintenance: large files, few manifests, a short history, no forgotten files; and never a row more or less."""

import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.table import Table

from headwater.lake import SYSTEM_COLUMN, Lake
from headwater.lake.iceberg_catalog import NAMESPACE, open_catalog
from headwater.lake.orphans import place
from headwater.lake.storage import parse_location
from headwater.model.runs import StagedFile
from tests.contract.lake.rows import COLUMNS, INGESTED_AT, LakeAddress, keys_in, load, maintain, stage, stage_events
from tests.contract.lake.rows import rows as records
from tests.contract.lake.test_concurrency import DEADLINE_SECONDS, batch_id, run_together
from tests.forks import FORKS

NOON = datetime(2026, 10, 31, 12, tzinfo=UTC)
BATCH = "01JBKD0000000000000000AAAA"


@pytest.fixture(autouse=True)
def sales(lake: Lake) -> None:
    lake.ensure_table("sales", COLUMNS)


def load_many(lake: Lake, count: int) -> None:
    for number in range(count):
        load(lake, "sales", batch_id(1, number), f"k{number}", source_file=f"file-{number}")


def rows(lake: Lake, dataset: str = "sales") -> list[dict[str, Any]]:
    return sorted(lake.scan(dataset).to_pylist(), key=lambda row: str(row["_id"]))


def table(address: LakeAddress) -> Table:
    catalog = open_catalog(address.iceberg_url, parse_location(address.warehouse))
    found = catalog.load_table((NAMESPACE, "sales"))
    catalog.close()
    return found


def test_small_files_become_one_and_readers_see_the_same_rows(lake: Lake) -> None:
    load_many(lake, 5)
    lake.ensure_table("sales", COLUMNS.append(pa.field("coupon", pa.string())))
    load(lake, "sales", BATCH, "last")
    before = rows(lake)

    done = maintain(lake, "sales", days_later=0)

    assert (done.files_compacted, done.files_written, len(lake.data_files("sales"))) == (6, 1, 1)
    assert rows(lake) == before
    assert lake.rows_by_batch("sales") == {batch_id(1, number): 1 for number in range(5)} | {BATCH: 1}
    assert maintain(lake, "sales", days_later=0).files_compacted == 0


def test_files_of_different_days_stay_apart(lake: Lake) -> None:
    lake.ensure_table("events", COLUMNS, day_of="timestamp")
    for number in range(5):
        events = [(f"{number}-{day}", NOON + timedelta(days=day)) for day in range(2)]
        lake.commit("events", batch_id(1, number), stage_events(lake, "events", batch_id(1, number), *events))
    before = rows(lake, "events")

    done = maintain(lake, "events", days_later=0)

    assert (done.files_compacted, done.files_written) == (10, 2)
    assert rows(lake, "events") == before


def test_a_batch_can_be_removed_and_replaced_after_compaction(lake: Lake) -> None:
    load_many(lake, 6)
    maintain(lake, "sales")

    assert lake.remove_batches("sales", [batch_id(1, 2)]) is not None
    assert lake.remove_batches("sales", [batch_id(1, 2)]) is None
    load(lake, "sales", BATCH, "new", supersede={"file-4"})

    assert keys_in(lake, "sales") == ["k0", "k1", "k3", "k5", "new"]


def test_a_batch_can_be_read_after_its_staged_files_are_gone(lake: Lake, tmp_path: Path) -> None:
    load_many(lake, 5)
    files = stage(lake, "sales", BATCH, "a", "b")
    lake.commit("sales", BATCH, files)
    (staged,) = lake.read_batch("sales", BATCH, files)

    maintain(lake, "sales")

    assert len(list((tmp_path / "lake").rglob("*.parquet"))) == 1
    (found,) = lake.read_batch("sales", BATCH, files)
    assert found.to_pylist() == staged.to_pylist()
    assert found.schema.types == staged.schema.types


def read_keys(lake: Lake, batch_id: str) -> list[str]:
    return [key for found in lake.read_remaining("sales", batch_id) for key in found.column("_id").to_pylist()]


def test_what_is_left_of_a_batch_comes_in_the_order_in_which_it_was_loaded(lake: Lake) -> None:
    assert read_keys(lake, BATCH) == []
    groups: list[dict[str, tuple[str, ...]]] = [
        {"f1": ("a1", "a2"), "f2": ("b1", "b2")},
        {"f3": ("c1",)},
        {"f4": ("d2", "d1")},
    ]
    staged: list[StagedFile] = []
    for number, files in enumerate(groups):
        with lake.stage("sales", BATCH, number, ingested_at=INGESTED_AT) as writer:
            for source_file, keys in files.items():
                writer.write(records(*keys), source_file)
        staged += writer.result
    lake.commit("sales", BATCH, staged)
    assert read_keys(lake, BATCH) == ["a1", "a2", "b1", "b2", "c1", "d2", "d1"]

    load(lake, "sales", batch_id(1, 1), "new", source_file="f5", supersede=["f1", "f3"])

    assert read_keys(lake, BATCH) == ["b1", "b2", "d2", "d1"]
    load_many(lake, 4)
    assert maintain(lake, "sales").files_compacted > 5
    assert read_keys(lake, BATCH) == ["b1", "b2", "d2", "d1"], "also once all lies in one file with other batches"
    load(lake, "sales", batch_id(1, 2), source_file="f6", supersede=["f2", "f4"])
    assert read_keys(lake, BATCH) == []


def test_history_is_kept_for_the_window_and_for_batches_that_have_not_ended(lake: Lake, address: LakeAddress) -> None:
    load_many(lake, 4)
    assert lake.give_up("sales", BATCH) is None

    assert maintain(lake, "sales", days_later=2).snapshots_expired == 0
    assert maintain(lake, "sales", batch_id(1, 1), BATCH).snapshots_expired == 3

    assert [snapshot.batch_id for snapshot in lake.batch_snapshots("sales")] == [batch_id(1, 1), BATCH]
    assert keys_in(lake, "sales") == ["k0", "k1", "k2", "k3"]
    assert maintain(lake, "sales").snapshots_expired == 1, "the newest snapshot stays, whatever its age"


def test_many_small_manifests_are_joined(lake: Lake, address: LakeAddress) -> None:
    lake.ensure_table("sales", COLUMNS)
    catalog = open_catalog(address.iceberg_url, parse_location(address.warehouse))
    with catalog.load_table((NAMESPACE, "sales")).transaction() as change:
        change.set_properties({"commit.manifest-merge.enabled": "false"})
    catalog.close()
    load_many(lake, 12)
    snapshot = table(address).current_snapshot()
    assert snapshot is not None
    assert len(snapshot.manifests(table(address).io)) == 12

    done = maintain(lake, "sales", *(batch_id(1, n) for n in range(12)), days_later=0)

    snapshot = table(address).current_snapshot()
    assert snapshot is not None
    assert done.files_written == 1
    assert len(snapshot.manifests(table(address).io)) <= 2
    assert len(keys_in(lake, "sales")) == 12


class TestOrphans:
    def test_what_killed_attempts_left_goes_also_beside_a_batch_that_loaded(self, lake: Lake, tmp_path: Path) -> None:
        (killed,) = stage(lake, "sales", BATCH, "a")
        lake.commit("sales", BATCH, stage(lake, "sales", BATCH, "a"))

        assert maintain(lake, "sales", days_later=2).orphans_removed == 0
        done = maintain(lake, "sales")

        assert done.orphans_removed == 1
        assert not Path(killed.uri.removeprefix("file://")).exists()
        assert keys_in(lake, "sales") == ["a"]

    def test_files_of_an_open_batch_stay_whatever_their_age(self, lake: Lake) -> None:
        files = stage(lake, "sales", BATCH, "a")

        assert maintain(lake, "sales", BATCH, days_later=1000).orphans_removed == 0

        lake.commit("sales", BATCH, files)
        assert keys_in(lake, "sales") == ["a"]

    def test_only_files_of_the_lakes_own_making_are_looked_at(self, lake: Lake, tmp_path: Path) -> None:
        load(lake, "sales", BATCH, "a")
        folder = next((tmp_path / "lake").rglob("metadata")).parent
        foreign = [folder / "README", folder / "data" / "notes.txt", folder / "metadata" / "theirs.puffin"]
        for path in foreign:
            path.write_text("not ours")

        assert maintain(lake, "sales", days_later=1000).orphans_removed == 0
        assert all(path.exists() for path in foreign)

    @pytest.mark.parametrize(
        ("one", "other"),
        [("file:/lake/x", "file:///lake/x"), ("s3a://b/x", "s3://b/x"), ("/lake/x", "file:///lake/x")],
        ids=["slashes", "s3a", "bare"],
    )
    def test_a_file_that_another_engine_names_differently_is_the_same_file(self, one: str, other: str) -> None:
        assert place(one) == place(other)

    def test_expired_metadata_and_replaced_data_leave_the_disk(self, lake: Lake, tmp_path: Path) -> None:
        load_many(lake, 12)
        before = len(list((tmp_path / "lake").rglob("*.avro")))

        done = maintain(lake, "sales")

        left = [path for path in (tmp_path / "lake").rglob("*") if path.is_file() and path.suffix != ".json"]
        assert done.snapshots_expired == 12
        assert done.orphans_removed > 12
        assert len(left) < 8 < before
        assert len(keys_in(lake, "sales")) == 12


def load_while_maintained(barrier: Any, address: LakeAddress, writer: int) -> None:  # noqa: ANN401 - a Barrier
    with address.open() as lake:
        barrier.wait(DEADLINE_SECONDS)
        for number in range(4):
            supersede = {f"file-{number}"} if number % 2 else ()
            files = stage(lake, "sales", batch_id(writer, number), f"w{writer}-{number}", source_file=f"new-{number}")
            lake.commit("sales", batch_id(writer, number), files, supersede=supersede)


def maintain_all_the_time(barrier: Any, address: LakeAddress) -> None:  # noqa: ANN401 - a Barrier
    with address.open() as lake:
        barrier.wait(DEADLINE_SECONDS)
        for _ in range(2):
            maintain(lake, "sales", *(batch_id(2, number) for number in range(4)), days_later=0)


@pytest.mark.slow
def test_loads_beside_maintenance_lose_nothing(lake: Lake, address: LakeAddress) -> None:
    load_many(lake, 10)

    run_together(*[(maintain_all_the_time, (address,))] * 2, (load_while_maintained, (address, 2)))

    kept = {f"k{number}" for number in range(10) if number not in (1, 3)}
    assert keys_in(lake, "sales") == sorted(kept | {f"w2-{number}" for number in range(4)})
    assert lake.missing_files("sales") == ()


def maintain_until_killed(address: LakeAddress, ready: Any) -> None:  # noqa: ANN401 - an Event
    with address.open() as lake:
        ready.set()
        while True:
            load(lake, "sales", f"01JBKD{os.getpid():010d}{len(lake.batch_snapshots('sales')):010d}")
            maintain(lake, "sales", days_later=0)


@pytest.mark.slow
def test_killed_anywhere_the_next_maintenance_repairs_it(lake: Lake, address: LakeAddress, tmp_path: Path) -> None:
    for round_number in range(2):
        for number in range(6):
            key = f"r{round_number}-{number}"
            load(lake, "sales", batch_id(round_number, number), key, source_file=key)
        ready = FORKS.Event()
        process = FORKS.Process(target=maintain_until_killed, args=(address, ready))
        process.start()
        assert ready.wait(DEADLINE_SECONDS)
        process.join(0.02 + round_number * 0.1)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()

        assert len(keys_in(lake, "sales")) == 6 * (round_number + 1)
        assert lake.missing_files("sales") == ()

    maintain(lake, "sales")
    live = {path.removeprefix("file://") for path in lake.data_files("sales")}
    assert {str(path) for path in (tmp_path / "lake").rglob("*.parquet")} == live
    assert rows(lake)[0][SYSTEM_COLUMN]["rowNumber"] == 1
