"""Newline-delimited JSON: lines to blocks. A line may hold one record, or an array of records."""

from collections.abc import Iterator
from itertools import accumulate
from operator import add

from headwater.formats.array_scan import scan_elements
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
        cut = piece.rfind(b"\n") + 1
        if not piece:
            if rest:
                yield _block([rest], start, line, limits)
            return
        if not cut:
            rest += piece
            if len(rest) > limits.max_record_bytes:
                _skip_line(source, limits)
                overlong = BlockBuilder()
                overlong.add(rest, offset=start, line=line, fault=too_long(limits))
                yield overlong.build()
                rest, line = b"", line + 1
            continue
        lines = (rest + piece[:cut]).split(b"\n")
        rest = piece[cut:]
        lines.pop()
        yield _block(lines, start, line, limits)
        line += len(lines)


def _skip_line(source: ByteSource, limits: Limits) -> None:
    while piece := source.read(limits.block_bytes):
        end = piece.find(b"\n")
        if end >= 0:
            source.put_back(piece[end + 1 :])
            return


def _block(lines: list[bytes], start: int, first_line: int, limits: Limits) -> Block:
    offsets = list(map(add, accumulate(map(len, lines), initial=start), range(len(lines))))
    beginnings = {line[:1] for line in lines}
    if beginnings.isdisjoint(_NEEDS_CARE) and max(map(len, lines)) <= limits.max_record_bytes:
        return Block(records=lines, offsets=offsets, lines=range(first_line, first_line + len(lines)))
    builder = BlockBuilder()
    for number, (text, offset) in enumerate(zip(lines, offsets, strict=True), first_line):
        stripped = text.lstrip()
        if stripped:
            _add_line(builder, stripped, offset + len(text) - len(stripped), number, limits)
    return builder.build()


def _add_line(builder: BlockBuilder, text: bytes, offset: int, line: int, limits: Limits) -> None:
    if len(text) > limits.max_record_bytes:
        builder.add(text[:MAX_RAW_BYTES], offset=offset, line=line, fault=too_long(limits))
    elif not text.startswith(b"["):
        builder.add(text, offset=offset, line=line)
    else:
        _add_array(builder, text, offset, line)


def _add_array(builder: BlockBuilder, text: bytes, offset: int, line: int) -> None:
    scan = scan_elements(text, 1)
    if scan.end is None or text[scan.end :].strip():
        reason = "the array on this line is not closed" if scan.end is None else "something follows the array"
        builder.add(text, offset=offset, line=line, fault=reason)
        return
    for start, end in scan.spans:
        fault = None if start < end else "a comma without a record"
        builder.add(text[start:end], offset=offset + start, line=line, fault=fault)
