"""A run that supersedes rows and kills its own process at a given point: run by `test_profiles_follow.py`."""

import os
import signal
from pathlib import Path
from typing import Any

from headwater.flows import open_workspace, steps
from headwater.model.documents import Dataflow, RunRequest
from headwater.settings import Settings
from tests.integration.shop import FLOW


def die() -> None:
    """End this process as `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


class DyingStore:
    """The real profile store, except that the process dies while it loads a batch anew, or after that."""

    def __init__(self, store: Any, point: str) -> None:  # noqa: ANN401 - stands in for the store
        self._store = store
        self._point = point

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._store, name)

    def reload_batch(self, load: Any, rows: Any, **options: Any) -> bool:  # noqa: ANN401
        """Reload, and die."""

        def dying_rows() -> Any:  # noqa: ANN401
            yield from rows()
            if self._point == "while reloading":
                die()

        self._store.reload_batch(load, dying_rows, **options)
        die()
        raise AssertionError("unreachable")


def main(home: str, point: str) -> None:
    """Run the dataflow up to the point."""
    with open_workspace(Settings.load(home=Path(home), tenant="shop")) as workspace:
        flow = workspace.catalog.resources.typed(Dataflow, FLOW)
        run_id = steps.discover(workspace, flow, RunRequest()).flow_run_id
        steps.ingest_group(workspace, run_id, 0)
        steps.load_lake(workspace, run_id)
        if point == "after load_lake":
            die()
        workspace.__dict__["profile_store"] = DyingStore(workspace.profile_store, point)
        steps.load_identities(workspace, run_id)
        steps.load_profiles(workspace, run_id)
