"""A run is closed once, also where two come to close it: its task `finish`, and the next run or the doctor."""

from pathlib import Path

from headwater.flows import steps
from headwater.flows.context import unexpected
from headwater.flows.finish import _complete_run, close_run
from headwater.model.documents import Dataflow, RunRequest
from headwater.model.runs import FlowRunState
from tests.integration.shop import FLOW, open_shop


def test_the_second_to_close_a_run_leaves_the_firsts_verdict(tmp_path: Path) -> None:
    with open_shop(tmp_path, profile=True) as shop:
        shop.put("a.json", ("a1", "X"))
        flow = shop.workspace.catalog.resources.typed(Dataflow, FLOW)
        run_id = steps.discover(shop.workspace, flow, RunRequest(dag_run_id="d")).flow_run_id
        steps.ingest_group(shop.workspace, run_id, 0)
        steps.load_lake(shop.workspace, run_id)
        flow_runs = shop.workspace.catalog.flow_runs
        seen_open = flow_runs.get(run_id)
        first = close_run(shop.workspace, run_id)
        assert first.state is FlowRunState.SUCCESS
        flow_runs.set_step_error(run_id, "load_profiles", unexpected("load_profiles", TimeoutError()))

        assert _complete_run(shop.workspace, seen_open) is None

        after = flow_runs.get(run_id)
        assert (after.state, after.completed_at) == (FlowRunState.SUCCESS, first.completed_at)
        told = {event.code for event in shop.workspace.catalog.outbox.events(subject=run_id)}
        assert told == {"sources_flow_run_success"}
        assert close_run(shop.workspace, run_id).state is FlowRunState.SUCCESS
