"""Tests of denied access, also where the tests are run by root, to whom nothing is denied."""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NOBODY = 65534
_CAPABILITY_VERSION = 0x20080522
_CAP_PASS_OVER = 0b110  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH


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


def obey_permissions() -> None:
    """Have this thread, and those that it starts, denied what files' modes deny, also where it is root's. For good.

    Root still owns its files: it only loses the capability to pass over their modes (capabilities(7)).
    """
    if sys.platform != "linux" or os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    sets = (ctypes.c_uint32 * 6)()
    if libc.capget(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "capget refused")
    sets[0] &= ~_CAP_PASS_OVER  # effective
    sets[1] &= ~_CAP_PASS_OVER  # permitted
    if libc.capset(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "capset refused")
