"""A run that works for long says so, or others would take it for dead."""

import time

from headwater.flows.context import lease
from headwater.flows.workspace import Workspace


class Heartbeat:
    """Renews a run's lease, however often it is called only as often as needed."""

    def __init__(self, workspace: Workspace, flow_run_id: str) -> None:
        self._workspace = workspace
        self._flow_run_id = flow_run_id
        self._next_at = 0.0

    def beat(self) -> None:
        """The run is alive."""
        now = time.monotonic()
        if now >= self._next_at:
            self._workspace.catalog.flow_runs.renew(self._flow_run_id, lease(self._workspace))
            self._next_at = now + lease(self._workspace).total_seconds() / 10
