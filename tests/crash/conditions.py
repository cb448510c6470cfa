"""Under which conditions a process runs: with a clock that is wrong and jumps, and with how much patience."""

import datetime as datetimes
import importlib
import time
from dataclasses import dataclass
from random import Random
from typing import Final

from headwater.database import engine

_HOURS: Final = 12
_WITH_CLOCKS: Final = ("headwater.catalog.base", "pyiceberg.table.update")
"""Modules that ask `datetime` for the time; everybody else asks the module `time`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """How a process differs from others.

    Attributes:
        clock_seconds: By how much its clock is ahead; negative where it was set back.
        jump_after: When it has been asked so often, the clock jumps.
        jump_seconds: By how much.
        lock_seconds: How long it waits for SQLite's write lock; None for the product's own patience.
    """

    clock_seconds: float = 0.0
    jump_after: int = 0
    jump_seconds: float = 0.0
    lock_seconds: int | None = None

    @property
    def clock_is_wrong(self) -> bool:
        """Whether its clock is not ours."""
        return bool(self.clock_seconds or self.jump_seconds)

    def apply(self) -> None:
        """Let them hold in this process."""
        if self.lock_seconds is not None:
            engine.BUSY_TIMEOUT_SECONDS = self.lock_seconds
        if self.clock_is_wrong:
            _set_clock(_Clock(self))


USUAL: Final = Conditions()


def draw_conditions(random: Random, *, wrong_clock: bool, impatient: bool) -> Conditions:
    """Conditions of one process. A wrong clock is up to twelve hours off, more often behind than ahead."""
    lock_seconds = 1 if impatient else None
    if not wrong_clock:
        return Conditions(lock_seconds=lock_seconds)
    hours, jump = random.uniform(-_HOURS, _HOURS / 4), random.uniform(-_HOURS, _HOURS / 4)
    return Conditions(
        clock_seconds=3600 * hours,
        jump_after=random.randint(1, 100),
        jump_seconds=3600 * jump if random.random() < 0.5 else 0.0,
        lock_seconds=lock_seconds,
    )


class _Clock:
    def __init__(self, conditions: Conditions) -> None:
        self._conditions = conditions
        self._asked = 0

    def seconds(self) -> float:
        self._asked += 1
        jump = self._conditions.jump_seconds if self._asked > self._conditions.jump_after else 0.0
        return _right_time() / 1e9 + self._conditions.clock_seconds + jump


_right_time = time.time_ns


def _set_clock(clock: _Clock) -> None:
    class Datetime(datetimes.datetime):
        @classmethod
        def now(cls, tz: datetimes.tzinfo | None = None) -> "Datetime":
            return cls.fromtimestamp(clock.seconds(), tz)

    time.time = clock.seconds
    time.time_ns = lambda: int(clock.seconds() * 1e9)
    for name in _WITH_CLOCKS:
        module = importlib.import_module(name)
        if not hasattr(module, "datetime"):
            raise AttributeError(f"{name} no longer asks `datetime` for the time; mend tests/crash/conditions.py")
        module.datetime = Datetime  # type: ignore[attr-defined]
