"""How the demo talks: one line per step, alive while it lasts if a person watches."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.status import Status

_WIDTH_OF_LOGS = 160


def make_console() -> Console:
    """Return a console on standard output, wide enough for the tables where that is no terminal."""
    console = Console()
    return console if console.is_terminal or "COLUMNS" in os.environ else Console(width=_WIDTH_OF_LOGS)


class Progress:
    """A step that is under way; `tell` says how far it is."""

    def __init__(self, what: str, status: Status | None) -> None:
        self._what = what
        self._status = status
        self.failed = False

    def fail(self) -> None:
        """Say that the step ends badly."""
        self.failed = True

    def tell(self, detail: str) -> None:
        """Show where the step is, in place of what was shown before; only to a person who watches."""
        if self._status is not None:
            self._status.update(f"{escape(self._what)} [dim]{escape(detail)}[/dim]")


@contextmanager
def step(console: Console, what: str) -> Iterator[Progress]:
    """Show that something is being done, and how long it took once it is done."""
    started = time.monotonic()
    if console.is_terminal:
        with console.status(escape(what)) as status:
            progress = Progress(what, status)
            yield progress
    else:
        console.print(f"… {what}", markup=False, highlight=False)
        progress = Progress(what, None)
        yield progress
    sign = "[red]✗[/red]" if progress.failed else "[green]✓[/green]"
    console.print(f"{sign} {escape(what)} [dim]{time.monotonic() - started:.1f} s[/dim]", highlight=False)
