"""Flow runs whose Dag run waits, and Dag runs that are gone."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from headwater.catalog.base import utc_now
from headwater.catalog.tables import flow_run
from headwater.flows import steps
from headwater.flows.begin import begin_run
from headwater.flows.heartbeat import lease
from headwater.model.documents import Dataflow, RunRequest
from headwater.model.runs import FlowRunState
from tests.integration.shop import FLOW, Shop, open_shop


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDagRuns:
    """A DagRuns that gives one answer."""

    ended: bool | None

    def has_ended(self, flow: str, dag_run_id: str) -> bool | None:
        """See `DagRuns`."""
        assert (flow, dag_run_id) == (FLOW, "scheduled")
        return self.ended


def discovered(shop: Shop) -> str:
    """A flow run of a Dag run that has taken a file and whose next task waits in a queue."""
    shop.put("a.json", ("a1", "X"))
    flow = shop.workspace.catalog.resources.typed(Dataflow, FLOW)
    return steps.discover(shop.workspace, flow, RunRequest(dag_run_id="scheduled")).flow_run_id


def begin_another(shop: Shop) -> None:
    flow = shop.workspace.catalog.resources.typed(Dataflow, FLOW)
    begin_run(shop.workspace, flow, RunRequest(trigger="backfill", dag_run_id="backfill"))


def move_lease(shop: Shop, run_id: str, by: timedelta) -> None:
    """Let so much time pass for a run's lease."""
    [(_, _, until)] = shop.workspace.catalog.flow_runs.open_runs(FLOW)
    engine = sa.create_engine(shop.workspace.settings.catalog_database)
    with engine.begin() as connection:
        connection.execute(sa.update(flow_run).where(flow_run.c.id == run_id).values(lease_until=until - by))
    engine.dispose()


def test_a_run_that_waits_in_a_queue_for_longer_than_the_lease_goes_on(tmp_path: Path) -> None:
    with open_shop(tmp_path) as shop:
        run_id = discovered(shop)
        move_lease(shop, run_id, 4 * lease(shop.workspace))
        begin_another(shop)
        steps.ingest_group(shop.workspace, run_id, 0)
        steps.load_lake(shop.workspace, run_id)
        assert steps.finish(shop.workspace, run_id, flow=FLOW).counts.loaded == 1


def test_a_task_that_is_at_work_has_the_short_lease(tmp_path: Path) -> None:
    with open_shop(tmp_path) as shop:
        flow = shop.workspace.catalog.resources.typed(Dataflow, FLOW)
        begin_run(shop.workspace, flow, RunRequest(dag_run_id="scheduled"))
        [(_, _, until)] = shop.workspace.catalog.flow_runs.open_runs(FLOW)
        assert until < utc_now() + 2 * lease(shop.workspace)


@pytest.mark.parametrize(
    ("ended", "passed", "state"),
    [
        (True, timedelta(0), FlowRunState.FAILED),
        (False, timedelta(days=30), FlowRunState.IN_PROGRESS),
        (None, timedelta(0), FlowRunState.IN_PROGRESS),
        (None, timedelta(days=30), FlowRunState.FAILED),
    ],
    ids=["ended", "goes-on", "unknown", "unknown-and-lease-over"],
)
def test_airflow_knows_better_than_the_lease_whether_a_dag_run_goes_on(
    tmp_path: Path, ended: bool | None, passed: timedelta, state: FlowRunState
) -> None:
    with open_shop(tmp_path) as shop:
        run_id = discovered(shop)
        move_lease(shop, run_id, passed)
        shop.workspace.dag_runs = KnownDagRuns(ended=ended)
        begin_another(shop)
        assert shop.workspace.catalog.flow_runs.get(run_id).state is state
