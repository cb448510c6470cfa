"""Discover in a process of its own, which then says what it found and how much memory that took: `FOLDER HOME WORK`."""

import json
import resource
import sys
from pathlib import Path

from headwater.flows import open_workspace
from headwater.flows.discover import discover
from headwater.flows.resources import apply_documents, read_documents
from headwater.model.documents import Account, Dataflow, RunRequest
from headwater.settings import Settings

EXAMPLES = Path(__file__).parents[2] / "examples" / "luma"
TENANT = "techmarketingdemos"


def main() -> None:
    """Take what is in the folder."""
    folder, home = Path(sys.argv[1]), Path(sys.argv[2])
    with open_workspace(Settings.load(home=home, tenant=TENANT)) as workspace:
        apply_documents(workspace.catalog, read_documents([EXAMPLES]), tenant=TENANT)
        workspace.catalog.resources.put(Account(name="folder", type="local", params={"root_path": str(folder)}))
        flow = Dataflow.from_json(
            {
                "name": "many",
                "source": {"account": "folder", "path": "/", "files": "*", "ready": {"settle_seconds": 0}},
                "target": {"dataset": "luma_loyalty_dataset"},
                "schedule": {"frequency": "day", "backfill": True},
            }
        )
        workspace.catalog.resources.put(flow)
        found = discover(workspace, flow, RunRequest.from_json({"trigger": "scheduled"}))
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    sys.stdout.write(json.dumps({"files": found.files, "notes": found.notes, "peak_bytes": peak_bytes}))


if __name__ == "__main__":
    main()
