import json
import re
from typing import Any

import httpx
import pytest

from tests.airflow.stack import Stack, wait_for
from tests.servers.pgp import PASSPHRASE, key_ring

pytestmark = pytest.mark.airflow

STEPS = {
    "discover",
    "ingest",
    "load_lake",
    "load_identities",
    "load_profiles",
    "notify.lake",
    "notify.identities",
    "notify.profiles",
    "finish",
}


def test_a_dataflow_that_is_switched_on_runs_and_tells(stack: Stack) -> None:
    run = stack.finished_run("luma-loyalty")

    assert run["state"] == "success"
    assert run["run_type"] == "scheduled"
    assert stack.task_states("luma-loyalty", run["dag_run_id"]) == dict.fromkeys(STEPS, "success")
    with stack.home.workspace() as workspace:
        assert workspace.lake.count("luma_loyalty_dataset") == 1000
        [flow_run] = workspace.catalog.flow_runs.latest(flow="luma-loyalty")
    assert flow_run.dag_run_id == run["dag_run_id"]
    assert run["note"].startswith("**Success**: 1 file, 1,000 records in, 1,000 loaded, 0 failed")
    assert f"{stack.url}/headwater/batches/{flow_run.batch_id}" in run["note"]
    _check_what_tasks_handed_on(stack, run["dag_run_id"], flow_run.batch_id)


def _check_what_tasks_handed_on(stack: Stack, run_id: str, batch_id: str | None) -> None:
    ingested = stack.api(f"/dags/luma-loyalty/dagRuns/{run_id}/taskInstances/ingest/listMapped")
    assert [task["rendered_map_index"] for task in ingested["task_instances"]] == ["group 0: 1 file, 1,000 records"]
    links = stack.api(f"/dags/luma-loyalty/dagRuns/{run_id}/taskInstances/load_lake/links")["extra_links"]
    assert links == {
        "Batch": f"{stack.url}/headwater/batches/{batch_id}",
        "Dataset": f"{stack.url}/headwater/datasets/luma_loyalty_dataset",
        "Flow run": links["Flow run"],
    }
    [event] = _loaded_events(stack)
    assert event["name"] == "headwater/luma_loyalty_dataset"
    assert {key: event["extra"][key] for key in ("batch_id", "read", "loaded", "failed")} == {
        "batch_id": batch_id,
        "read": 1000,
        "loaded": 1000,
        "failed": 0,
    }
    handed = stack.api(f"/dags/luma-loyalty/dagRuns/{run_id}/taskInstances/~/xcomEntries?limit=200")["xcom_entries"]
    assert {entry["key"] for entry in handed if not entry["key"].startswith("_link_")} == {
        "return_value",
        "discovery",
        "summary",
    }
    pools = {pool["name"]: pool["slots"] for pool in stack.api("/pools")["pools"]}
    assert pools["account_luma_sftp"] == 4


def test_a_run_that_failed_shows_as_failed_at_once_and_says_why(stack: Stack) -> None:
    run = stack.finished_run("luma-lost")

    assert run["state"] == "failed"
    states = stack.task_states("luma-lost", run["dag_run_id"])
    assert states["discover"] == states["finish"] == "failed"
    assert states["load_lake"] == "upstream_failed"
    tasks = stack.api(f"/dags/luma-lost/dagRuns/{run['dag_run_id']}/taskInstances")["task_instances"]
    assert {task["try_number"] for task in tasks if task["task_id"] in ("discover", "finish")} == {1}
    assert run["note"].startswith("**Failed**")
    assert "has no folder 'nowhere'" in run["note"]


def test_a_broken_document_is_one_import_error_and_hides_no_dag(stack: Stack) -> None:
    stack.finished_run("luma-loyalty")

    [error] = wait_for(lambda: stack.api("/importErrors")["import_errors"] or None, "the import error is there")
    assert error["filename"] == "headwater_documents.py"
    assert re.search(
        r"/luma-broken\.yaml:\d+: targt: unknown key `targt`; did you mean `target`\?", error["stack_trace"]
    )
    assert "Mend the file and save it" in error["stack_trace"]
    dags = {dag["dag_id"]: dag["has_import_errors"] for dag in stack.api("/dags")["dags"]}
    assert dags == {
        "arrivals": False,
        "arrivals-too": False,
        "headwater_deliveries": False,
        "headwater_maintenance": False,
        "luma-lost": False,
        "luma-loyalty": False,
    }


