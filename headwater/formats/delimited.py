"""Delimited text (CSV): where each record begins and ends, with line ends in quoted fields (RFC 4180)."""

import re
from collections.abc import Iterator
from itertools import accumulate
from operator import add

from headwater.formats.blocks import Block, BlockBuilder, Limits, too_long
from headwater.formats.detect import UTF8_BOM
from headwater.formats.options import FormatOptions
from headwater.formats.source import ByteSource

_NEVER_CLOSED = "a quoted field that begins on this line is never closed"
_DANGLING = "an escape character ends the line, and stands for nothing"
_NO_ROW = "the line comes after a quoted field that is never closed, and is no record of its own"


class Grammar:
    """What lines of a dialect look like. A line is judged alone, or as the continuation of an open quoted field."""

    def __init__(self, options: FormatOptions) -> None:
        self.quote = options.quote.encode()
        delimiter, quote = re.escape(options.delimiter.encode()), re.escape(self.quote)
        self.escape = options.escape.encode() if options.escape else None
        escape = re.escape(self.escape) if self.escape else None
        inside = rb"(?:[^%b]|%b%b)*+" % (quote, quote, quote)
        bare = rb"(?:[^%b%b\r][^%b\r]*+)?" % (quote, delimiter, delimiter)
        if escape:
            inside = rb"(?:[^%b%b]|%b%b|%b.)*+" % (quote, escape, quote, quote, escape)
            bare = rb"(?:(?:[^%b%b%b\r]|%b.)(?:[^%b%b\r]|%b.)*+)?" % (
                (quote, delimiter, escape, escape, delimiter, escape, escape)
            )
        strict = rb"[^%b%b\r]*+" % (quote, delimiter)
        self.delimiter = options.delimiter.encode()
        self.beside_delimiters = re.compile(
            rb"%b%b%b" % (quote, inside, quote) + (rb"|%b." % escape if escape else b""), re.DOTALL
        )
        field = rb"(?:%b%b%b|%b)" % (quote, inside, quote, bare)
        rest = rb"(?:%b%b)*+" % (delimiter, field)
        opened = rb"(?:%b%b)*+%b%b" % (field, delimiter, quote, inside)
        self.complete = re.compile(field + rest, re.DOTALL)
        tidy = rb"(?:%b%b%b|%b)" % (quote, inside, quote, strict)
        self.is_tidy = re.compile(rb"%b(?:%b%b)*+" % (tidy, delimiter, tidy), re.DOTALL)
        self.opens_tidily = re.compile(rb"(?:%b%b)*+%b%b" % (tidy, delimiter, quote, inside), re.DOTALL)
        self.opens = re.compile(opened, re.DOTALL)
        self.continues = re.compile(inside, re.DOTALL)
        self.closes = re.compile(inside + quote + rest, re.DOTALL)
        self.reopens = re.compile(inside + quote + delimiter + opened, re.DOTALL)

    def dangles(self, record: bytes) -> bool:
        """Whether a record ends in an escape character that would take away the meaning of the end of line."""
        return self.escape is not None and (len(record) - len(record.rstrip(self.escape))) % 2 == 1

    def width(self, record: bytes) -> int:
        """How many fields a record has."""
        return self.beside_delimiters.sub(b"", record).count(self.delimiter) + 1


def delimited_blocks(
    source: ByteSource, options: FormatOptions, limits: Limits, *, line: int = 1, header: bytes | None = None
) -> Iterator[Block]:
    """All records of a delimited text, the header first unless it is given; `line` is the number of its first line.

    Empty lines hold no record.

    A record that does not follow RFC 4180 (text after a closing quote, a quote that is never closed) is unreadable, and
    the next line is the next record. A quote is also taken for never closed where the field ends badly, or in a record
    of another width than the header's, and a line in it is surely a record of its own.
    """
    if source.peek(len(UTF8_BOM)) == UTF8_BOM:
        source.read(len(UTF8_BOM))
    framer = _Framer(Grammar(options), limits, offset=source.position, line=line, header=header)
    rest = b""
    while piece := source.read(limits.block_bytes):
        cut = piece.rfind(b"\n") + 1
        if not cut:
            rest += piece
            if len(rest) > limits.max_record_bytes:
                rest = framer.skip(rest, source)
            continue
        lines = (rest + piece[:cut]).split(b"\n")
        rest = piece[cut:]
        lines.pop()
        yield framer.frame_plain(lines) or framer.frame(lines)
    yield framer.frame([rest] if rest else [], at_end=True)


