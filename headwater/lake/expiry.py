"""Keeps a table's history short: drops old snapshots, and joins small manifests."""

import time
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final

from pyiceberg.exceptions import CommitFailedException
from pyiceberg.manifest import ManifestFile
from pyiceberg.table import Table, TableProperties
from pyiceberg.table.snapshots import Snapshot
from pyiceberg.table.update.snapshot import ExpireSnapshots

from headwater.lake.attempts import growing_waits, single_attempt
from headwater.lake.commits import BATCH_PROPERTY, PATIENCE_SECONDS
from headwater.lake.compaction import MAINTENANCE_PROPERTY

Settled = Callable[[Collection[str]], Collection[str]]
"""Tells which of some batches the catalog knows to have come to their end."""
MANY_MANIFESTS: Final = 10
_MANIFEST_BYTES: Final = 4 * 1024 * 1024
"""A manifest below this size is small."""


def expire_snapshots(table: Table, *, before: datetime, settled: Settled) -> int:
    """Drop snapshots that were replaced before a time; their files stay, until nothing refers to them.

    What counts is when a snapshot's successor came, so that whoever began to read it has all the time there is between
    `before` and now. A snapshot of a batch that is not settled stays whatever its age: recovery looks for it.

    Returns:
        How many were dropped.
    """
    for wait_seconds in growing_waits(PATIENCE_SECONDS):
        ids = _expirable(table, before, settled)
        if not ids:
            return 0
        try:
            transaction = single_attempt(table)
            ExpireSnapshots(transaction).by_ids(ids).commit()
            transaction.commit_transaction()
        except CommitFailedException:
            if wait_seconds is None:
                raise
            time.sleep(wait_seconds)
            table.refresh()
        else:
            return len(ids)
    raise AssertionError("unreachable: the last wait is None")


def _expirable(table: Table, before: datetime, settled: Settled) -> list[int]:
    snapshots = table.metadata.snapshots
    heads = {ref.snapshot_id for ref in table.metadata.refs.values()}
    replaced_at = {snapshot.snapshot_id: snapshot.timestamp_ms for snapshot in snapshots}
    for snapshot in snapshots:
        if snapshot.parent_snapshot_id is not None:
            replaced_at[snapshot.parent_snapshot_id] = snapshot.timestamp_ms
    limit = before.timestamp() * 1000
    old = [each for each in snapshots if replaced_at[each.snapshot_id] < limit and each.snapshot_id not in heads]
    ended = settled({batch_id for each in old if (batch_id := _batch(each)) is not None})
    return [each.snapshot_id for each in old if _batch(each) is None or _batch(each) in ended]


def _batch(snapshot: Snapshot) -> str | None:
    return snapshot.summary.get(BATCH_PROPERTY) if snapshot.summary is not None else None


def merge_manifests(table: Table) -> int:
    """Join the manifests of the newest snapshot where many of them are small.

    Returns:
        How many there are fewer. 0 also where another writer was faster: its commit joins them, or the next call.
    """
    before = _manifests(table)
    if sum(manifest.manifest_length < _MANIFEST_BYTES for manifest in before) <= MANY_MANIFESTS:
        return 0
    merge = {TableProperties.MANIFEST_MERGE_ENABLED: "true", TableProperties.MANIFEST_MIN_MERGE_COUNT: "2"}
    transaction = single_attempt(table, merge)
    with transaction.update_snapshot(snapshot_properties={MAINTENANCE_PROPERTY: "manifests"}).merge_append():
        pass
    try:
        transaction.commit_transaction()
    except CommitFailedException:
        table.refresh()
        return 0
    return len(before) - len(_manifests(table))


def _manifests(table: Table) -> list[ManifestFile]:
    snapshot = table.current_snapshot()
    return snapshot.manifests(table.io) if snapshot is not None else []
