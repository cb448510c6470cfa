"""A run that waits or works for long is not taken for dead."""

import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

from headwater.catalog.base import utc_now
from headwater.flows import steps
from headwater.flows.doctor import examine
from headwater.flows.workspace import Workspace
from headwater.model.documents import Dataflow, RunRequest
from tests.integration.shop import FLOW, Shop, open_shop


def lease_of(workspace: Workspace) -> datetime:
    """Until when the only open run counts as alive."""
    [(_, _, lease_until)] = workspace.catalog.flow_runs.all_open_runs()
    return lease_until


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "the lease was not renewed in time"
        time.sleep(0.05)


def load_batch(shop: Shop) -> str:
    """A run of a Dag that has loaded its batch into the lake, and not yet its identities."""
    shop.put("a.json", ("a1", "X"))
    flow = shop.workspace.catalog.resources.typed(Dataflow, FLOW)
    run_id = str(steps.discover(shop.workspace, flow, RunRequest(dag_run_id="scheduled__1")).flow_run_id)
    steps.ingest_group(shop.workspace, run_id, 0)
    steps.load_lake(shop.workspace, run_id)
    return run_id


def test_a_step_that_waits_renews_its_lease_and_the_doctor_leaves_it_alone(tmp_path: Path) -> None:
    with open_shop(tmp_path, profile=True, claim_lease_seconds=10) as shop, ThreadPoolExecutor(1) as worker:
        run_id = load_batch(shop)
        assert shop.workspace.profile_store.batches() == []
        other = sqlite3.connect(tmp_path / "home" / "profile.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")  # the step waits for this one
        step = worker.submit(steps.load_identities, shop.workspace, run_id)
        wait_until(lambda: lease_of(shop.workspace) < utc_now() + timedelta(seconds=11))  # a step is at work
        begun = lease_of(shop.workspace)
        wait_until(lambda: lease_of(shop.workspace) > begun + timedelta(seconds=1.5))
        assert examine(shop.workspace, mend=True) == []
        assert not step.done(), step.result()
        other.execute("ROLLBACK")
        other.close()
        assert step.result().counts == {"identities": 0, "links": 0}


def test_after_a_step_of_a_dag_run_the_next_one_may_wait_in_a_queue(tmp_path: Path) -> None:
    with open_shop(tmp_path, recovery_hours=5) as shop:
        load_batch(shop)
        assert lease_of(shop.workspace) > utc_now() + timedelta(hours=4)
