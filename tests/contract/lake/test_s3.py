"""A lake whose warehouse, and whose rejected records, are in an S3 store."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from headwater.errors import LakeError
from headwater.lake import Diagnostics, Lake
from headwater.model.records import Problem, RowError
from headwater.model.runs import StagedFile
from tests.contract.lake.rows import COLUMNS, INGESTED_AT, keys_in, load, rows, stage
from tests.servers.processes import free_port
from tests.servers.seaweedfs import ACCESS_KEY, SECRET_KEY, S3Store, seaweedfs

BATCH = "01JBKD0000000000000000AAAA"
LATER = "01JBKD0000000000000000BBBB"


@pytest.fixture(scope="module")
def store() -> Iterator[S3Store]:
    with seaweedfs() as store:
        yield store


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys where Amazon's own tools look for them, which is where a lake gets them from."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)


@pytest.fixture
def bucket(store: S3Store) -> str:
    return store.new_bucket()


@pytest.fixture
def lake(store: S3Store, bucket: str, tmp_path: Path) -> Iterator[Lake]:
    with open_lake(tmp_path, f"s3://{bucket}/the lake", store.url) as lake:
        lake.ensure_table("sales", COLUMNS)
        yield lake


def open_lake(folder: Path, place: str, store_url: str) -> Lake:
    warehouse = f"{place}?endpoint_override={store_url}&region=us-east-1"
    return Lake.open(iceberg_url=f"sqlite:///{folder}/iceberg.db", warehouse=warehouse)


def objects(store: S3Store, bucket: str, suffix: str) -> set[str]:
    found = store.client.list_objects_v2(Bucket=bucket).get("Contents", [])
    return {f"s3://{bucket}/{entry['Key']}" for entry in found if entry["Key"].endswith(suffix)}


def uris(*files: StagedFile) -> set[str]:
    return {file.uri for file in files}


def test_batches_are_staged_committed_and_read(lake: Lake, store: S3Store, bucket: str) -> None:
    files = stage(lake, "sales", BATCH, "a", "b")
    assert keys_in(lake, "sales") == []
    first = lake.commit("sales", BATCH, files)
    assert lake.commit("sales", BATCH, files) == first == lake.find_commit("sales", BATCH)
    assert keys_in(lake, "sales") == ["a", "b"]
    assert lake.preview("sales", batch_id=BATCH).num_rows == lake.count("sales") == 2
    assert pa.Table.from_batches(lake.read_staged(files)).num_rows == 2
    assert uris(*files) == objects(store, bucket, ".parquet") == set(lake.data_files("sales"))
    assert [file.size_bytes for file in files] == [
        store.client.head_object(Bucket=bucket, Key=file.uri.removeprefix(f"s3://{bucket}/"))["ContentLength"]
        for file in files
    ]


def test_a_batch_supersedes_another(lake: Lake) -> None:
    load(lake, "sales", BATCH, "old", source_file="file-1")
    load(lake, "sales", BATCH.replace("A", "C"), "other", source_file="file-2")
    load(lake, "sales", LATER, "new", source_file="file-1", supersede={"file-1"})
    assert keys_in(lake, "sales") == ["new", "other"]


def test_what_is_not_committed_is_discarded(lake: Lake, store: S3Store, bucket: str) -> None:
    files = stage(lake, "sales", BATCH, "a")
    assert objects(store, bucket, ".parquet") == uris(*files)
    lake.discard(files)
    lake.discard(files)
    assert objects(store, bucket, ".parquet") == set()


def test_an_exception_leaves_nothing(lake: Lake, store: S3Store, bucket: str) -> None:
    def stage_and_fail() -> None:
        with lake.stage("sales", BATCH, 0, ingested_at=INGESTED_AT) as writer:
            writer.write(rows("a"), "file-1")
            raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        stage_and_fail()
    assert objects(store, bucket, ".parquet") == set()


def test_leftovers_of_killed_attempts_are_removed_and_nothing_else(lake: Lake, store: S3Store, bucket: str) -> None:
    leftover = stage(lake, "sales", BATCH, "a")
    other_batch = stage(lake, "sales", LATER, "x")
    files = stage(lake, "sales", BATCH, "a")
    lake.commit("sales", BATCH, files)
    waiting = stage(lake, "sales", BATCH, "b", group=1)

    assert lake.remove_leftovers("sales", BATCH, keep=waiting) == 1

    assert objects(store, bucket, ".parquet") == uris(*other_batch, *files, *waiting)
    assert leftover[0].uri not in objects(store, bucket, ".parquet")
    assert lake.remove_leftovers("sales", "01JBKD0000000000000000ZZZZ", keep=()) == 0


def test_rejected_records_are_kept_and_discarded(store: S3Store, bucket: str) -> None:
    diagnostics = Diagnostics.open(f"s3://{bucket}/rejected?endpoint_override={store.url}")
    problem = Problem(pointer="/timestamp", rule="required", code="1555", message="timestamp is missing")
    error = RowError(
        file="/outbox/a.json", row_number=1, line=1, byte_offset=0, raw=b'{"_id": "1"}', problems=(problem,)
    )
    for group in (0, 1):
        with diagnostics.writer(BATCH, group) as writer:
            writer.write([error])
    assert [file.name for file in diagnostics.files(BATCH)] == ["part-00000.json", "part-00001.json"]
    assert [row["_id"] for row in diagnostics.read(BATCH)] == ["1", "1"]
    assert diagnostics.files(LATER) == ()
    with diagnostics.writer(BATCH, 0):
        pass
    assert [file.name for file in diagnostics.files(BATCH)] == ["part-00001.json"]
    diagnostics.discard(BATCH)
    assert diagnostics.files(BATCH) == ()
    assert objects(store, bucket, ".json") == set()


def test_keys_that_are_not_accepted(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    files = stage(lake, "sales", BATCH, "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wr0ng")
    with pytest.raises(LakeError, match=r"access was refused .* Check the rights of the account") as caught:
        list(lake.read_staged(files))
    assert not caught.value.retryable
    assert "wr0ng" not in str(caught.value)


def test_a_store_that_is_not_there(tmp_path: Path) -> None:
    with (
        open_lake(tmp_path, "s3://lake/tables", f"http://127.0.0.1:{free_port()}") as lake,
        pytest.raises(LakeError, match="could not be reached") as caught,
    ):
        lake.ensure_table("sales", COLUMNS)
    assert caught.value.retryable


def test_a_bucket_that_is_not_there(store: S3Store, tmp_path: Path) -> None:
    with (
        open_lake(tmp_path, "s3://no-such-bucket/tables", store.url) as lake,
        pytest.raises(LakeError, match="preparing the table of dataset 'sales' failed"),
    ):
        lake.ensure_table("sales", COLUMNS)
