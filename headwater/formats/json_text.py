"""JSON files: an array of records, a record to a line, or one over several lines. The content decides, not a flag."""

from collections.abc import Iterator

from headwater.formats.arrays import ArrayReader
from headwater.formats.blocks import Block, Limits
from headwater.formats.detect import UTF8_BOM
from headwater.formats.lines import line_blocks
from headwater.formats.source import ByteSource
from headwater.formats.spread import begins_spread, spread_blocks

_BLANK = b" \t\r\n"


def json_blocks(source: ByteSource, limits: Limits, *, file: str, line: int = 1) -> Iterator[Block]:
    """All records of a JSON text; `line` is the number of its first line.

    A text whose first character is `[` is an array; what follows the array is read on. Where a record begins that is
    written over several lines, all the rest is taken to be written so; otherwise it is read by lines.

    Raises:
        FileError: "200" for an array that is not closed, or a record in it that does not end.
    """
    line = skip_to_text(source, line)
    while source.peek(1) == b"[":
        source.read(1)
        array = ArrayReader(source, limits, file=file, line=line)
        yield from array.blocks()
        line = _skip_blanks(source, array.line)
    blocks = spread_blocks if begins_spread(source, limits) else line_blocks
    yield from blocks(source, limits, line=line)


def skip_to_text(source: ByteSource, line: int) -> int:
    """Skip a byte order mark and white space; the line reached."""
    if source.peek(len(UTF8_BOM)) == UTF8_BOM:
        source.read(len(UTF8_BOM))
    return _skip_blanks(source, line)


def _skip_blanks(source: ByteSource, line: int) -> int:
    """Skip white space; the line reached."""
    while ahead := source.peek(4096):
        blanks = len(ahead) - len(ahead.lstrip(_BLANK))
        line += source.read(blanks).count(b"\n")
        if blanks < len(ahead):
            break
    return line
