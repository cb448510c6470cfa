"""The verdict on each new file: complete, or what it waits for. Completeness is told before a file is claimed."""

from collections.abc import Mapping
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


def remarks(waiting: Mapping[str, Waiting]) -> list[str]:
    """What to tell people of the files that are left alone, one line for each reason."""
    lines = []
    for reason in dict.fromkeys(entry.reason for entry in waiting.values()):
        paths = sorted(path for path, entry in waiting.items() if entry.reason == reason)
        count = "1 file is" if len(paths) == 1 else f"{len(paths)} files are"
        detail = f" ({waiting[paths[0]].detail})" if waiting[paths[0]].detail else ""
        lines.append(f"{count} {reason}, such as {paths[0]!r}{detail}; a later run takes what is complete then")
    return lines


def overdue_message(waiting: Mapping[str, Waiting], *, readiness: Readiness, now: datetime) -> str | None:
    """The error for files that are incomplete for too long, None if there are none."""
    late = {path: entry for path, entry in waiting.items() if entry.overdue(readiness, now)}
    if not late:
        return None
    path = min(late, key=lambda each: late[each].since)
    entry = late[path]
    hours = (now - entry.since).total_seconds() / 3600
    detail = f" ({entry.detail})" if entry.detail else ""
    return (
        f"{len(late)} of the source's files have been incomplete for longer than `ready.deadline_seconds` "
        f"({readiness.deadline_seconds}) allows. The first is {path!r}: {entry.reason}{detail}, for {hours:.1f} hours "
        "now. Nothing of them was taken. Have them completed or removed, or let `ready.ignore` leave them out."
    )
