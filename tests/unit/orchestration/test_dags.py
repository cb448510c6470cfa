import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, CronTriggerTimetable, TriggerRule
from airflow.serialization.encoders import encode_trigger
from airflow.triggers.base import BaseEventTrigger
from pydantic import ValidationError

from headwater.model.documents import Dataflow
from headwater.orchestration import dataflow_dag, load_dags
from headwater.orchestration.arrivals import ArrivalTrigger, arrival_asset
from headwater.orchestration.dags import deliveries_dag, maintenance_dag
from headwater.orchestration.timetable import AnchoredTimetable
from tests.airflow.environment import REPOSITORY, airflow_variables, plain_environment

EXAMPLES = REPOSITORY / "examples" / "luma" / "dataflows"


def dataflow(**changes: object) -> Dataflow:
    document: dict[str, object] = {
        "kind": "dataflow",
        "name": "purchases",
        "source": {"account": "partner", "path": "/out"},
        "target": {"dataset": "purchases"},
        "schedule": {"frequency": "once"},
    }
    return Dataflow.from_json(document | changes)


@pytest.fixture(scope="module")
def dag() -> DAG:
    return dataflow_dag(dataflow())


def test_the_tasks_are_the_steps_in_their_order(dag: DAG) -> None:
    assert list(dag.task_ids) == [
        "discover",
        "ingest",
        "load_lake",
        "load_identities",
        "load_profiles",
        "notify.lake",
        "notify.identities",
        "notify.profiles",
        "finish",
    ]


def test_each_step_waits_for_the_one_before(dag: DAG) -> None:
    upstream = {task.task_id: task.upstream_task_ids for task in dag.tasks}

    assert upstream == {
        "discover": set(),
        "ingest": {"discover"},
        "load_lake": {"ingest"},
        "load_identities": {"load_lake"},
        "load_profiles": {"load_identities"},
        "notify.lake": {"load_lake"},
        "notify.identities": {"load_identities", "notify.lake"},
        "notify.profiles": {"load_profiles", "notify.identities"},
        "finish": {"discover", "ingest", "load_lake", "load_identities", "load_profiles", "notify.profiles"},
    }


def test_finish_runs_whatever_happened_and_alone_decides_the_runs_state(dag: DAG) -> None:
    assert dag.get_task("finish").trigger_rule == TriggerRule.ALL_DONE
    assert [task.task_id for task in dag.tasks if not task.downstream_task_ids] == ["finish"]


def test_ingest_is_mapped_over_the_groups(dag: DAG) -> None:
    assert [task.task_id for task in dag.tasks if task.is_mapped] == ["ingest"]


def test_only_tasks_that_read_the_source_use_the_accounts_pool(dag: DAG) -> None:
    pools = {task.task_id: task.pool for task in dag.tasks}

    assert {task for task, pool in pools.items() if pool == "account_partner"} == {"discover", "ingest"}
    assert {pool for task, pool in pools.items() if task not in ("discover", "ingest")} == {"default_pool"}


def test_the_lake_load_updates_the_datasets_asset(dag: DAG) -> None:
    outlets = {task.task_id: [asset.name for asset in task.outlets] for task in dag.tasks if task.outlets}

    assert outlets == {"load_lake": ["headwater/purchases"]}


def test_every_task_retries_twice_at_most_with_growing_pauses(dag: DAG) -> None:
    assert {task.retries for task in dag.tasks} == {2}
    assert {task.retry_delay for task in dag.tasks} == {timedelta(seconds=30)}
    assert all(task.has_retry_policy for task in dag.tasks if not task.is_mapped)


def test_missed_ticks_do_not_pile_up_and_runs_do_not_overlap(dag: DAG) -> None:
    assert dag.catchup is False
    assert dag.max_active_runs == 1


@pytest.mark.parametrize("enabled", [True, False])
def test_a_disabled_dataflow_starts_paused(enabled: bool) -> None:
    assert dataflow_dag(dataflow(enabled=enabled)).is_paused_upon_creation is not enabled


