"""Newline-delimited JSON: lines to blocks. A line may hold one record, or an array of records."""

from collections.abc import Iterator

import numpy as np

from headwater.formats.array_scan import ArrayScan, scan_elements
from headwater.formats.blocks import Block, BlockBuilder, Limits, too_long
from headwater.formats.source import ByteSource
from headwater.model.records import MAX_RAW_BYTES

_NEEDS_CARE = frozenset({b"", b" ", b"\t", b"\r", b"[", b"\x0b", b"\x0c"})


def line_blocks(source: ByteSource, limits: Limits, *, line: int = 1) -> Iterator[Block]:
    """The rest of a source as blocks of records.

    Blank lines hold no record. A line that is an array holds one record for each element. A line longer than the limit
    is one unreadable record, whose bytes are not kept in memory.
    """
    rest = b""
    while True:
        start = source.position - len(rest)
        piece = source.read(limits.block_bytes)
        if not piece:
            if rest:
                yield from _blocks([rest], start, line, limits)
            return
        lines = piece.split(b"\n")
        if len(lines) == 1:
            rest += piece
            if len(rest) > limits.max_record_bytes:
                _skip_line(source, limits)
                overlong = BlockBuilder()
                overlong.add(rest, offset=start, line=line, fault=too_long(limits))
                yield overlong.build()
                rest, line = b"", line + 1
            continue
        lines[0] = rest + lines[0]
        rest = lines.pop()
        yield from _blocks(lines, start, line, limits)
        line += len(lines)


def _skip_line(source: ByteSource, limits: Limits) -> None:
    while piece := source.read(limits.block_bytes):
        end = piece.find(b"\n")
        if end >= 0:
            source.put_back(piece[end + 1 :])
            return


def _blocks(lines: list[bytes], start: int, first_line: int, limits: Limits) -> Iterator[Block]:
    lengths = np.fromiter(map(len, lines), np.int64, len(lines))
    offsets = np.cumsum(lengths + 1) - lengths + (start - 1)
    beginnings = {line[:1] for line in lines}
    if beginnings.isdisjoint(_NEEDS_CARE) and lengths.max() <= limits.max_record_bytes:
        yield Block(records=lines, offsets=offsets, lines=range(first_line, first_line + len(lines)))
        return
    builder = BlockBuilder()
    for number, (text, offset) in enumerate(zip(lines, offsets.tolist(), strict=True), first_line):
        stripped = text.lstrip()
        place = offset + len(text) - len(stripped)
        if len(stripped) > limits.max_record_bytes:
            builder.add(stripped[:MAX_RAW_BYTES], offset=place, line=number, fault=too_long(limits))
        elif stripped.startswith(b"["):
            yield from _add_array(builder, stripped, place, number, limits.block_records)
        elif stripped:
            builder.add(stripped, offset=place, line=number)
    yield builder.build()


def _add_array(builder: BlockBuilder, text: bytes, offset: int, line: int, most: int) -> Iterator[Block]:
    """Add the elements of a line; the blocks that are full before all of them are added."""
    scan = scan_elements(text, 1, most=most)
    fault = _why_no_array(text, scan, most)
    if fault:
        builder.add(text, offset=offset, line=line, fault=fault)
        return
    while True:
        for start, end in scan.spans:
            fault = None if start < end else "a comma without a record"
            builder.add(text[start:end], offset=offset + start, line=line, fault=fault)
        if len(builder.records) >= most:
            yield builder.build()
        if scan.end is not None:
            return
        scan = scan_elements(text, scan.rest, most=most, first=False)


def _why_no_array(text: bytes, scan: ArrayScan, most: int) -> str | None:
    """None if the line whose first elements were found is an array; it is known before any of them is told."""
    while scan.is_full:
        scan = scan_elements(text, scan.rest, most=most, first=False)
    if scan.end is None:
        return "the array on this line is not closed"
    return "something follows the array" if text[scan.end :].strip() else None
