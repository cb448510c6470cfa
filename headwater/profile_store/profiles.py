"""Loading a batch into fragments, events and lookup entities (spec: identity-and-profile.md, section 3).

A record replaces its fragment, or in an upsert dataset changes the fields that it has. What is newer is decided by
ingestion time and batch id, then by the row's position, and not by which load comes first: a batch that is loaded late
does not undo a newer one.
"""

from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any, Final

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headwater.identity.values import SkipReason
from headwater.profile.bodies import map_paths
from headwater.profile_store.bulk import Stage, excluded, upsert
from headwater.profile_store.identities import in_chunks
from headwater.profile_store.layers import absorb_rows, read_map_paths
from headwater.profile_store.loads import BatchLoad, ProfileLoad
from headwater.profile_store.rows import Kind, RowMaker, StoreRow, to_json
from headwater.profile_store.tables import dataset, event, fragment, lookup_entity, primary_identity
from headwater.profile_store.times import to_micros

SLICE_ROWS: Final = 50_000
"""A slice is written when it has this many rows …"""
SLICE_CHARACTERS: Final = 48 * 1024 * 1024
"""… or its bodies are this large together."""

_TABLES: Final = {Kind.FRAGMENT: fragment, Kind.EVENT: event, Kind.LOOKUP: lookup_entity}


def load_profiles(connection: Connection, load: BatchLoad, rows: Iterable[pa.RecordBatch]) -> ProfileLoad:
    """Store each row under its primary identity. The caller has one transaction around it.

    Raises:
        SchemaError: the dataset's behaviour is ad-hoc, or an identity field lies where no identity can.
    """
    with _ProfileWriter(connection, load) as writer:
        for chunk in in_chunks(rows):
            writer.add(chunk)
        return writer.finish()


