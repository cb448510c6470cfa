"""A folder with many files is judged a page at a time."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from headwater.flows.selection import MAX_FILES

_MOST_MORE_BYTES = 16 * 1024 * 1024


def found_in(folder: Path, *, files: int) -> dict[str, Any]:
    """What `discover` takes of a new folder with so many files, in a process of its own."""
    source, home = folder / f"source-{files}", folder / f"home-{files}"
    source.mkdir()
    for number in range(files):
        (source / f"orders-{number:06}.json").touch()
    command = [sys.executable, "-m", "tests.integration.large_listing", str(source), str(home)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)  # noqa: S603 (our own)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.slow
def test_a_hundred_thousand_files_take_no_more_memory_than_a_batch(tmp_path: Path) -> None:
    few, many = found_in(tmp_path, files=100), found_in(tmp_path, files=100_000)
    assert (few["files"], many["files"]) == (100, MAX_FILES)
    assert many["notes"] == ["90000 files are left for the next run; a batch takes 10000"]
    assert many["peak_bytes"] - few["peak_bytes"] < _MOST_MORE_BYTES
