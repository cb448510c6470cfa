"""A stream over blocks that notices when a file ends too early."""

from __future__ import annotations

import io
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

from connectors.errors import ConnectorError, TransferError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Blocks = Generator[memoryview, None, None]

Receive = Callable[[memoryview], int]

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
        """Fill the buffer as far as the source delivers at once; 0 at the end of the file.

        Raises:
            TransferError: The file ended too early, or the connection failed.
        """
        if self._failure is not None:
            raise self._failure
        target = memoryview(buffer).cast("B")
        if self._expected_bytes is not None:
            target = target[: self._expected_bytes - self._received_bytes]
        try:
            return self._receive(target) if target else 0
        except ConnectorError as error:
            self._failure = error
            raise

    def close(self) -> None:
        """Close the blocks too. May be called twice."""
        if not self.closed:
            self._blocks.close()
        super().close()

    def _fill(self, target: memoryview) -> int:
        """Put the next bytes at the front of a buffer that is not empty; return how many, 0 at the end."""
        if not self._pending:
            self._pending = next(self._blocks, self._pending)
        count = min(len(target), len(self._pending))
        target[:count] = self._pending[:count]
        self._pending = self._pending[count:]
        return count

    def _receive(self, target: memoryview) -> int:
        count = self._fill(target)
        self._received_bytes += count
        if not count and self._expected_bytes is not None:
            raise TransferError(
                f"{self._source} ended file {self._path!r} after {self._received_bytes} of the {self._expected_bytes} "
                "bytes that it had announced. The file was cut short or the transfer was; read it again.",
                self._source,
                self._path,
                self._expected_bytes,
                self._received_bytes,
            )
        return count


class ReceivingStream(CheckedStream):
    """A `CheckedStream` whose source puts the bytes where they are wanted, without a copy in between.

    Args:
        receive: Fills the front of a buffer and returns how many bytes it put there; 0 at the end of the file.
        expected_bytes: As in `CheckedStream`.
        source: As in `CheckedStream`.
        path: As in `CheckedStream`.
    """

    def __init__(self, receive: Receive, *, expected_bytes: int | None, source: str, path: str) -> None:
        super().__init__(_no_blocks(), expected_bytes=expected_bytes, source=source, path=path)
        self._fill_buffer = receive

    def _fill(self, target: memoryview) -> int:
        return self._fill_buffer(target)


def buffered(stream: CheckedStream) -> io.BufferedReader:
    """Return the stream with a buffer in front, so that small reads are cheap."""
    return io.BufferedReader(stream, _BUFFER_BYTES)


def _no_blocks() -> Blocks:
    yield from ()
