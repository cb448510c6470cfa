"""Writing and asking for many rows at once.

Rows come as Arrow columns and go straight to where they belong: by COPY on PostgreSQL, by one prepared statement on
SQLite. Callers sort them by the indexed key: without that, a large index is several times slower to write to.
"""

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Self

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headwater.profile_store.copying import copy_stream
from headwater.profile_store.engine import is_postgresql

_ROWS_AT_ONCE: Final = 16_384
"""Rows of which SQLite's driver is given Python's objects."""
_ROWS_READ_AT_ONCE: Final = 512
_ANALYZED_ROWS: Final = 5_000
"""PostgreSQL takes a table that it has not analysed for one of ten pages at least. It estimates larger ones well."""


def append(connection: Connection, target: sa.Table, columns: Sequence[pa.Array]) -> None:
    """Insert rows whose keys are new. No column has nulls; their order is that of the table."""
    if is_postgresql(connection):
        driver: Any = connection.connection.driver_connection
        names = ", ".join(column.name for column in target.columns)
        with driver.cursor() as cursor, cursor.copy(f"COPY {target.name} ({names}) FROM STDIN (FORMAT BINARY)") as copy:
            for part in copy_stream(columns):
                copy.write(part)
        return
    places = ", ".join("?" for _ in target.columns)
    driver = connection.connection.driver_connection
    for start in range(0, len(columns[0]), _ROWS_AT_ONCE):
        rows = zip(*(_to_list(column.slice(start, _ROWS_AT_ONCE)) for column in columns), strict=True)
        driver.executemany(f"INSERT INTO {target.name} VALUES ({places})", rows).close()


def to_columns(found: sa.Result[Any], *types: pa.DataType) -> list[pa.Array]:
    """The result's columns, which have these types.

    Only some rows are Python's objects at a time: with many, its search for garbage takes longer than all the rest.
    """
    parts: list[list[pa.Array]] = [[pa.array([], kind)] for kind in types]
    for rows in found.partitions(_ROWS_READ_AT_ONCE):
        for place, kind in enumerate(types):
            parts[place].append(pa.array([row[place] for row in rows], kind))
    return [pa.concat_arrays(part) for part in parts]


def _to_list(column: pa.Array) -> list[Any]:
    """The values as Python has them; for numbers `to_pylist` takes several times as long."""
    return column.to_numpy().tolist() if pa.types.is_integer(column.type) else column.to_pylist()  # type: ignore[no-any-return]


class Stage:
    """A temporary table of one transaction. As a context manager it ends with the block; a rollback ends it too."""

    def __init__(self, connection: Connection, name: str, *columns: sa.Column[Any]) -> None:
        self.table = sa.Table(f"headwater_stage_{name}", sa.MetaData(), *columns, prefixes=["TEMPORARY"])
        self._connection = connection
        self._filled = False

    def __enter__(self) -> Self:
        self.table.create(self._connection)
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if exc is None:
            self.table.drop(self._connection)

    def fill(self, *columns: pa.Array) -> None:
        """Hold exactly these rows; see `append`."""
        if self._filled:
            emptied = "TRUNCATE" if is_postgresql(self._connection) else "DELETE FROM"
            self._connection.exec_driver_sql(f"{emptied} {self.table.name}")
        append(self._connection, self.table, columns)
        self._filled = True
        if is_postgresql(self._connection) and len(columns[0]) < _ANALYZED_ROWS:
            self._connection.exec_driver_sql(f"ANALYZE {self.table.name}")
