"""Asking again, within bounds."""

import random
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from connectors.errors import ConnectorError

_FIRST_WAIT_SECONDS = 0.1
_LONGEST_WAIT_SECONDS = 5.0

T = TypeVar("T")


def waits(attempts: int) -> Iterator[float | None]:
    """Yield how many seconds to wait after each attempt, growing and jittered; None after the last one."""
    jitter = random.SystemRandom()
    for number in range(attempts - 1):
        yield min(_FIRST_WAIT_SECONDS * 2**number, _LONGEST_WAIT_SECONDS) * jitter.uniform(0.5, 1)
    yield None


def repeated(request: Callable[[], T], attempts: int) -> T:
    """Return what a request returns, and make it again while its error says that this may help.

    Raises:
        ConnectorError: That of the last attempt.
    """
    for wait_seconds in waits(attempts):
        try:
            return request()
        except ConnectorError as error:
            if wait_seconds is None or not error.retryable:
                raise
            time.sleep(wait_seconds)
    raise AssertionError("unreachable: the last wait is None")
