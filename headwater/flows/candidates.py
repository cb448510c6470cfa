"""Files that a run could take, as a look at the source finds them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from headwater.catalog.ledger import MAX_PATH_BYTES, FileVersion
from headwater.flows.readiness import WaitingFiles
from headwater.flows.selection import MAX_FILES
from headwater.model.documents import Schedule
from headwater.model.manifest import Expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A new version of a file.

    `supersedes` are ids of loaded versions whose rows it is to replace; `expected` is what a manifest says of it.
    """

    file: FileVersion
    supersedes: tuple[str, ...]
    expected: Expected | None = None


def most_files(schedule: Schedule) -> int | None:
    """How many files a batch takes; None for all, where no run follows that would take the others."""
    return None if schedule.frequency == "once" else MAX_FILES


@dataclass(slots=True, kw_only=True)
class Listing:
    """What one look at the source found: files that may be taken now, and what is to be said of the others.

    Of more complete files than a batch takes, only the first by path are held.

    Attributes:
        looked_at: When.
        waiting: The files that are not complete.
        most: How many files are held; None for all.
        ready: Those that are; more than `most` of them until `first` was called.
        left: How many complete files are left for the next run.
    """

    looked_at: datetime
    waiting: WaitingFiles
    most: int | None
    ready: list[Candidate] = field(default_factory=list)
    left: int = 0
    held: int = 0
    untimed: int = 0
    indistinct: int = 0
    too_long: int = 0
    long_path: str | None = None
    orphans: list[str] = field(default_factory=list)

    def take(self, complete: Iterable[Candidate]) -> None:
        """Add files that are complete."""
        self.ready += complete
        if self.most is not None and len(self.ready) >= 2 * self.most:
            self.first()

    def first(self) -> list[Candidate]:
        """The files that one batch takes, by path."""
        self.ready.sort(key=lambda candidate: candidate.file.path)
        if self.most is not None and len(self.ready) > self.most:
            self.left += len(self.ready) - self.most
            del self.ready[self.most :]
        return self.ready

    def leave_out(self, path: str) -> None:
        """Count a file whose path is too long."""
        self.too_long += 1
        self.long_path = min(path, self.long_path or path)

    def notes(self) -> list[str]:
        """Remarks on what was left out, for people; of `left` once `first` was called."""
        notes = []
        if self.held:
            notes.append(f"{self.held} files are held by another run")
        if self.untimed:
            notes.append(f"{self.untimed} files were left out: a window was asked for, and the source gives no times")
        if self.indistinct and self.ready:
            notes.append(
                f"{self.indistinct} files have neither a time nor a version at this source: a change that keeps "
                "a file's size is not noticed. An FTP server's times can be used once the account has its `time_zone`"
            )
        if self.long_path is not None:
            notes.append(
                f"{self.too_long} files were left out: their paths have more than {MAX_PATH_BYTES:,} bytes, which "
                f"the ledger does not hold. Rename them or their folders; one begins with {self.long_path[:80]!r}"
            )
        if self.orphans:
            markers = "1 marker is" if len(self.orphans) == 1 else f"{len(self.orphans)} markers are"
            notes.append(f"{markers} without a file, such as {min(self.orphans)!r}; nothing waits for it")
        notes += self.waiting.remarks()
        if self.left:
            notes.append(f"{self.left} files are left for the next run; a batch takes {self.most}")
        return notes
