"""The profile store's database: writers take turns, and its errors are Headwater's."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from headwater.errors import HeadwaterError
from headwater.profile_store import ProfileStore
from headwater.profile_store.bulk import Stage
from headwater.profile_store.engine import open_database, writing
from headwater.profile_store.tables import namespace, vertex
from tests.contract.profile_store import samples
from tests.servers.postgres import PostgresServer

DEADLINE_SECONDS = 60


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        Event().wait(0.01)


def impatient(connection: Any, *_: object) -> None:  # noqa: ANN401 - the driver's
    """Let SQLite wait for a tenth of a second where it waits for a minute."""
    connection.execute("PRAGMA busy_timeout = 100").close()


def test_a_writer_on_sqlite_waits_for_another_one_however_long_it_takes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "headwater.database.engine")
    engine = open_database(f"sqlite:///{tmp_path}/store.db")
    sa.event.listen(engine, "checkout", impatient)

    def write(number: int) -> None:
        with writing(engine) as connection:
            connection.execute(sa.insert(namespace).values(id=number, code=str(number), type="Email"))

    def told() -> list[str]:
        return [record.message for record in caplog.records if record.name == "headwater.database.engine"]

    with ThreadPoolExecutor(1) as pool:
        with writing(engine) as first:
            second = pool.submit(write, 2)
            wait_for(lambda: len(told()) >= 2 or second.done(), "the second writer neither waits nor fails")
            first.execute(sa.insert(namespace).values(id=1, code="1", type="Email"))
        second.result(timeout=DEADLINE_SECONDS)

    with engine.connect() as connection:
        assert connection.execute(sa.select(namespace.c.id).order_by(namespace.c.id)).scalars().all() == [1, 2]
    assert told()[0] == f"{tmp_path}/store.db is being written to; waiting for it"
    engine.dispose()


def test_a_full_disk_is_told_as_the_profile_stores_error(tmp_path: Path) -> None:
    def full(connection: sa.Connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")

    engine = open_database(f"sqlite:///{tmp_path}/store.db")
    sa.event.listen(engine, "begin", full)
    people = [samples.loyalty_row(f"L{number}" * 40, f"C{number}" * 40) for number in range(500)]
    with ProfileStore(engine) as store, pytest.raises(HeadwaterError, match="database or disk is full") as caught:
        store.load_identities(samples.loyalty_load("B1", 1), samples.rows(samples.LOYALTY_SCHEMA, people))
    assert caught.value.retryable
    assert str(caught.value).startswith(f"profile store sqlite:///{tmp_path}/store.db: OperationalError: ")


MANY_VERTICES = """
INSERT INTO profile_vertex (id, key_high, key_low, namespace_id, value, component, graph)
SELECT n, n, n, 1, repeat('x', 32), n, n FROM generate_series(1, 50000) AS n
"""


@pytest.mark.postgres
def test_a_writer_on_postgresql_seeks_the_identities_of_a_small_batch_among_many(postgres: PostgresServer) -> None:
    """With the price of a random page that PostgreSQL assumes, it would read all of them."""
    with postgres.database() as url, closing(open_database(url)) as engine, writing(engine) as connection:
        connection.exec_driver_sql(MANY_VERTICES)
        connection.exec_driver_sql("ANALYZE profile_vertex")
        with Stage(connection, "key", sa.Column("key_high", sa.BigInteger)) as stage:
            stage.fill(pa.array(range(0, 50_000, 100), pa.int64()))
            same = vertex.c.key_high == stage.table.c.key_high
            query = sa.select(vertex.c.id).select_from(stage.table.join(vertex, same))
            plan = "\n".join(connection.execute(sa.text(f"EXPLAIN {query}")).scalars())
    assert "Index Scan using profile_vertex_identity" in plan
    assert "Seq Scan on profile_vertex" not in plan


@contextmanager
def closing(engine: sa.Engine) -> Iterator[sa.Engine]:
    try:
        yield engine
    finally:
        engine.dispose()


def read_what_is_not_there(engine: sa.Engine) -> None:
    with writing(engine) as connection:
        driver: Any = connection.connection.driver_connection
        driver.execute("SELECT * FROM nothing_like_this")


def test_what_the_driver_itself_refuses_is_told_as_the_profile_stores_error(url: str) -> None:
    engine = open_database(url)
    with pytest.raises(HeadwaterError, match=r"^profile store .*nothing_like_this.* Nothing was changed\. "):
        read_what_is_not_there(engine)
    engine.dispose()
