"""Rows of the ledger: conditions on them, holding them in one order, and reading them."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from headwater.catalog.tables import flow_run, source_file
from headwater.model.manifest import Expected
from headwater.model.runs import FileState, SourceFile

ORIGINAL: Final = source_file.alias("original")
"""The other file version of which `has_same_bytes` tells."""
_EARLIER: Final = source_file.alias("earlier")
_EARLIER_RUN: Final = flow_run.alias("earlier_run")
_PAGE: Final = 500


def hold(connection: sa.Connection, which: sa.ColumnElement[bool]) -> None:
    """Hold file versions until the end of the transaction, in the order of their ids.

    An update alone takes them in any order: two that want the same ones could wait for each other.
    """
    held = sa.select(source_file.c.id).where(which).order_by(source_file.c.id)
    connection.execute(held.with_for_update(of=source_file)).close()


def hold_all(
    connection: sa.Connection, several: Iterable[sa.ColumnElement[bool]], others: Collection[str] = ()
) -> None:
    """Hold everything that a transaction will change by several statements, before the first of them.

    Args:
        connection: The transaction.
        several: What each statement may change; looked up one by one, since all together would read the whole ledger.
        others: Ids of more.
    """
    ids = {*others}
    for which in several:
        ids.update(connection.execute(sa.select(source_file.c.id).where(which)).scalars())
    for page in pages(sorted(ids)):
        hold(connection, source_file.c.id.in_(page))


def has_same_bytes(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """For a file version: whether its dataflow has one of the same bytes, `ORIGINAL`, for which this holds."""
    return (
        sa.select(ORIGINAL.c.id)
        .where(
            condition,
            ORIGINAL.c.flow == source_file.c.flow,
            ORIGINAL.c.sha256 == source_file.c.sha256,
            ORIGINAL.c.size_bytes == source_file.c.size_bytes,
        )
        .exists()
    )


def was_held_until(moment: datetime) -> sa.ColumnElement[bool]:
    """For a file version: whether a run of its dataflow that began by then held the same version."""
    return (
        sa.select(_EARLIER.c.id)
        .join(_EARLIER_RUN, _EARLIER_RUN.c.id == _EARLIER.c.flow_run_id)
        .where(
            _EARLIER.c.flow == source_file.c.flow,
            _EARLIER.c.path == source_file.c.path,
            _EARLIER.c.signature == source_file.c.signature,
            _EARLIER.c.state != FileState.CHECKED.value,
            _EARLIER_RUN.c.started_at <= moment,
        )
        .exists()
    )


def pages(values: Sequence[str]) -> Iterator[list[str]]:
    """Values in lists that are short enough for a statement's parameters."""
    for start in range(0, len(values), _PAGE):
        yield list(values[start : start + _PAGE])


def source_file_of(row: Any) -> SourceFile:  # noqa: ANN401 - a database row's columns have no static types
    """A row of `source_file`."""
    return SourceFile(
        id=row["id"],
        flow=row["flow"],
        path=row["path"],
        size_bytes=row["size_bytes"],
        modified_at=row["modified_at"],
        version=row["version"],
        sha256=row["sha256"],
        state=FileState(row["state"]),
        flow_run_id=row["flow_run_id"],
        group=row["group_number"],
        expected=Expected.from_json(row["expected"]) if row["expected"] is not None else None,
    )
