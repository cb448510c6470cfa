"""From Arrow rows to what the profile tables hold: who a row is about, its body, and why it may be left out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from hashlib import blake2b
from typing import Final

import orjson
import pyarrow as pa

from headwater.errors import SchemaError
from headwater.identity.extract import IdentityReader
from headwater.identity.values import Identity, SkipReason
from headwater.profile.bodies import Body, to_bodies
from headwater.profile_store.loads import BatchLoad
from headwater.profile_store.times import to_micros

MAX_RECORD_BYTES: Final = 100 * 1024
"""A larger record does not reach the profiles (spec: identity-and-profile.md, section 3)."""
MAX_EVENT_BYTES: Final = 10 * 1024
"""A larger event does not reach the profiles."""


class Kind(Enum):
    """Which table a row belongs to."""

    FRAGMENT = "fragment"
    EVENT = "event"
    LOOKUP = "lookup"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRow:
    """One row for the store.

    Attributes:
        kind: Its table.
        identity: Its primary identity.
        key: What tells it from other rows of its table and dataset: identity key, and event key (b"" if no event).
        number: Its position in the batch, counted from 1.
        at: When the event happened, or when the source changed the record; microseconds since 1970.
        body: The XDM fields as JSON.
    """

    kind: Kind
    identity: Identity
    key: tuple[bytes, bytes]
    number: int
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
        self._reader: IdentityReader = load.reader
        self._ingested = to_micros(load.ingested_at)
        self._rows = 0

    def make(self, rows: pa.RecordBatch) -> Iterator[StoreRow | SkipReason]:
        """Each row for the store, or why it is left out."""
        primaries = self._reader.read(rows).primary
        for primary, body in zip(primaries, to_bodies(rows), strict=True):
            self._rows += 1
            yield self._event(primary, body) if self._is_event else self._record(primary, body)

    def _record(self, primary: Identity | SkipReason, body: Body) -> StoreRow | SkipReason:
        if isinstance(primary, SkipReason):
            return primary
        text = orjson.dumps(body)
        if len(text) > MAX_RECORD_BYTES:
            return SkipReason.RECORD_TOO_LARGE
        return StoreRow(
            kind=Kind.FRAGMENT if primary.type.makes_profiles else Kind.LOOKUP,
            identity=primary,
            key=(primary.key, b""),
            number=self._rows,
            at=self._changed(body),
            body=text.decode(),
        )

    def _event(self, primary: Identity | SkipReason, body: Body) -> StoreRow | SkipReason:
        if isinstance(primary, SkipReason):
            return primary
        if not primary.type.makes_profiles:
            return SkipReason.EVENT_OF_NON_PEOPLE
        event_id, timestamp = body.get("_id"), body.get("timestamp")
        if not event_id:
            return SkipReason.NO_EVENT_ID
        if timestamp is None:
            return SkipReason.NO_TIMESTAMP
        text = orjson.dumps(body)
        if len(text) > MAX_EVENT_BYTES:
            return SkipReason.RECORD_TOO_LARGE
        return StoreRow(
            kind=Kind.EVENT,
            identity=primary,
            key=(primary.key, blake2b(event_id.encode(), digest_size=16).digest()),
            number=self._rows,
            at=to_micros(datetime.fromisoformat(timestamp)),
            body=text.decode(),
        )

    def _changed(self, body: Body) -> int:
        """The source's own time of change, where the schema has External Source System Audit Details."""
        audit = body.get("extSourceSystemAudit")
        changed = audit.get("lastUpdatedDate") if isinstance(audit, Mapping) else None
        return to_micros(datetime.fromisoformat(changed)) if isinstance(changed, str) else self._ingested


def to_json(value: object) -> str:
    """JSON text as the tables hold it."""
    return orjson.dumps(value).decode()
