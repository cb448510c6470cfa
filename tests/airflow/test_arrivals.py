"""Dataflows that run when files arrive, under a real triggerer and scheduler."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.data import sample_data
from tests.airflow.home import prepare_home
from tests.airflow.stack import Stack, airflow_stack, wait_for

pytestmark = pytest.mark.airflow

FLOW = "loyalty-arrivals"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """An Airflow of its own: others count the runs and assets of theirs."""
    with airflow_stack(prepare_home(tmp_path / "stack")) as stack:
        yield stack


def test_a_file_that_arrives_starts_one_run(stack: Stack) -> None:
    people = sample_data().loyalty
    stack.home.put("arrivals-1.json", json.dumps(people[0]))
    stack.home.write_flow(
        FLOW,
        **{
            'files: "luma-loyalty*.json*"': 'files: "arrivals-*.json"',
            "{frequency: once}": "{on_arrival: true, poll_seconds: 1}",
        },
    )
    first = wait_for(lambda: _ended(stack, 1), "the file that was there started a run")
    stack.home.put("arrivals-2.json", json.dumps(people[1]))
    second = wait_for(lambda: _ended(stack, 2), "the file that came started a run")
    assert [run["run_type"] for run in second] == ["asset_triggered"] * 2
    assert {run["state"] for run in second} == {"success"}
    assert first[0]["dag_run_id"] in {run["dag_run_id"] for run in second}
    with stack.home.workspace() as workspace:
        runs = workspace.catalog.flow_runs.latest(flow=FLOW)
    assert [(run.files, run.counts.loaded, run.trigger) for run in runs] == [(1, 1, "asset")] * 2


def _ended(stack: Stack, count: int) -> list[dict[str, object]] | None:
    runs = (
        [run for run in stack.api(f"/dags/{FLOW}/dagRuns")["dag_runs"] if run["state"] in ("success", "failed")]
        if any(dag["dag_id"] == FLOW for dag in stack.api("/dags")["dags"])
        else []
    )
    return runs if len(runs) >= count else None
