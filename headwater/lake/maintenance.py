"""What a table needs from time to time: large files, few manifests, a short history, no forgotten files."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from pyiceberg.table import Table

from headwater.lake.compaction import compact
from headwater.lake.expiry import expire_snapshots, merge_manifests
from headwater.lake.orphans import TableFolder, remove_orphans


class BatchFacts(Protocol):
    """What only the catalog knows of batches."""

    def settled(self, batch_ids: Collection[str]) -> Collection[str]:
        """Those of the batches that have come to their end, good or bad."""
        ...

    def open_batches(self, dataset: str) -> Collection[str]:
        """The dataset's batches that may still be committed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintained:
    """What was done to a table.

    Attributes:
        dataset: The dataset.
        files_compacted: Small data files that were written together.
        files_written: The files that they became.
        manifests_merged: By how many manifests there are fewer.
        snapshots_expired: Snapshots that are no longer kept.
        orphans_removed: Files deleted that nothing refers to.
    """

    dataset: str
    files_compacted: int = 0
    files_written: int = 0
    manifests_merged: int = 0
    snapshots_expired: int = 0
    orphans_removed: int = 0


def maintain_table(
    dataset: str,
    load: Callable[[], Table],
    folder: TableFolder,
    facts: BatchFacts,
    *,
    now: datetime,
    window: timedelta,
) -> Maintained:
    """Do it all. Safe beside loads and beside itself; killed anywhere, the next call goes on.

    Args:
        dataset: The dataset.
        load: Loads its table as it is now.
        folder: Where the table's files lie.
        facts: What the catalog knows.
        now: The time, aware UTC.
        window: Snapshots that were replaced, and files that were written, less than this ago are left alone. Longer
            than any interruption that a run may recover from, and than any read.
    """
    compaction = compact(load())
    merged = merge_manifests(load())
    expired = expire_snapshots(load(), before=now - window, settled=facts.settled)
    orphans = remove_orphans(load, folder, before=now - window, open_batches=lambda: facts.open_batches(dataset))
    return Maintained(
        dataset=dataset,
        files_compacted=compaction.replaced,
        files_written=compaction.written,
        manifests_merged=merged,
        snapshots_expired=expired,
        orphans_removed=orphans,
    )
