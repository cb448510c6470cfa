"""The last step, which always runs: bring the batch to an end, give back files, say how it went."""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from headwater.catalog.base import utc_now
from headwater.catalog.catalog import Stores
from headwater.catalog.outbox import Selection
from headwater.errors import HeadwaterError, NotFoundError
from headwater.flows.context import PROCESSING_FAILED, open_context, unexpected
from headwater.flows.events import batch_event, flow_run_event
from headwater.flows.expectations import tell_small_files
from headwater.flows.load import (
    StoreLoad,
    load_identities,
    load_profiles,
    rejected_summary,
    settle_dry_run,
    settle_success,
)
from headwater.flows.notifications import LOAD_WAITS, deliver_due, enqueue
from headwater.flows.profile_rows import goes_to_profile
from headwater.flows.reloading import finish_reloads
from headwater.flows.workspace import Workspace
from headwater.model.documents import BatchEventCode
from headwater.model.runs import Batch, BatchStatus, ErrorSummary, FlowRun, FlowRunState

log = logging.getLogger(__name__)

MAX_NOTES = 50
MAX_NOTE = 500
"""How many remarks of a batch's groups a flow run shows, and how many characters of each."""


def finish(
    workspace: Workspace,
    flow_run_id: str | None,
    *,
    flow: str,
    dag_run_id: str | None = None,
    failure: str | None = None,
) -> FlowRun:
    """Close the flow run and deliver what is left to tell. Repeating changes nothing.

    `flow_run_id` is None where discovery failed; the run is then found by its Dag run. `failure` is used only where no
    step left a reason, such as after a kill.

    Raises:
        NotFoundError: there is no such flow run.
    """
    run = _find(workspace, flow, flow_run_id, dag_run_id)
    run = close_run(workspace, run.id, failure=failure)
    deliver_due(workspace, Selection(flow=run.flow), within=LOAD_WAITS)
    counts = run.counts
    log.info(
        "flow run %s of %s: %s; %d files, %d read, %d loaded, %d failed",
        run.id, run.flow, run.state.value, run.files, counts.read, counts.loaded, counts.failed,
    )  # fmt: skip
    for error in run.errors:
        log.error("flow run %s, %s: %s", run.id, error.code, error.message)
    return run


def _find(workspace: Workspace, flow: str, flow_run_id: str | None, dag_run_id: str | None) -> FlowRun:
    flow_runs = workspace.catalog.flow_runs
    if flow_run_id is not None:
        return flow_runs.get(flow_run_id)
    run = flow_runs.of_dag_run(flow, dag_run_id) if dag_run_id is not None else None
    if run is None:
        raise NotFoundError(f"dataflow {flow!r} has no flow run for Dag run {dag_run_id!r}: it failed before one began")
    return run


def close_run(workspace: Workspace, flow_run_id: str, *, failure: str | None = None) -> FlowRun:
    """Bring a run to its end from wherever it stands.

    A batch that the lake has is settled, and its identities and profiles are loaded if they were not; a batch that the
    lake has not is given up, so that nobody can commit it any more, and its files are given back. A failed run whose
    failed loads were repeated with success becomes a success.
    """
    run = workspace.catalog.flow_runs.get(flow_run_id)
    if run.completed_at is not None:
        return _judge_again(workspace, run) if run.state is FlowRunState.FAILED else run
    if run.batch_id is not None:
        complete_batch(workspace, run, failure)
    elif failure is not None and not run.errors:
        workspace.catalog.flow_runs.set_step_error(run.id, "discover", _unexplained("discover", failure))
    _complete_reloads(workspace, run)
    completed = _complete_run(workspace, run)
    return completed if completed is not None else close_run(workspace, run.id, failure=failure)


