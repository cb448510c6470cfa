"""A Dag run without Airflow: the tasks in their order, each tried again, `finish` whatever happened before."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from tests.crash.conditions import Conditions, draw_conditions
from tests.crash.faults import Fault, at_the_start, draw_fault
from tests.crash.plans import Plan
from tests.crash.process import Outcome, Processes

_LONGEST_SLEEP: Final = 8.0


@dataclass(slots=True, kw_only=True)
class DagRun:
    """One run of a dataflow's Dag.

    Attributes:
        processes: Where its tasks run.
        flow: The dataflow.
        id: Of the Dag run.
        random: What decides on faults.
        danger: How probable a fault is at each try of a task; 0 for a quiet run.
        wrong_clocks: Whether some of its tasks have wrong clocks.
        impatient: Whether its tasks do not wait long for a lock.
        plan: What befalls it for certain; None for nothing.
    """

    processes: Processes
    flow: str
    id: str
    random: Random
    danger: float = 0.0
    wrong_clocks: bool = False
    impatient: bool = False
    plan: Plan | None = None
    forsaken: bool = False

    def play(self) -> Outcome:
        """Run the tasks; what `finish` gives, or a failure.

        In danger, the run may be forsaken before its end, as when the Dag run is deleted or the scheduler does not come
        back, and a task may be cleared and run again after the end.
        """
        discovery = self._task("discover", self.flow, self.id)
        run_id, groups = discovery.value or (None, [])
        failure = discovery.failure
        todo: list[tuple[Any, ...]] = [("ingest", run_id, group) for group in groups]
        if groups:
            todo += [(step, run_id) for step in ("load_lake", "load_identities", "load_profiles")]
            if self.plan is not None and self.plan.step == "deliver":
                todo += [("deliver", run_id, part) for part in ("lake", "identities", "profiles")]
        for task in todo:
            if failure is None and not self._forsake():
                failure = self._task(*task).failure
        if self._forsake():
            return Outcome(failure="forsaken")
        ended = self._task("finish", self.flow, self.id, run_id, failure)
        self.processes.wake()
        if todo and self._happens(0.5):
            task = self.random.choice(todo)
            self.processes.run(*task, fault=self._fault(task[0]))
            self.processes.run("finish", self.flow, self.id, run_id, None, fault=self._fault("finish"))
        return ended

    def _task(self, step: str, *arguments: object) -> Outcome:
        for fault, asleep_seconds in self._tries(step):
            outcome = self.processes.run(
                step, *arguments, fault=fault, asleep_seconds=asleep_seconds, conditions=self._conditions()
            )
            if outcome.failure is None:
                break
        return outcome

    def _tries(self, step: str) -> Iterator[tuple[Fault | None, float]]:
        plan = self.plan if self.plan is not None and self.plan.step == step else None
        asleep = _LONGEST_SLEEP if plan is not None and plan.haunted else self.random.uniform(0.1, 1.5)
        yield plan.fault(self.random) if plan is not None else self._fault(step), asleep
        haunted = plan is not None and plan.haunted
        yield at_the_start(self.random) if haunted else self._fault(step), self.random.uniform(0.1, 1.5)

    def _fault(self, step: str) -> Fault | None:
        return draw_fault(self.random, step) if self._happens(1.0) else None

    def _conditions(self) -> Conditions:
        wrong_clock = self.wrong_clocks and self.random.random() < 0.5
        return draw_conditions(self.random, wrong_clock=wrong_clock, impatient=self.impatient)

    def _forsake(self) -> bool:
        self.forsaken = self.forsaken or self._happens(0.1)
        return self.forsaken

    def _happens(self, share: float) -> bool:
        return self.danger > 0 and self.random.random() < self.danger * share
