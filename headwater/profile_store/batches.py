"""Which batches the store has, and the numbers by which its rows refer to batches and namespaces."""

from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headwater.errors import ConflictError
from headwater.identity.namespaces import Namespace, canonical_code
from headwater.identity.values import Identity
from headwater.model.documents import IdentityType
from headwater.profile_store.engine import Step
from headwater.profile_store.loads import BatchLoad, StoredBatch
from headwater.profile_store.tables import BATCH_ROWS, batch, namespace
from headwater.profile_store.times import to_micros


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


def read_map_paths(text: str) -> frozenset[tuple[str, ...]]:
    """Where the bodies of a batch hold maps."""
    return frozenset(tuple(path) for path in orjson.loads(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceRow:
    """What the store knows of a namespace."""

    code: str
    type: IdentityType


class NamespaceNumbers:
    """The numbers of namespaces, read once per transaction; new ones are given out on demand."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: dict[int, NamespaceRow] = {
            row.id: NamespaceRow(code=row.code, type=IdentityType(row.type))
            for row in connection.execute(sa.select(namespace))
        }
        self._numbers = {(row.code, row.type): number for number, row in self._rows.items()}

    def number(self, wanted: Namespace) -> int:
        """The number of a namespace, as code and type are written now."""
        known = self._numbers.get((wanted.code, wanted.type))
        if known is None:
            known = len(self._rows) + 1
            self._connection.execute(sa.insert(namespace).values(id=known, code=wanted.code, type=wanted.type.value))
            self._rows[known] = NamespaceRow(code=wanted.code, type=wanted.type)
            self._numbers[wanted.code, wanted.type] = known
        return known

    def identity(self, number: int, value: str) -> Identity:
        """The identity that number and value stand for."""
        row = self._rows[number]
        return Identity(namespace=row.code, value=value, type=row.type)

    def of_code(self, code: str) -> list[int]:
        """The numbers of a namespace, given in canonical form: one for each way in which it was written."""
        return [number for number, row in self._rows.items() if canonical_code(row.code) == code]
