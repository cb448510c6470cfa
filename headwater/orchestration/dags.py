"""The Dag factory: one dataflow document, one Dag. Parsing touches neither network nor database."""

from collections.abc import Collection
from pathlib import Path
from typing import Final

from airflow.sdk import DAG, Asset, CronTriggerTimetable, TaskGroup, TriggerRule, get_parsing_context
from airflow.sdk.definitions.param import ParamsDict

from headwater.model.documents import Dataflow
from headwater.orchestration.documents import read_documents
from headwater.orchestration.names import DISCOVER, FINISH, account_pool
from headwater.orchestration.operators import (
    CheckExpectationsOperator,
    DeliverDueOperator,
    DiscoverOperator,
    ExpireEventsOperator,
    FinishOperator,
    ForgetHistoryOperator,
    IngestOperator,
    LoadIdentitiesOperator,
    LoadLakeOperator,
    LoadProfilesOperator,
    MaintainLakeOperator,
    NotifyOperator,
)
from headwater.orchestration.params import run_params
from headwater.orchestration.retries import RETRY_ARGUMENTS, RetryIfRetryable
from headwater.orchestration.schedules import airflow_schedule
from headwater.settings import Settings

TAG: Final = "headwater"


def load_dags(folders: Collection[Path] | None = None) -> dict[str, DAG]:
    """A Dag for every dataflow document that can be read, by Dag id, which is the dataflow's name.

    Broken documents are left out here and reported by `check_documents`. A worker that runs a task gets the one Dag
    that it needs.

    Args:
        folders: Where the documents are; None for the folders that the settings name.
    """
    searched = Settings.load().flow_folders if folders is None else tuple(folders)
    wanted = get_parsing_context().dag_id
    documents = read_documents(searched, only=wanted)
    return {found.flow.name: dataflow_dag(found.flow) for found in documents.flows if wanted in (None, found.flow.name)}


def dataset_asset(dataset: str) -> Asset:
    """The asset that is updated when a batch has landed in the dataset."""
    return Asset(name=f"headwater/{dataset}", uri=f"headwater://datasets/{dataset}", group="headwater")


def dataflow_dag(flow: Dataflow) -> DAG:
    """The Dag of a dataflow; at most one run at a time, each run one flow run and at most one batch.

    `catchup` is off: a missed tick brings no run of its own, since the next one takes every file that is new. Whether
    the first run takes files that are older than the dataflow is `schedule.backfill`, which the flow run looks at.
    """
    with DAG(
        dag_id=flow.name,
        dag_display_name=flow.title or flow.name,
        description=flow.description,
        doc_md=_describe(flow),
        schedule=airflow_schedule(flow),
        start_date=flow.schedule.start,
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=not flow.enabled,
        tags=[TAG, f"account:{flow.source.account}"[:100], f"dataset:{flow.target.dataset}"[:100]],
        default_args={"owner": TAG, "retry_policy": RetryIfRetryable(), **RETRY_ARGUMENTS},
    ) as dag:
        _add_tasks(flow)
    # Not in the call above: Airflow would copy the form into each task, which takes half the time of parsing.
    dag.params = ParamsDict(run_params(flow))
    return dag


def deliveries_dag() -> DAG:
    """The Dag that tells of files that did not come, and tries notifications again; every minute.

    The first retry of a delivery is due a minute after it failed.
    """
    with DAG(
        dag_id="headwater_deliveries",
        dag_display_name="Headwater: deliver due notifications",
        description="Tells of files that did not come when they were due, and tries notifications again that could "
        "not be delivered.",
        schedule=CronTriggerTimetable("* * * * *", timezone="UTC"),
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        tags=[TAG],
        default_args={"owner": TAG, **RETRY_ARGUMENTS},
    ) as dag:
        check = CheckExpectationsOperator(task_id="check_expectations")
        deliver = DeliverDueOperator(task_id="deliver_due", trigger_rule=TriggerRule.ALL_DONE)
        check >> deliver
    return dag


def maintenance_dag() -> DAG:
    """The Dag that maintains the lake's tables, ends what was interrupted, and keeps the profiles small; every night.

    The two tasks that write to the profile store follow each other, since its writers wait for each other.
    """
    with DAG(
        dag_id="headwater_maintenance",
        dag_display_name="Headwater: maintain the lake",
        description="Compacts small files, expires old snapshots, deletes files that belong to nothing, and removes "
        "old events and long replaced records from the profiles.",
        schedule=CronTriggerTimetable("17 3 * * *", timezone="UTC"),
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        tags=[TAG],
        default_args={"owner": TAG, "retry_policy": RetryIfRetryable(), **RETRY_ARGUMENTS},
    ) as dag:
        MaintainLakeOperator(task_id="maintain_lake")
        expire = ExpireEventsOperator(task_id="expire_events")
        forget = ForgetHistoryOperator(task_id="forget_history", trigger_rule=TriggerRule.ALL_DONE)
        expire >> forget
    return dag


def _add_tasks(flow: Dataflow) -> None:
    pool = account_pool(flow.source.account)
    discover = DiscoverOperator(task_id=DISCOVER, flow=flow, pool=pool)
    ingest = IngestOperator.partial(
        task_id="ingest", flow=flow, pool=pool, map_index_template="{{ group_label }}"
    ).expand(group=discover.output)
    load_lake = LoadLakeOperator(task_id="load_lake", flow=flow, outlets=[dataset_asset(flow.target.dataset)])
    load_identities = LoadIdentitiesOperator(task_id="load_identities", flow=flow)
    load_profiles = LoadProfilesOperator(task_id="load_profiles", flow=flow)
    with TaskGroup(group_id="notify"):
        tell_lake = NotifyOperator(task_id="lake", flow=flow, load="lake")
        tell_identities = NotifyOperator(task_id="identities", flow=flow, load="identities")
        tell_profiles = NotifyOperator(task_id="profiles", flow=flow, load="profiles")
    finish = FinishOperator(task_id=FINISH, flow=flow, trigger_rule=TriggerRule.ALL_DONE)

    ingest >> load_lake >> load_identities >> load_profiles
    load_lake >> tell_lake
    [load_identities, tell_lake] >> tell_identities
    [load_profiles, tell_identities] >> tell_profiles
    [discover, ingest, load_lake, load_identities, load_profiles, tell_profiles] >> finish


def _describe(flow: Dataflow) -> str:
    source = flow.source
    rows = {
        "From": f"`{source.files}` in `{source.path}` of account `{source.account}`",
        "To": f"dataset [{flow.target.dataset}](/headwater/datasets/{flow.target.dataset})",
        "Mapping set": f"`{flow.mapping_set}`" if flow.mapping_set else "none: the files hold XDM",
        "Failed records": f"up to {flow.threshold_percent:g} % of a batch",
        "Old files": "taken by the first run" if flow.schedule.backfill else "left alone",
        "Told": ", ".join(f"`{webhook}`" for webhook in flow.notify) or "nobody",
    }
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    return f"{flow.description or ''}\n\n| Dataflow | `{flow.name}` |\n| --- | --- |\n{table}\n"
