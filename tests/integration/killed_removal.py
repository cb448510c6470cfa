"""A removal that kills its own process once the lake has lost the rows: run by `test_batch_life.py`."""

import os
import signal
from pathlib import Path
from typing import Any

from headwater.flows import open_workspace
from headwater.flows.removal import revert_batch
from headwater.settings import Settings


class DyingLake:
    """The real lake, except that the process dies after it removed a batch."""

    def __init__(self, lake: Any) -> None:  # noqa: ANN401 - stands in for the lake
        self._lake = lake

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._lake, name)

    def remove_batches(self, *arguments: object) -> None:
        """Remove, and die as by `kill -9`."""
        self._lake.remove_batches(*arguments)
        os.kill(os.getpid(), signal.SIGKILL)


def main(home: str, batch_id: str) -> None:
    """Revert the batch."""
    with open_workspace(Settings.load(home=Path(home), tenant="shop")) as workspace:
        workspace.__dict__["lake"] = DyingLake(workspace.lake)
        revert_batch(workspace, batch_id, release_files=True)
