"""Programs that come from packages of the operating system, and packages that only tests use."""

import importlib.util
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

_SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/sbin")


def require(tool: str, package: str, *, folders: Sequence[str | Path] = ()) -> Path:
    """Return the path of a program, or skip the test; with the environment's CI=true a missing one fails it.

    Args:
        tool: The program's name, as in "sshd".
        package: The Debian package that has it.
        folders: Where to look besides PATH and the system's folders.
    """
    path = os.pathsep.join([os.environ.get("PATH", ""), *_SYSTEM_FOLDERS, *map(str, folders)])
    found = shutil.which(tool, path=path)
    if found is not None:
        return Path(found)
    reason = f"needs the Debian package {package}"
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}, and CI has to run every test", pytrace=False)
    pytest.skip(reason)


def require_module(module: str, package: str) -> None:
    """Skip the test if a package that only tests use is not installed; with CI=true that fails it."""
    if importlib.util.find_spec(module) is not None:
        return
    reason = f"needs the package {package}"
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}, and CI has to run every test", pytrace=False)
    pytest.skip(reason)