@pytest.mark.parametrize(
    ("conf", "message"),
    [
        ({"row_limit": 0}, "0 is less than the minimum of 1"),
        ({"reprocess": "perhaps"}, "'perhaps' is not of type 'boolean'"),
    ],
)
def test_a_run_with_a_wrong_parameter_is_refused_when_it_is_asked_for(
    stack: Stack, conf: dict[str, object], message: str
) -> None:
    stack.finished_run("luma-loyalty")
    with stack.client() as client:
        answer = client.post("/api/v2/dags/luma-loyalty/dagRuns", json={"logical_date": None, "conf": conf})

    assert answer.status_code == 400
    assert message in answer.text


def test_a_run_by_hand_may_only_check(stack: Stack) -> None:
    stack.finished_run("luma-loyalty")
    with stack.client() as client:
        answer = client.post(
            "/api/v2/dags/luma-loyalty/dagRuns",
            json={"logical_date": None, "conf": {"reprocess": True, "row_limit": 5}},
        )
    run = stack.finished_run("luma-loyalty", answer.raise_for_status().json()["dag_run_id"])

    assert run["state"] == "success"
    states = stack.task_states("luma-loyalty", run["dag_run_id"])
    assert {task for task, state in states.items() if state == "success"} == {"discover", "ingest", "finish"}
    assert "5 records in" in run["note"]
    assert len(_loaded_events(stack)) == 1


def test_our_pages_are_for_signed_in_people_with_the_right_role(stack: Stack) -> None:
    stack.finished_run("luma-loyalty")
    with stack.client(user=None) as nobody, stack.client("ada") as admin, stack.client("vera") as viewer:
        page = "/headwater/datasets/luma_loyalty_dataset"
        refused = nobody.get(page)
        sent_to_login = nobody.get(page, headers={"Accept": "text/html"})
        forged = nobody.get(page, headers={"Authorization": "Bearer abc"})

        assert refused.status_code == forged.status_code == 401
        assert sent_to_login.status_code == 303
        assert sent_to_login.headers["Location"].startswith("/auth/login?next=")
        for static in ("/headwater/static/headwater.css", "/headwater/profiles", "/headwater/"):
            assert nobody.get(static).status_code == 401
        assert "person.name.firstName" in _html(admin, page)
        assert "which your role does not allow you to see" in _html(viewer, page)
        assert viewer.get("/headwater/profiles").status_code == 403
        assert (
            "Daniel"
            in admin.post(
                "/headwater/profiles",
                data={"namespace": "lumaLoyaltyId", "value": "5625458"},
                headers={"Accept": "text/html"},
            ).text
        )


def test_the_menu_leads_to_our_pages(stack: Stack) -> None:
    views = {
        view["name"]: view["href"] for plugin in stack.api("/plugins")["plugins"] for view in plugin["external_views"]
    }

    assert views == {
        "Datasets": "/headwater/",
        "Flow runs": "/headwater/flow-runs",
        "Profiles": "/headwater/profiles",
    }
    assert stack.api("/plugins/importErrors")["import_errors"] == []


def test_a_connection_can_be_tested_from_its_form(stack: Stack) -> None:
    body = {"connection_id": "share", "conn_type": "headwater_local"}
    with stack.client() as client:
        good = client.post(
            "/api/v2/connections/test",
            json={**body, "extra": f'{{"root_path": "{stack.home.outbox.parent}"}}'},
        ).json()
        bad = client.post("/api/v2/connections/test", json={**body, "extra": '{"root": "/"}'}).json()

    assert good["status"] is True
    assert "is there" in good["message"]
    assert bad["status"] is False
    assert "`root` is not a field" in bad["message"]


def test_keys_can_be_tested_from_their_form(stack: Stack) -> None:
    with key_ring() as keys, stack.client() as client:
        extra = {"private_key": keys.us.private_key, "passphrase": PASSPHRASE}
        good, bad = (
            client.post(
                "/api/v2/connections/test",
                json={"connection_id": "keys", "conn_type": "headwater_pgp", "extra": json.dumps(each)},
            ).json()
            for each in (extra, extra | {"passphrase": "wrong"})
        )

    assert good["status"] is True
    assert keys.us.fingerprint in good["message"]
    assert "the passphrase opens it" in good["message"]
    assert bad["status"] is False
    assert "its `passphrase` is wrong" in bad["message"]


def _loaded_events(stack: Stack) -> list[dict[str, Any]]:
    """What was told of anything but the arrivals, which `test_arrivals.py` is about."""
    events = stack.api("/assets/events")["asset_events"]
    return [event for event in events if "arrivals" not in event["name"]]


def _html(client: httpx.Client, path: str) -> str:
    return client.get(path, headers={"Accept": "text/html"}).raise_for_status().text
