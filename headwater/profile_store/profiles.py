"""Loading a batch into fragments, events and lookup entities (spec: identity-and-profile.md, section 3).

Rows are only added. Which of them counts is decided when someone looks (`reading`): the newest by ingestion time and
batch id, then by the row's position, and not by which load came first.
"""

from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Final

import numpy as np
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headwater.profile.bodies import map_paths
from headwater.profile_store.batches import NamespaceNumbers, with_batch
from headwater.profile_store.bulk import Stage, append
from headwater.profile_store.identities import in_chunks
from headwater.profile_store.indexes import IndexesLater
from headwater.profile_store.keys import sort_by
from headwater.profile_store.loads import BatchLoad, ProfileLoad
from headwater.profile_store.rows import STORE_ROWS, RowMaker, to_json
from headwater.profile_store.tables import BATCH_ROWS, batch, event, fragment, lookup_entity
from headwater.profile_store.times import to_micros

KEYS: Final = ("key_high", "key_low", "event_high", "event_low")
"""Rows that are equal in these are of the same thing. Records have the first two only."""
SLICE_ROWS: Final = 100_000
"""A slice is written when it has this many rows …"""
SLICE_BYTES: Final = 48 * 1024 * 1024
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
        self._rows: list[pa.RecordBatch] = []
        self._row_count = 0
        self._body_bytes = 0
        self._next_ids: dict[str, int] = {}
        self._maps: set[tuple[str, ...]] = set()
        self._counts: Counter[str] = Counter()
        others = sa.select(batch.c.no).where(batch.c.dataset == load.dataset, batch.c.no != number).limit(1)
        self._indexes = IndexesLater(connection)
        self._written: Counter[str] = Counter()
        self._is_first = connection.execute(others).first() is None
        keys = (sa.Column(name, sa.BigInteger) for name in KEYS)
        self._stage = self.enter_context(Stage(connection, "row", *keys))

    def add(self, rows: pa.RecordBatch) -> None:
        """Take some rows."""
        self._counts["received"] += rows.num_rows
        self._maps |= map_paths(rows.schema)
        made = self._maker.make(rows)
        self._rows.append(made)
        self._row_count += made.num_rows
        self._body_bytes += made.column("body").nbytes
        if self._row_count >= SLICE_ROWS or self._body_bytes >= SLICE_BYTES:
            self._write_slice()

    def finish(self) -> ProfileLoad:
        """Write what is left; the counts of the whole batch."""
        self._write_slice()
        for target in self._indexes.make():
            self._count_again(target)
        maps = to_json(sorted(self._maps))
        self._connection.execute(sa.update(batch).where(batch.c.no == self._number).values(map_paths=maps))
        return ProfileLoad(
            batch_id=self._load.batch_id,
            dataset=self._load.dataset,
            skipped={str(reason): count for reason, count in sorted(self._maker.skipped.items())},
            **self._counts,
        )

    def _write_slice(self) -> None:
        rows = pa.concat_batches([pa.RecordBatch.from_pylist([], schema=STORE_ROWS), *self._rows])
        self._rows.clear()
        self._row_count = self._body_bytes = 0
        if self._load.behavior == "time-series":
            self._write_rows(event, rows)
        else:
            people = np.array([each.type.makes_profiles for each in self._maker.namespaces] or [False])
            of_people = people[rows.column("namespace").to_numpy()]
            for target, which in ((fragment, of_people), (lookup_entity, ~of_people)):
                self._write_rows(target, rows if which.all() else rows.filter(pa.array(which)))
        self._is_first = False

    def _write_rows(self, target: sa.Table, rows: pa.RecordBatch) -> None:
        """Write rows of one table, and count them by what was there of the same key."""
        if not rows.num_rows:
            return
        numbers = rows.column("row_number").to_numpy()
        if (np.diff(numbers) < 0).any():
            rows = rows.take(pa.array(np.argsort(numbers, kind="stable")))
        order, begins = sort_by(*(rows.column(name).to_numpy() for name in KEYS))
        newest = rows.take(pa.array(order[np.roll(begins, -1)]))
        self._written[target.name] += newest.num_rows
        bare = self._indexes.leave_out(target)
        overtaken, updated = (0, 0) if self._is_first or bare else self._found(target, newest)
        upserts = self._load.upsert and target is not event
        self._append(target, rows.take(pa.array(order)) if upserts else newest)
        self._count(target, newest.num_rows - overtaken - updated, updated)
        self._counts["superseded"] += rows.num_rows - newest.num_rows + overtaken

    def _append(self, target: sa.Table, rows: pa.RecordBatch) -> None:
        first = self._next_ids.setdefault(target.name, self._number * BATCH_ROWS)
        self._next_ids[target.name] += rows.num_rows
        ids = pa.array(np.arange(first, first + rows.num_rows, dtype=np.int64))
        numbers = np.array([self._numbers.number(each) for each in self._maker.namespaces], np.int32)
        made = {name: rows.column(name) for name in rows.schema.names}
        made |= {"id": ids, "namespace_id": pa.array(numbers[rows.column("namespace").to_numpy()])}
        made |= dict.fromkeys(("timestamp", "changed_at"), made["at"])
        append(self._connection, target, [made[column.name] for column in target.columns])

    def _found(self, target: sa.Table, rows: pa.RecordBatch) -> tuple[int, int]:
        """How many keys the store has already: overtaken by this batch's own earlier rows or a newer one; others."""
        self._stage.fill(*(rows.column(name) for name in KEYS))
        staged = self._stage.table.c
        same = sa.and_(*(target.c[name] == staged[name] for name in KEYS if name in target.c))
        newer = sa.tuple_(batch.c.ingested_at, batch.c.batch_id) > sa.tuple_(
            sa.literal(to_micros(self._load.ingested_at), sa.BigInteger), sa.literal(self._load.batch_id, sa.String)
        )
        own = batch.c.no == self._number
        overtakes = own if self._load.upsert and target is not event else own | newer
        by_key = (
            sa.select(sa.func.max(sa.case((overtakes, 1), else_=0)).label("overtaken"))
            .select_from(with_batch(self._stage.table.join(target, same), target))
            .where(batch.c.dataset == self._load.dataset)
            .group_by(*staged)
            .subquery()
        )
        total, overtaken = self._connection.execute(
            sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(by_key.c.overtaken), 0)).select_from(by_key)
        ).one()
        return int(overtaken), int(total) - int(overtaken)

    def _count_again(self, target: sa.Table) -> None:
        """Take back what several slices of a table without indexes have counted as new."""
        keys = [target.c[name] for name in KEYS if name in target.c]
        different = sa.select(*keys).distinct().subquery()
        found = self._connection.execute(sa.select(sa.func.count()).select_from(different)).scalar_one()
        repeated = self._written[target.name] - found
        self._count(target, -repeated, 0)
        self._counts["superseded"] += repeated

    def _count(self, target: sa.Table, created: int, updated: int) -> None:
        if target is fragment:
            self._counts.update(created=created, updated=updated)
        elif target is event:
            self._counts.update(events=created, replaced_events=updated)
        else:
            self._counts.update(lookups=created + updated)