class _ProfileWriter(ExitStack):
    """Collects rows and writes them slice by slice."""

    def __init__(self, connection: Connection, load: BatchLoad) -> None:
        super().__init__()
        self._connection = connection
        self._load = load
        self._maker = RowMaker(load)
        self._ingested = to_micros(load.ingested_at)
        self._rows: list[StoreRow] = []
        self._characters = 0
        self._maps = set(read_map_paths(connection, load.dataset))
        self._counts: Counter[str] = Counter()
        self._skipped: Counter[SkipReason] = Counter()
        self._totals: Counter[str] = Counter()
        self._stage = self.enter_context(Stage(connection, "row", *_row_columns()))
        self._primary_stage = self.enter_context(Stage(connection, "primary", *_primary_columns()))

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
        self._write_dataset()
        return ProfileLoad(
            batch_id=self._load.batch_id,
            dataset=self._load.dataset,
            skipped={str(reason): count for reason, count in sorted(self._skipped.items())},
            **self._counts,
        )

    def _write_slice(self) -> None:
        self._write_primaries()
        for kind in Kind:
            rows = [row for row in self._rows if row.kind is kind]
            if rows:
                self._write_rows(kind, rows)
        self._rows.clear()
        self._characters = 0

    def _write_primaries(self) -> None:
        primaries = {row.key[0]: row.identity for row in self._rows}
        self._primary_stage.fill(
            [
                (key, each.namespace, each.value, each.type.value, each.type.makes_profiles)
                for key, each in sorted(primaries.items())
            ]
        )
        staged = self._primary_stage.table.c
        upsert(self._connection, primary_identity, sa.select(*staged).order_by(staged.identity_key), update=())

    def _write_rows(self, kind: Kind, rows: list[StoreRow]) -> None:
        """Write rows of one table, and count them: each key once, and whether the store had it."""
        newest = {row.key: row for row in rows}
        batch = (self._load.batch_id, self._ingested)
        self._stage.fill(
            [(*key, *batch, newest[key].number, newest[key].at, newest[key].body, None) for key in sorted(newest)]
        )
        found, repeated, outdated = self._found(_TABLES[kind])
        upserts = self._load.upsert and kind is not Kind.EVENT
        overtaken = repeated + (0 if upserts else outdated)
        created, updated = len(newest) - found, found - overtaken
        self._counts["superseded"] += len(rows) - len(newest) + overtaken
        if upserts:
            stored = self._connection.execute(self._stored_layers(_TABLES[kind]))
            self._stage.fill(absorb_rows(self._load, stored, rows, frozenset(self._maps)))
        self._store(kind, always=upserts)
        self._tally(kind, created, updated)

    def _found(self, target: sa.Table) -> tuple[int, int, int]:
        """How many staged keys the store has: in all, from this batch, from a newer one."""
        of_batch = target.c.batch_id == self._load.batch_id
        newer = sa.tuple_(target.c.ingested_at, target.c.batch_id) > sa.tuple_(
            sa.literal(self._ingested, sa.BigInteger), sa.literal(self._load.batch_id, sa.String)
        )
        counts = [sa.func.coalesce(sa.func.sum(sa.case((each, 1), else_=0)), 0) for each in (of_batch, newer)]
        found = self._connection.execute(
            sa.select(sa.func.count(), *counts).select_from(self._stage.table.join(target, self._same_key(target)))
        ).one()
        return int(found[0]), int(found[1]), int(found[2])

    def _same_key(self, target: sa.Table) -> sa.ColumnElement[bool]:
        staged = self._stage.table.c
        same = (target.c.identity_key == staged.identity_key) & (target.c.dataset == self._load.dataset)
        return same & (target.c.event_key == staged.event_key) if target is event else same

    def _stored_layers(self, target: sa.Table) -> sa.Select[Any]:
        return sa.select(target).select_from(self._stage.table.join(target, self._same_key(target)))

    def _store(self, kind: Kind, *, always: bool) -> None:
        target = _TABLES[kind]
        staged = self._stage.table.c
        columns: dict[str, sa.ColumnElement[Any]] = {
            name: staged[name] for name in ("identity_key", "batch_id", "ingested_at", "row_number", "body")
        }
        columns["dataset"] = sa.literal(self._load.dataset, sa.String)
        if kind is Kind.EVENT:
            columns |= {"event_key": staged.event_key, "timestamp": staged.at}
        else:
            columns |= {"changed_at": staged.at, "older": staged.older}
        rows = sa.select(*(column.label(name) for name, column in columns.items()))
        rows = rows.order_by(staged.identity_key, staged.event_key)
        old, new = target.c, excluded(target).c
        newer = sa.tuple_(old.ingested_at, old.batch_id) <= sa.tuple_(new.ingested_at, new.batch_id)
        update = [name for name in columns if not target.c[name].primary_key]
        upsert(self._connection, target, rows, update=update, only_if=None if always else newer)

    def _tally(self, kind: Kind, created: int, updated: int) -> None:
        match kind:
            case Kind.FRAGMENT:
                self._counts.update(created=created, updated=updated)
                self._totals["fragments"] += created
            case Kind.EVENT:
                self._counts.update(events=created, replaced_events=updated)
                self._totals["events"] += created
            case Kind.LOOKUP:
                self._counts.update(lookups=created + updated)
                self._totals["lookup_entities"] += created

    def _write_dataset(self) -> None:
        """Add to the dataset's counts and note where its bodies hold maps."""
        counts = {name: self._totals[name] for name in ("fragments", "events", "lookup_entities")}
        row = {"name": self._load.dataset, "map_paths": to_json(sorted(self._maps))} | counts
        new = excluded(dataset).c
        upsert(
            self._connection,
            dataset,
            sa.select(*(sa.literal(value, dataset.c[name].type).label(name) for name, value in row.items())),
            update={name: dataset.c[name] + new[name] for name in counts} | {"map_paths": new.map_paths},
        )


def _row_columns() -> tuple[sa.Column[Any], ...]:
    keys = (sa.Column(name, sa.LargeBinary) for name in ("identity_key", "event_key"))
    numbers = (sa.Column(name, sa.BigInteger) for name in ("ingested_at", "row_number", "at"))
    texts = (sa.Column(name, sa.Text) for name in ("body", "older"))
    return (*keys, sa.Column("batch_id", sa.Text), *numbers, *texts)


def _primary_columns() -> tuple[sa.Column[Any], ...]:
    texts = (sa.Column(name, sa.Text) for name in ("namespace", "value", "type"))
    return (sa.Column("identity_key", sa.LargeBinary), *texts, sa.Column("people", sa.Boolean))
