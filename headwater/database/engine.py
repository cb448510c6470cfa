"""SQLAlchemy engines for SQLite (WAL) and PostgreSQL, set up the same way everywhere."""

import json
import logging
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import ConnectionPoolEntry

from headwater.errors import SettingsError

log = logging.getLogger(__name__)

BUSY_TIMEOUT_SECONDS = 60
READ_ONLY = "headwater_read_only"
"""Execution option of connections that only read: they begin without SQLite's write lock."""


def open_engine(url: str, *, writers_queue: bool = False) -> sa.Engine:
    """An engine for `url`; an SQLite file's folder is created.

    Parameters are kept out of errors and logs. On SQLite, transactions begin IMMEDIATE, so that two writers wait for
    each other instead of failing half-way.

    Args:
        url: The database.
        writers_queue: Whether on SQLite a writer waits for another one as long as that one takes, as on PostgreSQL, and
            not for a minute only.

    Raises:
        SettingsError: the URL is not one of SQLite or PostgreSQL with psycopg.
    """
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise SettingsError(
            "a database URL cannot be read; expected sqlite:///FILE or postgresql+psycopg://…"
        ) from error
    if parsed.get_backend_name() == "postgresql":
        return sa.create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True, hide_parameters=True)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        raise SettingsError(
            f"database URL with driver {parsed.drivername!r} is not supported; "
            "expected sqlite:///FILE or postgresql+psycopg://…"
        )
    Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT_SECONDS}, hide_parameters=True)
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_in_turn if writers_queue else _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # SQLAlchemy's own recipe: the driver must not begin by itself
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_SECONDS * 1000}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    read_only = connection.get_execution_options().get(READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _begin_in_turn(connection: sa.Connection) -> None:
    """Ask again each time SQLite has waited in vain, so that signals are heard in between."""
    while True:
        try:
            return _begin_sqlite(connection)
        except sa.exc.OperationalError as error:
            if getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY:
                raise
            log.info("%s is being written to; waiting for it", connection.engine.url.database)


def upsert(connection: sa.Connection, table: sa.Table) -> Any:  # noqa: ANN401 - two dialects' Insert, no common type
    """The dialect's INSERT, which has `on_conflict_do_update` and `on_conflict_do_nothing`."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as postgresql_insert

        return postgresql_insert(table)
    from sqlalchemy.dialects.sqlite import insert as sqlite_insert

    return sqlite_insert(table)


def among(connection: sa.Connection, column: sa.Column[str], values: Sequence[str]) -> sa.ColumnElement[bool]:
    """Whether the column has one of the values: one parameter, however many they are, and still by the index.

    They travel as JSON on PostgreSQL, too: its driver looks at every element of an array for characters to escape.
    """
    listed = sa.literal(json.dumps(list(values), ensure_ascii=False), sa.Text)
    if connection.dialect.name == "postgresql":
        return column.in_(sa.select(sa.func.json_array_elements_text(sa.cast(listed, sa.JSON))))
    return column.in_(sa.select(sa.func.json_each(listed).table_valued("value").c.value))