class _Framer:
    """Puts lines together to records, and keeps count of where they are."""

    def __init__(self, grammar: Grammar, limits: Limits, *, offset: int, line: int, header: bytes | None) -> None:
        self._grammar = grammar
        self._limits = limits
        self._offset = offset
        self._line = line
        self._width = 0 if header is None else grammar.width(header)
        self._open: list[bytes] = []
        self._open_bytes = 0

    def frame_plain(self, lines: list[bytes]) -> Block | None:
        """The records of lines of which each is one, as most are; None if they need a closer look."""
        text = b"\n".join(lines)
        if self._open or self._skipped or self._grammar.quote in text or b"" in lines:
            return None
        if max(map(len, lines)) > self._limits.max_record_bytes or self._has_escaped_end(text):
            return None
        records = lines
        if b"\r" in text:
            if not text.count(b"\r") == len(lines) == text.count(b"\r\n") + text.endswith(b"\r"):
                return None
            records = text[:-1].split(b"\r\n")
            if b"" in records:
                return None
        offsets = list(map(add, accumulate(map(len, lines), initial=self._offset), range(len(lines))))
        self._width = self._width or self._grammar.width(records[0])
        first, self._line = self._line, self._line + len(lines)
        self._offset += len(text) + 1
        return Block(records=records, offsets=offsets, lines=range(first, self._line))

    def _has_escaped_end(self, text: bytes) -> bool:
        escape = self._grammar.escape
        return escape is not None and (text.endswith(escape) or escape + b"\n" in text or escape + b"\r" in text)

    def frame(self, lines: list[bytes], *, at_end: bool = False) -> Block:
        """The records that these lines complete."""
        builder = BlockBuilder()
        for line in lines:
            self._add(line, builder)
        while at_end and self._open:
            self._give_up(builder, _NEVER_CLOSED)
        return builder.build()

    def skip(self, start: bytes, source: ByteSource) -> bytes:
        """Leave out the rest of a line that is too long; what stands for it, so that it is reported."""
        kept = start[: self._limits.max_record_bytes + 1]
        self._skipped = len(start) - len(kept)
        while piece := source.read(self._limits.block_bytes):
            end = piece.find(b"\n")
            if end >= 0:
                source.put_back(piece[end:])
                self._skipped += end
                break
            self._skipped += len(piece)
        return kept

    _skipped = 0

    def _add(self, line: bytes, builder: BlockBuilder, *, may_open: bool = True) -> None:
        if self._open:
            self._continue(line, builder)
            return
        record = line.removesuffix(b"\r")
        grammar = self._grammar
        if len(line) > self._limits.max_record_bytes:
            self._emit(builder, record, [line], too_long(self._limits))
        elif grammar.quote not in record and b"\r" not in record:
            if record:
                self._emit(builder, record, [line], _DANGLING if grammar.dangles(record) else None)
            else:
                self._pass([line])
        elif grammar.complete.fullmatch(record):
            self._emit(builder, record, [line])
        elif not grammar.opens.fullmatch(line):
            self._emit(builder, record, [line], self._why(record))
        elif may_open:
            self._open, self._open_bytes = [line], len(line)
        else:
            self._emit(builder, record, [line], _NEVER_CLOSED)

    def _continue(self, line: bytes, builder: BlockBuilder) -> None:
        self._open.append(line)
        self._open_bytes += len(line) + 1
        if self._open_bytes > self._limits.max_record_bytes:
            self._give_up(builder, "a quoted field that begins on this line is not closed within the limit")
            return
        grammar = self._grammar
        ended = line.removesuffix(b"\r")
        if grammar.quote not in line or grammar.continues.fullmatch(line) or grammar.reopens.fullmatch(line):
            return
        record = b"\n".join([*self._open[:-1], ended])
        fault = None if grammar.closes.fullmatch(ended) else self._why(ended)
        if (fault or grammar.width(record) != self._width) and any(map(self._is_row, self._open[1:])):
            self._salvage(builder)
            return
        lines, self._open = self._open, []
        self._emit(builder, record, lines, fault)

    def _salvage(self, builder: BlockBuilder) -> None:
        """Report the line on which a field was opened, and take those after it for what each is alone.

        Only the last of them may open a field again, so that no line is looked at more than twice.
        """
        (first, *others), self._open = self._open, []
        self._emit(builder, first.removesuffix(b"\r"), [first], _NEVER_CLOSED)
        for line in others:
            if self._is_row(line) or not line.removesuffix(b"\r"):
                self._add(line, builder)
            else:
                self._emit(builder, line.removesuffix(b"\r"), [line], _NO_ROW)

    def _is_row(self, line: bytes) -> bool:
        """Whether a line within an open field is surely a record of its own: as wide as the header, without a doubt."""
        record, grammar = line.removesuffix(b"\r"), self._grammar
        if self._width < 2 or (not grammar.is_tidy.fullmatch(record) and not grammar.opens_tidily.fullmatch(line)):
            return False
        return grammar.width(record) == self._width or grammar.is_tidy.fullmatch(record) is None

    def _give_up(self, builder: BlockBuilder, reason: str) -> None:
        """Report the line on which a field was opened, and look at those after it on their own.

        None of them closed the field, so none can close one that another of them opens; only the last one might, which
        was perhaps not looked at.
        """
        first, *others = self._open
        self._open = []
        skipped, self._skipped = self._skipped, 0
        self._emit(builder, first.removesuffix(b"\r"), [first], reason)
        for number, line in enumerate(others, 1):
            is_last = number == len(others)
            self._skipped = skipped if is_last else 0
            self._add(line, builder, may_open=is_last)

    def _emit(self, builder: BlockBuilder, record: bytes, lines: list[bytes], fault: str | None = None) -> None:
        builder.add(record, offset=self._offset, line=self._line, fault=fault)
        self._width = self._width or self._grammar.width(record)
        self._pass(lines)

    def _pass(self, lines: list[bytes]) -> None:
        self._line += len(lines)
        self._offset += sum(map(len, lines)) + len(lines) + self._skipped
        self._skipped = 0

    def _why(self, record: bytes) -> str:
        if self._grammar.dangles(record):
            return _DANGLING
        if self._grammar.quote not in record:
            return "a carriage return stands in a field without quotes"
        return "text stands beside a quoted field; a quote within a quoted field is doubled"
