"""Error storms: reading stops where the batch can load no more, and enough of its rejected records are explained."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from headwater.catalog.batches import GroupReport
from headwater.model.runs import SourceFile

GENEROSITY = 4
"""What is not read yet is taken to hold so many times the records per byte of what was read, and all of them good."""
_PLAIN_TEXT = frozenset({".json", ".jsonl", ".ndjson", ".csv", ".psv", ".tsv", ".txt"})
"""How the names of files end whose bytes are text: a compressed one may hold any number of records per byte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How much was read. `bytes` are the source's own, compressed ones too; None where that is not known."""

    read: int
    failed: int
    bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StormWatch:
    """Tells, while one group of a batch is read, whether to read on.

    Attributes:
        threshold_percent: How many records of a batch may fail.
        records: After how many rejected records of the group it asks itself; 0 for never.
        batch_bytes: Length of all files of the batch (`text_bytes`); None if they allow no estimate.
        elsewhere: What the batch's other groups came to, as far as they are done.
    """

    threshold_percent: float
    records: int
    batch_bytes: int | None
    elsewhere: Progress

    def is_lost(self, here: Progress) -> bool:
        """Whether enough was rejected, and the batch cannot load whatever the rest holds.

        Without a threshold that is certain. With one it is an estimate on the safe side (`GENEROSITY`); where a file
        of the batch may be no plain text, or a length or the progress is not known, all is read to its end.
        """
        if not self.records or here.failed < self.records:
            return False
        if not self.threshold_percent:
            return True
        if self.batch_bytes is None or not here.bytes or self.elsewhere.bytes is None:
            return False
        read, failed = here.read + self.elsewhere.read, here.failed + self.elsewhere.failed
        left_bytes = max(0, self.batch_bytes - here.bytes - self.elsewhere.bytes)
        left = GENEROSITY * left_bytes * here.read / here.bytes
        return failed * 100 > self.threshold_percent * (read + left)

    def explain(self, here: Progress, place: str) -> str:
        """What is said where reading stops at `place`."""
        allowed = f"at most {self.threshold_percent:g} % may fail" if self.threshold_percent else "none may fail"
        return (
            f"reading was stopped {place}: {here.failed:,} of the {here.read:,} records read until then were rejected "
            f"and {allowed}, so the batch cannot load whatever follows (`HEADWATER_STORM_RECORDS`)"
        )


def text_bytes(files: Iterable[SourceFile]) -> int | None:
    """Length of all files together; None where one has no known length, or is no plain text by its name."""
    total = 0
    for file in files:
        if file.size_bytes is None or PurePosixPath(file.path).suffix.lower() not in _PLAIN_TEXT:
            return None
        total += file.size_bytes
    return total


def read_elsewhere(reports: Iterable[GroupReport]) -> Progress:
    """What other groups came to together."""
    done = list(reports)
    return Progress(
        read=sum(report.counts.read for report in done),
        failed=sum(report.counts.failed for report in done),
        bytes=sum(report.input_bytes for report in done),
    )
