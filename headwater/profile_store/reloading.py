"""Loading a batch anew that has lost some of its rows to newer versions of its files."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from datetime import datetime

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headwater.profile_store import batches
from headwater.profile_store.identities import load_identities
from headwater.profile_store.loads import BatchLoad
from headwater.profile_store.profiles import load_profiles
from headwater.profile_store.removal import expire_events, keep_out_removed, remove_batches
from headwater.profile_store.rows import to_json
from headwater.profile_store.tables import batch
from headwater.profile_store.times import from_micros


def reload_batch(
    connection: Connection,
    load: BatchLoad,
    rows: Callable[[], Iterable[pa.RecordBatch]],
    events_since: datetime | None,
) -> bool:
    """See `ProfileStore.reload_batch`. The caller has one transaction around it.

    Whatever stands between the batch's rows and those of others is decided by its time of ingestion, which stays, and
    not by its number, which is a new one.
    """
    known = connection.execute(sa.select(batch).where(batch.c.batch_id == load.batch_id)).one_or_none()
    if known is None:
        return False
    again = replace(load, ingested_at=from_micros(known.ingested_at), upsert=known.upsert)
    remove_batches(connection, batch.c.batch_id == load.batch_id)
    number, _ = batches.register(connection, again, "identities")
    if known.identities is not None:
        linked = load_identities(connection, again, number, rows())
        batches.finish(connection, number, "identities", to_json(asdict(linked)))
    if known.profiles is not None:
        stored = load_profiles(connection, again, number, rows())
        batches.finish(connection, number, "profiles", to_json(asdict(stored)))
    keep_out_removed(connection, number)
    if events_since is not None:
        expire_events(connection, load.dataset, events_since)
    return True
