"""What the engine hands over: chunks while a file is read, and a report at its end."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from headwater.ingest.column import Tally
from headwater.model.records import RowError

ROW_NUMBER = pa.field("row_number", pa.int64())
"""Provenance: 1-based number of the record in its file, counted through all members of an archive."""
BYTE_OFFSET = pa.field("byte_offset", pa.int64())
"""Provenance: offset of the record's first byte in the decompressed file or member; null where the format has none."""

_MOST_NAMED = 20
_MOST_MEMBERS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Some records of a file, read. `rows.num_rows + len(errors) == read` always holds.

    Attributes:
        rows: The good ones in the file's order: the plan's columns, then `row_number` and `byte_offset`.
        errors: The bad ones, each with everything that is wrong with it.
        read: How many there were.
        member: The member of the archive that they stand in; None if the file is none.
    """

    rows: pa.RecordBatch
    errors: tuple[RowError, ...]
    read: int
    member: str | None = None

    def __post_init__(self) -> None:
        """Refuse a chunk that lost or invented a record."""
        if self.rows.num_rows + len(self.errors) != self.read:
            raise AssertionError(f"{self.read} records read, {self.rows.num_rows} good, {len(self.errors)} bad")


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRows:
    """Where a member's records are among those of its archive: `read` of them, from `first_row` on."""

    name: str
    first_row: int
    read: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """What was noticed while a file was read.

    Attributes:
        file: Path of the file, as the source names it.
        format: What the content was: `json`, `csv` or `parquet`; of an archive, the member's that was read last.
        compression: What was taken off, outermost first (`gzip`, `gzip, tar`), or None.
        members: The members of an archive that were read.
        read: Records read.
        failed: Records rejected.
        rules: How values were read, for fields where that is worth knowing: pointer -> rule -> count. Counted at column
            speed over all records that could be decoded, rejected ones included.
        unknown_fields: Fields that the schema does not have, which are therefore not stored: pointer -> how often.
        sampled: Records in which unknown fields were looked for; the beginning of the file is always among them.
        unused_columns: Columns of a delimited file that no mapping uses.
        left_out: Values that a mapping could not convert and left out: pointer -> count.
    """

    file: str
    format: str
    compression: str | None
    members: tuple[MemberRows, ...]
    read: int
    failed: int
    rules: Mapping[str, Mapping[str, int]]
    unknown_fields: Mapping[str, int]
    sampled: int
    unused_columns: tuple[str, ...]
    left_out: Mapping[str, int]

    @property
    def notes(self) -> tuple[str, ...]:
        """What an operator should know, in sentences; nothing where nothing was odd."""
        notes = []
        if self.members:
            notes.append(f"{self.file}: {_located(self.members)}")
        if self.unknown_fields:
            where = "" if self.sampled == self.read else f" (looked for in {self.sampled} of {self.read} records)"
            notes.append(
                f"{self.file}: fields that are not in the schema were not stored{where}: {_listed(self.unknown_fields)}"
            )
        if self.unused_columns:
            notes.append(f"{self.file}: {len(self.unused_columns)} columns of the file are in no mapping")
        if self.left_out:
            notes.append(
                f"{self.file}: values that the mapping could not convert were left out (MAPPER-3700-400): "
                f"{_listed(self.left_out)}"
            )
        mixed = {pointer: rules for pointer, rules in self.rules.items() if len(rules) > 1}
        if mixed:
            read = (f"{pointer} as {_listed(rules)}" for pointer, rules in list(mixed.items())[:_MOST_NAMED])
            notes.append(f"{self.file}: values of one field were read by several rules: {'; '.join(read)}")
        return tuple(notes)


@dataclass(slots=True, kw_only=True)
class Observations:
    """Grows while a file is read; the makings of a report."""

    tally: Tally = field(default_factory=Counter)
    unknown_fields: Counter[str] = field(default_factory=Counter)
    sampled: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    unused_columns: tuple[str, ...] = ()
    members: list[MemberRows] = field(default_factory=list)
    read: int = 0
    failed: int = 0

    def report(self, *, file: str, format_name: str, compression: str | None) -> FileReport:
        """The report so far."""
        rules: dict[str, dict[str, int]] = {}
        for (pointer, rule), count in sorted(self.tally.items()):
            rules.setdefault(pointer, {})[rule] = count
        return FileReport(
            file=file,
            format=format_name,
            compression=compression,
            members=tuple(self.members),
            read=self.read,
            failed=self.failed,
            rules=rules,
            unknown_fields=dict(self.unknown_fields.most_common()),
            sampled=self.sampled,
            unused_columns=self.unused_columns,
            left_out=dict(self.left_out.most_common()),
        )


def _located(members: tuple[MemberRows, ...]) -> str:
    """Which records came of which member."""
    named = [
        f"{member.name} ({member.first_row:,} to {member.first_row + member.read - 1:,})"
        if member.read
        else f"{member.name} (none)"
        for member in members[:_MOST_MEMBERS]
    ]
    more = ", …" if len(members) > _MOST_MEMBERS else ""
    return (
        f"{len(members):,} members of the archive were read, their records numbered through: {', '.join(named)}{more}"
    )


def _listed(counts: Mapping[str, int]) -> str:
    named = [f"{pointer} ({count})" for pointer, count in list(counts.items())[:_MOST_NAMED]]
    return ", ".join(named) + (", …" if len(counts) > _MOST_NAMED else "")
