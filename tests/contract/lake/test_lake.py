import re
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headwater.errors import LakeError, NotFoundError, SettingsError
from headwater.lake import SYSTEM_COLUMN, Lake, staging
from headwater.lake.iceberg_catalog import NAMESPACE, open_catalog
from headwater.lake.schemas import SYSTEM_TYPE
from headwater.lake.storage import parse_location
from headwater.model.records import RecordCounts
from headwater.model.runs import StagedFile
from tests.contract.lake.rows import (
    COLUMNS,
    INGESTED_AT,
    PROVENANCE,
    LakeAddress,
    keys_in,
    large_rows,
    load,
    purchase,
    rows,
    stage,
)

BATCH = "01JBKD0000000000000000AAAA"
LATER = "01JBKD0000000000000000BBBB"


@pytest.fixture(autouse=True)
def sales(lake: Lake) -> None:
    lake.ensure_table("sales", COLUMNS)


def local(uri: str) -> Path:
    return Path(uri.removeprefix("file://"))


class TestLoading:
    def test_rows_of_an_archive_say_which_member_they_came_from(self, lake: Lake) -> None:
        with lake.stage("sales", BATCH, 0, ingested_at=INGESTED_AT) as writer:
            writer.write(rows("a"), "file-1", "in/1.json")
            writer.write(rows("b"), "file-1", "in/2.json")
            writer.write(rows("c"), "file-2")
        lake.commit("sales", BATCH, writer.result)

        found = {row["_id"]: row[SYSTEM_COLUMN]["member"] for row in lake.scan("sales").to_pylist()}
        assert found == {"a": "in/1.json", "b": "in/2.json", "c": None}

    def test_a_table_from_before_members_were_kept_learns_them(self, lake: Lake, address: LakeAddress) -> None:
        system = pa.struct([field for field in SYSTEM_TYPE if field.name != "member"])
        before = pa.schema([COLUMNS.field("_id").with_nullable(True), (SYSTEM_COLUMN, system)])
        origin = {"acp_sourceBatchId": LATER, "sourceFileId": "file-0", "rowNumber": 1}
        catalog = open_catalog(address.iceberg_url, parse_location(address.warehouse))
        table = catalog.create_table((NAMESPACE, "old"), schema=before)
        table.append(pa.Table.from_pylist([{"_id": "old", SYSTEM_COLUMN: origin}], schema=before))
        catalog.close()

        lake.ensure_table("old", COLUMNS)
        with lake.stage("old", BATCH, 0, ingested_at=INGESTED_AT) as writer:
            writer.write(rows("new"), "file-1", "1.json")
        lake.commit("old", BATCH, writer.result)

        found = {row["_id"]: row[SYSTEM_COLUMN] for row in lake.scan("old").to_pylist()}
        assert (found["old"]["member"], found["new"]["member"]) == (None, "1.json")
        assert found["old"]["sourceFileId"] == "file-0"

    def test_rows_come_back_as_they_were_with_where_they_came_from(self, lake: Lake) -> None:
        load(lake, "sales", BATCH, "a", "b", source_file="file-7")

        found = lake.scan("sales").to_pylist()

        assert [{k: v for k, v in row.items() if k != SYSTEM_COLUMN} for row in found] == [
            purchase("a"), purchase("b"),
        ]  # fmt: skip
        assert [row[SYSTEM_COLUMN] for row in found] == [
            {
                "acp_sourceBatchId": BATCH,
                "sourceFileId": "file-7",
                "rowNumber": number,
                "byteOffset": offset,
                "ingestTime": INGESTED_AT,
                "member": None,
            }
            for number, offset in ((1, 0), (2, 100))
        ]

    def test_staged_rows_are_not_visible_but_can_be_read(self, lake: Lake) -> None:
        files = stage(lake, "sales", BATCH, "a", "b")

        assert lake.count("sales") == 0
        assert lake.find_commit("sales", BATCH) is None
        staged = pa.Table.from_batches(lake.read_staged(files, columns=["_id", SYSTEM_COLUMN]))
        assert staged.column_names == ["_id", SYSTEM_COLUMN]
        assert staged.column("_id").to_pylist() == ["a", "b"]

    def test_a_batch_is_one_snapshot_that_names_it(self, lake: Lake, address: LakeAddress) -> None:
        files = stage(lake, "sales", BATCH, "a") + stage(lake, "sales", BATCH, "b", group=1)
        counts = RecordCounts(read=5, loaded=2, failed=3)

        snapshot_id = lake.commit("sales", BATCH, files, flow_run_id="run-1", counts=counts)

        catalog = open_catalog(address.iceberg_url, parse_location(address.warehouse))
        (snapshot,) = catalog.load_table((NAMESPACE, "sales")).metadata.snapshots
        catalog.close()
        assert snapshot.snapshot_id == snapshot_id == lake.find_commit("sales", BATCH)
        assert snapshot.summary is not None
        assert {key: value for key, value in snapshot.summary.additional_properties.items() if "headwater" in key} == {
            "headwater.batch-id": BATCH,
            "headwater.flow-run-id": "run-1",
            "headwater.records": "2",
            "headwater.read": "5",
            "headwater.failed": "3",
        }
        assert snapshot.summary["added-records"] == "2"

    def test_committing_twice_loads_once(self, lake: Lake) -> None:
        files = stage(lake, "sales", BATCH, "a")

        first = lake.commit("sales", BATCH, files)
        load(lake, "sales", LATER, "b", source_file="file-2")

        assert lake.commit("sales", BATCH, files) == first
        assert keys_in(lake, "sales") == ["a", "b"]

    def test_a_batch_without_rows_is_committed_too(self, lake: Lake) -> None:
        snapshot_id = lake.commit("sales", BATCH, stage(lake, "sales", BATCH))

        assert lake.find_commit("sales", BATCH) == snapshot_id
        assert lake.count("sales") == 0

    def test_duckdb_reads_the_data_files(self, lake: Lake) -> None:
        load(lake, "sales", BATCH, "a", "b")
        load(lake, "sales", LATER, "c")

        with duckdb.connect() as connection:
            found = connection.execute(
                "SELECT _id, _luma.shop.city, len(productListItems), identityMap['Email'][1].id, "
                "_acp_system_metadata.acp_sourceBatchId FROM read_parquet($files) ORDER BY _id",
                {"files": [str(local(uri)) for uri in lake.data_files("sales")]},
            ).fetchall()
        assert found == [
            ("a", "Zürich", 2, "a@example.com", BATCH),
            ("b", "Zürich", 2, "b@example.com", BATCH),
            ("c", "Zürich", 2, "c@example.com", LATER),
        ]

    def test_preview_is_bounded_and_can_show_one_batch(self, lake: Lake) -> None:
        load(lake, "sales", BATCH, *(f"a{i}" for i in range(20)))
        load(lake, "sales", LATER, "b1", "b2")

        assert lake.preview("sales", limit=7).num_rows == 7
        assert lake.preview("sales", batch_id=LATER).column("_id").to_pylist() == ["b1", "b2"]
        assert lake.preview("sales", batch_id="01JBKD0000000000000000ZZZZ").num_rows == 0

    def test_a_dataset_without_a_table_is_said_to_have_none(self, lake: Lake) -> None:
        assert lake.count("unknown") == 0
        assert lake.find_commit("unknown", BATCH) is None
        with pytest.raises(NotFoundError, match="reading dataset 'unknown' failed: dataset 'unknown' has no table in"):
            lake.preview("unknown")
        with pytest.raises(NotFoundError, match="staging batch"):
            lake.stage("unknown", BATCH, 0, ingested_at=INGESTED_AT)


