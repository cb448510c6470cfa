"""From Arrow rows to what the profile tables hold: who a row is about, its body, and why it may be left out."""

from collections import Counter
from datetime import datetime
from hashlib import blake2b
from typing import Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from headwater.errors import SchemaError
from headwater.identity.extract import SKIP_REASONS, Integers, Mask, RowIdentities
from headwater.identity.namespaces import Namespace
from headwater.identity.values import KEY_BYTES, SkipReason, identity_keys, key_prefix
from headwater.profile.fragments import ROWS_PER_FILE
from headwater.profile.texts import to_texts
from headwater.profile_store.keys import to_words
from headwater.profile_store.loads import BatchLoad
from headwater.profile_store.times import DAY_MICROS, to_micros

MAX_RECORD_BYTES: Final = 100 * 1024
"""A larger record does not reach the profiles (spec: identity-and-profile.md, section 3)."""
MAX_EVENT_BYTES: Final = 10 * 1024
"""A larger event does not reach the profiles."""
STORE_ROWS: Final = pa.schema(
    [
        ("key_high", pa.int64()),
        ("key_low", pa.int64()),
        ("event_high", pa.int64()),
        ("event_low", pa.int64()),
        ("row_number", pa.int64()),
        ("namespace", pa.int64()),
        ("value", pa.string()),
        ("at", pa.int64()),
        ("body", pa.string()),
    ]
)
"""Rows for the store. `event_high` and `event_low` are a digest of the event's `_id`, of zeros for a record;
`row_number` is the row's position in the batch (see `ROWS_PER_FILE`); `namespace` a place in `RowMaker.namespaces`;
`at` when the event happened, or when the source changed the record, in microseconds since 1970; `body` the XDM fields
as JSON."""

SYSTEM_COLUMN: Final = "_acp_system_metadata"
"""What the lake adds to each row, among it `sourceFileId` and `rowNumber`."""
_TAKEN: Final = -1


