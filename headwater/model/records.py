"""What is wrong with a record, and how many there were."""

from dataclasses import dataclass
from typing import Final

CODE_UNREADABLE: Final = "1401"
"""The record could not be read at all (AEP: INGEST-1401-400)."""
CODE_CONVERSION: Final = "1501"
"""A value could not be converted to its column's type (our number, in AEP's 15xx range)."""
CODE_CONSTRAINT: Final = "1502"
"""A value breaks a rule of the schema other than `required` (our number, in AEP's 15xx range)."""
CODE_REQUIRED: Final = "1555"
"""A required field is missing or null (AEP: INGEST-1555-400)."""
CODE_MAPPING: Final = "3700"
"""A mapping failed for this record (AEP: MAPPER-3700-400)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with one record.

    Attributes:
        pointer: JSON Pointer (RFC 6901) into the record; "" for the whole record.
        rule: The JSON Schema keyword broken (`type`, `required`, `enum` …), or `json`, `csv`, `conversion`, `mapping`.
        code: Row code, one of this module's constants.
        message: What was found and what was expected.
    """

    pointer: str
    rule: str
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RowError:
    """A record that was rejected, with everything needed to find, mend and replay it.

    Attributes:
        file: Path of the source file, as the source names it.
        row_number: 1-based number of the record in its file.
        line: 1-based number of the line at which the record begins, None where a format has no lines.
        byte_offset: Offset of the record's first byte in the decompressed file, None where a format has none.
        raw: The record's original bytes, cut at `MAX_RAW_BYTES`.
        problems: Everything that is wrong with it, at least one.
        is_displayed: Whether `raw` only shows the record, which has no bytes of its own that could be replayed.
        rows_before: Of a record in an archive: how many records stand in the members before its own.
    """

    file: str
    row_number: int
    line: int | None
    byte_offset: int | None
    raw: bytes
    problems: tuple[Problem, ...]
    is_displayed: bool = False
    rows_before: int = 0


MAX_RAW_BYTES: Final = 65_536
"""How much of a rejected record is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordCounts:
    """Records of a file, group, or batch. `read = loaded + failed` always holds."""

    read: int = 0
    loaded: int = 0
    failed: int = 0

    def __post_init__(self) -> None:
        """Refuse counts that do not add up."""
        if self.read != self.loaded + self.failed:
            raise ValueError(f"counts do not add up: {self.read} read, {self.loaded} loaded, {self.failed} failed")

    def __add__(self, other: "RecordCounts") -> "RecordCounts":
        return RecordCounts(
            read=self.read + other.read, loaded=self.loaded + other.loaded, failed=self.failed + other.failed
        )
