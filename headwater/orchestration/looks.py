"""Threads in which the triggerer looks at sources, apart from those that it needs itself."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from connectors.errors import UnreachableError

T = TypeVar("T")

_MOST_THREADS = 32
_PATIENCE_SECONDS = 900.0


class Looks:
    """Looks at many sources at once, and at each account one at a time: one that hangs delays no other.

    Used in one event loop.

    Args:
        most_threads: So many accounts are looked at at once.
        patience_seconds: A look that takes longer, with the wait for the account's last one, counts as failed. Its
            thread ends when the source's own time-outs let it; until then, no other look at the account is begun.
    """

    def __init__(self, *, most_threads: int = _MOST_THREADS, patience_seconds: float = _PATIENCE_SECONDS) -> None:
        self._threads = ThreadPoolExecutor(most_threads, "headwater look")
        self._patience_seconds = patience_seconds
        self._turns: dict[str, asyncio.Lock] = {}

    async def look(self, account: str, list_files: Callable[[], T]) -> T:
        """Return what `list_files` returns, called in a thread; raises what it raises.

        Raises:
            UnreachableError: It took too long.
        """
        turn = self._turns.setdefault(account, asyncio.Lock())

        def end(done: asyncio.Future[T]) -> None:
            turn.release()
            if not done.cancelled():
                done.exception()  # nobody may be left to be told

        try:
            async with asyncio.timeout(self._patience_seconds):
                await turn.acquire()
                looking = asyncio.get_running_loop().run_in_executor(self._threads, list_files)
                looking.add_done_callback(end)
                return await asyncio.shield(looking)
        except TimeoutError as error:
            raise UnreachableError(
                f"account {account!r} was not listed within {self._patience_seconds:g} s: its source hangs, or the "
                "folder is too large. Look at it with `headwater account explore`."
            ) from error
