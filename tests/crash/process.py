"""Steps of flow runs, each in a process of its own, as Airflow's tasks are."""

import logging
import os
import signal
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from threading import Lock, Timer
from typing import Any, Final

from connectors.errors import ConnectorError
from headwater.errors import HeadwaterError
from headwater.flows import Workspace, open_workspace, steps
from headwater.flows.doctor import examine
from headwater.flows.maintenance import maintain_lake
from headwater.flows.notifications import Step
from headwater.flows.removal import revert_batch
from headwater.flows.run import run_dataflow
from headwater.model.documents import Dataflow, RunRequest
from headwater.model.runs import FlowRunState
from headwater.settings import Settings
from tests.crash.conditions import USUAL, Conditions
from tests.crash.faults import Fault, arm
from tests.crash.mutations import MUTATIONS
from tests.crash.shop import let_time_pass, spool_folder
from tests.forks import FORKS
from tests.servers.privileges import obey_permissions
from tests.servers.processes import death_with_parent

_STEP_SECONDS: Final = 120
_QUIET_RUNS: Final = 5
_STOPPING: Final = "stopping"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a step ended: with a `value`, or with a `failure` that says why there is none.

    `lost` is whether nobody heard of its end: the process was killed, or was taken for dead.
    """

    value: Any = None
    failure: str | None = None
    lost: bool = False


@dataclass(slots=True)
class Processes:
    """Runs steps, and keeps an eye on processes that were taken for dead and go on later.

    `mutation` names the safeguard that is taken out of all of them.
    """

    settings: Mapping[str, object]
    mutation: str | None = None
    struck: dict[str, int] = field(default_factory=dict)
    _zombies: list[BaseProcess] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def run(
        self,
        step: str,
        *arguments: object,
        fault: Fault | None = None,
        asleep_seconds: float = 0.5,
        conditions: Conditions = USUAL,
    ) -> Outcome:
        """Run a step in a new process. One that the fault stops goes on by itself after `asleep_seconds`."""
        receiver, sender = FORKS.Pipe(duplex=False)
        process = FORKS.Process(
            target=_run_step,
            args=(sender, dict(self.settings), step, arguments, fault, conditions, self.mutation),
            daemon=True,
        )
        process.start()
        sender.close()
        with receiver:
            outcome = _hear(receiver)
        if outcome is None:
            process.join()
            outcome = Outcome(failure=f"process of {step} ended with {process.exitcode}", lost=True)
        elif outcome.lost:
            self._let_sleep(process, asleep_seconds)
        else:
            process.join(_STEP_SECONDS)
        if fault is not None and outcome.failure is not None:
            self.count(fault.kind)
        if conditions.clock_is_wrong:
            self.count("wrong clock")
        return outcome

    def count(self, kind: str, times: int = 1) -> None:
        """A fault of that kind has struck."""
        with self._lock:
            self.struck[kind] = self.struck.get(kind, 0) + times

    def wake(self) -> None:
        """Let those go on that were taken for dead."""
        with self._lock:
            zombies = list(self._zombies)
        for process in zombies:
            _wake(process)

    def join(self) -> None:
        """Wake those that were taken for dead, and wait until they have ended too.

        Raises:
            TimeoutError: one of them did not end.
        """
        deadline = time.monotonic() + _STEP_SECONDS
        for process in self._zombies:
            while process.exitcode is None:
                if time.monotonic() > deadline:
                    process.kill()
                    raise TimeoutError(f"a process that was stopped for a while did not end in {_STEP_SECONDS} s")
                _wake(process)
                process.join(0.1)
        self._zombies.clear()

    def _let_sleep(self, process: BaseProcess, seconds: float) -> None:
        with self._lock:
            self._zombies.append(process)
        wake = Timer(seconds, _wake, (process,))
        wake.daemon = True
        wake.start()


def die_with_parent() -> None:
    """Have this process killed when its parent ends."""
    if (ask := death_with_parent()) is not None:
        ask()


def _wake(process: BaseProcess) -> None:
    if process.pid is not None and process.exitcode is None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGCONT)


def _hear(receiver: "Connection[Any, Any]") -> Outcome | None:
    """What the process says; None if it died first."""
    if not receiver.poll(_STEP_SECONDS):
        return Outcome(failure=f"no end in {_STEP_SECONDS} s: stuck", lost=True)
    try:
        heard = receiver.recv()
    except EOFError:
        return None
    if heard == _STOPPING:
        return Outcome(failure="taken for dead", lost=True)
    return heard if isinstance(heard, Outcome) else None


def _run_step(
    sender: "Connection[Any, Any]",
    settings: dict[str, object],
    step: str,
    arguments: tuple[Any, ...],
    fault: Fault | None,
    conditions: Conditions,
    mutation: str | None,
) -> None:
    die_with_parent()
    obey_permissions()
    logging.disable()  # what is killed on purpose has much to complain of
    tempfile.tempdir = str(spool_folder(settings))
    conditions.apply()
    if mutation is not None:
        MUTATIONS[mutation].apply()
    try:
        with open_workspace(Settings.load(**settings)) as workspace:
            if fault is not None:
                arm(fault, lambda: sender.send(_STOPPING))
            outcome = Outcome(value=_STEPS[step](workspace, *arguments))
    except (HeadwaterError, ConnectorError) as error:
        outcome = Outcome(failure=str(error))
    except Exception as error:  # noqa: BLE001 - the edge of the task
        outcome = Outcome(failure=f"unexpected {type(error).__name__}: {error}")
    with suppress(BrokenPipeError):  # nobody listens to one that was taken for dead
        sender.send(outcome)


def _discover(workspace: Workspace, flow: str, dag_run_id: str) -> tuple[str, list[int]]:
    request = RunRequest(dag_run_id=dag_run_id, trigger="scheduled")
    found = steps.discover(workspace, workspace.catalog.resources.typed(Dataflow, flow), request)
    return found.flow_run_id, found.groups


def _finish(
    workspace: Workspace, flow: str, dag_run_id: str, run_id: str | None, failure: str | None
) -> tuple[FlowRunState, str]:
    run = steps.finish(workspace, run_id, flow=flow, dag_run_id=dag_run_id, failure=failure)
    return run.state, "; ".join(error.message for error in run.errors)


def _run(workspace: Workspace, flow: str) -> tuple[FlowRunState, str]:
    run = run_dataflow(workspace, workspace.catalog.resources.typed(Dataflow, flow), RunRequest())
    return run.state, "; ".join(error.message for error in run.errors)


def _rest(workspace: Workspace, settings: Mapping[str, object], flow: str, fatal: bool) -> str | None:
    """Run the dataflow until there is nothing to do; a fatal file keeps failing. What is wrong, if it does not end."""
    for _ in range(_QUIET_RUNS):
        let_time_pass(settings)
        state, errors = _run_quietly(workspace, flow)
        if (state is FlowRunState.NO_NEW_DATA and not fatal) or (fatal and "tolerates at most 20 %" in errors):
            return None
    return f"stuck: after {_QUIET_RUNS} quiet runs {flow} ends with {state}: {errors}"


def _run_quietly(workspace: Workspace, flow: str) -> tuple[FlowRunState | None, str]:
    try:
        return _run(workspace, flow)
    except (HeadwaterError, ConnectorError) as error:
        return None, str(error)


def _ingest(workspace: Workspace, run_id: str, group: int) -> None:
    steps.ingest_group(workspace, run_id, group)


def _load_lake(workspace: Workspace, run_id: str) -> None:
    steps.load_lake(workspace, run_id)


def _load_identities(workspace: Workspace, run_id: str) -> None:
    steps.load_identities(workspace, run_id)


def _load_profiles(workspace: Workspace, run_id: str) -> None:
    steps.load_profiles(workspace, run_id)


def _deliver(workspace: Workspace, run_id: str, step: Step) -> None:
    steps.deliver(workspace, run_id, step)


def _revert(workspace: Workspace, batch_id: str) -> None:
    revert_batch(workspace, batch_id, release_files=True)


def _mend(workspace: Workspace) -> None:
    examine(workspace, mend=True)


def _maintain(workspace: Workspace) -> None:
    maintain_lake(workspace)


_STEPS: Final[Mapping[str, Callable[..., object]]] = {
    "discover": _discover,
    "ingest": _ingest,
    "load_lake": _load_lake,
    "load_identities": _load_identities,
    "load_profiles": _load_profiles,
    "deliver": _deliver,
    "finish": _finish,
    "run": _run,
    "rest": _rest,
    "revert": _revert,
    "mend": _mend,
    "maintain": _maintain,
}
