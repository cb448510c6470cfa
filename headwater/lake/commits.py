"""Makes staged files visible: one batch, one snapshot, once.

Exactly once rests on Iceberg's optimistic lock. A commit states which snapshot it was made on; if another came first,
it fails as a whole. So each attempt looks for the batch in the newest snapshots, then commits on exactly those: two
processes that commit the same batch cannot both succeed. After an error whose outcome is unknown the next look tells.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot

from headwater.errors import LakeError
from headwater.lake.attempts import data_files, growing_waits, single_attempt
from headwater.lake.replacing import RemovedRows, Replacements
from headwater.model.runs import StagedFile

_log = logging.getLogger(__name__)

BATCH_PROPERTY: Final = "headwater.batch-id"
"""Key of the batch's id in the summary of its snapshot."""
GIVEN_UP_PROPERTY: Final = "headwater.given-up"
"""Marks a snapshot that adds nothing but says that its batch never will be committed."""
PATIENCE_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCommit:
    """What one commit does: add `files`, and remove the rows in `removed`."""

    batch_id: str
    files: Sequence[StagedFile]
    removed: RemovedRows = field(default_factory=RemovedRows)
    properties: Mapping[str, str]


def find_snapshot(table: Table, batch_id: str) -> int | None:
    """The id of the snapshot that committed the batch, or None if the table's history has none."""
    found = _snapshot_of(table, batch_id)
    return found.snapshot_id if found is not None and not _is_given_up(found) else None


def give_up_batch(table: Table, batch_id: str) -> int | None:
    """Make sure that the batch can no longer be committed, whoever may be trying to.

    Returns:
        The snapshot that committed it, if that came first; None if it is given up.
    """
    commit_batch(table, BatchCommit(batch_id=batch_id, files=(), properties={GIVEN_UP_PROPERTY: "true"}))
    table.refresh()
    return find_snapshot(table, batch_id)


def _snapshot_of(table: Table, batch_id: str) -> Snapshot | None:
    for snapshot in reversed(table.metadata.snapshots):
        if snapshot.summary is not None and snapshot.summary.get(BATCH_PROPERTY) == batch_id:
            return snapshot
    return None


def _is_given_up(snapshot: Snapshot) -> bool:
    return snapshot.summary is not None and snapshot.summary.get(GIVEN_UP_PROPERTY) is not None


def _id_of(found: Snapshot, commit: BatchCommit) -> int:
    """The id of the batch's snapshot; an error if somebody gave the batch up that is to be committed."""
    if _is_given_up(found) and GIVEN_UP_PROPERTY not in commit.properties:
        raise LakeError(
            f"batch {commit.batch_id} was given up while it was being committed: its flow run was taken for dead and "
            "closed. Nothing was loaded, and its files are free to be taken again."
        )
    return found.snapshot_id


def commit_batch(table: Table, commit: BatchCommit, *, patience_seconds: float = PATIENCE_SECONDS) -> int:
    """Commit, and commit again while others are faster.

    Returns:
        The batch's snapshot id; the existing one if the batch is in the table already.

    Raises:
        pyiceberg.exceptions.CommitFailedException: others were faster for `patience_seconds`; nothing was changed.
        Exception: what pyiceberg raised, if the batch is not in the table after it.
    """
    replacements = Replacements(table, commit.batch_id, commit.removed)
    try:
        for wait_seconds in growing_waits(patience_seconds):
            if (found := _snapshot_of(table, commit.batch_id)) is not None:
                return _id_of(found, commit)
            try:
                return _commit_once(table, commit, replacements)
            except CommitFailedException as error:
                if wait_seconds is None:
                    return _settle(table, commit, replacements, error)
                _log.debug("batch %s: another writer was faster, again in %.2f s", commit.batch_id, wait_seconds)
                time.sleep(wait_seconds)
            except Exception as error:  # noqa: BLE001 - raised again below, unless the commit took place
                return _settle(table, commit, replacements, error)
            table.refresh()
    finally:
        replacements.discard_unused()
    raise AssertionError("unreachable: the last wait is None")


def _commit_once(table: Table, commit: BatchCommit, replacements: Replacements) -> int:
    transaction = single_attempt(table)
    update = transaction.update_snapshot(
        snapshot_properties=dict(commit.properties) | {BATCH_PROPERTY: commit.batch_id}
    )
    replaced = replacements.plan()
    producer = update.overwrite() if replaced else update.merge_append()
    with producer:
        for old in replaced:
            producer.delete_data_file(old)
        for data_file in data_files(table, [*replacements.files, *(file.uri for file in commit.files)]):
            producer.append_data_file(data_file)
    transaction.commit_transaction()
    replacements.keep()
    return producer.snapshot_id


def _settle(table: Table, commit: BatchCommit, replacements: Replacements, error: Exception) -> int:
    """After an error that leaves the outcome open: look."""
    try:
        table.refresh()
    except Exception:  # noqa: BLE001 - the catalog does not answer; what it was asked is told below
        replacements.keep()
        raise LakeError(
            f"committing batch {commit.batch_id} was interrupted ({type(error).__name__}), and the Iceberg catalog "
            "does not say whether it took place. Run it again: it looks for the batch before it commits.",
            retryable=True,
        ) from error
    found = _snapshot_of(table, commit.batch_id)
    if found is None:
        if not isinstance(error, CommitFailedException):
            replacements.keep()  # the catalog may still be at work on it
        raise error
    snapshot_id = _id_of(found, commit)
    replacements.keep()
    return snapshot_id