class TestStaging:
    def test_an_exception_removes_what_was_written(self, lake: Lake, tmp_path: Path) -> None:
        writer = lake.stage("sales", BATCH, 0, ingested_at=INGESTED_AT)

        def write_and_fail() -> None:
            with writer:
                writer.write(large_rows(staging.ROW_GROUP_ROWS + 1), "file-1")
                assert list((tmp_path / "lake").rglob("*.parquet")), "a full row group is on disk"
                raise RuntimeError("boom")

        with pytest.raises(RuntimeError, match="boom"):
            write_and_fail()

        assert list((tmp_path / "lake").rglob("*.parquet")) == []
        assert writer.result == ()

    def test_large_groups_are_split_into_files_and_row_groups(self, lake: Lake) -> None:
        total = staging.ROW_GROUP_ROWS * 2 + 10
        with lake.stage("sales", BATCH, 3, ingested_at=INGESTED_AT, file_bytes=1) as writer:
            for start in range(0, total, 50_000):
                writer.write(large_rows(min(50_000, total - start)), "file-1")

        assert len(writer.result) == 2
        assert {file.group for file in writer.result} == {3}
        assert sum(file.rows for file in writer.result) == total
        for file in writer.result:
            assert local(file.uri).stat().st_size == file.size_bytes
            assert pq.read_metadata(local(file.uri)).num_row_groups == 1
        lake.commit("sales", BATCH, writer.result)
        assert lake.count("sales") == total

    def test_attempts_do_not_overwrite_each_other(self, lake: Lake) -> None:
        first, second = (stage(lake, "sales", BATCH, "a") for _ in range(2))

        assert first[0].uri != second[0].uri
        lake.discard(first)
        lake.discard(first)
        lake.commit("sales", BATCH, second)
        assert keys_in(lake, "sales") == ["a"]

    def test_only_columns_with_repeating_values_get_a_dictionary(self, lake: Lake) -> None:
        (file,) = stage(lake, "sales", BATCH, *(f"key-{i}" for i in range(500)))

        columns = pq.read_metadata(local(file.uri)).row_group(0)
        encodings = {columns.column(i).path_in_schema: columns.column(i).encodings for i in range(columns.num_columns)}
        assert "RLE_DICTIONARY" not in encodings["_id"]
        assert "RLE_DICTIONARY" in encodings["_luma.shop.city"]
        assert "RLE_DICTIONARY" in encodings["productListItems.list.element.SKU"]
        assert "RLE_DICTIONARY" not in encodings["identityMap.key_value.value.list.element.id"]
        assert columns.column(0).compression == "ZSTD"

    def test_rows_with_a_column_that_the_table_lacks_are_refused(self, lake: Lake) -> None:
        wider = rows("a", schema=COLUMNS.append(pa.field("coupon", pa.struct([("code", pa.string())]))))

        with (
            pytest.raises(LakeError, match="dataset 'sales' has no column 'coupon' in the lake; prepare the table"),
            lake.stage("sales", BATCH, 0, ingested_at=INGESTED_AT) as writer,
        ):
            writer.write(wider, "file-1")

    def test_leftovers_of_killed_attempts_are_removed_and_nothing_else(self, lake: Lake) -> None:
        leftover = stage(lake, "sales", BATCH, "a")
        other_batch = stage(lake, "sales", LATER, "x")
        files = stage(lake, "sales", BATCH, "a")
        lake.commit("sales", BATCH, files)
        waiting = stage(lake, "sales", BATCH, "a", group=1)

        assert lake.remove_leftovers("sales", BATCH, keep=waiting) == 1

        assert not local(leftover[0].uri).exists()
        assert all(local(file.uri).exists() for file in (*files, *waiting, *other_batch))
        assert keys_in(lake, "sales") == ["a"]


