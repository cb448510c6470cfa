"""What happens in the scheduler when a Dag run of ours begins or ends.

Tasks have no access to Airflow's database; the scheduler calls these with the Dag run in its own session, whose
transaction they join.
"""

import logging
import sys
from importlib import import_module

from airflow.jobs.job import Job
from airflow.listeners import hookimpl
from airflow.models.connection import Connection
from airflow.models.dagrun import DagRun
from airflow.models.pool import Pool
from airflow.models.xcom import XComModel
from sqlalchemy import Table, select
from sqlalchemy.orm import Session, object_session

from headwater.database.engine import upsert
from headwater.orchestration.names import FINISH, POOL_PREFIX, POOL_SLOTS, SUMMARY_KEY
from headwater.orchestration.summary import is_summary

logger = logging.getLogger(__name__)

_TASK_MODULES = (
    "headwater.flows.steps",
    "headwater.ingest",
    "headwater.lake",
    "headwater.profile_store",
    "headwater.orchestration.accounts",
)


@hookimpl
def on_starting(component: object) -> None:
    """Import in the scheduler what our tasks need, before its executor starts.

    LocalExecutor runs each task in a fork of the scheduler; a fork that has to import for itself takes two seconds
    longer, for each of a run's nine tasks. Airflow calls this for every job, before the job knows its own type.
    """
    if isinstance(component, Job) and "scheduler" in sys.argv:
        for module in _TASK_MODULES:
            import_module(module)


@hookimpl
def on_dag_run_running(dag_run: DagRun, msg: str) -> None:
    """Create the pools of the accounts that the run reads from, where they are missing.

    Airflow does not schedule tasks whose pool does not exist, and a Dag cannot create one.
    """
    session = object_session(dag_run)
    if session is None or dag_run.dag is None:
        return
    wanted = {task.pool for task in dag_run.dag.tasks if task.pool.startswith(POOL_PREFIX)}
    if wanted:
        create_missing_pools(session, wanted)


@hookimpl
def on_dag_run_success(dag_run: DagRun, msg: str) -> None:
    """Set the run's note to what `finish` says of the flow run; a note that a person wrote stays."""
    _set_note(dag_run)


@hookimpl
def on_dag_run_failed(dag_run: DagRun, msg: str) -> None:
    """Set the run's note to what `finish` says of the flow run; a note that a person wrote stays."""
    _set_note(dag_run)


def create_missing_pools(session: Session, wanted: set[str]) -> None:
    """Create pools of our accounts, each as large as the account's Connection allows; those that exist stay."""
    known = set(session.scalars(select(Pool.pool).where(Pool.pool.in_(wanted))))
    for name in sorted(wanted - known):
        account = name.removeprefix(POOL_PREFIX)
        slots = _allowed_connections(session, account)
        session.execute(
            upsert(session.connection(), Table("slot_pool", Pool.metadata))
            .values(
                pool=name,
                slots=slots,
                description=f"Tasks that read from account {account} at the same time",
                include_deferred=False,
            )
            .on_conflict_do_nothing()  # another scheduler may be doing the same
        )
        logger.info("Created pool %s with %d slots", name, slots)


def _allowed_connections(session: Session, account: str) -> int:
    """How many connections the account may have: what its Connection in Airflow's database says, else our default."""
    connection = session.scalars(select(Connection).where(Connection.conn_id == account)).first()
    said = str(connection.extra_dejson.get("max_connections")) if connection is not None else ""
    return int(said) if said.isdecimal() and int(said) >= 1 else POOL_SLOTS


def _set_note(dag_run: DagRun) -> None:
    session = object_session(dag_run)
    if session is None:
        return
    query = XComModel.get_many(key=SUMMARY_KEY, dag_ids=dag_run.dag_id, task_ids=FINISH, run_id=dag_run.run_id, limit=1)
    found = session.scalars(query).first()
    if found is None:
        return
    if dag_run.note is None or is_summary(dag_run.note):
        dag_run.note = XComModel.deserialize_value(found)
