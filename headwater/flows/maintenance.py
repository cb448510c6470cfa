"""Looks after the lake and its surroundings: ends what was interrupted, maintains every table, removes what is old."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from headwater.catalog.base import utc_now
from headwater.errors import HeadwaterError
from headwater.flows.kept import remove_older
from headwater.flows.reloading import finish_reloads
from headwater.flows.removal import finish_removals, interrupted_removals
from headwater.flows.workspace import Workspace

if TYPE_CHECKING:
    from headwater.lake import Maintained

log = logging.getLogger(__name__)


def maintain_lake(
    workspace: Workspace, datasets: Sequence[str] = (), *, now: datetime | None = None
) -> "list[Maintained]":
    """Compact, merge, expire and clean the tables of these datasets, or of all. Safe beside running loads.

    Removals and reloads of batches that were interrupted are ended first, and transfers that nobody has gone on with
    for `recovery_hours` are given up. Rejected records are deleted after `diagnostics_days`. What fails holds up
    nothing else.

    Args:
        workspace: The installation.
        datasets: Names of datasets; none for every table of the lake.
        now: The time, aware UTC; None for the clock's.

    Raises:
        HeadwaterError: some of it failed, and all else was done: the message has each failure. Those of a dataset
            without a table are among them. What was begun can be repeated; `retryable` if each failure is.
    """
    done: list[Maintained] = []
    chores: dict[str, Callable[[], object]] = {}
    for batch in interrupted_removals(workspace):
        chores[f"removal of batch {batch.id}"] = partial(finish_removals, workspace, [batch.id])
    for dataset in sorted({each.dataset for each in workspace.catalog.reloads.pending()}):
        chores[f"profiles of dataset {dataset!r}"] = partial(finish_reloads, workspace, dataset)
    chores["rejected records"] = partial(_discard_diagnostics, workspace, now or utc_now())
    chores["unfinished transfers"] = partial(_give_up_transfers, workspace, now or utc_now())
    for dataset in datasets or workspace.lake.datasets():
        chores[f"dataset {dataset!r}"] = partial(_maintain, workspace, dataset, now or utc_now(), done)
    _do_all(chores, done)
    return done


def _do_all(chores: dict[str, Callable[[], object]], done: "list[Maintained]") -> None:
    failures: dict[str, str] = {}
    retryable = True
    for name, chore in chores.items():
        try:
            chore()
        except Exception as error:  # what fails holds up nothing else
            foreseen = isinstance(error, HeadwaterError)
            failures[name] = str(error) if foreseen else f"unexpected {type(error).__name__}"
            log.warning("%s: %s", name, failures[name], exc_info=not foreseen)
            retryable = retryable and isinstance(error, HeadwaterError) and error.retryable
    if failures:
        told = "\n".join(f"{name}: {reason}" for name, reason in failures.items())
        raise HeadwaterError(
            f"{len(failures)} of {len(chores)} parts of the maintenance failed; {len(done)} tables were maintained.\n"
            f"{told}",
            retryable=retryable,
        )


def _give_up_transfers(workspace: Workspace, now: datetime) -> None:
    window = timedelta(hours=workspace.settings.recovery_hours)
    given_up = remove_older(workspace.settings.unfinished_transfers, now - window)
    if given_up:
        log.info("%d unfinished transfers were given up: nobody went on with them", given_up)


def _discard_diagnostics(workspace: Workspace, now: datetime) -> None:
    discarded = workspace.diagnostics.discard_older(now - timedelta(days=workspace.settings.diagnostics_days))
    if discarded:
        log.info("rejected records of %d batches were deleted: they were kept long enough", len(discarded))


def _maintain(workspace: Workspace, dataset: str, now: datetime, done: "list[Maintained]") -> None:
    window = timedelta(hours=workspace.settings.recovery_hours)
    table = workspace.lake.maintain(dataset, workspace.catalog.batches, now=now, window=window)
    log.info(
        "dataset %s: %d files became %d, %d manifests fewer, %d snapshots expired, %d orphans deleted",
        dataset, table.files_compacted, table.files_written, table.manifests_merged, table.snapshots_expired,
        table.orphans_removed,
    )  # fmt: skip
    done.append(table)