class TestEvolution:
    def test_preparing_a_table_again_changes_nothing(self, lake: Lake, tmp_path: Path) -> None:
        before = sorted((tmp_path / "lake").rglob("*.metadata.json"))

        lake.ensure_table("sales", COLUMNS)

        assert sorted((tmp_path / "lake").rglob("*.metadata.json")) == before

    def test_new_fields_at_any_depth_are_empty_in_older_rows(self, lake: Lake) -> None:
        load(lake, "sales", BATCH, "old")
        identity = pa.struct([("id", pa.string()), ("primary", pa.bool_())])
        wider = pa.schema(
            [
                COLUMNS.field("_id"),
                pa.field("coupon", pa.string()),
                pa.field(
                    "productListItems",
                    pa.list_(pa.struct([("quantity", pa.int64()), ("SKU", pa.string()), ("name", pa.string())])),
                ),
                pa.field("identityMap", pa.map_(pa.string(), pa.list_(identity))),
                pa.field("_luma", pa.struct([("shop", pa.struct([("country", pa.string())]))])),
            ]
        )  # fmt: skip

        lake.ensure_table("sales", wider)
        record = {
            "_id": "new", "coupon": "X1", "productListItems": [{"quantity": 2**40, "SKU": "S", "name": "N"}],
            "identityMap": [("ECID", [{"id": "1", "primary": True}])], "_luma": {"shop": {"country": "CH"}},
            "row_number": 1, "byte_offset": None,
        }  # fmt: skip
        with lake.stage("sales", LATER, 0, ingested_at=INGESTED_AT) as writer:
            writer.write(pa.RecordBatch.from_pylist([record], schema=pa.schema([*wider, *PROVENANCE])), "file-2")
        lake.commit("sales", LATER, writer.result)

        new, old = sorted(lake.scan("sales").to_pylist(), key=lambda row: str(row["_id"]))
        assert old["productListItems"][0] == {"SKU": "LLMS01", "quantity": 2, "name": None}
        assert old["identityMap"] == [("Email", [{"id": "old@example.com", "primary": None}])]
        assert (old["coupon"], old["_luma"]) == (None, {"total": 12.5, "shop": {"city": "Zürich", "country": None}})
        assert new["productListItems"] == [{"SKU": "S", "quantity": 2**40, "name": "N"}]
        assert new["_luma"] == {"total": None, "shop": {"city": None, "country": "CH"}}
        assert (new["timestamp"], new["coupon"], new[SYSTEM_COLUMN]["byteOffset"]) == (None, "X1", None)

    def test_files_staged_before_an_addition_can_be_committed_after_it(self, lake: Lake) -> None:
        files = stage(lake, "sales", BATCH, "a")
        lake.ensure_table("sales", COLUMNS.append(pa.field("coupon", pa.string())).set(0, pa.field("_id", pa.string())))

        lake.commit("sales", BATCH, files)

        assert lake.scan("sales").to_pylist()[0]["coupon"] is None

    def test_narrower_numbers_of_an_older_run_still_fit(self, lake: Lake) -> None:
        wide = pa.schema([pa.field("_id", pa.string()), pa.field("n", pa.int64()), pa.field("x", pa.float64())])
        narrow = pa.schema([pa.field("_id", pa.string()), pa.field("n", pa.int32()), pa.field("x", pa.float32())])
        lake.ensure_table("numbers", wide)
        lake.ensure_table("numbers", narrow)
        batch = pa.RecordBatch.from_pylist(
            [{"_id": "a", "n": 5, "x": 0.5, "row_number": 1, "byte_offset": 0}],
            schema=pa.schema([*narrow, *PROVENANCE]),
        )
        with lake.stage("numbers", BATCH, 0, ingested_at=INGESTED_AT) as writer:
            writer.write(batch, "file-1")
        lake.commit("numbers", BATCH, writer.result)

        assert lake.scan("numbers").select(["n", "x"]).to_pylist() == [{"n": 5, "x": 0.5}]

    def test_breaking_changes_are_all_named_and_none_is_made(self, lake: Lake) -> None:
        load(lake, "sales", BATCH, "a")
        broken = pa.schema(
            [
                pa.field("_id", pa.int64()),
                pa.field("productListItems", pa.list_(pa.struct([("quantity", pa.string())]))),
                pa.field("identityMap", pa.map_(pa.string(), pa.string())),
                pa.field("_luma", pa.struct([("shop", pa.string()), ("added", pa.string())])),
                pa.field("timestamp", pa.date32()),
            ]
        )

        with pytest.raises(LakeError) as raised:
            lake.ensure_table("sales", broken)

        assert str(raised.value) == (
            "the table of dataset 'sales' cannot take rows of this schema: column '_id' holds string and cannot become "
            "int64; column 'productListItems[].quantity' holds int32 and cannot become string; column 'identityMap{}' "
            "holds a list and cannot become string; column '_luma.shop' holds an object and cannot become string; "
            "column 'timestamp' holds timestamp[us, tz=UTC] and cannot become date32[day]. Nothing was changed. Give "
            "the changed field another name, or load into another dataset."
        )
        assert not raised.value.retryable
        assert lake.scan("sales").to_pylist()[0]["_luma"] == purchase("a")["_luma"]


