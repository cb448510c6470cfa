"""Dataflows that run when files arrive, under a real triggerer and scheduler."""

import json

import pytest

from demo.data import sample_data
from headwater.flows.begin import begin_run
from headwater.model.documents import RunRequest
from headwater.model.runs import FlowRunState
from headwater.orchestration.documents import read_documents
from tests.airflow.stack import Stack, wait_for

pytestmark = pytest.mark.airflow

FLOW, OTHER = "arrivals", "arrivals-too"
GONE = "a Dag run that is gone"


def test_a_file_that_arrives_starts_one_run_of_each_dataflow_that_takes_it(stack: Stack) -> None:
    people = sample_data().loyalty
    stack.home.put("arrivals-1.json", json.dumps(people[0]))
    first = wait_for(lambda: _ended(stack, FLOW, 1), "the file that was there started a run")
    wait_for(lambda: _ended(stack, OTHER, 1), "the file that was there started a run of the other dataflow")
    _begin_run_that_nobody_ends(stack)
    stack.home.put("arrivals-2.json", json.dumps(people[1]))
    second = wait_for(lambda: _ended(stack, FLOW, 2), "the file that came started a run")
    assert [run["run_type"] for run in second] == ["asset_triggered"] * 2
    assert {run["state"] for run in second} == {"success"}
    assert first[0]["dag_run_id"] in {run["dag_run_id"] for run in second}
    with stack.home.workspace() as workspace:
        runs = workspace.catalog.flow_runs.latest(flow=FLOW)
    [gone] = [run for run in runs if run.dag_run_id == GONE]
    assert gone.state is FlowRunState.FAILED, "Airflow was asked, and does not know its Dag run"
    taken = [(run.files, run.counts.loaded, run.trigger) for run in runs if run is not gone]
    assert taken == [(1, 1, "asset")] * 2


def _begin_run_that_nobody_ends(stack: Stack) -> None:
    [flow] = [found.flow for found in read_documents([stack.home.flows]).flows if found.flow.name == FLOW]
    with stack.home.workspace() as workspace:
        begin_run(workspace, flow, RunRequest(dag_run_id=GONE))


def _ended(stack: Stack, flow: str, count: int) -> list[dict[str, object]] | None:
    runs = (
        [run for run in stack.api(f"/dags/{flow}/dagRuns")["dag_runs"] if run["state"] in ("success", "failed")]
        if any(dag["dag_id"] == flow for dag in stack.api("/dags")["dags"])
        else []
    )
    return runs if len(runs) >= count else None
