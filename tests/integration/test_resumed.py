"""A step that is tried again goes on with the file that the last try was fetching; maintenance removes what is left."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from demo.data import file_contents
from headwater.flows import steps
from headwater.flows.maintenance import maintain_lake
from headwater.model.documents import RunRequest
from tests.integration.installation import PURCHASES, Installation

MIB = 1024 * 1024
FILE = "luma-offline-purchases.json"


class Killed(BaseException):
    """What ends a task from outside."""


def begun_and_killed(luma: Installation, *, after_bytes: int) -> tuple[str, int]:
    """Begin a run with a file of 12 MiB, most of it blank lines, and end its ingestion on the way."""
    content = file_contents(luma.data)[FILE]
    luma.put(FILE, content + b"\n" * (12 * MIB - len(content)))
    discovery = steps.discover(luma.workspace, luma.flow(PURCHASES), RunRequest())
    [group] = discovery.groups
    fetched = 0

    def end_it(what: str, amount: int) -> None:
        nonlocal fetched
        fetched += amount if what == "bytes" else 0
        if fetched >= after_bytes:
            raise Killed

    with pytest.raises(Killed):
        steps.ingest_group(luma.workspace, discovery.flow_run_id, group, progress=end_it)
    return discovery.flow_run_id, group


def unfinished(luma: Installation) -> list[Path]:
    return list(luma.workspace.settings.unfinished_transfers.glob("*"))


def test_the_next_try_goes_on(luma: Installation) -> None:
    run_id, group = begun_and_killed(luma, after_bytes=10 * MIB)
    sent_before = luma.sftp.counts.bytes_sent
    result = steps.ingest_group(luma.workspace, run_id, group)
    assert (result.files, result.read) == (1, len(luma.data.purchases))
    assert luma.sftp.counts.bytes_sent - sent_before < 4 * MIB
    assert unfinished(luma) == []


def test_maintenance_gives_it_up_in_the_end(luma: Installation) -> None:
    begun_and_killed(luma, after_bytes=10 * MIB)
    assert len(unfinished(luma)) == 2, "the bytes, and their note"
    maintain_lake(luma.workspace, now=datetime.now(UTC) + timedelta(hours=71))
    assert len(unfinished(luma)) == 2
    maintain_lake(luma.workspace, now=datetime.now(UTC) + timedelta(hours=73))
    assert unfinished(luma) == []
