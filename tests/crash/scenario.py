"""One seed: rounds of new files, runs that are crashed at the same time, quiet runs until nothing is left, a look."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

from headwater.flows import open_workspace
from headwater.flows.notifications import deliver_due
from headwater.model.runs import BatchStatus
from headwater.settings import Settings
from tests.crash.dag_run import DagRun
from tests.crash.faults import draw_fault
from tests.crash.model import Model
from tests.crash.plans import plan_of
from tests.crash.process import Processes
from tests.crash.shop import DATASET, TILL, WEB, let_time_pass, set_up
from tests.crash.verdict import find_differences
from tests.crash.weather import Squall, draw_squalls
from tests.servers.webhook import webhook_receiver

ROUNDS: Final = 2
_DANGER: Final = 0.3
_DAG_RUNS: Final = 4
"""About so many Dag runs has a seed."""
_WRONG_CLOCKS: Final = 0.25
_IMPATIENT: Final = 0.25
"""The shares of Dag runs with wrong clocks, and of those that do not wait long for a lock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a seed came to. `problems` is empty where the stores hold what the model says; `struck` counts faults."""

    seed: int
    problems: tuple[str, ...]
    struck: Mapping[str, int]
    seconds: float


def play(
    seed: int,
    folder: Path,
    *,
    mutation: str | None = None,
    restart: Callable[[], None] | None = None,
    **databases: object,
) -> Result:
    """Play the seed in an empty folder.

    Args:
        seed: The seed.
        folder: The folder.
        mutation: A safeguard that is taken out (`tests.crash.mutations`).
        restart: Kills the databases' server, which serves nobody else, and starts it again.
        databases: Settings such as `catalog_url`.
    """
    began = time.monotonic()
    settings = {"home": folder / "home", "tenant": "crash", "allow_private_webhooks": True, **databases}
    with webhook_receiver() as receiver:
        set_up(settings, folder / "inbox", receiver.url())
        story = Story(
            seed=seed,
            processes=Processes(settings, mutation),
            restart=restart,
            settings=settings,
            model=Model(folder / "inbox", Random(f"{seed}:model")),
        )
        try:
            for number in range(ROUNDS):
                story.play_round(number)
            story.problems += find_differences(settings, story.model, receiver)
        finally:
            story.processes.join()
    return Result(
        seed=seed,
        problems=tuple(story.problems),
        struck=story.processes.struck,
        seconds=time.monotonic() - began,
    )


@dataclass(slots=True, kw_only=True)
class Story:
    """What happens with one seed."""

    seed: int
    processes: Processes
    settings: Mapping[str, object]
    model: Model
    restart: Callable[[], None] | None = None
    problems: list[str] = field(default_factory=list)
    _runs: int = 0

    def play_round(self, number: int) -> None:
        """New files, runs and their faults side by side, and then quiet until all is done."""
        random = Random(f"{self.seed}:{number}")
        if number and random.random() < 0.4:
            self._revert(random)
        self.model.next_round(may_be_fatal=number < ROUNDS - 1)
        beside: list[Callable[[], object]] = [self._crashed_run(TILL, random), self._crashed_run(WEB, random)]
        if random.random() < 0.3:
            beside.append(self._crashed_run(random.choice((TILL, WEB)), random))
        if random.random() < 0.3:
            step = random.choice(("mend", "maintain"))
            beside.append(lambda: self.processes.run(step))
        beside += [partial(self._suffer, squall) for squall in draw_squalls(random, self.settings, self.restart)]
        with ThreadPoolExecutor(len(beside)) as pool:
            for future in [pool.submit(act) for act in beside]:
                future.result()
        self.settle()

    def settle(self) -> None:
        """Quiet, until all that was begun has ended and there is nothing left to do or to tell."""
        self.processes.join()
        self._clear_failed_loads()
        for flow in (TILL, WEB):
            self._rest(flow)
        self._clear_failed_loads()  # those of runs that only now were found dead, and closed
        self._deliver()

    def _suffer(self, squall: Squall) -> None:
        self.processes.count(squall.kind, squall.blow())

    def _crashed_run(self, flow: str, random: Random) -> Callable[[], object]:
        """A Dag run, or all steps in one process as `headwater run` does them."""
        if random.random() < 0.75:
            return self._dag_run(flow, Random(random.random()), _DANGER).play
        fault = draw_fault(random, "run")
        return lambda: self.processes.run("run", flow, fault=fault)

    def _dag_run(self, flow: str, random: Random, danger: float) -> DagRun:
        self._runs += 1
        return DagRun(
            processes=self.processes,
            flow=flow,
            id=f"run-{self._runs}",
            random=random,
            danger=danger,
            wrong_clocks=random.random() < _WRONG_CLOCKS,
            impatient=random.random() < _IMPATIENT,
            plan=plan_of(self.seed * _DAG_RUNS + self._runs),
        )

    def _rest(self, flow: str) -> None:
        """Quiet runs until there is nothing to do, all in one process: to start one takes as long as a run."""
        fatal = any(key[0] == flow for key in self.model.fatal)
        ended = self.processes.run("rest", dict(self.settings), flow, fatal)
        problem = ended.failure or ended.value
        if problem is not None:
            self.problems.append(str(problem))

    def _revert(self, random: Random) -> None:
        """Take a loaded batch of the till out, killed in between; its files are loaded again by the next run."""
        with open_workspace(Settings.load(**self.settings)) as workspace:
            loaded = [
                run.batch_id
                for run in reversed(workspace.catalog.flow_runs.latest(flow=TILL, limit=1000))
                if run.batch_id is not None
                and workspace.catalog.batches.get(run.batch_id).status is BatchStatus.SUCCESS
                and workspace.catalog.batches.get(run.batch_id).dataset == DATASET
            ]
        if loaded:
            batch_id = random.choice(loaded)
            self.processes.run("revert", batch_id, fault=draw_fault(random, "revert"))
            self.processes.join()
            self._repeat_revert(batch_id)

    def _repeat_revert(self, batch_id: str) -> None:
        """What people do with a removal that did not end."""
        with open_workspace(Settings.load(**self.settings)) as workspace:
            batch = workspace.catalog.batches.get(batch_id)
        if batch.status is BatchStatus.SUCCESS or batch.removing:
            ended = self.processes.run("revert", batch_id)
            if ended.failure is not None:
                self.problems.append(f"batch {batch_id} could not be reverted: {ended.failure}")

    def _clear_failed_loads(self) -> None:
        """What people do with the tasks of loads that failed by themselves, at each try, and were told as failed."""
        with open_workspace(Settings.load(**self.settings)) as workspace:
            failed = [
                (run.flow, run.id, error.step)
                for flow in (TILL, WEB)
                for run in workspace.catalog.flow_runs.latest(flow=flow, limit=1000)
                if run.completed_at is not None and run.batch_id is not None
                for error in run.errors
                if error.step in ("load_identities", "load_profiles")
                and workspace.catalog.batches.get(run.batch_id).status is BatchStatus.SUCCESS
            ]
        for flow, run_id, step in failed:
            self.processes.run(str(step), run_id)
            self.processes.run("finish", flow, "", run_id, None)

    def _deliver(self) -> None:
        let_time_pass(self.settings)
        with open_workspace(Settings.load(**self.settings)) as workspace:
            deliver_due(workspace)
