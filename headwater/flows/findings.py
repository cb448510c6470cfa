"""What a look over the stores can find, and how it is told."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """What can be wrong."""

    DEAD_RUN = "HW101"
    STUCK_FILES = "HW102"
    ABANDONED_BATCH = "HW103"
    INTERRUPTED_REMOVAL = "HW104"
    STAGED_LEFTOVERS = "HW105"
    INTERRUPTED_RELOAD = "HW106"
    ROWS_MISSING = "HW201"
    ROWS_LEFT = "HW202"
    UNKNOWN_ROWS = "HW203"
    FILES_MISSING = "HW204"
    ORPHANS = "HW205"
    LOAD_MISSING = "HW301"
    PROFILES_DIFFER = "HW302"
    PROFILES_LEFT = "HW303"
    UNKNOWN_PROFILES = "HW304"
    STUCK_NOTIFICATIONS = "HW401"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is not as it should be.

    Attributes:
        code: What kind of thing.
        subject: The id or name of what it is about.
        problem: What was found, what was expected, and what to do.
        mendable: Whether `--mend` sees to it.
        mended: Whether it was seen to.
    """

    code: Code
    subject: str
    problem: str
    mendable: bool
    mended: bool = False


Mend = Callable[[], object]
"""Puts a finding right; safe to repeat."""
Found = tuple[Finding, Mend | None]


def found(code: Code, subject: str, problem: str, mend: Mend | None = None) -> Found:
    """A finding, and what sees to it; None if nothing may."""
    return Finding(code=code, subject=subject, problem=problem, mendable=mend is not None), mend
