"""Divide a large text file into parts that several tasks read at once, each as if it had read all that stands before.

The file is framed once by the code that frames it when it is read, so that a border never lies within a record, and
row numbers, lines and offsets of a part are those of the whole.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from headwater.formats.blocks import Block, Limits
from headwater.formats.charsets import utf16_of
from headwater.formats.contents import PGP, find_wrapper
from headwater.formats.delimited import delimited_blocks
from headwater.formats.detect import UTF8_BOM, detect_format
from headwater.formats.json_text import skip_to_text
from headwater.formats.lines import line_blocks
from headwater.formats.options import FormatOptions
from headwater.formats.source import ByteSource, Readable
from headwater.formats.spread import begins_spread
from headwater.model.parts import Division, FilePart, Undivided

MAX_HEADER_BYTES = 64 * 1024
"""A file with a longer header is not divided: every part has to know the header."""
_LOOK_BYTES = 256 * 1024


def divide(
    stream: Readable,
    *,
    file: str,
    format: str,
    options: FormatOptions,
    part_bytes: int,
    limits: Limits | None = None,
) -> Division | Undivided:
    """Read a file once, and find borders about every `part_bytes`.

    Args:
        stream: The file's bytes; read to the end only if it can be divided.
        file: Its path, for messages.
        format: As the dataflow declares it.
        options: Of the format.
        part_bytes: A part is at least so long, except the last one.
        limits: How much is held at once, and how finely borders are looked for; None as the options have it.

    Raises:
        FileError: the file is empty, or not what it is declared to be.
    """
    limits = limits or options.limits
    tap = _Tap(stream, most_ahead=2 * (limits.max_record_bytes + limits.block_bytes) + _LOOK_BYTES)
    try:
        return _divide(tap, file, format, options, part_bytes, limits)
    except _TooFarAheadError:
        return Undivided(reason=f"has a record far longer than the limit of {limits.max_record_bytes:,} bytes")


def _divide(
    tap: "_Tap", file: str, format: str, options: FormatOptions, part_bytes: int, limits: Limits
) -> Division | Undivided:
    source = ByteSource(tap)
    wrapper = find_wrapper(source, file=file, options=options)
    if wrapper == PGP:
        return Undivided(reason="is encrypted with OpenPGP")
    if wrapper is not None:
        archive = wrapper in ("zip", "tar")
        return Undivided(reason=f"is a {wrapper} archive" if archive else f"is compressed with {wrapper}")
    if utf16_of(source, options.encoding, file=file) is not None:
        return Undivided(reason="is written in UTF-16")
    found = detect_format(source, file=file, declared=format)
    if found == "parquet":
        return Undivided(reason="is Parquet")
    if found == "csv":
        blocks = delimited_blocks(source, options, limits)
    else:
        line = skip_to_text(source, 1)
        if source.peek(1) == b"[":
            return Undivided(reason="is one JSON array")
        if begins_spread(source, limits):
            return Undivided(reason="has JSON records over several lines")
        blocks = line_blocks(source, limits, line=line)
    return _cut(tap, (block for block in blocks if block.records), format=found, part_bytes=part_bytes)


def _cut(
    tap: "_Tap", blocks: Iterator[Block], *, format: Literal["json", "csv"], part_bytes: int
) -> Division | Undivided:
    first = next(blocks)
    header = first.records[0] if format == "csv" else None
    if header is not None and (0 in first.faults or len(header) > MAX_HEADER_BYTES):
        return Undivided(reason=f"has a header that cannot be read, or is longer than {MAX_HEADER_BYTES:,} bytes")
    cutter = _Cutter(tap, format=format, header=header, part_bytes=part_bytes)
    cutter.pass_over(first)
    for block in blocks:
        cutter.look(block)
        cutter.pass_over(block)
    parts = cutter.finish()
    if len(parts) == 1:
        return Undivided(reason="has no border between records where it could be divided")
    return Division(sha256=tap.whole.hexdigest(), size_bytes=tap.taken, parts=parts)


class _TooFarAheadError(Exception):
    """More would have to be held than a record may have."""


class _Tap:
    """Passes a stream's bytes on, and hashes those that are known to belong to the current part.

    It holds those of which this is not known, `most_ahead` bytes at most.
    """

    def __init__(self, stream: Readable, *, most_ahead: int) -> None:
        self._stream = stream
        self._most_ahead = most_ahead
        self._ahead = bytearray()
        self.whole = hashlib.sha256()
        self.part = hashlib.sha256()
        self.taken = 0

    def read(self, size: int, /) -> bytes:
        piece = self._stream.read(size)
        self._ahead += piece
        if len(self._ahead) > self._most_ahead:
            raise _TooFarAheadError
        return piece

    def byte_at(self, offset: int) -> bytes:
        """A byte that was read and not yet taken."""
        return bytes(self._ahead[offset - self.taken : offset - self.taken + 1])

    def take(self, offset: int | None = None) -> None:
        """Everything before `offset`, or all that was read, belongs to the current part."""
        count = len(self._ahead) if offset is None else offset - self.taken
        piece = self._ahead[:count]
        del self._ahead[:count]
        self.whole.update(piece)
        self.part.update(piece)
        self.taken += count


@dataclass(frozen=True, slots=True, kw_only=True)
class _Border:
    """Where a part begins."""

    offset: int
    records_before: int
    line: int


class _Cutter:
    """Sees the blocks of a file in their order, and cuts before the first record of some of them."""

    def __init__(self, tap: _Tap, *, format: Literal["json", "csv"], header: bytes | None, part_bytes: int) -> None:
        self._tap = tap
        self._format = format
        self._header = header
        self._part_bytes = part_bytes
        self._records = 0 if header is None else -1
        self._after_fault = False
        self._begin = _Border(offset=0, records_before=0, line=1)
        self._parts: list[FilePart] = []

    def look(self, block: Block) -> None:
        """Cut before the block if its part is long enough and the place is safe."""
        offset, line = _place(block)
        if offset - self._begin.offset >= self._part_bytes and self._is_border(block, offset):
            self._tap.take(offset)
            self._close(_Border(offset=offset, records_before=self._records, line=line))
        else:
            self._tap.take(offset)

    def pass_over(self, block: Block) -> None:
        """Count the block's records."""
        self._records += len(block.records)
        self._after_fault = bool(block.faults)

    def finish(self) -> tuple[FilePart, ...]:
        """All parts."""
        self._tap.take()
        self._close(self._begin)
        return tuple(self._parts)

    def _is_border(self, block: Block, offset: int) -> bool:
        """Whether reading can begin here and end here.

        A record must begin the line: not an element of an array on the line. Nothing may stand there that means
        something else at the beginning of a file. Framing must not have looked ahead: it does where a quoted field is
        never closed, and then the block before has a fault.
        """
        at_line_start = self._tap.byte_at(offset - 1) == b"\n"
        record = block.records[0]
        is_plain = record.startswith(b"{") if self._format == "json" else not record.startswith(UTF8_BOM)
        return at_line_start and is_plain and not self._after_fault

    def _close(self, border: _Border) -> None:
        """End the current part; the next begins at the border."""
        begin = self._begin
        self._parts.append(
            FilePart(
                number=len(self._parts) + 1,
                offset=begin.offset,
                size_bytes=self._tap.taken - begin.offset,
                sha256=self._tap.part.hexdigest(),
                format=self._format,
                records_before=begin.records_before,
                first_line=begin.line,
                header=self._header if self._parts else None,
            )
        )
        self._begin = border
        self._tap.part = hashlib.sha256()


def _place(block: Block) -> tuple[int, int]:
    """Offset and line of the block's first record; text formats have both."""
    if block.offsets is None or block.lines is None:
        raise TypeError("a block of a text has offsets and lines")
    return int(block.offsets[0]), block.lines[0]
