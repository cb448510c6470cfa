import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from demo.data import products_with_altered_headings, purchases_with_broken_line
from headwater.model.documents import MergePolicy
from headwater.model.runs import BatchStatus, FlowRunState
from tests.airflow.environment import REPOSITORY
from tests.airflow.home import Home, migrate_database, prepare_home
from tests.samples import sample_of_few_days

pytestmark = pytest.mark.airflow

PROGRAM = Path(__file__).with_name("run_dags.py")
STEPS = (
    "discover",
    "ingest",
    "load_lake",
    "load_identities",
    "load_profiles",
    "notify.lake",
    "notify.identities",
    "notify.profiles",
    "finish",
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = prepare_home(tmp_path)
    migrate_database(home)
    return home


def run_dags(home: Home, *runs: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    arguments = [text for dag_id, conf in runs for text in (dag_id, json.dumps(conf))]
    done = subprocess.run(  # noqa: S603 (the tests' own command)
        [sys.executable, PROGRAM, *arguments],
        env={**home.variables, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
        timeout=540,
    )
    results = [json.loads(line[7:]) for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert len(results) == len(runs), done.stdout[-3000:] + done.stderr[-3000:]
    return results


def test_a_dataflow_runs_as_a_dag_from_files_to_profiles_and_shows_its_failures(home: Home) -> None:
    home.write_flow("luma-loyalty")
    home.write_flow(
        "luma-strict", **{"luma-loyalty*.json*": "bad*.json", "partial_ingestion: {threshold_percent: 5}": ""}
    )
    home.put("bad.json", '[{"loyalty": {"points": "many"}}]')
    home.write_flow("luma-lost", **{"path: /outbox": "path: /nowhere"})

    checked, loaded, again, strict, lost, wrong = run_dags(
        home,
        ("luma-loyalty", {"row_limit": 10}),
        ("luma-loyalty", {}),
        ("luma-loyalty", {}),
        ("luma-strict", {}),
        ("luma-lost", {}),
        ("luma-loyalty", {"from": "2026-11-02T00:00:00Z", "to": "2026-11-01T00:00:00Z"}),
    )

    assert checked["state"] == "success"
    assert checked["tasks"] == dict.fromkeys(STEPS, "skipped") | {
        "discover": "success",
        "ingest": "success",
        "finish": "success",
    }
    assert loaded["state"] == "success"
    assert loaded["tasks"] == dict.fromkeys(STEPS, "success")
    assert again["state"] == "success"
    assert again["tasks"] == dict.fromkeys(STEPS, "skipped") | {"discover": "success", "finish": "success"}

    assert strict["state"] == "failed"
    assert strict["tasks"]["load_lake"] == strict["tasks"]["finish"] == "failed"
    assert strict["tasks"]["load_profiles"] == "upstream_failed"
    assert lost["state"] == "failed"
    assert lost["tasks"]["discover"] == lost["tasks"]["finish"] == "failed"
    assert wrong["state"] == "failed"

    with home.workspace() as workspace:
        assert workspace.lake.count("luma_loyalty_dataset") == 1000
        assert workspace.profile_store.counts().profiles == 1000
        runs = workspace.catalog.flow_runs.latest(flow="luma-loyalty")
        assert [run.state for run in runs] == [FlowRunState.NO_NEW_DATA, FlowRunState.SUCCESS, FlowRunState.SUCCESS]
        [failed] = workspace.catalog.flow_runs.latest(flow="luma-strict")
        assert failed.state is FlowRunState.FAILED
        assert failed.batch_id is not None
        assert workspace.catalog.batches.get(failed.batch_id).status is BatchStatus.FAILED
        assert "1 of 1 records of batch" in failed.errors[0].message
        [lost_run] = workspace.catalog.flow_runs.latest(flow="luma-lost")
        assert "has no folder 'nowhere'" in lost_run.errors[0].message


def test_the_worked_examples_acceptance_list_holds_under_airflow(home: Home) -> None:
    """The list of luma-tutorial.md, section 7, as Dag runs; `tests/integration/test_luma.py` has it in process."""
    data = sample_of_few_days()
    for name in ("luma-loyalty", "luma-crm", "luma-products", "luma-offline-purchases"):
        home.write_flow(name, like=name)
    home.write_flow("altered", like="luma-products", **{"luma-products*.csv*": "altered*.csv"})
    home.put("altered.csv", products_with_altered_headings(data).decode())
    home.write_flow("broken", like="luma-offline-purchases", **{"luma-offline-purchases*.json*": "broken*.json"})
    home.put("broken.json", purchases_with_broken_line(data).decode())

    names = ("luma-loyalty", "luma-crm", "luma-products", "luma-offline-purchases")
    *loaded, again, altered, broken = run_dags(
        home, *((name, {}) for name in names), ("luma-loyalty", {}), ("altered", {}), ("broken", {})
    )

    assert [result["state"] for result in loaded] == ["success"] * 4
    assert again["tasks"]["load_lake"] == "skipped"
    assert (altered["state"], broken["state"]) == ("failed", "success")
    with home.workspace() as workspace:
        runs = {run.flow: run for run in workspace.catalog.flow_runs.latest() if run.batch_id is not None}
        counts = {name: (run.counts.read, run.counts.loaded) for name, run in runs.items()}
        assert counts == dict.fromkeys(names, (1000, 1000)) | {
            "luma-products": (92, 92),
            "altered": (0, 0),
            "broken": (1000, 999),
        }
        assert "altered.csv" in runs["altered"].errors[0].message
        [row] = workspace.diagnostics.read(str(runs["broken"].batch_id))
        assert (row["_filename"].endswith("broken.json"), row["_errors"][0]["code"]) == (True, "1401")
        assert workspace.profile_store.counts().profiles == data.people
        assert workspace.profile_store.counts().lookup_entities == 92
        graph = workspace.profile_store.identity_graph("lumaLoyaltyId", "5625458")
        assert graph is not None
        assert len(graph.identities) == 2
        found = {
            policy: workspace.profile_store.look_up(
                "lumaCrmId",
                "112ca06ed53d3db37e4cea49cc45b71e",
                workspace.catalog.resources.typed(MergePolicy, policy),
            )
            for policy in ("default", "loyalty_prioritized", "loyalty_only")
        }
        first_names = {name: one and one.attributes["person"]["name"]["firstName"] for name, one in found.items()}
        assert first_names == {"default": "Danny", "loyalty_prioritized": "Daniel", "loyalty_only": None}
