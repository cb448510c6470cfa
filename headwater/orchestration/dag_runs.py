"""What Airflow knows of Dag runs, asked from within a task."""

from airflow.sdk.api.client import ServerResponseError
from airflow.sdk.exceptions import AirflowRuntimeError
from airflow.sdk.types import RuntimeTaskInstanceProtocol

_NOT_FOUND = 404


class AirflowDagRuns:
    """Asks Airflow through a running task."""

    def __init__(self, task: RuntimeTaskInstanceProtocol) -> None:
        self._task = task

    def has_ended(self, flow: str, dag_run_id: str) -> bool | None:
        """See `headwater.flows.dag_runs.DagRuns.has_ended`."""
        try:
            state = self._task.get_dagrun_state(flow, dag_run_id)
        except AirflowRuntimeError as error:
            return True if (error.error.detail or {}).get("status_code") == _NOT_FOUND else None
        except ServerResponseError as error:  # where a Dag is tested within one process
            return True if error.response.status_code == _NOT_FOUND else None
        return state in ("success", "failed")
