"""Tests of denied access, also where the tests are run by root, to whom nothing is denied."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NOBODY = 65534


@contextmanager
def closed_folder(path: bytes | Path, *, as_nobody: bool) -> Iterator[None]:
    """Take all permissions from a folder while the block runs.

    Args:
        path: The folder; it can be reached by everybody.
        as_nobody: Whether this process has to give up root's rights too, because it is the one that is to be denied.
    """
    mode = os.stat(path).st_mode  # noqa: PTH116 (byte paths too)
    owner = os.geteuid()
    os.chmod(path, 0)  # noqa: PTH101 (byte paths too)
    try:
        if as_nobody and owner == 0:
            os.seteuid(_NOBODY)
        yield
    finally:
        os.seteuid(owner)
        os.chmod(path, mode)  # noqa: PTH101 (byte paths too)
