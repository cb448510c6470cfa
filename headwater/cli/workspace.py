"""The installation that a command works on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from headwater.settings import Settings

if TYPE_CHECKING:
    from headwater.flows.workspace import Workspace


@contextmanager
def workspace() -> "Iterator[Workspace]":
    """The installation that `HEADWATER_*` describes, opened, and closed at the end.

    Raises:
        SettingsError: a setting is unknown or wrong.
    """
    from headwater.flows.workspace import open_workspace

    with open_workspace(Settings.load()) as opened:
        yield opened
