"""How slow a source may be: one that sends a byte now and then keeps every time-out, and a connection for days."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from connectors.errors import TransferError

LeastBytesPerSecond = Annotated[
    int,
    Field(
        ge=0,
        title="Least speed",
        description="A transfer that is slower, in bytes per second, is cut off and tried again; 0 for no such bound. "
        "Only the time spent waiting for the source counts.",
    ),
]
LeastSpeedSeconds = Annotated[
    float,
    Field(
        gt=0,
        le=86_400,
        title="Time for the least speed",
        description="Over how many seconds the speed is measured for `least_bytes_per_second`.",
    ),
]
LEAST_BYTES_PER_SECOND = 1024
LEAST_SPEED_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LeastSpeed:
    """So many bytes per second, measured over so many seconds; 0 bytes for no bound."""

    bytes_per_second: int
    seconds: float


ANY_SPEED = LeastSpeed(bytes_per_second=0, seconds=LEAST_SPEED_SECONDS)


class TooSlowError(Exception):
    """A source sent less than it had to.

    Attributes:
        count: How many bytes it sent.
        seconds: In how many seconds of waiting.
        least: What it had to.
    """

    def __init__(self, count: int, seconds: float, least: LeastSpeed) -> None:
        super().__init__(count, seconds, least)
        self.count = count
        self.seconds = seconds
        self.least = least

    def explained(self, source: str, path: str) -> TransferError:
        """Return the error for people.

        Args:
            source: The source's name.
            path: The file that was read.
        """
        return TransferError(
            f"{source} sent {self.count} bytes of {path!r} in {self.seconds:.0f} s, less than the "
            f"{self.least.bytes_per_second} bytes per second that are the least. The transfer was cut off. Try again; "
            "if the source is always so slow, lower `least_bytes_per_second`.",
            source,
            path,
        )


class Pace:
    """Measures one transfer.

    Args:
        least: How fast it has to be.
    """

    def __init__(self, least: LeastSpeed) -> None:
        self._least = least
        self._count = 0
        self._seconds = 0.0

    def waited(self, seconds: float, count: int) -> None:
        """Take note that bytes came after a wait.

        Raises:
            TooSlowError: Over the last period, too few came.
        """
        self._seconds += seconds
        self._count += count
        if self._seconds < self._least.seconds:
            return
        if self._count < self._least.bytes_per_second * self._seconds:
            raise TooSlowError(self._count, self._seconds, self._least)
        self._count, self._seconds = 0, 0.0
