"""What befalls a process, and when. A fault is drawn from a seed and strikes by itself inside the process."""

import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any, Final, Literal

Kind = Literal[
    "kill at a call",
    "kill at a commit",
    "kill after a turning point",
    "kill after a time",
    "stop at a call",
    "stop at a commit",
    "stop after a turning point",
    "full disk",
]
_WEIGHTS: Final[Mapping[Kind, int]] = {
    "kill at a call": 2,
    "kill at a commit": 2,
    "kill after a turning point": 5,
    "kill after a time": 1,
    "stop at a call": 1,
    "stop at a commit": 1,
    "stop after a turning point": 3,
    "full disk": 1,
}
_PACKAGES: Final = tuple(str(Path(__file__).parents[2] / name) + os.sep for name in ("headwater", "connectors"))
CALLS: Final = {
    "discover": 3700,
    "ingest": 6000,
    "load_lake": 3300,
    "load_identities": 4700,
    "load_profiles": 6000,
    "deliver": 1500,
    "finish": 3500,
    "revert": 3500,
    "run": 27_000,
}
"""How many calls and returns of our own functions a step makes, roughly: the scale of the places where it is killed."""
COMMITS: Final = {
    "discover": 100,
    "ingest": 84,
    "load_lake": 96,
    "load_identities": 80,
    "load_profiles": 80,
    "deliver": 40,
    "finish": 100,
    "revert": 80,
    "run": 540,
}
"""The same for calls and returns of functions named `commit`."""
_TELLING: Final = ("Outbox.take", "Outbox.take", "WebhookChannel.send", "Outbox.delivered")
TURNING_POINTS: Final[Mapping[str, tuple[str, ...]]] = {
    "discover": ("begin_run", "Ledger.claim", "_open_batch", "_claim"),
    "ingest": ("_begin_attempt", "Ledger.record_content", "_read_group", "BatchStore.put_group"),
    "load_lake": (
        "_check_groups",
        "BatchStore.stage",
        "_snapshot_of",
        "data_files",
        "_commit_once",
        "settle_success",
        "Outbox.add",
    ),
    "load_identities": ("register", "load_identities", "finish", "Outbox.add"),
    "load_profiles": ("register", "load_profiles", "finish", "Outbox.add"),
    "deliver": _TELLING,
    "finish": ("close_run", "give_up_batch", "BatchStore.settle", "complete_batch", "FlowRunStore.complete", *_TELLING),
    "revert": ("BatchStore.begin_removal", "remove_batches", "ProfileStore.remove_batch", "BatchStore.end_removal"),
}
"""Functions of ours after whose return it matters most that the process may be gone, by step."""
_SHARE_OF_FIRST: Final = 0.7
_CALLS_AFTER: Final = 12.0
_LONGEST_SECONDS: Final = 0.6
_LARGEST_FILE: Final = 400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What befalls a process. `at` is a number of calls, of seconds or of bytes, as the kind has it.

    Calls are counted from the start of the step, or from the `passes`-th return of the function `after`.
    """

    kind: Kind
    at: float
    after: str | None = None
    passes: int = 0


def draw_fault(random: Random, step: str) -> Fault:
    """A fault that probably strikes during the step."""
    [kind] = random.choices(list(_WEIGHTS), weights=list(_WEIGHTS.values()))
    if kind == "kill after a time":
        return Fault(kind=kind, at=random.uniform(0.001, _LONGEST_SECONDS))
    if kind == "full disk":
        return Fault(kind=kind, at=random.randrange(_LARGEST_FILE))
    if kind.endswith("turning point"):
        return after_turning_point(random, step, stop=kind.startswith("stop"))
    scale = COMMITS if kind.endswith("commit") else CALLS
    return Fault(kind=kind, at=random.randint(1, scale[step]))


def after_turning_point(random: Random, step: str, *, stop: bool, point: str | None = None) -> Fault:
    """The process is killed, or stopped, a few calls after a turning point of the step: that one, or any."""
    step = random.choice(sorted(TURNING_POINTS.keys() - {"revert"})) if step == "run" else step
    return Fault(
        kind="stop after a turning point" if stop else "kill after a turning point",
        at=round(random.expovariate(1 / _CALLS_AFTER)),
        after=point or random.choice(TURNING_POINTS[step]),
        passes=1 if point is not None or random.random() < _SHARE_OF_FIRST else 2,
    )


def at_the_start(random: Random) -> Fault:
    """The process is killed before it has done much."""
    return Fault(kind="kill at a call", at=random.randint(1, 60))


def arm(fault: Fault, before_stop: Callable[[], object]) -> None:
    """Let the fault strike this process. `before_stop` is called before the process is stopped."""
    if fault.kind == "kill after a time":
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process at once, also within a library
        signal.setitimer(signal.ITIMER_REAL, fault.at)
    elif fault.kind == "full disk":
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(fault.at), int(fault.at)))
    else:
        trap = Trap(fault, before_stop)
        threading.setprofile(trap)  # webhooks are told by threads
        sys.setprofile(trap)


class Trap:
    """Counts what the process does, and strikes at the given count."""

    def __init__(self, fault: Fault, before_stop: Callable[[], object]) -> None:
        self.count = 0
        self._fault = fault
        self._before_stop = before_stop
        self._counts = _is_commit if fault.kind.endswith("commit") else _is_ours
        self._passes_left = fault.passes

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:  # noqa: ANN401 - as `sys.setprofile` has it
        """See `sys.setprofile`."""
        if not self._counts(frame, event, argument):
            return
        if self._passes_left:
            self._passes_left -= event == "return" and frame.f_code.co_qualname == self._fault.after
            if self._passes_left or self._fault.at:
                return
        else:
            self.count += 1
        if self.count == self._fault.at:
            sys.setprofile(None)
            if self._fault.kind.startswith("kill"):
                os.kill(os.getpid(), signal.SIGKILL)
            self._before_stop()
            os.kill(os.getpid(), signal.SIGSTOP)


def _is_ours(frame: FrameType, event: str, _argument: object) -> bool:
    return event in ("call", "return") and frame.f_code.co_filename.startswith(_PACKAGES)


def _is_commit(frame: FrameType, event: str, argument: object) -> bool:
    if event in ("c_call", "c_return"):
        return getattr(argument, "__name__", "") == "commit"
    return frame.f_code.co_name == "commit"
