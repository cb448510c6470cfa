"""How a flow run begins: runs of the same dataflow that died are closed first."""

import logging
from datetime import datetime

from ulid import ULID

from headwater.catalog.base import utc_now
from headwater.flows.finish import close_run
from headwater.flows.heartbeat import lease
from headwater.flows.processes import has_ended, this_process
from headwater.flows.workspace import Workspace
from headwater.model.documents import Dataflow, RunRequest
from headwater.model.runs import FlowRun, FlowRunState

log = logging.getLogger(__name__)


def begin_run(workspace: Workspace, flow: Dataflow, request: RunRequest) -> str:
    """Close runs of the dataflow that died, so that what they held is free again, and open a new one.

    A Dag run that tries again before it took any file goes on with the flow run that it has.

    Returns:
        The flow run's id.
    """
    flow_runs = workspace.catalog.flow_runs
    for run_id, holder, lease_until in flow_runs.open_runs(flow.name):
        same_dag_run = request.dag_run_id is not None and holder == _holder(request)
        if same_dag_run and flow_runs.get(run_id).batch_id is None:
            flow_runs.reuse(run_id, flow, request)
            return run_id
        if same_dag_run or _has_died(workspace, flow.name, holder, lease_until):
            log.warning("flow run %s of %s died; closing it", run_id, flow.name)
            close_run(workspace, run_id, failure="the run died before it was finished")
    run = FlowRun(
        id=str(ULID()),
        flow=flow.name,
        dataset=flow.target.dataset,
        state=FlowRunState.IN_PROGRESS,
        trigger=request.trigger,
        dag_run_id=request.dag_run_id,
        batch_id=None,
        window_start=request.window_start,
        window_end=request.window_end,
        started_at=utc_now(),
        completed_at=None,
    )
    flow_runs.start(run, flow, request, holder=_holder(request), lease=lease(workspace))
    return run.id


def _holder(request: RunRequest) -> str:
    """Who works on a run: a Dag run, whose tasks are many processes, or this process."""
    if request.dag_run_id is not None:
        return f"dag:{request.dag_run_id}"
    return this_process()


def _has_died(workspace: Workspace, flow: str, holder: str, lease_until: datetime) -> bool:
    """Whether nobody works on the run any more. Of a Dag run Airflow knows, however long its tasks are in a queue."""
    kind, _, dag_run_id = holder.partition(":")
    if kind == "dag" and workspace.dag_runs is not None:
        ended = workspace.dag_runs.has_ended(flow, dag_run_id)
        if ended is not None:
            return ended
    return is_dead(holder, lease_until)


def is_dead(holder: str, lease_until: datetime) -> bool:
    """Whether nobody works on the run any more: its process is gone, or its lease has run out."""
    ended = has_ended(holder)
    return ended if ended is not None else lease_until < utc_now()
