"""A remote file that can be read from anywhere, for formats that begin at the end."""

import io
from typing import Any

from connectors.base import Connector, RemoteFile


class RangedFile(io.RawIOBase):
    """Reads ranges of a remote file, one request each; wrap it in a `BufferedReader`.

    Args:
        connector: The source.
        file: As `stat_file` described it, with a size.
    """

    def __init__(self, connector: Connector, file: RemoteFile) -> None:
        super().__init__()
        self._connector = connector
        self._file = file
        self._size_bytes = file.size_bytes or 0
        self._position = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Offset of the next byte."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go elsewhere; nothing is read yet."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size_bytes}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401  (whatever the library brings)
        """Fill the buffer, or as much of it as there is."""
        length = min(len(buffer), self._size_bytes - self._position)
        if length <= 0:
            return 0
        with self._connector.open_file(
            self._file.path, offset=self._position, length=length, version=self._file.version
        ) as stream:
            piece = stream.read(length)
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)
