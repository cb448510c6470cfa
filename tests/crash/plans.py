"""Which turning point a Dag run is struck at for certain, so that the seeds take each of them in turn."""

from dataclasses import dataclass
from random import Random
from typing import Final

from tests.crash.faults import TURNING_POINTS, Fault, after_turning_point

_OFTEN: Final = {
    ("discover", "begin_run", True): 3,
    ("ingest", "BatchStore.put_group", False): 3,
    ("load_lake", "_commit_once", False): 5,
    ("load_lake", "data_files", True): 5,
    ("load_lake", "settle_success", False): 2,
    ("deliver", "Outbox.take", False): 3,
}
"""What matters most, and so comes more often than the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The process of a step's first try is killed soon after the return of a function; or the step is haunted.

    Haunted: the process is stopped there and goes on after the run's end, and the second try's process dies at once.
    """

    step: str
    after: str
    haunted: bool

    def fault(self, random: Random) -> Fault:
        """The fault of the first try."""
        return after_turning_point(random, self.step, stop=self.haunted, point=self.after)


def plan_of(number: int) -> Plan:
    """The plan of the Dag run of that number; numbers that follow each other take all plans in turn."""
    return _PLANS[number % len(_PLANS)]


def _all_plans() -> list[Plan]:
    plans = [
        Plan(step=step, after=after, haunted=haunted)
        for step, points in TURNING_POINTS.items()
        if step != "revert"
        for after in dict.fromkeys(points)
        for haunted in (False, True)
        for _ in range(_OFTEN.get((step, after, haunted), 1))
    ]
    Random(0).shuffle(plans)
    return plans


_PLANS: Final = _all_plans()
