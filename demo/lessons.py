"""The dataflows of the example, in the order in which the worked example loads them."""

import time
from dataclasses import dataclass
from typing import Final

from demo.airflow_api import AirflowApi, DagRun
from demo.console import Progress
from demo.people import PEOPLE
from demo.processes import ProcessTree
from demo.products import PRODUCTS
from demo.purchases import OUTLET_PURCHASES, PURCHASES

_RUN_TIMEOUT_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """One dataflow: the Dag's id, where its records go, and how many its sample file has."""

    flow: str
    dataset: str
    records: int


LESSONS: Final = (
    Lesson(flow="luma-loyalty", dataset="luma_loyalty_dataset", records=PEOPLE),
    Lesson(flow="luma-crm", dataset="luma_crm_dataset", records=PEOPLE),
    Lesson(flow="luma-products", dataset="luma_product_catalog_dataset", records=PRODUCTS),
    Lesson(flow="luma-offline-purchases", dataset="luma_offline_purchase_events_dataset", records=PURCHASES),
    Lesson(flow="luma-outlet-purchases", dataset="luma_outlet_purchase_events_dataset", records=OUTLET_PURCHASES),
)
"""Loyalty before CRM: by default the value that came last wins, and the example shows what that does."""


def run_lesson(api: AirflowApi, tree: ProcessTree, lesson: Lesson, progress: Progress) -> DagRun:
    """Let a dataflow run, and wait until the Dag run has ended, however it did.

    The first time, its Dag is switched on and its schedule (once) starts the run. Later a run is asked for; if one from
    before is still there, it is waited for first.

    Raises:
        DemoError: Airflow fails, or the run takes longer than ten minutes.
    """
    earlier = api.dag_runs(lesson.flow)
    api.unpause(lesson.flow)
    if earlier:
        _wait(api, tree, lesson, progress, seen=set())
        api.trigger(lesson.flow)
    return _wait(api, tree, lesson, progress, seen={run.run_id for run in earlier})


def _wait(api: AirflowApi, tree: ProcessTree, lesson: Lesson, progress: Progress, *, seen: set[str]) -> DagRun:
    next_look = 0.0

    def probe() -> DagRun | None:
        nonlocal next_look
        if time.monotonic() < next_look:
            return None
        next_look = time.monotonic() + 0.5
        runs = [run for run in api.dag_runs(lesson.flow) if run.run_id not in seen]
        if runs and all(run.ended for run in runs):
            return runs[0]
        if runs:
            tasks = api.tasks(runs[0])
            progress.tell(f"{tasks.ended} of {tasks.total} tasks, {', '.join(tasks.running) or 'waiting'}")
        return None

    return tree.wait_for(f"a run of {lesson.flow}", probe, _RUN_TIMEOUT_SECONDS)
