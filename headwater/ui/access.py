"""Who looks at a page: decided by whoever serves the pages, asked before every answer."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """A signed-in person who may see the pages. `may_see_records` allows pages that show people's data."""

    name: str
    may_see_records: bool


Authorise = Callable[[Request], Awaitable[Viewer]]
"""Finds out who asks; raises `NotSignedInError` or `NotAllowedError`."""


class NotSignedInError(Exception):
    """Nobody is signed in.

    Attributes:
        login_url: Where one signs in, or None if there is no such page.
    """

    def __init__(self, message: str, login_url: str | None = None) -> None:
        super().__init__(message, login_url)
        self.message = message
        self.login_url = login_url


class NotAllowedError(Exception):
    """Somebody is signed in and may not see this."""