class TestSuperseding:
    def test_rows_of_superseded_files_are_replaced_in_the_same_snapshot(self, lake: Lake) -> None:
        with lake.stage("sales", BATCH, 0, ingested_at=INGESTED_AT) as writer:
            writer.write(rows("keep-1", "keep-2"), "file-1")
            writer.write(rows("old-1", "old-2"), "file-2")
        lake.commit("sales", BATCH, writer.result)
        load(lake, "sales", "01JBKD0000000000000000CCCC", "untouched", source_file="file-3")

        snapshot = load(lake, "sales", LATER, "new-1", source_file="file-2", supersede={"file-2"})

        assert keys_in(lake, "sales") == ["keep-1", "keep-2", "new-1", "untouched"]
        assert lake.find_commit("sales", LATER) == snapshot
        kept = lake.preview("sales", batch_id=BATCH).to_pylist()
        assert [row[SYSTEM_COLUMN]["rowNumber"] for row in kept] == [1, 2], "provenance is kept"
        assert kept[0]["productListItems"] == purchase("keep-1")["productListItems"]

    def test_files_whose_rows_all_go_are_dropped(self, lake: Lake) -> None:
        load(lake, "sales", BATCH, "old", source_file="file-1")

        load(lake, "sales", LATER, "new", source_file="file-1", supersede={"file-1", "never-seen"})

        assert keys_in(lake, "sales") == ["new"]
        assert len(lake.data_files("sales")) == 1

    def test_superseding_what_is_not_there_adds_only(self, lake: Lake) -> None:
        load(lake, "sales", BATCH, "a", source_file="file-1")

        load(lake, "sales", LATER, "b", source_file="file-9", supersede={"file-9"})

        assert keys_in(lake, "sales") == ["a", "b"]

    def test_repeating_it_does_not_remove_the_new_rows(self, lake: Lake) -> None:
        load(lake, "sales", BATCH, "old", source_file="file-1")
        files = stage(lake, "sales", LATER, "new", source_file="file-1")

        first = lake.commit("sales", LATER, files, supersede={"file-1"})

        assert lake.commit("sales", LATER, files, supersede={"file-1"}) == first
        assert keys_in(lake, "sales") == ["new"]

    def test_older_rows_of_a_narrower_schema_survive_the_rewriting(self, lake: Lake) -> None:
        with lake.stage("sales", BATCH, 0, ingested_at=INGESTED_AT) as writer:
            writer.write(rows("keep"), "file-1")
            writer.write(rows("old"), "file-2")
        lake.commit("sales", BATCH, writer.result)
        lake.ensure_table("sales", COLUMNS.append(pa.field("coupon", pa.string())))

        load(lake, "sales", LATER, "new", source_file="file-2", supersede={"file-2"})

        assert keys_in(lake, "sales") == ["keep", "new"]
        assert lake.scan("sales", columns=["coupon"]).column("coupon").to_pylist() == [None, None]

    def test_no_file_is_left_that_no_snapshot_knows(self, lake: Lake, tmp_path: Path) -> None:
        load(lake, "sales", BATCH, "old", source_file="file-1")
        load(lake, "sales", LATER, "new", source_file="file-1", supersede={"file-1"})

        assert len(list((tmp_path / "lake").rglob("*.parquet"))) == 2, "the replaced one and the new one"
        assert lake.remove_leftovers("sales", BATCH, keep=()) == 0, "an older snapshot still refers to the replaced one"


