"""Lakes on real catalogs: SQLite files and a PostgreSQL server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from headwater.lake import Lake
from tests.contract.lake.rows import LakeAddress
from tests.servers.postgres import PostgresServer, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LakeAddress]:
    warehouse = f"file://{tmp_path}/lake"
    if request.param == "sqlite":
        yield LakeAddress(iceberg_url=f"sqlite:///{tmp_path}/state/iceberg.db", warehouse=warehouse)
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with server.database() as url:
        yield LakeAddress(iceberg_url=url, warehouse=warehouse)


@pytest.fixture
def lake(address: LakeAddress) -> Iterator[Lake]:
    with Lake.open(iceberg_url=address.iceberg_url, warehouse=address.warehouse) as opened:
        yield opened