def _complete_reloads(workspace: Workspace, run: FlowRun) -> None:
    """Make the profiles follow where runs into the dataset superseded rows; for what failed, it is tried again."""
    try:
        finish_reloads(workspace, run.dataset)
    except Exception as error:  # whatever it is, the run has to come to its end
        failure = _remembered("load_profiles", error)
        told = "flow run %s: profiles of dataset %s do not follow the lake yet: %s"
        log.warning(told, run.id, run.dataset, failure.message, exc_info=not isinstance(error, HeadwaterError))
        if run.batch_id is not None:
            workspace.catalog.flow_runs.set_step_error(run.id, "load_profiles", failure)


def _complete_run(workspace: Workspace, seen: FlowRun) -> FlowRun | None:
    """Close the run; None if it is not as it was seen: somebody else has closed it, or given it a batch."""
    with workspace.catalog.transaction() as stores:
        stores.flow_runs.hold(seen.id)
        run = stores.flow_runs.get(seen.id)
        if run.batch_id != seen.batch_id or run.completed_at is not None:
            return None
        batch = stores.batches.get(run.batch_id) if run.batch_id is not None else None
        if batch is None or batch.status is not BatchStatus.SUCCESS:
            stores.ledger.release(run.id)
        if batch is not None:
            stores.flow_runs.add_notes(run.id, _group_notes(stores, batch))
        stores.flow_runs.complete(run.id, _final_state(run, batch), completed_at=utc_now())
        _tell(workspace, stores, run.id, batch)
        return stores.flow_runs.get(run.id)


def _judge_again(workspace: Workspace, run: FlowRun) -> FlowRun:
    """A closed run that failed: its loads may have been repeated since."""
    if run.errors or run.batch_id is None or run.completed_at is None:
        return run
    with workspace.catalog.transaction() as stores:
        batch = stores.batches.get(run.batch_id)
        if batch.status is BatchStatus.SUCCESS:
            stores.flow_runs.complete(run.id, FlowRunState.SUCCESS, completed_at=run.completed_at)
            _tell(workspace, stores, run.id, batch)
        return stores.flow_runs.get(run.id)


def _tell(workspace: Workspace, stores: Stores, flow_run_id: str, batch: Batch | None) -> None:
    flow, request = stores.flow_runs.document(flow_run_id)
    if request.loads:
        run = stores.flow_runs.get(flow_run_id)
        enqueue(stores, flow_run_event(workspace.settings, run, batch, now=utc_now()), flow)
        tell_small_files(workspace.settings, stores, run, flow)


def _group_notes(stores: Stores, batch: Batch) -> list[str]:
    """What ingestion noticed, for people: bounded, since there may be many groups."""
    notes = [note[:MAX_NOTE] for report in stores.batches.group_reports(batch.id) for note in report.notes]
    left = len(notes) - MAX_NOTES
    return notes if left <= 0 else [*notes[:MAX_NOTES], f"{left} more remarks are kept with the groups"]


def _unexplained(step: str, failure: str) -> ErrorSummary:
    return ErrorSummary(code=PROCESSING_FAILED, message=failure, step=step)


def _remembered(step: str, error: Exception) -> ErrorSummary:
    return _unexplained(step, str(error)) if isinstance(error, HeadwaterError) else unexpected(step, error)


def _final_state(run: FlowRun, batch: Batch | None) -> FlowRunState:
    if run.errors:
        return FlowRunState.FAILED
    return FlowRunState.SUCCESS if batch is not None and batch.files else FlowRunState.NO_NEW_DATA


def complete_batch(workspace: Workspace, run: FlowRun, failure: str | None) -> None:
    """Settle or give up the run's batch; what the lake says goes before everything else."""
    batch = workspace.catalog.batches.get(str(run.batch_id))
    _, request = workspace.catalog.flow_runs.document(run.id)
    if not request.loads:
        _complete_dry_run(workspace, run, failure)
        return
    if batch.status is BatchStatus.STAGED:
        snapshot_id = workspace.lake.give_up(batch.dataset, batch.id)
        if snapshot_id is not None:
            with workspace.catalog.transaction() as stores:
                settle_success(workspace, stores, run.id, snapshot_id)
        else:
            _fail_batch(workspace, run, batch, failure)
    elif batch.status is BatchStatus.LOADING:
        _fail_batch(workspace, run, batch, failure)
    if workspace.catalog.batches.get(batch.id).status is BatchStatus.SUCCESS:
        _complete_loads(workspace, run)


