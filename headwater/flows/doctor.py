"""Checks what must hold over catalog, lake and profile store, and mends what is safe to mend.

Every check looks only, and says of each finding how it would be mended. What is at work is no finding: what a look
finds odd is looked at again before it is told. The codes are stable; `docs/reference/doctor.md` explains each.
"""

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Final

from headwater.catalog.base import utc_now
from headwater.catalog.outbox import Selection
from headwater.errors import HeadwaterError
from headwater.flows.begin import is_dead
from headwater.flows.findings import Code, Finding, Found, Mend, found
from headwater.flows.finish import close_run, complete_batch
from headwater.flows.load import load_identities, load_profiles
from headwater.flows.maintenance import maintain_lake
from headwater.flows.notifications import deliver_due
from headwater.flows.profile_checks import check_profiles, fits
from headwater.flows.reloading import finish_reloads
from headwater.flows.removal import finish_removals, interrupted_removals
from headwater.flows.workspace import Workspace
from headwater.model.runs import Batch, BatchStatus

__all__ = ["Code", "Finding", "examine"]

log = logging.getLogger(__name__)

STUCK_AFTER: Final = timedelta(hours=1)
"""A notification that was due so long ago, and was not tried, is stuck."""


def examine(workspace: Workspace, *, mend: bool = False) -> list[Finding]:
    """Check everything; with `mend`, put right what can be.

    Returns:
        What was found, in the order of the checks; empty if all is well. What could not be mended has `mended` False,
        and where mending failed the reason stands in its `problem`.

    Raises:
        HeadwaterError: a store refused or could not be reached.
    """
    findings = []
    for check in _CHECKS:
        for finding, mending in list(check(workspace)):
            findings.append(_mended(finding, mending) if mend and mending is not None else finding)
    return findings


def _mended(finding: Finding, mending: Mend) -> Finding:
    try:
        mending()
    except Exception as error:  # one finding must not keep the others from being mended
        reason = str(error) if isinstance(error, HeadwaterError) else f"unexpected {type(error).__name__}"
        log.warning("%s %s could not be mended", finding.code, finding.subject, exc_info=True)
        return replace(finding, problem=f"{finding.problem} Mending failed: {reason}")
    log.info("%s %s was mended", finding.code, finding.subject)
    return replace(finding, mended=True)


def _dead_runs(workspace: Workspace) -> Iterator[Found]:
    for run_id, holder, lease_until in workspace.catalog.flow_runs.all_open_runs():
        if is_dead(holder, lease_until):
            yield found(
                Code.DEAD_RUN,
                run_id,
                f"flow run {run_id} is open, and nobody works on it ({holder}). Mending closes it: its batch is "
                "settled or given up, and its files are free again.",
                partial(close_run, workspace, run_id, failure="the run died before it was finished"),
            )


def _stuck_files(workspace: Workspace) -> Iterator[Found]:
    for run_id, files in workspace.catalog.ledger.stuck().items():
        batch_id = workspace.catalog.flow_runs.get(run_id).batch_id
        status = workspace.catalog.batches.get(batch_id).status if batch_id is not None else None
        settle = workspace.catalog.ledger.settle if status is BatchStatus.SUCCESS else workspace.catalog.ledger.release
        yield found(
            Code.STUCK_FILES,
            run_id,
            f"{files} files are held by flow run {run_id}, which is closed. Mending enters them as its batch ended.",
            partial(settle, run_id),
        )


def _abandoned_batches(workspace: Workspace) -> Iterator[Found]:
    for batch in workspace.catalog.batches.abandoned():
        run = workspace.catalog.flow_runs.get(batch.flow_run_id)
        yield found(
            Code.ABANDONED_BATCH,
            batch.id,
            f"batch {batch.id} is {batch.status.value}, and its flow run {run.id} is closed. Mending settles it if the "
            "lake has it, and fails it otherwise.",
            partial(complete_batch, workspace, run, None),
        )


def _interrupted_removals(workspace: Workspace) -> Iterator[Found]:
    for batch in interrupted_removals(workspace):
        yield found(
            Code.INTERRUPTED_REMOVAL,
            batch.id,
            f"the removal of batch {batch.id} from dataset {batch.dataset!r} was begun and not ended. Mending ends it.",
            partial(finish_removals, workspace, [batch.id]),
        )


def _interrupted_reloads(workspace: Workspace) -> Iterator[Found]:
    for each in workspace.catalog.reloads.interrupted():
        yield found(
            Code.INTERRUPTED_RELOAD,
            each.batch_id,
            f"batch {each.batch_id} of dataset {each.dataset!r} lost rows to batch {each.superseded_by}, and its "
            "identities and profiles were not brought in line. Mending does that for the dataset.",
            partial(finish_reloads, workspace, each.dataset),
        )


def _staged_leftovers(workspace: Workspace) -> Iterator[Found]:
    for batch in workspace.catalog.batches.leftovers():
        yield found(
            Code.STAGED_LEFTOVERS,
            batch.id,
            f"batch {batch.id} is {batch.status.value} and still has staged files. Mending deletes them.",
            partial(_discard, workspace, batch.id),
        )


def _discard(workspace: Workspace, batch_id: str) -> None:
    workspace.lake.discard(workspace.catalog.batches.staged_files(batch_id))
    workspace.catalog.batches.forget_staged(batch_id)


