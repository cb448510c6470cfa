"""Which batches the store has, and the numbers by which its rows refer to batches and namespaces."""

from typing import Any, Final

import numpy as np
import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headwater.errors import ConflictError
from headwater.identity.extract import Integers
from headwater.identity.namespaces import Namespace, canonical_code
from headwater.model.documents import IdentityType
from headwater.profile_store.engine import Step
from headwater.profile_store.loads import BatchLoad, StoredBatch
from headwater.profile_store.tables import BATCH_ROWS, batch, namespace
from headwater.profile_store.times import to_micros

_NUMBERS_AT_ONCE: Final = 10_000
"""Batches that one statement asks for; SQLite takes some 30,000 parameters."""


def register(connection: Connection, load: BatchLoad, step: Step) -> tuple[int, dict[str, Any] | None]:
    """The batch's number, given out if it has none, and what the step answered if it was done before.

    Raises:
        ConflictError: the batch was loaded for another dataset.
    """
    known = connection.execute(sa.select(batch).where(batch.c.batch_id == load.batch_id)).one_or_none()
    if known is None:
        number: int = connection.execute(sa.select(sa.func.coalesce(sa.func.max(batch.c.no), 0) + 1)).scalar_one()
        connection.execute(
            sa.insert(batch).values(
                no=number,
                batch_id=load.batch_id,
                dataset=load.dataset,
                ingested_at=to_micros(load.ingested_at),
                upsert=load.upsert,
                map_paths="[]",
            )
        )
        return number, None
    if known.dataset != load.dataset:
        raise ConflictError(
            f"batch {load.batch_id!r} was loaded into dataset {known.dataset!r} before, not into"
            f" {load.dataset!r}. Nothing was changed. A batch belongs to one dataset."
        )
    answer = known._mapping[step]
    return known.no, orjson.loads(answer) if answer else None


def finish(connection: Connection, number: int, step: Step, answer: str) -> None:
    """Note what the step answered."""
    connection.execute(sa.update(batch).where(batch.c.no == number).values({step: answer}))


def stored(connection: Connection) -> list[StoredBatch]:
    """Every batch that is in, by id."""
    return [
        StoredBatch(
            batch_id=row.batch_id,
            dataset=row.dataset,
            identity_rows=_received(row.identities),
            profile_rows=_received(row.profiles),
        )
        for row in connection.execute(sa.select(batch).order_by(batch.c.batch_id))
    ]


def _received(answer: str | None) -> int | None:
    return int(orjson.loads(answer)["received"]) if answer else None


def rows_of(table: sa.Table, number: int) -> sa.ColumnElement[bool]:
    """Which rows of a table a batch brought."""
    return (table.c.id >= number * BATCH_ROWS) & (table.c.id < (number + 1) * BATCH_ROWS)


def with_batch(rows: sa.FromClause, table: sa.Table) -> sa.Join:
    """Rows, among them the table's, each with the batch that brought it."""
    return rows.join(batch, batch.c.no == table.c.id.op(">>")(sa.literal_column("32")))


def ages(connection: Connection, numbers: Integers) -> tuple[Integers, Integers]:
    """When each of the batches was ingested, and its place in their order by that time, and then by id."""
    wanted, found = numbers.tolist(), {}
    for start in range(0, len(wanted), _NUMBERS_AT_ONCE):
        rows = sa.select(batch.c.no, batch.c.ingested_at, batch.c.batch_id)
        for row in connection.execute(rows.where(batch.c.no.in_(wanted[start : start + _NUMBERS_AT_ONCE]))):
            found[row.no] = (row.ingested_at, row.batch_id)
    in_order = sorted(wanted, key=found.__getitem__)
    places = {number: place for place, number in enumerate(in_order)}
    times = np.array([found[number][0] for number in wanted], np.int64)
    return times, np.array([places[number] for number in wanted], np.int64)


def read_map_paths(text: str) -> frozenset[tuple[str, ...]]:
    """Where the bodies of a batch hold maps."""
    return frozenset(tuple(path) for path in orjson.loads(text))


class NamespaceNumbers:
    """The numbers of namespaces, read once per transaction; new ones are given out on demand."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: dict[int, Namespace] = {
            row.id: Namespace(code=row.code, type=IdentityType(row.type))
            for row in connection.execute(sa.select(namespace))
        }
        self._numbers = {(row.code, row.type): number for number, row in self._rows.items()}

    def number(self, wanted: Namespace) -> int:
        """The number of a namespace, as code and type are written now."""
        known = self._numbers.get((wanted.code, wanted.type))
        if known is None:
            known = len(self._rows) + 1
            self._connection.execute(sa.insert(namespace).values(id=known, code=wanted.code, type=wanted.type.value))
            self._rows[known] = Namespace(code=wanted.code, type=wanted.type)
            self._numbers[wanted.code, wanted.type] = known
        return known

    def __getitem__(self, number: int) -> Namespace:
        """The namespace that has the number."""
        return self._rows[number]

    def of_code(self, code: str) -> list[int]:
        """The numbers of a namespace, given in canonical form: one for each way in which it was written."""
        return [number for number, row in self._rows.items() if canonical_code(row.code) == code]
