"""One JSON array, streamed: never whole in memory, each element with its place in the file.

The fast way guesses the last separator of a buffer and proves the guess: if what stands before it decodes as an array,
the cut is between two elements. Where no guess can be proved, brackets are counted (`array_scan`).
"""

from collections.abc import Generator

import msgspec

from headwater.errors import FileError
from headwater.formats.array_scan import scan_elements
from headwater.formats.blocks import FILE_MISMATCH, Block, BlockBuilder, Limits
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
        self._separator: bytes | None = None
        self._any = False

    def blocks(self) -> Generator[Block, None, None]:
        """The elements; afterwards the source stands behind the closing bracket.

        Raises:
            FileError: "200" if the array is not closed, or an element is longer than the limit.
        """
        while True:
            piece = self._source.read(self._limits.block_bytes)
            self._buffer += piece
            block = self._cut_proved() if piece else None
            closed = False
            if block is None:
                block, closed = self._cut_scanned()
            if block.records:
                self._any = True
                yield block
            if closed:
                self._source.put_back(self._buffer)
                self._buffer = b""
                return
            self._refuse_endless(at_end=not piece)

    @property
    def _offset(self) -> int:
        """Offset of the buffer's first byte."""
        return self._source.position - len(self._buffer)

    def _cut_proved(self) -> Block | None:
        """The elements before the last separator, if the guess where it is can be proved."""
        if self._separator is None:
            return None
        cut = self._buffer.rfind(self._separator)
        if cut < 0:
            return None
        try:
            elements = [bytes(element) for element in _decode_elements(b"[" + self._buffer[: cut + 1] + b"]")]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return self._take(elements, cut + self._separator.rindex(b"{"))

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
        return Block(records=elements, offsets=offsets, lines=lines)

    def _cut_scanned(self) -> tuple[Block, bool]:
        """The complete elements of the buffer by counting brackets, and whether the array is closed."""
        scan = scan_elements(self._buffer, 0, first=not self._any)
        builder = BlockBuilder()
        position, line, base = 0, self.line, self._offset
        for start, end in scan.spans:
            line += self._buffer.count(b"\n", position, start)
            fault = None if start < end else "a comma without a record"
            builder.add(self._buffer[start:end], offset=base + start, line=line, fault=fault)
            line += self._buffer.count(b"\n", start, end)
            position = end
        if len(scan.spans) > 1:
            self._learn_separator(scan.spans[0], scan.spans[1])
        self._advance(scan.rest)
        return builder.build(), scan.end is not None

    def _learn_separator(self, first: tuple[int, int], second: tuple[int, int]) -> None:
        """What stands between two records, with the bracket before and the first key after it."""
        start, end = first[1] - 1, second[0]
        key_end = self._buffer.find(b'"', self._buffer.find(b'"', end, second[1]) + 1, second[1])
        separator = self._buffer[start : key_end + 1]
        objects = self._buffer[start : start + 1] == b"}" and self._buffer[end : end + 1] == b"{"
        self._separator = separator if objects and key_end > 0 and separator.count(b"{") == 1 else None

    def _advance(self, count: int) -> None:
        self.line += self._buffer.count(b"\n", 0, count)
        self._buffer = self._buffer[count:]

    def _refuse_endless(self, *, at_end: bool) -> None:
        if at_end:
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
