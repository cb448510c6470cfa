"""A catalog whose answer is lost, and that makes the commit take place only afterwards."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import CommitStateUnknownException
from pyiceberg.table import CommitTableResponse, Table
from pyiceberg.table.update import TableRequirement, TableUpdate

from headwater.errors import LakeError
from headwater.lake import Lake
from headwater.lake.iceberg_catalog import NAMESPACE
from headwater.lake.storage import parse_location
from tests.contract.lake.rows import COLUMNS, INGESTED_AT, keys_in, rows, stage


class LateCatalog(SqlCatalog):
    """Behind a gateway that loses patience: with `late`, a commit takes place when `catch_up` is called."""

    late = False

    def __init__(self, folder: Path) -> None:
        super().__init__(NAMESPACE, uri=f"sqlite:///{folder}/iceberg.db", warehouse=f"file://{folder}/lake")
        self.create_namespace(NAMESPACE)
        self._waiting: list[Callable[[], CommitTableResponse]] = []

    def commit_table(
        self, table: Table, requirements: tuple[TableRequirement, ...], updates: tuple[TableUpdate, ...]
    ) -> CommitTableResponse:
        """Commit, now or later."""
        commit = super().commit_table
        if not self.late:
            return commit(table, requirements, updates)
        self._waiting.append(lambda: commit(table, requirements, updates))
        raise CommitStateUnknownException("504 Gateway Timeout")

    def catch_up(self) -> None:
        """Do what was asked for."""
        self.late = False
        while self._waiting:
            self._waiting.pop()()


@pytest.fixture
def catalog(tmp_path: Path) -> LateCatalog:
    return LateCatalog(tmp_path)


@pytest.fixture
def late_lake(catalog: LateCatalog, tmp_path: Path) -> Iterator[Lake]:
    with Lake(catalog, parse_location(f"file://{tmp_path}/lake")) as lake:
        yield lake


def test_a_commit_that_takes_place_after_its_answer_was_lost_finds_its_files(
    late_lake: Lake, catalog: LateCatalog
) -> None:
    late_lake.ensure_table("sales", COLUMNS)
    with late_lake.stage("sales", "01A", 0, ingested_at=INGESTED_AT) as writer:
        writer.write(rows("old"), "file-1")
        writer.write(rows("kept"), "file-2")
    late_lake.commit("sales", "01A", writer.result)
    new = stage(late_lake, "sales", "01B", "new", source_file="file-3")
    catalog.late = True

    with pytest.raises(LakeError, match="504 Gateway Timeout") as raised:
        late_lake.commit("sales", "01B", new, supersede=["file-1"])
    assert raised.value.retryable
    catalog.catch_up()
    late_lake.commit("sales", "01B", new, supersede=["file-1"])

    assert late_lake.missing_files("sales") == ()
    assert keys_in(late_lake, "sales") == ["kept", "new"]
