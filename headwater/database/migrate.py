"""Bring a database to the newest schema, safely when several processes or threads start at once."""

from threading import Lock

import sqlalchemy as sa

from headwater.database.engine import READ_ONLY

_LOCK = 0x68656164  # "head": one advisory lock for all of Headwater's migrations
_ONE_AT_A_TIME = Lock()
"""Alembic keeps the migration that is under way in module variables: a process has room for one, of any database."""


def migrate(engine: sa.Engine, *, scripts: str, version_table: str, head: str) -> None:
    """Run the Alembic migrations in `scripts` (`package:folder`) up to `head`, unless they have run.

    Whoever comes second waits for the first and then finds nothing to do; where nothing is due, nobody waits.
    """
    with engine.execution_options(**{READ_ONLY: True}).begin() as connection:
        if _current(connection, version_table) == head:
            return
    with _ONE_AT_A_TIME, engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        if _current(connection, version_table) == head:
            return
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", scripts)
        config.attributes["connection"] = connection
        config.attributes["version_table"] = version_table
        command.upgrade(config, head)


def _current(connection: sa.Connection, version_table: str) -> str | None:
    if not sa.inspect(connection).has_table(version_table):
        return None
    column: sa.ColumnClause[str] = sa.column("version_num")
    return connection.execute(sa.select(column).select_from(sa.table(version_table))).scalar_one_or_none()
