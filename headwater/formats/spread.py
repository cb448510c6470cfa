"""JSON records written over several lines, one after the other, without an array around them.

A record begins at a `{` that is the first character of a line. So a broken one ends where the next one begins.
"""

from collections.abc import Iterator

from headwater.formats.blocks import Block, BlockBuilder, Limits, too_long
from headwater.formats.separators import is_broken, is_object
from headwater.formats.source import ByteSource

_BEGINS = b"\n{"
_FIRST_LOOK = 65_536


def begins_spread(source: ByteSource, limits: Limits) -> bool:
    """Whether a record begins here that is written over several lines. Looks ahead as far as a record may reach."""
    size = min(_FIRST_LOOK, limits.max_record_bytes)
    while True:
        ahead = source.peek(size)
        verdict = _judge(ahead, at_end=len(ahead) < size or size >= limits.max_record_bytes)
        if verdict is not None:
            return verdict
        size = min(size * 4, limits.max_record_bytes)


def _judge(ahead: bytes, *, at_end: bool) -> bool | None:
    """None if more must be seen."""
    line_end = ahead.find(b"\n")
    if not ahead.startswith(b"{") or (line_end < 0 and at_end):
        return False
    if line_end < 0:
        return None
    first = ahead[:line_end]
    if is_object(first) or is_broken(first):
        return False
    second = ahead[line_end:].lstrip()[:1]
    if first.rstrip() == b"{" and second:
        return second in (b'"', b"}")
    record_end = ahead.find(_BEGINS, line_end)
    if record_end < 0 and not at_end:
        return None
    return is_object(ahead if record_end < 0 else ahead[:record_end])


def spread_blocks(source: ByteSource, limits: Limits, *, line: int = 1) -> Iterator[Block]:
    """The rest of a source as blocks of records, of which each begins with a line that begins with `{`.

    A record longer than the limit is one unreadable record, whose bytes are not kept in memory.
    """
    framer = _Framer(limits, line=line)
    rest = b""
    offset = source.position
    while piece := source.read(limits.block_bytes):
        rest += piece
        cut = rest.rfind(_BEGINS) + 1
        if not cut and len(rest) > limits.max_record_bytes:
            skipped, lines = _skip_record(source, limits)
            framer.add_overlong(rest, offset=offset, lines=rest.count(b"\n") + lines)
            offset += len(rest) + skipped
            rest = b""
        elif cut:
            framer.add(rest[:cut], offset=offset)
            offset += cut
            rest = rest[cut:]
        yield framer.take()
    framer.add(rest, offset=offset)
    framer.finish()
    yield framer.take()


def _skip_record(source: ByteSource, limits: Limits) -> tuple[int, int]:
    """Go on to where the next record begins; how many bytes and line ends were passed."""
    start, lines = source.position, 0
    before = b""
    while piece := source.read(limits.block_bytes):
        found = (before + piece).find(_BEGINS) + 1 - len(before)
        if found > 0 or (before + piece).startswith(_BEGINS):
            source.put_back(piece[found:])
            return source.position - start, lines + piece[:found].count(b"\n")
        lines += piece.count(b"\n")
        before = piece[-1:]
    return source.position - start, lines


class _Framer:
    """Puts pieces, of which each begins where a record may begin, together to records."""

    def __init__(self, limits: Limits, *, line: int) -> None:
        self._limits = limits
        self._line = line
        self._builder = BlockBuilder()
        self._open: list[tuple[bytes, int, int]] = []
        self._open_bytes = 0

    def add(self, text: bytes, *, offset: int) -> None:
        """Add some whole pieces."""
        start = 0
        while start < len(text):
            end = text.find(_BEGINS, start) + 1 or len(text)
            self._add(text[start:end], offset + start)
            start = end

    def add_overlong(self, start: bytes, *, offset: int, lines: int) -> None:
        """Report a record of which only the start is known."""
        self.finish()
        self._builder.add(start, offset=offset, line=self._line, fault=too_long(self._limits))
        self._line += lines

    def finish(self) -> None:
        """Report what is still open."""
        pieces, self._open = self._open, []
        self._open_bytes = 0
        whole = b"".join(text for text, _, _ in pieces)
        if len(pieces) > 1 and is_object(whole):
            pieces = [(whole, *pieces[0][1:])]
        for text, offset, line in pieces:
            fault = too_long(self._limits) if len(text) > self._limits.max_record_bytes else None
            self._builder.add(text.rstrip(), offset=offset, line=line, fault=fault)

    def take(self) -> Block:
        """The records that are complete."""
        builder, self._builder = self._builder, BlockBuilder()
        return builder.build()

    def _add(self, piece: bytes, offset: int) -> None:
        if self._open_bytes + len(piece) > self._limits.max_record_bytes:
            self.finish()
        self._open.append((piece, offset, self._line))
        self._open_bytes += len(piece)
        self._line += piece.count(b"\n")
        if piece.rstrip()[-1:] not in (b",", b":", b"["):
            # A record may only go on with a `{` after one of these.
            self.finish()