@pytest.mark.parametrize(
    ("schedule", "summary"),
    [
        ({"frequency": "minute", "interval": 15}, "every 15 minutes"),
        ({"frequency": "hour", "interval": 6}, "every 6 hours"),
        ({"frequency": "day"}, "every day"),
        ({"frequency": "week", "interval": 2}, "every 2 weeks"),
    ],
)
def test_frequencies_become_anchored_ticks(schedule: dict[str, Any], summary: str) -> None:
    start = "2026-11-01T02:00:00Z"
    made = dataflow_dag(dataflow(schedule=schedule | {"start": start}))

    assert isinstance(made.timetable, AnchoredTimetable)
    assert made.timetable.summary == summary
    assert made.start_date is not None
    assert made.start_date.isoformat() == "2026-11-01T02:00:00+00:00"


def test_once_and_cron_are_airflows_own() -> None:
    assert type(dataflow_dag(dataflow()).timetable).__name__ == "OnceTimetable"
    cron = dataflow_dag(dataflow(schedule={"cron": "0 2 * * *"})).timetable
    assert (type(cron).__name__, str(getattr(cron, "expression", ""))) == ("CronDataIntervalTimetable", "0 2 * * *")


def test_the_examples_load() -> None:
    assert sorted(load_dags([EXAMPLES])) == ["luma-crm", "luma-loyalty", "luma-offline-purchases", "luma-products"]


def test_the_how_tos_example_makes_its_dags() -> None:
    page = (REPOSITORY / "docs" / "how-to" / "author-a-dataflow-in-python.md").read_text()
    example = page.split("```python\n")[1].split("```")[0]
    names: dict[str, Any] = {}
    exec(example, names)  # noqa: S102 (our own page)

    made = sorted(name for name, value in names.items() if isinstance(value, DAG))
    assert made == ["purchases-basel", "purchases-graz", "purchases-porto"]


def test_the_reference_names_every_task_and_file() -> None:
    page = (REPOSITORY / "docs" / "reference" / "dag.md").read_text()

    for name in (*dataflow_dag(dataflow()).task_ids, *(file.name for file in (REPOSITORY / "dags").glob("*.py"))):
        assert f"`{name}`" in page, name


def test_missing_files_are_looked_for_before_notifications_are_tried_again() -> None:
    dag = deliveries_dag()

    assert (set(dag.task_ids), dag.catchup, dag.max_active_runs) == ({"check_expectations", "deliver_due"}, False, 1)
    assert dag.schedule == CronTriggerTimetable("* * * * *", timezone="UTC")
    deliver = dag.get_task("deliver_due")
    assert (deliver.upstream_task_ids, deliver.trigger_rule) == ({"check_expectations"}, TriggerRule.ALL_DONE)


def watching(**source: object) -> ArrivalTrigger:
    """The trigger of a dataflow that runs on arrival."""
    schedule = {"on_arrival": True, "poll_seconds": 5}
    flow = dataflow(schedule=schedule, source={"account": "partner", "path": "/out", **source})
    [watcher] = arrival_asset(flow).watchers
    assert isinstance(watcher.trigger, ArrivalTrigger)
    return watcher.trigger


def test_a_dataflow_that_runs_on_arrival_watches_its_files() -> None:
    first, other = watching(files="*.csv"), watching(files="*.json")
    assert first.shared_stream_key() == other.shared_stream_key(), "one look at the folder serves both"
    assert first.shared_stream_key() != watching(path="/elsewhere").shared_stream_key()
    classpath, arguments = first.serialize()
    assert classpath == "headwater.orchestration.arrivals.ArrivalTrigger"
    assert ArrivalTrigger(**arguments).serialize() == first.serialize()
    _, guarded = watching(ready={"marker": "{file}.ok", "manifest": "SUMS"}).serialize()
    assert (guarded["marker"], guarded["manifest"]) == ("{file}.ok", "SUMS")


