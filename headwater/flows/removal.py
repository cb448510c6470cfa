"""Batches that are no longer valid: reverted, deleted, or replaced by another one.

A removal touches three stores, so it is entered in the catalog first (`removing`), then done step by step, each of
which may be repeated, and ended in the catalog last. A kill in between leaves the entry, and whoever finds it goes on:
the same command, the replacing run's next step, maintenance, `headwater doctor --mend`. Who works on one holds it by
a lease meanwhile, so that nobody takes it for interrupted.
"""

import logging
from collections.abc import Collection

from headwater.catalog.base import utc_now
from headwater.errors import ConflictError
from headwater.flows.context import RunContext
from headwater.flows.heartbeat import removing, this_remover
from headwater.flows.processes import has_ended
from headwater.flows.reloading import may_have_profiles
from headwater.flows.workspace import Workspace
from headwater.model.runs import Batch, BatchStatus

log = logging.getLogger(__name__)


def revert_batch(workspace: Workspace, batch_id: str, *, release_files: bool = False) -> Batch:
    """Take a loaded batch out of the lake, the identity graph and the profiles; it becomes `inactive`.

    Batches that replayed its rejected records go with it. What the batch had superseded or replaced does not come back.
    Repeating finishes what an interrupted call began, and otherwise changes nothing.

    Args:
        workspace: The installation.
        batch_id: The batch.
        release_files: Give the batch's files back, so that the next run loads them again. Otherwise they count as
            loaded: a file that is wrong would come straight back.

    Raises:
        NotFoundError: there is no such batch.
        ConflictError: it is not in the lake, or its flow run is still at work.
        LakeError: the lake refused or could not be reached; what was begun can be repeated.
    """
    batch = workspace.catalog.batches.get(batch_id)
    if batch.status is BatchStatus.INACTIVE and not batch.removing and not release_files:
        return batch
    if batch.status not in (BatchStatus.SUCCESS, BatchStatus.INACTIVE):
        raise ConflictError(
            f"batch {batch_id} is {batch.status.value}; only a batch that is in the lake (success) can be reverted. "
            "Nothing was changed."
        )
    for each in workspace.catalog.batches.with_replays([batch_id]):
        _require_closed_run(workspace, workspace.catalog.batches.get(each))
    workspace.catalog.batches.begin_removal(batch_id, release_files=release_files, remover=this_remover(workspace))
    finish_removals(workspace, [batch_id])
    return workspace.catalog.batches.get(batch_id)


def delete_batch(workspace: Workspace, batch_id: str, *, release_files: bool = False) -> Batch:
    """Revert the batch if it is in the lake, and delete what was kept of its rejected records; it becomes `deleted`.

    Its entry in the catalog stays, and so do its files in the ledger. Repeating changes nothing.

    Raises:
        NotFoundError: there is no such batch.
        ConflictError: it was never in the lake, or its flow run is still at work.
        LakeError: the lake refused or could not be reached; what was begun can be repeated.
    """
    if workspace.catalog.batches.get(batch_id).status is not BatchStatus.DELETED:
        revert_batch(workspace, batch_id, release_files=release_files)
        workspace.catalog.batches.delete(batch_id)
    workspace.diagnostics.discard(batch_id)
    return workspace.catalog.batches.get(batch_id)


def finish_removals(workspace: Workspace, batch_ids: Collection[str] | None = None) -> list[str]:
    """Do what is left of removals that have begun: of these batches and their replays, or of all.

    Returns:
        The ids of those it ended.
    """
    if batch_ids is not None and not batch_ids:
        return []
    todo: list[Batch] = []
    wanted = set(batch_ids or ())
    for batch in workspace.catalog.batches.being_removed():
        if batch_ids is None or batch.id in wanted or batch.replay_of in wanted:
            wanted.add(batch.id)
            todo.append(batch)
    ended = [batch.id for batch in todo]
    if todo:
        with removing(workspace, ended):
            for batch in todo:
                _finish_removal(workspace, batch)
    return ended


def interrupted_removals(workspace: Workspace) -> list[Batch]:
    """The batches whose removal has begun and not ended, and on which nobody works any more."""
    now = utc_now()
    return [
        batch
        for batch, who in workspace.catalog.batches.removals()
        if who is None or who.lease_until < now or has_ended(who.holder)
    ]


def _finish_removal(workspace: Workspace, batch: Batch) -> None:
    workspace.lake.remove_batches(batch.dataset, [batch.id])
    if may_have_profiles(workspace, batch):
        workspace.profile_store.remove_batch(batch.id)
    with workspace.catalog.transaction() as stores:
        released = stores.ledger.release_loaded(batch.flow_run_id) if stores.batches.end_removal(batch.id) else 0
    log.info("batch %s is out of dataset %s; %d files were given back", batch.id, batch.dataset, released)


def _require_closed_run(workspace: Workspace, batch: Batch) -> None:
    """Loads of the batch that are under way would bring back what is removed."""
    run = workspace.catalog.flow_runs.get(batch.flow_run_id)
    if run.completed_at is None:
        raise ConflictError(
            f"flow run {run.id} of batch {batch.id} is not finished. Nothing was changed. Wait for its task `finish`; "
            "if the run died, `headwater doctor --mend` closes it."
        )


def check_replaced(workspace: Workspace, context: RunContext) -> None:
    """Make sure that the run may replace the batches that it was asked to.

    Raises:
        NotFoundError: one of them does not exist.
        ConflictError: one of them is in another dataset, or not in the lake.
    """
    for batch_id in context.request.replaces:
        batch = workspace.catalog.batches.get(batch_id)
        if batch.dataset != context.dataset.name:
            raise ConflictError(
                f"batch {batch_id} is in dataset {batch.dataset!r}; a run of {context.flow.name} can replace batches "
                f"of {context.dataset.name!r} only. Nothing was loaded."
            )
        if batch.status is not BatchStatus.SUCCESS:
            raise ConflictError(
                f"batch {batch_id} is {batch.status.value}; only a batch that is in the lake (success) can be replaced."
                " Nothing was loaded."
            )
        _require_closed_run(workspace, batch)
