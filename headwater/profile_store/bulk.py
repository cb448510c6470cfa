"""Writing many rows: into a temporary table first, then by one statement to where they belong.

Callers sort the rows by the target's key: without that, a large SQLite table is several times slower to write to.
"""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from headwater.profile_store.engine import is_postgresql

_COPY_TYPES: Final[dict[type, str]] = {
    sa.LargeBinary: "bytea",
    sa.Text: "text",
    sa.BigInteger: "int8",
    sa.Boolean: "bool",
}


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

    def fill(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Hold exactly these rows, whose values are in the order of the columns."""
        name = self.table.name
        if is_postgresql(self._connection):
            self._connection.exec_driver_sql(f"TRUNCATE {name}")
            self._copy(rows)
            return
        self._connection.exec_driver_sql(f"DELETE FROM {name}")
        if rows:
            places = ", ".join("?" for _ in self.table.columns)
            self._connection.exec_driver_sql(f"INSERT INTO {name} VALUES ({places})", list(rows))

    def _copy(self, rows: Sequence[tuple[Any, ...]]) -> None:
        driver: Any = self._connection.connection.driver_connection
        columns = ", ".join(column.name for column in self.table.columns)
        statement = f"COPY {self.table.name} ({columns}) FROM STDIN (FORMAT BINARY)"
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types([_COPY_TYPES[type(column.type)] for column in self.table.columns])
            for row in rows:
                copy.write_row(row)


def upsert(
    connection: Connection,
    target: sa.Table,
    rows: sa.Select[Any],
    *,
    update: Mapping[str, Any] | Sequence[str],
    only_if: sa.ColumnElement[bool] | None = None,
) -> None:
    """Insert the selected rows; where the primary key is taken, update that row.

    Args:
        connection: The transaction.
        target: Where the rows go.
        rows: Selects the target's columns by name, in the order of its key. Must have a WHERE or be given one here.
        update: Columns that take the new row's value, or expressions by column. Empty: an existing row stays.
        only_if: Condition on old (`target.c`) and new (`excluded(target)`) row for the update.
    """
    insert = postgresql.insert if is_postgresql(connection) else sqlite.insert
    # SQLite takes ON CONFLICT after a bare SELECT … FROM for a join's ON, hence a WHERE that says nothing.
    names = [str(column.key) for column in rows.selected_columns]
    statement = insert(target).from_select(names, rows.where(sa.true()))
    keys = list(target.primary_key.columns)
    if not update:
        connection.execute(statement.on_conflict_do_nothing(index_elements=keys))
        return
    new = excluded(target)
    values = update if isinstance(update, Mapping) else {name: new.c[name] for name in update}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=dict(values), where=only_if))


def excluded(target: sa.Table) -> sa.FromClause:
    """The row that an upsert brings, under the name that SQL gives it."""
    return sa.alias(target, name="excluded")


def smaller(target: sa.Table, column: str) -> sa.ColumnElement[Any]:
    """For an upsert: the smaller one of the old and the new value."""
    old, new = target.c[column], excluded(target).c[column]
    return sa.case((new < old, new), else_=old)


def larger(target: sa.Table, column: str) -> sa.ColumnElement[Any]:
    """For an upsert: the larger one of the old and the new value."""
    old, new = target.c[column], excluded(target).c[column]
    return sa.case((new > old, new), else_=old)