def _rows(workspace: Workspace) -> Iterator[Found]:
    """The lake has the rows of the batches that the catalog calls loaded, and no others."""
    datasets = sorted({*workspace.catalog.batches.datasets(), *workspace.lake.datasets()})
    for dataset in datasets:
        expected = {batch.id: batch for batch in workspace.catalog.batches.of_dataset(dataset)}
        rows = workspace.lake.rows_by_batch(dataset)
        yield from (_unknown_rows(dataset, each, rows[each]) for each in sorted(rows) if each not in expected)
        odd = [batch.id for batch in expected.values() if not fits(workspace, batch, rows.get(batch.id, 0))]
        if odd:
            yield from _look_again(workspace, dataset, odd)


def _look_again(workspace: Workspace, dataset: str, batch_ids: list[str]) -> Iterator[Found]:
    """A load may have ended between the look into the catalog and the one into the lake."""
    batches = [workspace.catalog.batches.get(batch_id) for batch_id in batch_ids]
    rows_by_batch = workspace.lake.rows_by_batch(dataset)
    for batch in batches:
        rows = rows_by_batch.get(batch.id, 0)
        if not fits(workspace, batch, rows):
            yield _wrong_rows(workspace, batch, rows)


def _wrong_rows(workspace: Workspace, batch: Batch, rows: int) -> Found:
    if batch.status is BatchStatus.SUCCESS:
        return found(
            Code.ROWS_MISSING,
            batch.id,
            f"batch {batch.id} loaded {batch.counts.loaded} rows into dataset {batch.dataset!r}, which has {rows} of "
            f"them. If nobody removed them on purpose, revert the batch with `headwater batch revert {batch.id} "
            "--release-files` and run the dataflow again.",
        )
    return found(
        Code.ROWS_LEFT,
        batch.id,
        f"batch {batch.id} is {batch.status.value}, and dataset {batch.dataset!r} has {rows} rows of it. Mending "
        "removes them.",
        partial(workspace.lake.remove_batches, batch.dataset, [batch.id]),
    )


def _unknown_rows(dataset: str, batch_id: str, rows: int) -> Found:
    return found(
        Code.UNKNOWN_ROWS,
        batch_id,
        f"dataset {dataset!r} has {rows} rows of batch {batch_id}, which the catalog does not know. Does the catalog "
        "belong to this lake, and is it not an old copy? Nothing is removed.",
    )


def _files(workspace: Workspace) -> Iterator[Found]:
    before = utc_now() - timedelta(hours=workspace.settings.recovery_hours)
    for dataset in workspace.lake.datasets():
        for uri in workspace.lake.missing_files(dataset):
            yield found(
                Code.FILES_MISSING,
                dataset,
                f"dataset {dataset!r} refers to {uri}, which is not there. Restore it from a backup; until then "
                "queries of the dataset fail.",
            )
        if orphans := workspace.lake.orphans(dataset, workspace.catalog.batches, before=before):
            yield found(
                Code.ORPHANS,
                dataset,
                f"{len(orphans)} files below the table of dataset {dataset!r} belong to nothing, such as {orphans[0]}. "
                "Mending maintains the table, which deletes them.",
                partial(maintain_lake, workspace, [dataset]),
            )


def _missing_loads(workspace: Workspace) -> Iterator[Found]:
    """Loads into graph and profiles that failed, as their runs remember, and were not repeated with success."""
    for prefix, what in (("ig", "identities"), ("ps", "profiles")):
        failed = workspace.catalog.flow_runs.failed_at(f"load_{what}")
        for batch_id in sorted(failed.keys() - workspace.catalog.outbox.subjects(f"{prefix}_load_success")):
            batch = workspace.catalog.batches.get(batch_id)
            if batch.status is BatchStatus.SUCCESS:
                yield found(
                    Code.LOAD_MISSING,
                    batch.id,
                    f"batch {batch.id} is in the lake, and its {what} were not loaded. Mending loads them.",
                    partial(_load_and_close, workspace, failed[batch_id]),
                )


def _load_and_close(workspace: Workspace, flow_run_id: str) -> None:
    """Load what is missing; then nothing of the run has failed any more, which is entered and told."""
    load_identities(workspace, flow_run_id)
    load_profiles(workspace, flow_run_id)
    close_run(workspace, flow_run_id)


def _stuck_notifications(workspace: Workspace) -> Iterator[Found]:
    notifiers = {notifier.name for notifier in workspace.catalog.resources.list("notifier")}
    for webhook, count in workspace.catalog.outbox.overdue(utc_now() - STUCK_AFTER).items():
        if webhook in notifiers and workspace.messenger is None:
            yield found(
                Code.STUCK_NOTIFICATIONS,
                webhook,
                f"{count} messages of notifier {webhook!r} have been due for an hour and were not tried. Is the Dag "
                "`headwater_deliveries` paused? It alone has the Connections that e-mails and Slack messages need.",
            )
            continue
        yield found(
            Code.STUCK_NOTIFICATIONS,
            webhook,
            f"{count} notifications for webhook {webhook!r} have been due for an hour and were not tried. Is the Dag "
            "`headwater_deliveries` paused? Mending tries them.",
            partial(_deliver, workspace, webhook),
        )


def _deliver(workspace: Workspace, webhook: str) -> None:
    mine = Selection(webhook=webhook)
    deliver_due(workspace, mine)
    if workspace.catalog.outbox.overdue(utc_now() - STUCK_AFTER, mine):
        raise HeadwaterError("some notifications were not tried now either; the log says why.")


_CHECKS: Final = (
    _dead_runs,
    _stuck_files,
    _abandoned_batches,
    _interrupted_removals,
    _interrupted_reloads,
    _staged_leftovers,
    _rows,
    _files,
    _missing_loads,
    check_profiles,
    _stuck_notifications,
)
