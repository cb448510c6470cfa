"""What the catalog's stores have in common."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime

import sqlalchemy as sa

Begin = Callable[[], AbstractContextManager[sa.Connection]]
"""Opens a transaction, or joins the one that is open."""


def utc_now() -> datetime:
    """The time, aware UTC."""
    return datetime.now(UTC)


class Store:
    """A group of questions and changes to the catalog.

    Each call is a transaction of its own, or part of the one that `Catalog.transaction` opened.
    """

    def __init__(self, begin: Begin, read: Begin) -> None:
        self._begin = begin
        self._read = read

    def _execute(self, statement: sa.Executable) -> None:
        with self._begin() as connection:
            connection.execute(statement)

    def _first(self, query: sa.Executable) -> sa.RowMapping | None:
        with self._read() as connection:
            return connection.execute(query).mappings().first()

    def _all(self, query: sa.Executable) -> list[sa.RowMapping]:
        with self._read() as connection:
            return list(connection.execute(query).mappings())
