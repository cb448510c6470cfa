"""The verdict on each new file: complete, or what it waits for. Completeness is told before a file is claimed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from headwater.catalog.ledger import FileVersion
from headwater.catalog.observations import Observation
from headwater.flows.selection import seconds_to_wait
from headwater.model.documents import Readiness
from headwater.model.manifest import Expected

SETTLING: Final = "still being written"
UNMARKED: Final = "without its marker"
UNLISTED: Final = "not named by a manifest"
OTHER_SIZE: Final = "not of the size that the manifest names"
SET_INCOMPLETE: Final = "part of a set that is not all there"
BROKEN_MANIFEST: Final = "beside a manifest that cannot be used"
UNDELIVERED: Final = "a manifest of what is not there"
CUT: Final = "cut off at the end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Why marker or manifest say that a file is not complete: one of this module's reasons, and what exactly."""

    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Why a file is left alone.

    Attributes:
        reason: One of this module's reasons.
        since: Since when we wait for it.
        seconds: How long until it may be complete by itself; None if something has to happen first.
        detail: What exactly is missing; empty where the reason says it all.
    """

    reason: str
    since: datetime
    seconds: float | None = None
    detail: str = ""

    def overdue(self, readiness: Readiness, now: datetime) -> bool:
        """Whether it is incomplete for longer than the dataflow allows."""
        return now - self.since > timedelta(seconds=readiness.deadline_seconds)


def judge(
    file: FileVersion,
    seen: Observation,
    *,
    readiness: Readiness,
    now: datetime,
    obstacle: Obstacle | None,
) -> Waiting | None:
    """What a file waits for, None if it is complete as far as a listing can tell.

    Args:
        file: The version as listed.
        seen: What is remembered of it, this look included.
        readiness: When files of this source count as complete.
        now: The time of the look.
        obstacle: Why marker or manifest say that it is not complete; None if they do not.
    """
    if obstacle is not None:
        return Waiting(reason=obstacle.reason, since=seen.waiting_since, detail=obstacle.detail)
    if seen.cut is not None and (file.size_bytes is not None or file.version is not None):
        return Waiting(reason=CUT, since=seen.waiting_since, detail=seen.cut)
    seconds = seconds_to_wait(file.modified_by, seen.first_seen_at, now=now, readiness=readiness)
    if seconds > 0:
        return Waiting(reason=SETTLING, since=seen.waiting_since, seconds=seconds)
    return None


def contradiction(file: FileVersion, expected: Expected | None) -> Obstacle | None:
    """Why a file does not fit what its manifest says, as far as a listing tells; None if it does."""
    if expected is None:
        return Obstacle(reason=UNLISTED)
    if None not in (expected.size_bytes, file.size_bytes) and expected.size_bytes != file.size_bytes:
        return Obstacle(reason=OTHER_SIZE)
    return None


@dataclass(slots=True, kw_only=True)
class _Kind:
    """The files that wait for one reason: how many, the first of them by path, and what it waits for exactly."""

    count: int
    path: str
    detail: str


class WaitingFiles:
    """What there is to tell of files that are left alone, however many they are.

    Args:
        readiness: When files of this source count as complete.
        now: The time of the look.

    Attributes:
        seconds: How long until each may be complete that was written a moment ago; None if none is waited for so.
    """

    def __init__(self, readiness: Readiness, now: datetime) -> None:
        self._readiness = readiness
        self._now = now
        self._kinds: dict[str, _Kind] = {}
        self._late = 0
        self._latest: tuple[datetime, str, Waiting] | None = None
        self.seconds: float | None = None

    def add(self, path: str, entry: Waiting) -> None:
        """Count one file."""
        kind = self._kinds.setdefault(entry.reason, _Kind(count=0, path=path, detail=entry.detail))
        kind.count += 1
        if path < kind.path:
            kind.path, kind.detail = path, entry.detail
        if entry.seconds is not None:
            self.seconds = max(entry.seconds, self.seconds or 0.0)
        if entry.overdue(self._readiness, self._now):
            self._late += 1
            if self._latest is None or (entry.since, path) < self._latest[:2]:
                self._latest = entry.since, path, entry

    def remarks(self) -> list[str]:
        """What to tell people of them, one line for each reason."""
        lines = []
        for reason, kind in self._kinds.items():
            count = "1 file is" if kind.count == 1 else f"{kind.count} files are"
            detail = f" ({kind.detail})" if kind.detail else ""
            lines.append(f"{count} {reason}, such as {kind.path!r}{detail}; a later run takes what is complete then")
        return lines

    def overdue_message(self) -> str | None:
        """The error for those that are incomplete for too long, None if there are none."""
        if self._latest is None:
            return None
        since, path, entry = self._latest
        hours = (self._now - since).total_seconds() / 3600
        detail = f" ({entry.detail})" if entry.detail else ""
        return (
            f"{self._late} of the source's files have been incomplete for longer than `ready.deadline_seconds` "
            f"({self._readiness.deadline_seconds}) allows. The first is {path!r}: {entry.reason}{detail}, for "
            f"{hours:.1f} hours now. Nothing of them was taken. Have them completed or removed, or let `ready.ignore` "
            "leave them out."
        )
