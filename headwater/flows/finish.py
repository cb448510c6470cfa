"""The last step, which always runs: bring the batch to an end, give back files, say how it went."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from headwater.catalog.base import utc_now
from headwater.catalog.catalog import Stores
from headwater.catalog.outbox import Selection
from headwater.errors import HeadwaterError, NotFoundError
from headwater.flows.context import PROCESSING_FAILED, RunContext, open_context
from headwater.flows.events import batch_event, flow_run_event
from headwater.flows.load import (
    StoreLoad,
    goes_to_profile,
    load_identities,
    load_profiles,
    rejected_summary,
    settle_dry_run,
    settle_success,
)
from headwater.flows.notifications import deliver_due, enqueue
from headwater.flows.workspace import Workspace
from headwater.model.runs import BatchStatus, ErrorSummary, FlowRun, FlowRunState
from headwater.notify.events import BatchEventCode

log = logging.getLogger(__name__)


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
    deliver_due(workspace, Selection(flow=run.flow))
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
    lake has not is failed and its files are given back.
    """
    flow_runs = workspace.catalog.flow_runs
    run = flow_runs.get(flow_run_id)
    if run.completed_at is not None:
        return run
    if run.batch_id is not None:
        _complete_batch(workspace, run, failure)
    elif failure is not None and not run.errors:
        flow_runs.set_step_error(run.id, "discover", _unexplained("discover", failure))
    run = flow_runs.get(flow_run_id)
    with workspace.catalog.transaction() as stores:
        if run.batch_id is None or stores.batches.get(run.batch_id).status is not BatchStatus.SUCCESS:
            stores.ledger.release(run.id)
        now = utc_now()
        stores.flow_runs.complete(run.id, _final_state(stores, run), completed_at=now)
        closed = stores.flow_runs.get(run.id)
        flow, request = stores.flow_runs.document(run.id)
        if request.loads:
            batch = stores.batches.get(run.batch_id) if run.batch_id is not None else None
            enqueue(stores, flow_run_event(workspace.settings, closed, batch, now=now), flow)
    return closed


def _unexplained(step: str, failure: str) -> ErrorSummary:
    return ErrorSummary(code=PROCESSING_FAILED, message=failure, step=step)


def _final_state(stores: Stores, run: FlowRun) -> FlowRunState:
    if run.errors:
        return FlowRunState.FAILED
    if run.batch_id is None:
        return FlowRunState.NO_NEW_DATA
    return FlowRunState.SUCCESS if stores.batches.get(run.batch_id).files else FlowRunState.NO_NEW_DATA


def _complete_batch(workspace: Workspace, run: FlowRun, failure: str | None) -> None:
    batches = workspace.catalog.batches
    batch = batches.get(str(run.batch_id))
    if batch.status in (BatchStatus.FAILED, BatchStatus.ABORTED):
        return
    try:
        context = open_context(workspace, run.id)
    except HeadwaterError as error:
        workspace.catalog.flow_runs.set_step_error(run.id, "finish", _unexplained("finish", str(error)))
        return
    if not context.request.loads and failure is None and not context.run.errors:
        settle_dry_run(workspace, batch)
        return
    if batch.status is not BatchStatus.SUCCESS:
        snapshot_id = (
            workspace.lake.find_commit(batch.dataset, batch.id) if batch.status is BatchStatus.STAGED else None
        )
        if snapshot_id is None:
            _fail_batch(workspace, context, failure)
            return
        with workspace.catalog.transaction() as stores:
            settle_success(workspace, stores, context, snapshot_id)
    _complete_loads(workspace, context)


def _fail_batch(workspace: Workspace, context: RunContext, failure: str | None) -> None:
    catalog = workspace.catalog
    if not context.run.errors:
        reason = failure or "the run ended before its batch was committed"
        catalog.flow_runs.set_step_error(context.run.id, "load_lake", _unexplained("load_lake", reason))
    staged = catalog.batches.staged_files(context.batch_id)
    now = utc_now()
    with catalog.transaction() as stores:
        run = stores.flow_runs.get(context.run.id)
        batch = stores.batches.get(context.batch_id)
        errors = (*rejected_summary(stores, batch), *run.errors)
        stores.batches.forget_staged(batch.id)
        stores.batches.settle(batch.id, BatchStatus.FAILED, completed_at=now, errors=errors)
        if context.request.loads:
            failed = stores.batches.get(batch.id)
            event = batch_event(workspace.settings, "ing_load_failure", failed, context.flow, now=now)
            enqueue(stores, event, context.flow)
    workspace.lake.discard(staged)


def _complete_loads(workspace: Workspace, context: RunContext) -> None:
    """Load what a kill left out; a load that failed by itself is told, and can be repeated by its task."""
    if not goes_to_profile(context):
        return
    for load in _LOADS:
        if load.success in {event.code for event in workspace.catalog.outbox.events(subject=context.batch_id)}:
            continue
        if not any(error.step == load.step for error in context.run.errors):
            log.info("flow run %s: step %s did not run; running it now", context.run.id, load.step)
            load.run(workspace, context.run.id)
            continue
        with workspace.catalog.transaction() as stores:
            batch = stores.batches.get(context.batch_id)
            event = batch_event(workspace.settings, load.failure, batch, context.flow, now=utc_now())
            enqueue(stores, event, context.flow)


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