class TestErrors:
    def test_a_missing_staged_file_fails_the_commit_and_loads_nothing(self, lake: Lake) -> None:
        files = stage(lake, "sales", BATCH, "a")
        gone = StagedFile(uri=files[0].uri + ".gone", rows=1, size_bytes=1, group=0)

        with pytest.raises(LakeError, match=f"committing batch {BATCH} to dataset 'sales' failed"):
            lake.commit("sales", BATCH, [*files, gone])

        assert lake.find_commit("sales", BATCH) is None
        assert lake.count("sales") == 0

    def test_a_dropped_table_is_gone(self, lake: Lake) -> None:
        lake.drop_table("sales")
        lake.drop_table("sales")

        assert lake.count("sales") == 0
        lake.ensure_table("sales", COLUMNS)
        assert lake.count("sales") == 0

    def test_closing_twice_is_no_error(self, address: LakeAddress) -> None:
        opened = address.open()
        opened.close()
        opened.close()


def test_an_unreachable_catalog_can_be_tried_again_and_its_password_is_not_told(tmp_path: Path) -> None:
    for url in ("postgresql+psycopg://lake:s3cret@127.0.0.1:1/iceberg", "http://lake:s3cret@127.0.0.1:1/"):
        with pytest.raises(LakeError, match="opening the lake failed: the Iceberg catalog or the warehouse") as raised:
            Lake.open(iceberg_url=url, warehouse=str(tmp_path))
        assert raised.value.retryable
        assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize("url", ["not a url", "sqlite://", "sqlite:///:memory:"])
def test_wrong_catalog_urls_are_settings_errors(url: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="HEADWATER_ICEBERG_URL"):
        Lake.open(iceberg_url=url, warehouse=str(tmp_path))


def test_the_warehouse_may_have_spaces_and_percent_signs_in_its_path(tmp_path: Path) -> None:
    home = tmp_path / "my lake %20 ü"
    with Lake.open(iceberg_url=f"sqlite:///{home}/iceberg.db", warehouse=f"file://{home}/lake") as lake:
        lake.ensure_table("sales", COLUMNS)
        load(lake, "sales", BATCH, "a")
        assert keys_in(lake, "sales") == ["a"]
        assert lake.remove_leftovers("sales", BATCH, keep=()) == 0
    assert re.search(r"my lake %20 ü/lake/headwater/sales/data", str(next(home.rglob("*.parquet"))))
