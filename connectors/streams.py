"""A stream over blocks that notices when a file ends too early."""

from __future__ import annotations

import io
from collections.abc import Generator
from typing import TYPE_CHECKING

from connectors.errors import ConnectorError, TransferError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Blocks = Generator[memoryview, None, None]

_BUFFER_BYTES = 256 * 1024


class CheckedStream(io.RawIOBase):
    """A file's bytes from an iterator of blocks, ending exactly where the file ended when it was opened.

    Bytes beyond `expected_bytes` are not delivered. Once a read has failed, every later read fails the same way, so
    that a short file can't be taken for a whole one.

    Args:
        blocks: The file's content from the offset on. Closed together with the stream.
        expected_bytes: How many bytes have to come; None if the source did not tell.
        source: The source's name for people.
        path: The file, for messages.
    """

    def __init__(self, blocks: Blocks, *, expected_bytes: int | None, source: str, path: str) -> None:
        super().__init__()
        self._blocks = blocks
        self._expected_bytes = expected_bytes
        self._received_bytes = 0
        self._pending = memoryview(b"")
        self._failure: ConnectorError | None = None
        self._source = source
        self._path = path

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill the buffer as far as the current block goes; 0 at the end of the file.

        Raises:
            TransferError: The file ended too early, or the connection failed.
        """
        if not self._pending:
            self._pending = self._next_block()
        target = memoryview(buffer).cast("B")
        count = min(len(target), len(self._pending))
        target[:count] = self._pending[:count]
        self._pending = self._pending[count:]
        return count

    def close(self) -> None:
        """Close the blocks too. May be called twice."""
        if not self.closed:
            self._blocks.close()
        super().close()

    def _next_block(self) -> memoryview:
        if self._failure is not None:
            raise self._failure
        try:
            return self._receive()
        except ConnectorError as error:
            self._failure = error
            raise

    def _receive(self) -> memoryview:
        left_bytes = None if self._expected_bytes is None else self._expected_bytes - self._received_bytes
        if left_bytes == 0:
            return memoryview(b"")
        block = next(self._blocks, memoryview(b""))[:left_bytes]
        self._received_bytes += len(block)
        if left_bytes and not block:
            raise TransferError(
                f"{self._source} ended file {self._path!r} after {self._received_bytes} of the {self._expected_bytes} "
                "bytes that it had announced. The file was cut short or the transfer was; read it again.",
                self._source,
                self._path,
                self._expected_bytes,
                self._received_bytes,
            )
        return block


def buffered(stream: CheckedStream) -> io.BufferedReader:
    """Return the stream with a buffer in front, so that small reads are cheap."""
    return io.BufferedReader(stream, _BUFFER_BYTES)
