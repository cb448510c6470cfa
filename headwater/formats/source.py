"""A stream that is read in full pieces and can be looked into before it is read."""

from typing import Protocol


class Readable(Protocol):
    """The one thing asked of a stream; it may return less than asked for, and b"" only at the end."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes."""
        ...


class ByteSource:
    """Full reads, looking ahead, and putting back, over any stream. Does not close it.

    Args:
        stream: The bytes.
        position: Offset of the stream's first byte in its file.

    Attributes:
        position: Offset of the next byte that `read` returns.
    """

    def __init__(self, stream: Readable, position: int = 0) -> None:
        self._stream = stream
        self._ahead = b""
        self.position = position

    def read(self, size: int) -> bytes:
        """Return exactly `size` bytes, or what is left if the stream ends before."""
        self._fill(size)
        piece, self._ahead = self._ahead[:size], self._ahead[size:]
        self.position += len(piece)
        return piece

    def peek(self, size: int) -> bytes:
        """Return what `read` would, without taking it."""
        self._fill(size)
        return self._ahead[:size]

    def put_back(self, piece: bytes) -> None:
        """Return bytes that were read last."""
        self._ahead = piece + self._ahead
        self.position -= len(piece)

    def _fill(self, size: int) -> None:
        if len(self._ahead) >= size:
            return
        pieces = [self._ahead] if self._ahead else []
        missing = size - len(self._ahead)
        while missing > 0:
            piece = self._stream.read(missing)
            if not piece:
                break
            pieces.append(piece)
            missing -= len(piece)
        self._ahead = pieces[0] if len(pieces) == 1 else b"".join(pieces)
