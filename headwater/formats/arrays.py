"""One JSON array, streamed: never whole in memory, each element with its place in the file.

The fast way guesses the last separator of a buffer and proves the guess: if what stands before it decodes as an array,
the cut is between two elements. Where no guess can be proved, brackets are counted (`array_scan`). An element whose
brackets do not match would take those after it along: it is cut where records of this file begin (`separators`).
"""

from collections.abc import Generator

import msgspec

from headwater.errors import FileError
from headwater.formats.array_scan import ArrayScan, scan_elements
from headwater.formats.blocks import FILE_MISMATCH, Block, BlockBuilder, Limits
from headwater.formats.separators import Separator, guess_separator, is_broken, learn_separator, without_closing
from headwater.formats.source import ByteSource

_decode_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode


class ArrayReader:
    """Reads one array from a source that stands after its opening bracket.

    Attributes:
        line: 1-based line at the place reached.
    """

    def __init__(self, source: ByteSource, limits: Limits, *, file: str, line: int) -> None:
        self.line = line
        self._source = source
        self._limits = limits
        self._file = file
        self._buffer = b""
        self._opened_at = source.position - 1
        self._separator: Separator | None = None
        self._any = False
        self._is_closed = self._is_crowded = False

    def blocks(self) -> Generator[Block, None, None]:
        """The elements; afterwards the source stands behind the closing bracket.

        Raises:
            FileError: "200" if the array is not closed, or an element is longer than the limit.
        """
        while not self._is_closed:
            # As much again as is open, so that a long record is not looked at more than twice.
            piece = self._source.read(max(self._limits.block_bytes, len(self._buffer)))
            self._buffer += piece
            block = self._cut_proved() if piece else None
            if block is None:
                block = self._cut_scanned(at_end=not piece)
            while self._is_crowded:
                yield block
                block = self._cut_scanned(at_end=not piece)
            if block.records:
                yield block
            if not self._is_closed:
                self._refuse_endless(at_end=not piece and not block.records)
        self._source.put_back(self._buffer)
        self._buffer = b""

    @property
    def _offset(self) -> int:
        """Offset of the buffer's first byte."""
        return self._source.position - len(self._buffer)

    def _cut_proved(self) -> Block | None:
        """The elements before the last separator, if the guess where it is can be proved."""
        if self._separator is None:
            return None
        cut = self._buffer.rfind(self._separator.text)
        if cut < 0:
            return None
        try:
            elements = [bytes(element) for element in _decode_elements(b"[" + self._buffer[:cut] + b"]")]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        self._separator.note_valid(self._buffer[:cut], elements=len(elements))
        return self._take(elements, cut + self._separator.record_begins)

    def _take(self, elements: list[bytes], end: int) -> Block:
        offsets: list[int] = []
        lines: list[int] = []
        position, line, base = 0, self.line, self._offset
        for element in elements:
            start = self._buffer.find(element, position)
            line += self._buffer.count(b"\n", position, start)
            offsets.append(base + start)
            lines.append(line)
            position = start + len(element)
            line += element.count(b"\n")
        self._advance(end)
        self._any = self._any or bool(elements)
        return Block(records=elements, offsets=offsets, lines=lines)

    def _cut_scanned(self, *, at_end: bool) -> Block:
        """The complete elements of the buffer by counting brackets; only the first of them where it is crowded."""
        most = self._limits.block_records
        scan = scan_elements(self._buffer, 0, most=most, first=not self._any, at_end=at_end)
        self._learn_separator(scan)
        spans, rest = self._mended(scan)
        self._is_crowded, self._is_closed = scan.is_full, scan.end is not None
        if at_end and not spans and not self._is_closed and (last := self._broken_last()):
            spans, rest, self._is_closed = [last], len(self._buffer), True
        self._any = self._any or bool(spans)
        builder = BlockBuilder()
        position, line, base = 0, self.line, self._offset
        for start, end in spans:
            line += self._buffer.count(b"\n", position, start)
            fault = None if start < end else "a comma without a record"
            builder.add(self._buffer[start:end], offset=base + start, line=line, fault=fault)
            line += self._buffer.count(b"\n", start, end)
            position = end
        self._advance(rest)
        return builder.build()

    def _learn_separator(self, scan: ArrayScan) -> None:
        if self._separator is None and not self._any:
            self._separator = guess_separator(self._buffer)
        comma = self._buffer.find(b",", scan.spans[0][1]) if scan.spans else -1
        if comma < 0:
            return
        known = self._separator and (
            self._separator.confirm(self._buffer, comma) or self._separator.text in self._buffer
        )
        if not known:
            self._separator = learn_separator(self._buffer, comma + 1, is_first=not self._any)
            if self._separator and len(scan.spans) > 1:
                self._separator.confirm(self._buffer, scan.spans[1][1])

    def _mended(self, scan: ArrayScan) -> tuple[list[tuple[int, int]], int]:
        """Elements, those cut in pieces that took others along; and where the text begins that belongs to none."""
        if self._separator is None:
            return scan.spans, scan.rest
        mended = [piece for start, end in scan.spans for piece in self._separator.split(self._buffer, start, end)]
        if scan.end is not None or scan.is_full:
            return mended, scan.rest
        start = len(self._buffer) - len(self._buffer[scan.rest :].lstrip())
        *whole, last = self._separator.split(self._buffer, start, len(self._buffer), unfinished=True)
        return mended + whole, last[0]

    def _broken_last(self) -> tuple[int, int] | None:
        """The file's last record, if its brackets do not match and the array's closing one stands behind it.

        Only where records before had a separator between them that does not come again: then it is but one.
        """
        separator, record = self._separator, without_closing(self._buffer)
        if separator is None or not (separator.is_safe and separator.is_confirmed) or record is None:
            return None
        if separator.text in self._buffer or not is_broken(self._buffer):
            return None
        return len(record) - len(record.lstrip()), len(record)

    def _advance(self, count: int) -> None:
        self.line += self._buffer.count(b"\n", 0, count)
        self._buffer = self._buffer[count:]

    def _refuse_endless(self, *, at_end: bool) -> None:
        if at_end:
            self._advance(len(self._buffer) - len(self._buffer.lstrip()))
            raise FileError(
                f"{self._file}: the JSON array that opens at byte {self._opened_at} is never closed; the file ends in "
                f"the record that begins at byte {self._offset}, line {self.line}. Brackets or quotes do not match, or "
                "the file is cut short.",
                code=FILE_MISMATCH,
            )
        if len(self._buffer) > self._limits.max_record_bytes:
            raise FileError(
                f"{self._file}: the record that begins at byte {self._offset}, line {self.line}, does not end within "
                f"{self._limits.max_record_bytes:,} bytes (`max_record_bytes`). Brackets or quotes do not match, or "
                "the record is too long.",
                code=FILE_MISMATCH,
            )
