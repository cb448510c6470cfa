"""Loading a batch into fragments, events and lookup entities (spec: identity-and-profile.md, section 3).

Rows are only added. Which of them counts is decided when someone looks (`reading`): the newest by ingestion time and
batch id, then by the row's position, and not by which load came first.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any, Final

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headwater.identity.values import SkipReason
from headwater.profile.bodies import map_paths
from headwater.profile_store.batches import NamespaceNumbers, with_batch
from headwater.profile_store.bulk import Stage, append
from headwater.profile_store.identities import in_chunks
from headwater.profile_store.loads import BatchLoad, ProfileLoad
from headwater.profile_store.rows import RowMaker, StoreRow, to_json
from headwater.profile_store.tables import BATCH_ROWS, batch, event, fragment, lookup_entity
from headwater.profile_store.times import to_micros

SLICE_ROWS: Final = 100_000
"""A slice is written when it has this many rows …"""
SLICE_CHARACTERS: Final = 48 * 1024 * 1024
"""… or its bodies are this large together."""


def load_profiles(connection: Connection, load: BatchLoad, number: int, rows: Iterable[pa.RecordBatch]) -> ProfileLoad:
    """Store each row under its primary identity. The caller has one transaction around it.

    Raises:
        SchemaError: the dataset's behaviour is ad-hoc, or an identity field lies where no identity can.
    """
    with _ProfileWriter(connection, load, number) as writer:
        for chunk in in_chunks(rows):
            writer.add(chunk)
        return writer.finish()


class _ProfileWriter(ExitStack):
    """Collects rows and writes them slice by slice."""

    def __init__(self, connection: Connection, load: BatchLoad, number: int) -> None:
        super().__init__()
        self._connection = connection
        self._load = load
        self._number = number
        self._maker = RowMaker(load)
        self._numbers = NamespaceNumbers(connection)
        self._rows: list[StoreRow] = []
        self._characters = 0
        self._next_ids: dict[str, int] = {}
        self._maps: set[tuple[str, ...]] = set()
        self._counts: Counter[str] = Counter()
        self._skipped: Counter[SkipReason] = Counter()
        others = sa.select(batch.c.no).where(batch.c.dataset == load.dataset, batch.c.no != number).limit(1)
        self._is_first = connection.execute(others).first() is None
        keys = (sa.Column(name, sa.LargeBinary) for name in ("identity_key", "event_key"))
        self._stage = self.enter_context(Stage(connection, "row", *keys))

    def add(self, rows: pa.RecordBatch) -> None:
        """Take some rows."""
        self._counts["received"] += rows.num_rows
        self._maps |= map_paths(rows.schema)
        for row in self._maker.make(rows):
            if isinstance(row, SkipReason):
                self._skipped[row] += 1
            else:
                self._rows.append(row)
                self._characters += len(row.body)
        if len(self._rows) >= SLICE_ROWS or self._characters >= SLICE_CHARACTERS:
            self._write_slice()

    def finish(self) -> ProfileLoad:
        """Write what is left; the counts of the whole batch."""
        self._write_slice()
        maps = to_json(sorted(self._maps))
        self._connection.execute(sa.update(batch).where(batch.c.no == self._number).values(map_paths=maps))
        return ProfileLoad(
            batch_id=self._load.batch_id,
            dataset=self._load.dataset,
            skipped={str(reason): count for reason, count in sorted(self._skipped.items())},
            **self._counts,
        )

    def _write_slice(self) -> None:
        people = [row for row in self._rows if row.namespace.type.makes_profiles]
        if self._load.behavior == "time-series":
            self._write_rows(event, people)
        elif len(people) == len(self._rows):
            self._write_rows(fragment, people)
        else:
            self._write_rows(fragment, people)
            self._write_rows(lookup_entity, [row for row in self._rows if not row.namespace.type.makes_profiles])
        self._rows.clear()
        self._characters = 0
        self._is_first = False

    def _write_rows(self, target: sa.Table, rows: list[StoreRow]) -> None:
        """Write rows of one table, and count them by what was there of the same key."""
        if not rows:
            return
        newest = {row.key: row for row in rows}
        overtaken, updated = (0, 0) if self._is_first else self._found(target, newest)
        upserts = self._load.upsert and target is not event
        kept = rows if upserts else list(newest.values())
        kept.sort()
        append(self._connection, target, self._to_table(target, kept))
        self._count(target, len(newest) - overtaken - updated, updated)
        self._counts["superseded"] += len(rows) - len(newest) + overtaken

    def _to_table(self, target: sa.Table, rows: list[StoreRow]) -> Iterator[tuple[Any, ...]]:
        first = self._next_ids.setdefault(target.name, self._number * BATCH_ROWS)
        self._next_ids[target.name] += len(rows)
        # Numbers are looked up first: while PostgreSQL takes the rows, it answers nothing else.
        namespaces = {id(row.namespace): row.namespace for row in rows}
        numbers = {key: self._numbers.number(namespace) for key, namespace in namespaces.items()}
        if target is event:
            return (
                (id_, key[0], numbers[id(namespace)], value, key[1], number, at, body)
                for id_, (key, number, namespace, value, at, body) in enumerate(rows, first)
            )
        return (
            (id_, key[0], numbers[id(namespace)], value, number, at, body)
            for id_, (key, number, namespace, value, at, body) in enumerate(rows, first)
        )

    def _found(self, target: sa.Table, keys: Iterable[tuple[bytes, bytes]]) -> tuple[int, int]:
        """How many keys the store has already: overtaken by this batch's own earlier rows or a newer one; others."""
        self._stage.fill(sorted(keys))
        staged = self._stage.table.c
        same = target.c.identity_key == staged.identity_key
        if target is event:
            same &= target.c.event_key == staged.event_key
        newer = sa.tuple_(batch.c.ingested_at, batch.c.batch_id) > sa.tuple_(
            sa.literal(to_micros(self._load.ingested_at), sa.BigInteger), sa.literal(self._load.batch_id, sa.String)
        )
        own = batch.c.no == self._number
        overtakes = own if self._load.upsert and target is not event else own | newer
        by_key = (
            sa.select(sa.func.max(sa.case((overtakes, 1), else_=0)).label("overtaken"))
            .select_from(with_batch(self._stage.table.join(target, same), target))
            .where(batch.c.dataset == self._load.dataset)
            .group_by(staged.identity_key, staged.event_key)
            .subquery()
        )
        total, overtaken = self._connection.execute(
            sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(by_key.c.overtaken), 0)).select_from(by_key)
        ).one()
        return int(overtaken), int(total) - int(overtaken)

    def _count(self, target: sa.Table, created: int, updated: int) -> None:
        if target is fragment:
            self._counts.update(created=created, updated=updated)
        elif target is event:
            self._counts.update(events=created, replaced_events=updated)
        else:
            self._counts.update(lookups=created + updated)
