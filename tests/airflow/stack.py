"""Airflow as it is deployed on one machine: API server, scheduler and Dag processor, as real processes."""

import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from tests.airflow.home import PASSWORDS, Home, airflow_command, migrate_database
from tests.servers.processes import accepts_connections, free_port, running

Result = TypeVar("Result")

_START_SECONDS = 120
_WAIT_SECONDS = 300
_POLL_SECONDS = 0.5
COMPONENTS = ("dag-processor", "scheduler", "triggerer")
_ARGUMENTS = {"scheduler": ["--skip-serve-logs"], "triggerer": ["--skip-serve-logs"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A running Airflow. `variables` are the environment of its processes."""

    home: Home
    url: str
    variables: Mapping[str, str]

    def running(
        self, name: str, *arguments: str, ready: Callable[[], bool] = lambda: True
    ) -> AbstractContextManager[subprocess.Popen[bytes]]:
        """One of Airflow's processes, until the block ends."""
        return running(
            [airflow_command(), name, *arguments],
            ready=ready,
            log=self.home.folder / "logs" / f"{name}.log",
            env=dict(self.variables),
            timeout_seconds=_START_SECONDS,
        )

    @contextmanager
    def client(self, user: str | None = "ada") -> Iterator[httpx.Client]:
        """An HTTP client, signed in with a token unless `user` is None."""
        with httpx.Client(base_url=self.url, timeout=_WAIT_SECONDS, trust_env=False) as client:
            if user is not None:
                answer = client.post("/auth/token", json={"username": user, "password": PASSWORDS[user]})
                client.headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['access_token']}"
            yield client

    def api(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """What Airflow's public API answers."""
        with self.client() as client:
            return client.get(f"/api/v2{path}").raise_for_status().json()

    def finished_run(self, dag_id: str, run_id: str | None = None) -> dict[str, Any]:
        """Wait until a Dag's run (the one that was scheduled, unless one is named) has ended."""

        def ended() -> dict[str, Any] | None:
            runs = self.api("/dags/~/dagRuns?order_by=-run_after")["dag_runs"]
            wanted = [
                run
                for run in runs
                if run["dag_id"] == dag_id
                and (run["run_type"] == "scheduled" if run_id is None else run["dag_run_id"] == run_id)
            ]
            return wanted[0] if wanted and wanted[0]["state"] in ("success", "failed") else None

        return wait_for(ended, f"a run of {dag_id} has ended")

    def task_states(self, dag_id: str, run_id: str) -> dict[str, str]:
        """The state of each task of a run; mapped ones under their id."""
        tasks = self.api(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return {task["task_id"]: task["state"] for task in tasks}


@contextmanager
def airflow_stack(
    home: Home, components: Sequence[str] = ("dag-processor", "scheduler", "triggerer")
) -> Iterator[Stack]:
    """Start Airflow over a prepared home, and stop it at the end. Everything listens on the loopback interface.

    The API server always runs; `components` are the others.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    stack = Stack(home=home, url=url, variables={**home.variables, **_variables(url, port)})
    migrate_database(home)
    (home.folder / "logs").mkdir()
    with ExitStack() as processes:
        processes.enter_context(stack.running("api-server", ready=lambda: accepts_connections(port)))
        for name in components:
            processes.enter_context(stack.running(name, *_ARGUMENTS.get(name, ())))
        yield stack


def wait_for(condition: Callable[[], Result | None], what: str) -> Result:
    """Ask until there is an answer.

    Raises:
        TimeoutError: there is none in time.
    """
    deadline = time.monotonic() + _WAIT_SECONDS
    pause = threading.Event()
    while (result := condition()) is None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {_WAIT_SECONDS} s")
        pause.wait(_POLL_SECONDS)
    return result


def _variables(url: str, port: int) -> dict[str, str]:
    settings = {
        "API__BASE_URL": url,
        "API__HOST": "127.0.0.1",
        "API__PORT": str(port),
        "API__WORKERS": "1",
        "API__SECRET_KEY": "a key of one test",
        "API_AUTH__JWT_SECRET": "a secret of one test, long enough for the algorithm that signs with it: 64 bytes",
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "CORE__PARALLELISM": "2",
        "CORE__TEST_CONNECTION": "Enabled",
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
        "WORKERS__EXECUTION_API_TIMEOUT": "60",  # a busy machine is no reason for another try
    }
    return {f"AIRFLOW__{name}": value for name, value in settings.items()} | {"HEADWATER_PUBLIC_URL": url}
