"""Takes the rows of whole batches out of a table, in one snapshot."""

import logging
import time
from collections.abc import Collection
from typing import Final

from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import Table
from ulid import ULID

from headwater.lake.attempts import data_files, growing_waits, single_attempt
from headwater.lake.commits import PATIENCE_SECONDS
from headwater.lake.replacing import RemovedRows, Replacements

_log = logging.getLogger(__name__)

REMOVED_PROPERTY: Final = "headwater.removed-batches"
"""Key of the removed batches' ids, with commas between, in the summary of the snapshot without their rows."""


def remove_batches(table: Table, batch_ids: Collection[str]) -> int | None:
    """Commit a snapshot without the batches' rows.

    Returns:
        The snapshot; None where the table has no row of theirs, also because an earlier call removed them.

    Raises:
        pyiceberg.exceptions.CommitFailedException: others were faster all the time; nothing was changed.
    """
    replacements = Replacements(table, f"removed-{str(ULID()).lower()}", RemovedRows(batches=batch_ids))
    try:
        for wait_seconds in growing_waits(PATIENCE_SECONDS):
            try:
                return _remove_once(table, batch_ids, replacements)
            except CommitFailedException:
                if wait_seconds is None:
                    raise
                _log.debug("another writer was faster, again in %.2f s", wait_seconds)
                time.sleep(wait_seconds)
            except Exception:
                replacements.keep()  # it may have been committed
                raise
            table.refresh()
    finally:
        replacements.discard_unused()
    raise AssertionError("unreachable: the last wait is None")


def _remove_once(table: Table, batch_ids: Collection[str], replacements: Replacements) -> int | None:
    affected = replacements.plan()
    if not affected:
        return None
    transaction = single_attempt(table)
    update = transaction.update_snapshot(snapshot_properties={REMOVED_PROPERTY: ",".join(sorted(batch_ids))})
    with update.overwrite() as producer:
        for old in affected:
            producer.delete_data_file(old)
        for data_file in data_files(table, replacements.files):
            producer.append_data_file(data_file)
    transaction.commit_transaction()
    replacements.keep()
    return producer.snapshot_id
