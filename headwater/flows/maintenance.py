"""Looks after the lake and its surroundings: ends what was interrupted, maintains every table, removes what is old."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from headwater.catalog.base import utc_now
from headwater.flows.kept import remove_older
from headwater.flows.removal import finish_removals
from headwater.flows.workspace import Workspace

if TYPE_CHECKING:
    from headwater.lake import Maintained

log = logging.getLogger(__name__)


def maintain_lake(
    workspace: Workspace, datasets: Sequence[str] = (), *, now: datetime | None = None
) -> "list[Maintained]":
    """Compact, merge, expire and clean the tables of these datasets, or of all. Safe beside running loads.

    Transfers that nobody has gone on with for `recovery_hours` are given up.

    Args:
        workspace: The installation.
        datasets: Names of datasets; none for every table of the lake.
        now: The time, aware UTC; None for the clock's.

    Raises:
        NotFoundError: a dataset has no table.
        LakeError: the lake refused or could not be reached; what was begun can be repeated.
    """
    finish_removals(workspace)
    window = timedelta(hours=workspace.settings.recovery_hours)
    given_up = remove_older(workspace.settings.unfinished_transfers, (now or utc_now()) - window)
    if given_up:
        log.info("%d unfinished transfers were given up: nobody went on with them", given_up)
    done = []
    for dataset in datasets or workspace.lake.datasets():
        table = workspace.lake.maintain(dataset, workspace.catalog.batches, now=now or utc_now(), window=window)
        log.info(
            "dataset %s: %d files became %d, %d manifests fewer, %d snapshots expired, %d orphans deleted",
            dataset, table.files_compacted, table.files_written, table.manifests_merged, table.snapshots_expired,
            table.orphans_removed,
        )  # fmt: skip
        done.append(table)
    return done
