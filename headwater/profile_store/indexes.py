"""Indexes that are made when the rows are there, which takes a fraction of the time.

**A table with rows has its indexes; an empty one may lack them.** Whoever writes to a table without indexes makes them
in the same transaction.
"""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from headwater.profile_store.engine import is_postgresql, writing

_LOCK_TIMEOUT: Final = "500ms"
"""How long a load waits for those who read an empty table. Meanwhile others wait behind it."""
_NOT_AVAILABLE: Final = "55P03"
"""PostgreSQL's code for a lock that was not to be had in time."""
_MEMORY: Final = "256MB"
"""What PostgreSQL may use to sort an index."""


def drop_unused_indexes(engine: Engine, tables: Sequence[sa.Table]) -> None:
    """On PostgreSQL, drop the indexes of those tables that are empty, unless somebody goes on reading one of them.

    This is a transaction of its own, because nobody can read a table while the transaction goes on that has dropped an
    index of it. On SQLite nothing has to be done before a load.

    Raises:
        HeadwaterError: the database refused, or could not be reached (then `retryable`).
    """
    if engine.dialect.name != "postgresql":
        return
    with writing(engine) as connection:
        connection.execute(sa.text(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'"))
        for target in tables:
            if _is_empty(connection, target) and _has_indexes(connection, target):
                _drop_unless_read(connection, target)


class IndexesLater:
    """Leaves out the indexes of tables that are empty when they are first written to, and makes them at the end.

    SQLite drops them here: others go on reading the empty tables until the transaction ends. On PostgreSQL
    `drop_unused_indexes` may have done it.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._bare: dict[str, sa.Table] = {}
        self._seen: set[str] = set()

    def leave_out(self, target: sa.Table) -> bool:
        """Whether the table has no index now; to be asked before it is written to."""
        if target.name not in self._seen:
            self._seen.add(target.name)
            if not is_postgresql(self._connection) and _is_empty(self._connection, target):
                _drop(self._connection, target)
            if not _has_indexes(self._connection, target):
                self._bare[target.name] = target
        return target.name in self._bare

    def make(self) -> list[sa.Table]:
        """Make the indexes that were left out; the tables that have them now."""
        tables = list(self._bare.values())
        self._bare.clear()
        if tables and is_postgresql(self._connection):
            self._connection.execute(sa.text(f"SET LOCAL maintenance_work_mem = '{_MEMORY}'"))
        for target in tables:
            for index in _indexes(self._connection, target):
                index.create(self._connection)
            if is_postgresql(self._connection):
                self._connection.exec_driver_sql(f"ANALYZE {target.name}")
        return tables


def _indexes(connection: Connection, target: sa.Table) -> list[sa.Index]:
    """The indexes that a table has in this kind of database, by name."""
    kind = connection.dialect.name
    return sorted(
        (each for each in target.indexes if each.info.get("only", kind) == kind), key=lambda each: str(each.name)
    )


def _drop(connection: Connection, target: sa.Table) -> None:
    for index in _indexes(connection, target):
        index.drop(connection)


def _drop_unless_read(connection: Connection, target: sa.Table) -> None:
    try:
        with connection.begin_nested():
            _drop(connection, target)
    except sa.exc.OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != _NOT_AVAILABLE:
            raise


def _is_empty(connection: Connection, target: sa.Table) -> bool:
    return connection.execute(sa.select(sa.literal(1)).select_from(target).limit(1)).first() is None


def _has_indexes(connection: Connection, target: sa.Table) -> bool:
    name = next(str(each.name) for each in _indexes(connection, target))
    if is_postgresql(connection):
        found = connection.execute(sa.select(sa.func.to_regclass(name)))
    else:
        found = connection.execute(sa.text("SELECT 1 FROM sqlite_master WHERE name = :name"), {"name": name})
    return found.scalar() is not None
