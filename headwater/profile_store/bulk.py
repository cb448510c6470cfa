"""Writing and asking for many rows at once.

Rows go straight to where they belong: by COPY on PostgreSQL, by one prepared statement on SQLite. Callers sort them by
the indexed key: without that, a large index is several times slower to write to.
"""

from collections.abc import Iterable
from types import TracebackType
from typing import Any, Final, Self

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headwater.profile_store.engine import is_postgresql

_COPY_TYPES: Final[dict[str, str]] = {"BLOB": "bytea", "TEXT": "text", "BIGINT": "int8", "INTEGER": "int4"}


def append(connection: Connection, target: sa.Table, rows: Iterable[tuple[Any, ...]]) -> None:
    """Insert rows whose keys are new; their values are in the order of the table's columns."""
    if is_postgresql(connection):
        _copy(connection, target, rows)
        return
    places = ", ".join("?" for _ in target.columns)
    driver: Any = connection.connection.driver_connection
    driver.executemany(f"INSERT INTO {target.name} VALUES ({places})", rows).close()


def _copy(connection: Connection, target: sa.Table, rows: Iterable[tuple[Any, ...]]) -> None:
    driver: Any = connection.connection.driver_connection
    columns = ", ".join(column.name for column in target.columns)
    with (
        driver.cursor() as cursor,
        cursor.copy(f"COPY {target.name} ({columns}) FROM STDIN (FORMAT BINARY)") as copy,
    ):
        copy.set_types([_COPY_TYPES[column.type.compile()] for column in target.columns])
        write = copy.write_row
        for row in rows:
            write(row)


class Stage:
    """A temporary table of one transaction. As a context manager it ends with the block; a rollback ends it too."""

    def __init__(self, connection: Connection, name: str, *columns: sa.Column[Any]) -> None:
        self.table = sa.Table(f"headwater_stage_{name}", sa.MetaData(), *columns, prefixes=["TEMPORARY"])
        self._connection = connection

    def __enter__(self) -> Self:
        self.table.create(self._connection)
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if exc is None:
            self.table.drop(self._connection)

    def fill(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Hold exactly these rows, whose values are in the order of the columns."""
        emptied = "TRUNCATE" if is_postgresql(self._connection) else "DELETE FROM"
        self._connection.exec_driver_sql(f"{emptied} {self.table.name}")
        append(self._connection, self.table, rows)
        if is_postgresql(self._connection):
            self._connection.exec_driver_sql(f"ANALYZE {self.table.name}")
