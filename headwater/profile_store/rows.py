"""From Arrow rows to what the profile tables hold: who a row is about, its body, and why it may be left out."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Final, NamedTuple

import orjson
import pyarrow as pa

from headwater.errors import SchemaError
from headwater.identity.extract import IdentityReader
from headwater.identity.namespaces import Namespace
from headwater.identity.values import SkipReason, identity_keys, key_prefix
from headwater.profile.bodies import Body, to_bodies
from headwater.profile_store.loads import BatchLoad
from headwater.profile_store.times import DAY_MICROS, to_micros

MAX_RECORD_BYTES: Final = 100 * 1024
"""A larger record does not reach the profiles (spec: identity-and-profile.md, section 3)."""
MAX_EVENT_BYTES: Final = 10 * 1024
"""A larger event does not reach the profiles."""


class StoreRow(NamedTuple):
    """One row for the store.

    Attributes:
        key: What tells it from other rows of its kind and dataset: identity key, and event key (b"" if no event).
        number: Its position in the batch, counted from 1.
        namespace: Namespace of its primary identity.
        value: Value of its primary identity.
        at: When the event happened, or when the source changed the record; microseconds since 1970.
        body: The XDM fields as JSON.
    """

    key: tuple[bytes, bytes]
    number: int
    namespace: Namespace
    value: str
    at: int
    body: str


class RowMaker:
    """Makes the store's rows of one batch.

    Raises:
        SchemaError: the dataset is of ad-hoc behaviour and has no part in profiles.
    """

    def __init__(self, load: BatchLoad) -> None:
        if load.behavior == "adhoc":
            raise SchemaError(
                f"dataset {load.dataset!r} has an ad-hoc schema; profiles take record and time-series schemas only."
                " Nothing was loaded. Disable the dataset for Profile."
            )
        self._is_event = load.behavior == "time-series"
        self._rules = load.rules
        self._reader: IdentityReader = load.reader
        self._ingested = to_micros(load.ingested_at)
        days = load.event_expiration_days
        self._expired = None if days is None else self._ingested - days * DAY_MICROS
        self._rows = 0
        self._audited = False
        self._prefixes: dict[int, bytes] = {}

    def make(self, rows: pa.RecordBatch) -> Iterator[StoreRow | SkipReason]:
        """Each row for the store, or why it is left out."""
        make = self._event if self._is_event else self._record
        self._audited = "extSourceSystemAudit" in rows.schema.names
        primaries = self._primaries(rows)
        known = [each for each in primaries if not isinstance(each, SkipReason)]
        keys = iter(identity_keys([self._prefix(each) for each, _ in known], [value for _, value in known]))
        for primary, body in zip(primaries, to_bodies(rows), strict=True):
            self._rows += 1
            yield primary if isinstance(primary, SkipReason) else make(next(keys), *primary, body)

    def _primaries(self, rows: pa.RecordBatch) -> list[tuple[Namespace, str] | SkipReason]:
        """Whose each row is. Where namespaces have a priority, an event is that of its most important identity."""
        found = self._reader.read(rows)
        if not (self._is_event and self._rules.priority):
            return found.primary
        unranked = len(self._rules.priority)
        best: dict[int, tuple[int, Namespace, str]] = {}
        for row, namespace, value in zip(found.rows, found.namespaces, found.values, strict=True):
            rank = self._rules.rank(namespace.code)
            if rank < best.get(row, (unranked, namespace, value))[0]:
                best[row] = (rank, namespace, value)
        return [best[row][1:] if row in best else primary for row, primary in enumerate(found.primary)]

    def _prefix(self, namespace: Namespace) -> bytes:
        prefix = self._prefixes.get(id(namespace))
        if prefix is None:
            prefix = self._prefixes[id(namespace)] = key_prefix(namespace.code)
        return prefix

    def _record(self, key: bytes, namespace: Namespace, value: str, body: Body) -> StoreRow | SkipReason:
        text = orjson.dumps(body)
        if len(text) > MAX_RECORD_BYTES:
            return SkipReason.RECORD_TOO_LARGE
        changed = self._changed(body) if self._audited else self._ingested
        return StoreRow((key, b""), self._rows, namespace, value, changed, text.decode())

    def _event(self, key: bytes, namespace: Namespace, value: str, body: Body) -> StoreRow | SkipReason:
        if not namespace.type.makes_profiles:
            return SkipReason.EVENT_OF_NON_PEOPLE
        event_id, timestamp = body.get("_id"), body.get("timestamp")
        if not event_id:
            return SkipReason.NO_EVENT_ID
        if timestamp is None:
            return SkipReason.NO_TIMESTAMP
        happened = to_micros(datetime.fromisoformat(timestamp))
        if self._expired is not None and happened < self._expired:
            return SkipReason.EVENT_EXPIRED
        text = orjson.dumps(body)
        if len(text) > MAX_EVENT_BYTES:
            return SkipReason.RECORD_TOO_LARGE
        event_key = blake2b(event_id.encode(), digest_size=16).digest()
        return StoreRow((key, event_key), self._rows, namespace, value, happened, text.decode())

    def _changed(self, body: Body) -> int:
        """The source's own time of change, where the schema has External Source System Audit Details."""
        audit = body.get("extSourceSystemAudit")
        changed = audit.get("lastUpdatedDate") if isinstance(audit, Mapping) else None
        return to_micros(datetime.fromisoformat(changed)) if isinstance(changed, str) else self._ingested


def to_json(value: object) -> str:
    """JSON text as the tables hold it."""
    return orjson.dumps(value).decode()