def _complete_dry_run(workspace: Workspace, run: FlowRun, failure: str | None) -> None:
    if failure is not None and not run.errors:
        workspace.catalog.flow_runs.set_step_error(run.id, "ingest", _unexplained("ingest", failure))
    with workspace.catalog.transaction() as stores:
        settle_dry_run(stores, run.id)


def _fail_batch(workspace: Workspace, run: FlowRun, batch: Batch, failure: str | None) -> None:
    """Fail the batch if it still is as it was seen, and remove what it had staged, killed attempts' files too."""
    catalog = workspace.catalog
    if not run.errors:
        reason = failure or "the run ended before its batch was committed"
        catalog.flow_runs.set_step_error(run.id, "load_lake", _unexplained("load_lake", reason))
    now = utc_now()
    with catalog.transaction() as stores:
        staged = stores.batches.staged_files(batch.id)
        flow, _ = stores.flow_runs.document(run.id)
        errors = (*rejected_summary(stores, batch, flow), *stores.flow_runs.get(run.id).errors)
        stores.batches.settle(batch.id, BatchStatus.FAILED, of=(batch.status,), completed_at=now, errors=errors)
        stores.batches.forget_staged(batch.id)
        failed = stores.batches.get(batch.id)
        enqueue(stores, batch_event(workspace.settings, "ing_load_failure", failed, flow, now=now), flow)
    workspace.lake.discard(staged)
    with suppress(NotFoundError):  # without a table nothing was staged
        workspace.lake.remove_leftovers(batch.dataset, batch.id, keep=())


def _complete_loads(workspace: Workspace, run: FlowRun) -> None:
    """Load what a kill left out; a load that failed by itself is told, and can be repeated by its task."""
    told = {event.code for event in workspace.catalog.outbox.events(subject=run.batch_id)}
    try:
        context = open_context(workspace, run.id)
    except Exception as error:  # such as a document in the catalog that cannot be read any more
        failure = _remembered("load_identities", error)
        log.warning("flow run %s: %s", run.id, failure.message, exc_info=not isinstance(error, HeadwaterError))
        workspace.catalog.flow_runs.set_step_error(run.id, "load_identities", failure)
        return
    if not goes_to_profile(context):
        return
    for load in _LOADS:
        if load.success in told:
            continue
        known = next((error for error in run.errors if error.step == load.step), None)
        reason = known or _make_good(workspace, run, load)
        if reason is not None:
            with workspace.catalog.transaction() as stores:
                if known is None:  # the step enters it too, if the catalog lets it
                    stores.flow_runs.set_step_error(run.id, load.step, reason)
                batch = stores.batches.get(context.batch_id)
                event = batch_event(workspace.settings, load.failure, batch, context.flow, now=utc_now())
                enqueue(stores, event, context.flow)


def _make_good(workspace: Workspace, run: FlowRun, load: "_Load") -> ErrorSummary | None:
    """Run a load that did not run; why it failed, or None."""
    log.info("flow run %s: step %s did not run; running it now", run.id, load.step)
    try:
        load.run(workspace, run.id)
    except Exception as error:  # the run has to come to its end
        failure = _remembered(load.step, error)
        log.warning("flow run %s: %s", run.id, failure.message, exc_info=not isinstance(error, HeadwaterError))
        return failure
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Load:
    step: str
    run: Callable[[Workspace, str], StoreLoad]
    success: BatchEventCode
    failure: BatchEventCode


_LOADS = (
    _Load(step="load_identities", run=load_identities, success="ig_load_success", failure="ig_load_failure"),
    _Load(step="load_profiles", run=load_profiles, success="ps_load_success", failure="ps_load_failure"),
)
