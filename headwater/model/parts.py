"""Parts of a large file that are ingested by themselves."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePart:
    """A range of a text file that begins and ends between two records.

    Attributes:
        number: From 1, in the order of the file.
        offset: The first byte's.
        size_bytes: Length of the range.
        sha256: Of the range's bytes, in hexadecimal.
        format: What the file is.
        records_before: How many records of the file lie before this part.
        first_line: 1-based number of the line at which it begins.
        header: The file's header for a part that lacks it; None for the first part, and for JSON.
    """

    number: int
    offset: int
    size_bytes: int
    sha256: str
    format: Literal["json", "csv"]
    records_before: int
    first_line: int
    header: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """A whole file, read once, and the parts that it falls into: at least two, without gaps.

    Attributes:
        sha256: Of the whole file, in hexadecimal.
        size_bytes: Of the whole file.
        parts: In the order of the file.
    """

    sha256: str
    size_bytes: int
    parts: tuple[FilePart, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Undivided:
    """A file that has to be read by one task; `reason` completes the sentence "the file …"."""

    reason: str
