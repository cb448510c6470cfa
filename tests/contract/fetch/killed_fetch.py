"""Fetches a file, and kills itself on the way or runs out of disk; `test_kept` runs it as a program of its own."""

import json
import os
import resource
import signal
import sys
from contextlib import closing
from pathlib import Path

from connectors import create_connector
from headwater.flows.fetch import fetch_file
from headwater.flows.kept import KeptTransfers
from tests.contract.fetch.support import AT_ONCE, listed


def main() -> None:
    """Read what to do from standard input."""
    job = json.load(sys.stdin)
    left = job["kill_after_bytes"]
    if job.get("most_file_bytes") is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (job["most_file_bytes"],) * 2)

    def count_down(count: int) -> None:
        nonlocal left
        left -= count
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    kept = KeptTransfers(folder=Path(job["folder"]), source="server", most_bytes=2**30)
    with (
        closing(create_connector("sftp", job["config"])) as connector,
        fetch_file(connector, listed(connector), on_bytes=count_down, patience=AT_ONCE, kept=kept),
    ):
        raise AssertionError("it was to be killed before")


if __name__ == "__main__":
    main()
