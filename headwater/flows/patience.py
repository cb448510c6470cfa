"""How long to go on with a source that keeps failing."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

_ENOUGH_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often, and for how long, a failing transfer is taken up again.

    Only failures in a row count: 256 KiB more of the file than ever before start the count anew. So the number of
    tries is bounded by the file's size, and a source that brings nothing new is given up soon.

    Attributes:
        tries: So many failures in a row end it.
        first_seconds: The pause after the first failure; each further one is twice as long.
        longest_seconds: No pause is longer.
        total_seconds: So long after the first failure in a row there is no further try.
        pause: Waits so many seconds.
    """

    tries: int = 5
    first_seconds: float = 1
    longest_seconds: float = 30
    total_seconds: float = 600
    pause: Callable[[float], object] = time.sleep


class Retries:
    """Counts the failures of one transfer."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._failures = 0
        self._first_failure_at = 0.0
        self._most_bytes = 0

    @property
    def failures(self) -> int:
        """How often it failed in a row."""
        return self._failures

    def next_pause(self, done_bytes: int) -> float | None:
        """Count a failure; return how many seconds to wait before the next try, or None to give up.

        The pause varies by a quarter, so that many transfers which failed together do not return together.

        Args:
            done_bytes: How many bytes of the file are here.
        """
        now = time.monotonic()
        if self._failures == 0 or done_bytes - self._most_bytes >= _ENOUGH_BYTES:
            self._failures, self._first_failure_at = 0, now
            self._most_bytes = max(self._most_bytes, done_bytes)
        self._failures += 1
        patience = self._patience
        if self._failures >= patience.tries:
            return None
        longest = min(patience.longest_seconds, patience.first_seconds * 2 ** (self._failures - 1))
        seconds = longest * random.uniform(0.75, 1)  # noqa: S311 (no secret depends on it)
        return seconds if now + seconds - self._first_failure_at <= patience.total_seconds else None