def test_without_backfill_files_from_before_the_start_are_not_watched() -> None:
    schedule = {"on_arrival": True, "start": "2026-11-20T00:00:00Z", "backfill": False}
    [watcher] = arrival_asset(dataflow(schedule=schedule)).watchers
    assert watcher.trigger.serialize()[1]["since"] == "2026-11-20T00:00:00+00:00"
    with pytest.raises(ValidationError, match="`on_arrival` with `backfill: false` needs `start`"):
        dataflow(schedule={"on_arrival": True, "backfill": False})


def test_dataflows_with_the_same_source_have_triggers_of_their_own() -> None:
    schedule = {"on_arrival": True}
    flows = [dataflow(name=name, schedule=schedule, target={"dataset": name}) for name in ("crm", "events")]
    first, second = (watcher.trigger for flow in flows for watcher in arrival_asset(flow).watchers)
    assert isinstance(first, ArrivalTrigger)
    assert isinstance(second, ArrivalTrigger)
    hashes = {BaseEventTrigger.hash(**encode_trigger(trigger)) for trigger in (first, second)}
    assert len(hashes) == 2, "Airflow would make one trigger of both, which neither dataflow's state store fits"
    assert first.shared_stream_key() == second.shared_stream_key()


def test_the_lake_is_maintained_every_night() -> None:
    dag = maintenance_dag()

    assert (dag.catchup, dag.max_active_runs) == (False, 1)
    assert list(dag.task_ids) == ["maintain_lake", "expire_events", "forget_history"]
    forget = dag.get_task("forget_history")
    assert (forget.upstream_task_ids, forget.trigger_rule) == ({"expire_events"}, TriggerRule.ALL_DONE)


def test_parsing_a_hundred_dataflows_imports_nothing_that_reads_or_connects(tmp_path: Path) -> None:
    text = (EXAMPLES / "luma-loyalty.yaml").read_text()
    for number in range(100):
        (tmp_path / f"flow-{number}.yaml").write_text(text.replace("luma-loyalty", f"flow-{number}", 1))
    script = (
        "import runpy, socket, sqlite3, sys\n"
        "import airflow.sdk\n"
        "from airflow.sdk import DAG, BaseOperator, Param\n"
        "before = set(sys.modules)\n"
        "def refuse(*_): raise AssertionError('the parse opened a connection')\n"
        "socket.socket.connect = sqlite3.connect = refuse\n"
        "found = runpy.run_path(sys.argv[1])\n"
        "print(sum(isinstance(value, DAG) for value in found.values()))\n"
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before}))\n"
        "print(*sorted(name for name in sys.modules if name.startswith('headwater.') and name.count('.') == 1))\n"
    )
    done = subprocess.run(  # noqa: S603 (the tests' own command)
        [sys.executable, "-c", script, str(REPOSITORY / "dags" / "headwater_dataflows.py")],
        env={**plain_environment(), **airflow_variables(tmp_path), "HEADWATER_FLOWS": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    count, packages, rooms = done.stdout.splitlines()[-3:]

    assert count == "100"
    assert not {"pyarrow", "pyiceberg", "paramiko", "boto3", "duckdb", "msgspec", "fastapi"} & set(packages.split())
    assert rooms.split() == ["headwater.errors", "headwater.model", "headwater.orchestration", "headwater.settings"]


def test_a_worker_gets_only_the_dag_that_it_runs(tmp_path: Path) -> None:
    script = "from headwater.orchestration import load_dags; print(*load_dags())"
    done = subprocess.run(  # noqa: S603 (the tests' own command)
        [sys.executable, "-c", script],
        env={
            **plain_environment(),
            **airflow_variables(tmp_path),
            "HEADWATER_FLOWS": str(EXAMPLES),
            "_AIRFLOW_PARSING_CONTEXT_DAG_ID": "luma-crm",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.stdout.splitlines()[-1:] == ["luma-crm"], done.stderr
