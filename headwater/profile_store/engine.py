"""The database under the profile store: opening it, its transactions, and what its errors mean."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from headwater.database.engine import READ_ONLY, open_engine
from headwater.database.errors import translated
from headwater.database.migrate import migrate
from headwater.profile_store.tables import VERSION, VERSION_TABLE

Step = Literal["identities", "profiles"]

_WHAT: Final = "profile store"
_SCRIPTS: Final = "headwater.profile_store:migrations"
_PAGE_BYTES: Final = 4096
_LOG_PAGES: Final = 16_384
_LOCK_KEY: Final = 748_301_001
"""PostgreSQL's advisory lock, by which writers wait for each other. Any number will do."""
_RANDOM_PAGE_COST: Final = 1.1
"""What PostgreSQL's planner is told of pages that an index names, in pages read in order. Rows are sought in the order
of the index; with the default of 4, the planner rather reads a million identities than look for ten thousand."""


def open_database(url: str) -> Engine:
    """Connect, and make or upgrade the tables. Several processes may do so at once.

    Raises:
        SettingsError: the URL is not one of SQLite or PostgreSQL.
        HeadwaterError: the database refused, or could not be reached (then `retryable`).
    """
    engine = open_engine(url, writers_queue=True)  # a load is one transaction, which may take many minutes
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _tune_sqlite)
    try:
        with translated(engine, _WHAT):
            migrate(engine, scripts=_SCRIPTS, version_table=VERSION_TABLE, head=VERSION)
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that writes: all of it or nothing. Another one waits.

    Raises:
        HeadwaterError: the database refused, or could not be reached (then `retryable`).
    """
    with translated(engine, _WHAT), engine.begin() as connection:
        if is_postgresql(connection):
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK_KEY)))
            connection.exec_driver_sql(f"SET LOCAL random_page_cost = {_RANDOM_PAGE_COST}")
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One transaction that reads: everything is seen as it was at one moment.

    Raises:
        HeadwaterError: the database refused, or could not be reached (then `retryable`).
    """
    options = {READ_ONLY: True} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    with translated(engine, _WHAT), engine.execution_options(**options).begin() as connection:
        yield connection


def is_postgresql(connection: Connection) -> bool:
    """Whether the store lies in PostgreSQL; otherwise it lies in SQLite."""
    return connection.dialect.name == "postgresql"


def _tune_sqlite(connection: sqlite3.Connection, _entry: object) -> None:
    """Keep staging tables, and the pages that a batch touches again and again, in memory.

    The log may grow to 64 MB before its pages go to where they belong, since batches change some of the same ones; it
    keeps no more room than that.
    """
    connection.execute("PRAGMA temp_store = MEMORY").close()
    connection.execute("PRAGMA cache_size = -131072").close()
    connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}").close()
    connection.execute(f"PRAGMA journal_size_limit = {_LOG_PAGES * _PAGE_BYTES}").close()
