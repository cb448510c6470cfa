"""The pools of accounts, in an Airflow database."""

import json
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from airflow.models.connection import Connection
from airflow.models.pool import Pool
from sqlalchemy.orm import Session

from headwater.orchestration.listeners import create_missing_pools


@pytest.fixture
def session() -> Iterator[Session]:
    engine = sa.create_engine("sqlite://")
    tables = [Pool.metadata.tables[name] for name in ("slot_pool", "connection")]
    Pool.metadata.create_all(engine, tables=tables)
    with Session(engine) as session:
        yield session
    engine.dispose()


def slots(session: Session) -> dict[str, int]:
    return {str(pool.pool): pool.slots for pool in session.scalars(sa.select(Pool))}


@pytest.mark.parametrize(
    ("extra", "expected"),
    [({"max_connections": 2}, 2), ({"max_connections": "9"}, 9), ({"max_connections": 0}, 4), ({}, 4)],
    ids=["number", "text", "nonsense", "silent"],
)
def test_a_pool_is_as_large_as_the_connection_allows(session: Session, extra: dict[str, object], expected: int) -> None:
    session.add(Connection(conn_id="partner", conn_type="headwater_sftp", extra=json.dumps(extra)))
    create_missing_pools(session, {"account_partner", "account_other"})
    assert slots(session) == {"account_partner": expected, "account_other": 4}


def test_a_pool_that_people_changed_stays(session: Session) -> None:
    session.add(Pool(pool="account_partner", slots=1, include_deferred=False))
    create_missing_pools(session, {"account_partner"})
    assert slots(session) == {"account_partner": 1}
