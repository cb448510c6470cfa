"""What befalls a process, and when. A fault is drawn from a seed and strikes by itself inside the process."""

import os
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any, Final, Literal

Kind = Literal[
    "kill at a call", "kill at a commit", "kill after a time", "stop at a call", "stop at a commit", "full disk"
]
KINDS: Final[tuple[Kind, ...]] = (
    "kill at a call",
    "kill at a call",
    "kill at a commit",
    "kill at a commit",
    "kill after a time",
    "stop at a call",
    "stop at a commit",
    "full disk",
)
_PACKAGES: Final = tuple(str(Path(__file__).parents[2] / name) + os.sep for name in ("headwater", "connectors"))
CALLS: Final = {
    "discover": 3700,
    "ingest": 6000,
    "load_lake": 3300,
    "load_identities": 4700,
    "load_profiles": 6000,
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
    "finish": 100,
    "revert": 80,
    "run": 540,
}
"""The same for calls and returns of functions named `commit`."""
_LONGEST_SECONDS: Final = 0.6
_LARGEST_FILE: Final = 400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What befalls a process. `at` is a number of calls, of seconds or of bytes, as the kind has it."""

    kind: Kind
    at: float


def draw_fault(random: Random, step: str) -> Fault:
    """A fault that probably strikes during the step."""
    kind = random.choice(KINDS)
    if kind == "kill after a time":
        return Fault(kind=kind, at=random.uniform(0.001, _LONGEST_SECONDS))
    if kind == "full disk":
        return Fault(kind=kind, at=random.randrange(_LARGEST_FILE))
    scale = COMMITS if kind.endswith("commit") else CALLS
    return Fault(kind=kind, at=random.randint(1, scale[step]))


def arm(fault: Fault, before_stop: Callable[[], object]) -> None:
    """Let the fault strike this process. `before_stop` is called before the process is stopped."""
    if fault.kind == "kill after a time":
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process at once, also within a library
        signal.setitimer(signal.ITIMER_REAL, fault.at)
    elif fault.kind == "full disk":
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(fault.at), int(fault.at)))
    else:
        sys.setprofile(Trap(fault, before_stop))


class Trap:
    """Counts what the process does, and strikes at the given count."""

    def __init__(self, fault: Fault, before_stop: Callable[[], object]) -> None:
        self.count = 0
        self._fault = fault
        self._before_stop = before_stop
        self._counts = _is_commit if fault.kind.endswith("commit") else _is_ours

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:  # noqa: ANN401 - as `sys.setprofile` has it
        """See `sys.setprofile`."""
        if not self._counts(frame, event, argument):
            return
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
