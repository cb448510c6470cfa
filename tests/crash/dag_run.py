"""A Dag run without Airflow: the tasks in their order, each tried again, `finish` whatever happened before."""

from dataclasses import dataclass
from random import Random
from typing import Any, Final

from tests.crash.faults import Fault, draw_fault
from tests.crash.process import Outcome, Processes

TRIES: Final = 2


@dataclass(slots=True, kw_only=True)
class DagRun:
    """One run of a dataflow's Dag. `danger` is how probable a fault is at each try of a task; 0 for a quiet run."""

    processes: Processes
    flow: str
    id: str
    random: Random
    danger: float = 0.0
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
        for task in todo:
            if failure is None and not self._forsake():
                failure = self._task(*task).failure
        if self._forsake():
            return Outcome(failure="forsaken")
        ended = self._task("finish", self.flow, self.id, run_id, failure)
        if todo and self._happens(0.5):
            self.processes.run(*self.random.choice(todo), fault=self._fault("finish"))
            self.processes.run("finish", self.flow, self.id, run_id, None, fault=self._fault("finish"))
        return ended

    def _task(self, step: str, *arguments: object) -> Outcome:
        for _ in range(TRIES):
            outcome = self.processes.run(
                step, *arguments, fault=self._fault(step), asleep_seconds=self.random.uniform(0.1, 1.5)
            )
            if outcome.failure is None:
                break
        return outcome

    def _fault(self, step: str) -> Fault | None:
        return draw_fault(self.random, step) if self._happens(1.0) else None

    def _forsake(self) -> bool:
        self.forsaken = self.forsaken or self._happens(0.1)
        return self.forsaken

    def _happens(self, share: float) -> bool:
        return self.danger > 0 and self.random.random() < self.danger * share
