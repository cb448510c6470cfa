"""A flow run that kills its own process at a given point: run by `test_killed.py` in a process of its own."""

import os
import signal
from pathlib import Path
from typing import Any

from headwater.flows import open_workspace, steps
from headwater.model.documents import Dataflow, RunRequest
from headwater.settings import Settings


def die() -> None:
    """End this process as `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


class DyingLake:
    """The real lake, except that the process dies before or after its commit."""

    def __init__(self, lake: Any, point: str) -> None:  # noqa: ANN401 - stands in for the lake
        self._lake = lake
        self._point = point

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._lake, name)

    def commit(self, *arguments: object, **options: object) -> int:
        """Commit, and die."""
        if self._point == "before commit":
            die()
        self._lake.commit(*arguments, **options)
        die()
        raise AssertionError("unreachable")


def main(home: str, tenant: str, flow_name: str, point: str) -> None:
    """Run the dataflow up to the point."""
    with open_workspace(Settings.load(home=Path(home), tenant=tenant, allow_private_webhooks=True)) as workspace:
        flow = workspace.catalog.resources.typed(Dataflow, flow_name)
        discovery = steps.discover(workspace, flow, RunRequest())
        if point == "after discover":
            die()
        if point == "while reading":
            steps.ingest_group(workspace, discovery.flow_run_id, 0, progress=lambda _what, _amount: die())
        steps.ingest_group(workspace, discovery.flow_run_id, 0)
        if point == "after ingest":
            die()
        if point in ("before commit", "after commit"):
            workspace.__dict__["lake"] = DyingLake(workspace.lake, point)
        steps.load_lake(workspace, discovery.flow_run_id)
        if point == "after load_lake":
            die()
        steps.load_identities(workspace, discovery.flow_run_id)
        if point == "after load_identities":
            die()
        steps.load_profiles(workspace, discovery.flow_run_id)
        die()
