"""A run killed at any point: the next run ends in the state that there would be if nothing had happened."""

import json
import signal

import pytest

from headwater.flows.run import run_dataflow
from headwater.model.documents import RunRequest
from headwater.model.runs import FileState
from tests.forks import run_apart
from tests.integration import killed_run
from tests.integration.installation import LOYALTY, PURCHASES, TENANT, Installation

POINTS = (
    "after discover",
    "while reading",
    "after ingest",
    "before commit",
    "after commit",
    "after load_lake",
    "after load_identities",
    "after load_profiles",
)


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_run_is_made_good_by_the_next(luma: Installation, point: str) -> None:
    luma.put_samples()
    killed = run_apart(killed_run.main, str(luma.workspace.settings.home), TENANT, PURCHASES, point)
    assert killed.exitcode == -signal.SIGKILL, killed.raised

    luma.run(PURCHASES)

    workspace = luma.workspace
    assert workspace.lake.count("luma_offline_purchase_events_dataset") == 1000
    assert workspace.profile_store.counts().events == 1000
    assert workspace.catalog.flow_runs.open_runs(PURCHASES) == []
    runs = workspace.catalog.flow_runs.latest(flow=PURCHASES)
    states = [file.state for run in runs for file in workspace.catalog.ledger.of_run(run.id)]
    assert states.count(FileState.LOADED) == 1
    assert FileState.CLAIMED not in states
    codes = [
        json.loads(request.body)["event"]["xdm:eventCode"]
        for request in luma.receiver.requests
        if request.method == "POST"
    ]
    assert [code for code in codes if code != "ing_load_failure"] == [
        "ing_load_success",
        "ig_load_success",
        "ps_load_success",
    ]


def test_an_interrupted_run_is_closed_before_it_ends(luma: Installation) -> None:
    luma.put_samples()

    def interrupt(_what: str, _amount: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_dataflow(luma.workspace, luma.flow(LOYALTY), RunRequest(), progress=interrupt)
    [run] = luma.workspace.catalog.flow_runs.latest(flow=LOYALTY)
    assert [error.message for error in run.errors] == ["interrupted"]
    assert luma.run(LOYALTY).counts.loaded == 1000
