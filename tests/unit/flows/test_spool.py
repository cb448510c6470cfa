"""A spool knows what it holds; a full disk is told, and nothing is counted that was not stored."""

import hashlib
import sys
from io import FileIO
from pathlib import Path

import pytest

from headwater.errors import HeadwaterError
from headwater.flows.spool import Spool, passing_spool

MIB = 1024 * 1024


def test_what_was_stored_is_hashed_and_counted() -> None:
    content = bytes(range(256)) * 5000
    with passing_spool() as spool:
        for block in (content[:MIB], content[MIB:]):
            spool.write(memoryview(block))
            spool.note(memoryview(block))
        assert (spool.size_bytes, spool.sha256) == (len(content), hashlib.sha256(content).hexdigest())
        assert spool.last(100) == content[-100:]
        spool.write(memoryview(b"more"))
        spool.note(memoryview(b"more"))
        assert spool.from_the_start().read() == content + b"more"
        spool.restart()
        assert (spool.size_bytes, spool.last(10), spool.sha256) == (0, b"", hashlib.sha256().hexdigest())


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
def test_a_full_disk_is_told() -> None:
    with FileIO("/dev/full", "r+b") as full, pytest.raises(HeadwaterError) as caught:
        Spool(full).write(memoryview(b"a"))
    assert str(caught.value) == (
        "a file that is being fetched can't be stored on this machine: No space left on device, after 0 bytes. Make "
        "room for temporary files, and in HEADWATER_HOME."
    )
    assert caught.value.retryable


def test_a_note_that_can_not_be_written_is_told_too(tmp_path: Path) -> None:
    def fail(_size_bytes: int, _digest: object) -> None:
        raise OSError(28, "No space left on device")

    with FileIO(tmp_path / "a", "w+b") as file, pytest.raises(HeadwaterError, match="after 1 bytes"):
        Spool(file, noted=fail).note(memoryview(b"a"))
