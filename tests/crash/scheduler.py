"""The same under Airflow: its processes are killed at seeded moments while its scheduler runs both dataflows."""

import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from random import Random
from typing import Final, Self

import httpx
import psutil

from tests.airflow.environment import airflow_variables, plain_environment
from tests.airflow.home import PASSWORDS, Home
from tests.airflow.stack import Stack, airflow_stack, wait_for
from tests.crash.model import Model
from tests.crash.process import Processes
from tests.crash.scenario import Result, Story
from tests.crash.shop import TILL, WEB, set_up, write_dataflows
from tests.crash.verdict import find_differences
from tests.crash.weather import cut_connections
from tests.servers.processes import nothing_left
from tests.servers.webhook import webhook_receiver

_DAG_FILE: Final = '''"""Airflow: the Dags of both dataflows. They do not wait long for another try."""

from datetime import timedelta

from headwater.orchestration import load_dags
from headwater.orchestration.retries import RETRY_ARGUMENTS

RETRY_ARGUMENTS["retry_delay"] = timedelta(seconds=1)
globals().update(load_dags())
'''
_QUICK: Final = {
    "SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
    "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "10",
    "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
    "SCHEDULER__TASK_QUEUED_TIMEOUT": "30",
    "SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "5",
    "WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
}
"""How soon Airflow finds that something died: seconds, where it would be minutes."""
_STRIKES: Final = 5
_PAUSES_SECONDS: Final = (0.5, 6.0)


def play(seed: int, folder: Path, **databases: object) -> Result:
    """Play one round of the seed under an Airflow of its own, in an empty folder."""
    began = time.monotonic()
    settings = {"home": folder / "home", "tenant": "crash", "allow_private_webhooks": True, **databases}
    with webhook_receiver() as receiver:
        set_up(settings, folder / "inbox", receiver.url())
        story = Story(
            seed=seed,
            processes=Processes(settings),
            settings=settings,
            model=Model(folder / "inbox", Random(f"{seed}:model")),
        )
        story.model.next_round(may_be_fatal=False)
        home = _prepare(folder, settings)
        with (
            airflow_stack(home, ["dag-processor"]) as stack,
            nothing_left(),
            Assault(stack, story.processes) as assault,
        ):
            story.problems += assault.play(Random(f"{seed}:assault"), url=str(databases.get("catalog_url", "")))
        story.settle()
        story.problems += find_differences(settings, story.model, receiver)
    return Result(
        seed=seed,
        problems=tuple(story.problems),
        struck=story.processes.struck,
        seconds=time.monotonic() - began,
    )


def _prepare(folder: Path, settings: Mapping[str, object]) -> Home:
    airflow = folder / "airflow"
    dags, flows = airflow / "dags", folder / "flows"
    for path in (dags, flows):
        path.mkdir(parents=True)
    (dags / "crash_dataflows.py").write_text(_DAG_FILE)
    write_dataflows(flows)
    (airflow / "passwords.json").write_text(json.dumps(PASSWORDS))
    variables = {
        **plain_environment(),
        **airflow_variables(airflow),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "ada:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(airflow / "passwords.json"),
        "AIRFLOW_CONN_FOLDER": json.dumps(
            {"conn_type": "headwater_local", "extra": {"root_path": str(folder / "inbox")}}
        ),
        **{f"AIRFLOW__{name}": value for name, value in _QUICK.items()},
        **{f"HEADWATER_{name.upper()}": str(value) for name, value in settings.items()},
        "HEADWATER_FLOWS": str(flows),
        "PATH": os.environ["PATH"],
    }
    return Home(folder=folder, flows=flows, outbox=folder / "inbox", variables=variables)


class Assault:
    """Kills what runs the tasks, again and again, until it has struck often enough; then waits for the end.

    Use it as a context manager within `nothing_left`: it stops the last scheduler, not what killed ones had started.
    """

    def __init__(self, stack: Stack, processes: Processes) -> None:
        self._stack = stack
        self._processes = processes
        self._scheduler = ExitStack()
        self._running: psutil.Process | None = None

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._scheduler.close()

    def play(self, random: Random, *, url: str) -> list[str]:
        """Strike; what is wrong if the runs do not end. `url` is the PostgreSQL database, or empty."""
        wait_for(lambda: self._runs().keys() == {TILL, WEB} or None, "both dataflows run")
        strikes: list[Callable[[Random], str]] = [self._kill_a_worker, self._kill_a_worker, self._kill_the_scheduler]
        if url:
            strikes.append(lambda _random: self._cut(url))
        for _ in range(_STRIKES):
            time.sleep(random.uniform(*_PAUSES_SECONDS))
            if self._have_ended():
                break
            self._processes.count(random.choice(strikes)(random))
        try:
            wait_for(lambda: self._have_ended() or None, "both runs have ended")
        except TimeoutError as error:
            return [f"stuck: {error}; {self._runs()}"]
        return []

    def _start(self) -> None:
        process = self._scheduler.enter_context(self._stack.running("scheduler", "--skip-serve-logs"))
        self._running = psutil.Process(process.pid)

    def _kill_a_worker(self, random: Random) -> str:
        """One of the processes below the scheduler: those that supervise tasks, and the tasks themselves."""
        workers = sorted(self._workers(), key=lambda process: process.pid)
        with suppress(psutil.NoSuchProcess):
            if workers:
                random.choice(workers).kill()
        return "killed worker"

    def _kill_the_scheduler(self, random: Random) -> str:
        """What it had started goes on without it, as under another executor; another scheduler takes its place."""
        if self._running is not None:
            self._running.kill()
        time.sleep(random.uniform(0, 3))
        self._start()
        return "killed scheduler"

    def _cut(self, url: str) -> str:
        cut_connections(url)
        return "cut connections"

    def _workers(self) -> list[psutil.Process]:
        try:
            return self._running.children(recursive=True) if self._running is not None else []
        except psutil.NoSuchProcess:
            return []

    def _runs(self) -> dict[str, str]:
        """The states of the dataflows' runs; none while the API server is too busy to say."""
        try:
            runs = self._stack.api("/dags/~/dagRuns")["dag_runs"]
        except httpx.TransportError:
            return {}
        return {run["dag_id"]: run["state"] for run in runs if run["dag_id"] in (TILL, WEB)}

    def _have_ended(self) -> bool:
        runs = self._runs()
        return runs.keys() == {TILL, WEB} and all(state in ("success", "failed") for state in runs.values())