class RowMaker:
    """Makes the store's rows of one batch.

    Attributes:
        namespaces: Those of the primary identities so far.
        skipped: Rows left out so far, by reason.

    Raises:
        SchemaError: the dataset is of ad-hoc behaviour and has no part in profiles.
    """

    def __init__(self, load: BatchLoad) -> None:
        if load.behavior == "adhoc":
            raise SchemaError(
                f"dataset {load.dataset!r} has an ad-hoc schema; profiles take record and time-series schemas only."
                " Nothing was loaded. Disable the dataset for Profile."
            )
        self.namespaces: list[Namespace] = []
        self.skipped: Counter[SkipReason] = Counter()
        self._is_event = load.behavior == "time-series"
        self._rules = load.rules
        self._reader = load.reader
        self._ingested = to_micros(load.ingested_at)
        days = load.event_expiration_days
        self._expired = None if days is None else self._ingested - days * DAY_MICROS
        self._rows = 0
        self._files = pa.array(load.source_files, pa.string())

    def make(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """The rows that the store takes, as `STORE_ROWS`."""
        found = self._reader.read(rows)
        codes, values = self._primaries(found)
        bodies = to_texts(rows)
        verdict = np.where(codes < 0, -1 - codes, _TAKEN)
        if self._is_event:
            at, ids = _times(_field(rows, "timestamp")), _field(rows, "_id").cast(pa.string())
            people = np.array([each.type.makes_profiles for each in found.namespaces] or [False])
            self._judge_events(verdict, people[np.maximum(codes, 0)], ids, at)
        else:
            at = _times(_field(rows, "extSourceSystemAudit", "lastUpdatedDate")).fill_null(self._ingested)
            ids = pa.nulls(len(rows), pa.string())
        longest = MAX_EVENT_BYTES if self._is_event else MAX_RECORD_BYTES
        _skip(verdict, _mask(pc.greater(pc.binary_length(bodies), longest)), SkipReason.RECORD_TOO_LARGE)
        kept = np.flatnonzero(verdict == _TAKEN)
        self._count_skipped(verdict)
        taken = pa.RecordBatch.from_arrays([values, at, bodies, ids], ["value", "at", "body", "id"]).take(
            pa.array(kept)
        )
        numbers = self._positions(rows)
        self._rows += rows.num_rows
        return self._described(taken, found.namespaces, codes[kept], pa.array(numbers[kept]))

    def _positions(self, rows: pa.RecordBatch) -> Integers:
        """Where the rows stood in the source, in whatever order they are read; else counted as they come."""
        numbers = _field(rows, SYSTEM_COLUMN, "rowNumber")
        if numbers.null_count:
            return np.arange(self._rows + 1, self._rows + rows.num_rows + 1)
        files = pc.index_in(_field(rows, SYSTEM_COLUMN, "sourceFileId").cast(pa.string()), self._files)
        places: Integers = files.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
        in_file: Integers = numbers.cast(pa.int64()).to_numpy(zero_copy_only=False)
        return places * ROWS_PER_FILE + in_file

    def _described(
        self, taken: pa.RecordBatch, namespaces: tuple[Namespace, ...], codes: Integers, numbers: pa.Array
    ) -> pa.RecordBatch:
        """The rows that are kept, with their keys."""
        values = taken.column("value")
        prefixes = pa.array([key_prefix(each.code) for each in namespaces], pa.binary()).take(pa.array(codes))
        mine = np.array([self._code(each) for each in namespaces], np.int64)
        columns = [
            *to_words(identity_keys(prefixes, values)),
            *to_words(_event_keys(taken.column("id"))),
            numbers,
            pa.array(mine[codes]),
            values,
            taken.column("at"),
            taken.column("body"),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=STORE_ROWS)

    def _code(self, namespace: Namespace) -> int:
        if namespace not in self.namespaces:
            self.namespaces.append(namespace)
        return self.namespaces.index(namespace)

    def _primaries(self, found: RowIdentities) -> tuple[Integers, pa.Array]:
        """Whose each row is. Where namespaces have a priority, an event is that of its most important identity."""
        codes, values = found.primary_codes, found.primary_values
        if not (self._is_event and self._rules.priority and len(found.rows)):
            return codes, values
        ranks = np.array([self._rules.rank(each.code) for each in found.namespaces])[found.codes]
        order = np.lexsort((ranks, found.rows))
        _, first = np.unique(found.rows[order], return_index=True)
        best = order[first]
        best = best[ranks[best] < len(self._rules.priority)]
        rows = found.rows[best]
        codes = codes.copy()
        codes[rows] = found.codes[best]
        ranked = np.zeros(len(codes), np.bool_)
        ranked[rows] = True
        return codes, pc.replace_with_mask(values, pa.array(ranked), found.values.take(pa.array(best)))

    def _judge_events(self, verdict: Integers, people: Mask, ids: pa.Array, at: pa.Array) -> None:
        """Note why events are left out, the first reason of several."""
        _skip(verdict, ~people, SkipReason.EVENT_OF_NON_PEOPLE)
        _skip(verdict, _mask(pc.fill_null(pc.equal(ids, ""), fill_value=True)), SkipReason.NO_EVENT_ID)
        _skip(verdict, _mask(at.is_null()), SkipReason.NO_TIMESTAMP)
        if self._expired is not None:
            _skip(verdict, _mask(pc.less(at, self._expired).fill_null(fill_value=False)), SkipReason.EVENT_EXPIRED)

    def _count_skipped(self, verdict: Integers) -> None:
        for reason, count in zip(*(each.tolist() for each in np.unique(verdict, return_counts=True)), strict=True):
            if reason != _TAKEN:
                self.skipped[SKIP_REASONS[reason]] += count


def _skip(verdict: Integers, which: Mask, reason: SkipReason) -> None:
    verdict[(verdict == _TAKEN) & which] = SKIP_REASONS.index(reason)


def _mask(flags: pa.Array) -> Mask:
    return flags.to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]


def _field(rows: pa.RecordBatch, *path: str) -> pa.Array:
    """The values of a field, all null where the rows do not have it."""
    values = rows.to_struct_array()
    for name in path:
        if not pa.types.is_struct(values.type) or values.type.get_field_index(name) < 0:
            return pa.nulls(rows.num_rows, pa.string())
        values = pc.struct_field(values, name)
    return values


def _times(column: pa.Array) -> pa.Array:
    """Microseconds since 1970, null where there is no time."""
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("us")).cast(pa.int64())
    texts = column.cast(pa.string()).to_pylist()
    return pa.array([None if text is None else to_micros(datetime.fromisoformat(text)) for text in texts], pa.int64())


def _event_keys(ids: pa.Array) -> pa.Array:
    """Digests of the events' ids; zeros for records, whose ids are null."""
    if ids.null_count == len(ids):
        digests = bytes(KEY_BYTES * len(ids))
    else:
        digests = b"".join([blake2b(each.encode(), digest_size=KEY_BYTES).digest() for each in ids.to_pylist()])
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(KEY_BYTES), len(ids), [None, pa.py_buffer(digests)])


def to_json(value: object) -> str:
    """JSON text as the tables hold it."""
    return orjson.dumps(value).decode()
