"""What the demo asks of Airflow's REST API."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

import httpx

from demo.errors import DemoError

_ENDED: Final = ("success", "failed", "skipped", "upstream_failed", "removed")
_TIMEOUT_SECONDS = 120.0  # on a machine that is busy with other things, Airflow may need long for an answer


@dataclass(frozen=True, slots=True, kw_only=True)
class DagRun:
    """One Dag run. `state` is such as `queued`, `running`, `success`, `failed`; `seconds` is None until it ended."""

    dag_id: str
    run_id: str
    state: str
    seconds: float | None

    @property
    def ended(self) -> bool:
        """Whether nothing more happens."""
        return self.state in ("success", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tasks:
    """How far the tasks of a Dag run are: names of those at work and, in order, of those that failed."""

    total: int
    ended: int
    running: tuple[str, ...]
    failed: tuple[str, ...]


class AirflowApi:
    """A client of one API server, as one user; a context manager."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=_TIMEOUT_SECONDS, trust_env=False)

    def __enter__(self) -> Self:
        """Use the client."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close its connections."""
        self._client.close()

    def is_up(self) -> bool:
        """Whether the server answers."""
        try:
            return self._client.get("/api/v2/version").is_success
        except httpx.TransportError:
            return False

    def log_in(self, username: str, password: str) -> None:
        """Get a token for all further calls.

        Raises:
            DemoError: Airflow refused.
        """
        answer = self._send("POST", "/auth/token", {"username": username, "password": password})
        self._client.headers["authorization"] = f"Bearer {answer['access_token']}"

    def dag_ids(self) -> set[str]:
        """Return the ids of the Dags that Airflow knows."""
        return {dag["dag_id"] for dag in self._send("GET", "/api/v2/dags?limit=100")["dags"]}

    def import_errors(self) -> list[str]:
        """Return what went wrong when the Dags were read."""
        errors = self._send("GET", "/api/v2/importErrors?limit=100")["import_errors"]
        return [f"{error['filename']}: {error['stack_trace']}" for error in errors]

    def unpause(self, dag_id: str) -> None:
        """Switch a Dag on, so that its schedule takes effect."""
        self._send("PATCH", f"/api/v2/dags/{dag_id}?update_mask=is_paused", {"is_paused": False})

    def trigger(self, dag_id: str) -> None:
        """Ask for a run now."""
        self._send("POST", f"/api/v2/dags/{dag_id}/dagRuns", {"logical_date": None})

    def dag_runs(self, dag_id: str) -> list[DagRun]:
        """Return the newest runs of a Dag, the newest first."""
        runs = self._send("GET", f"/api/v2/dags/{dag_id}/dagRuns?order_by=-run_after&limit=10")["dag_runs"]
        return [
            DagRun(dag_id=dag_id, run_id=run["dag_run_id"], state=run["state"], seconds=run["duration"]) for run in runs
        ]

    def tasks(self, run: DagRun) -> Tasks:
        """Return how far a run is."""
        path = f"/api/v2/dags/{run.dag_id}/dagRuns/{quote(run.run_id, safe='')}/taskInstances?limit=100"
        instances = self._send("GET", path)["task_instances"]
        by_end = sorted(instances, key=lambda task: task["end_date"] or "")
        return Tasks(
            total=len(instances),
            ended=sum(task["state"] in _ENDED for task in instances),
            running=tuple(task["task_id"] for task in instances if task["state"] == "running"),
            failed=tuple(task["task_id"] for task in by_end if task["state"] == "failed"),
        )

    def _send(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        try:
            response = self._client.request(method, path, json=body)
        except httpx.TransportError as error:
            raise DemoError(f"Airflow's API server did not answer to {method} {path}: {error}.") from error
        if not response.is_success:
            raise DemoError(
                f"Airflow answered {response.status_code} to {method} {path}; expected success. {response.text[:1_000]}"
            )
        answer: dict[str, Any] = response.json()
        return answer
