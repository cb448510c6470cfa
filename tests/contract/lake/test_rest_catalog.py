from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from headwater.errors import LakeError, NotFoundError
from headwater.lake import Lake
from tests.contract.lake.rows import COLUMNS, keys_in, load, stage
from tests.servers.iceberg_rest import RestCatalogServer, iceberg_rest_server

BATCH = "01JBKD0000000000000000AAAA"
LATER = "01JBKD0000000000000000BBBB"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RestCatalogServer]:
    with iceberg_rest_server(tmp_path) as running:
        yield running


@pytest.fixture
def lake(server: RestCatalogServer) -> Iterator[Lake]:
    with Lake.open(iceberg_url=server.url(), warehouse="lake") as opened:
        yield opened


def test_batches_are_loaded_once_and_supersede_each_other(lake: Lake) -> None:
    lake.ensure_table("sales", COLUMNS)
    files = stage(lake, "sales", BATCH, "old")
    first = lake.commit("sales", BATCH, files)
    assert lake.commit("sales", BATCH, files) == first == lake.find_commit("sales", BATCH)

    load(lake, "sales", LATER, "new", supersede={"file-1"})

    assert keys_in(lake, "sales") == ["new"]
    assert pa.Table.from_batches(lake.read_staged(files)).num_rows == 1


def test_two_lakes_on_one_table_see_each_others_commits(lake: Lake, server: RestCatalogServer) -> None:
    lake.ensure_table("sales", COLUMNS)
    with Lake.open(iceberg_url=server.url(), warehouse="lake") as other:
        other.ensure_table("sales", COLUMNS.append(pa.field("coupon", pa.string())))
        load(other, "sales", BATCH, "a")
        load(lake, "sales", LATER, "b")

        assert keys_in(other, "sales") == keys_in(lake, "sales") == ["a", "b"]


def test_a_missing_table_and_a_dropped_one_are_said_to_be_missing(lake: Lake) -> None:
    with pytest.raises(NotFoundError, match="dataset 'sales' has no table in the lake"):
        lake.scan("sales")
    lake.ensure_table("sales", COLUMNS)
    lake.drop_table("sales")
    assert lake.find_commit("sales", BATCH) is None


def test_a_wrong_credential_is_refused_and_not_told(server: RestCatalogServer) -> None:
    with pytest.raises(LakeError, match="opening the lake failed: access was refused") as raised:
        Lake.open(iceberg_url=server.url(secret="wr0ng"), warehouse="lake")

    assert not raised.value.retryable
    assert "wr0ng" not in str(raised.value)
