"""The profile store's database: writers take turns, and its errors are Headwater's."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import sqlalchemy as sa

from headwater.profile_store.engine import open_database, writing
from headwater.profile_store.tables import namespace

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

    with ThreadPoolExecutor(1) as pool:
        with writing(engine) as first:
            second = pool.submit(write, 2)
            wait_for(lambda: len(caplog.records) >= 2 or second.done(), "the second writer neither waits nor fails")
            first.execute(sa.insert(namespace).values(id=1, code="1", type="Email"))
        second.result(timeout=DEADLINE_SECONDS)

    with engine.connect() as connection:
        assert connection.execute(sa.select(namespace.c.id).order_by(namespace.c.id)).scalars().all() == [1, 2]
    assert caplog.messages[0] == f"{tmp_path}/store.db is being written to; waiting for it"
    engine.dispose()
