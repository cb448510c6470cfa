"""A file that is read once, over as many connections as it takes, and stored nowhere."""

import logging
from contextlib import ExitStack
from typing import BinaryIO

from connectors.base import Connector
from connectors.errors import ConnectorError, FileChangedError
from headwater.catalog.ledger import FileVersion
from headwater.flows.patience import Patience, Retries
from headwater.flows.unchanged import OVERLAP_BYTES, can_be_told_apart, difference
from headwater.model.paths import source_path

log = logging.getLogger(__name__)


class ContinuedStream:
    """A file's bytes in order. Close it, or use it as a context manager.

    A read that fails with a retryable error is made again where it was cut, after a pause: the file has to be as it was
    listed, and the last 64 KiB that came have to be the same. Of a source that gives neither exact times nor versions,
    the failure is raised: nobody could tell.

    Args:
        connector: The source.
        file: As it was listed.
        patience: How long to go on with a source that keeps failing.
    """

    def __init__(self, connector: Connector, file: FileVersion, patience: Patience | None = None) -> None:
        self._connector = connector
        self._file = file
        self._path = source_path(file.path)
        self._patience = patience or Patience()
        self._retries = Retries(self._patience)
        self._opened = ExitStack()
        self._stream: BinaryIO | None = None
        self._position = 0
        self._tail = b""
        self._cut: ConnectorError | None = None

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; b"" at the end.

        Raises:
            FileChangedError: it is no longer as it was listed, or as it began.
            ConnectorError: it is gone, cannot be read, or was cut short again and again.
        """
        while True:
            try:
                piece = (self._stream or self._open()).read(size)
            except ConnectorError as error:
                self._pause(error)
            else:
                self._position += len(piece)
                self._tail = (self._tail + piece)[-OVERLAP_BYTES:]
                return piece

    def close(self) -> None:
        """Close what is open. May be called twice."""
        self._stream = None
        self._opened.close()

    def __enter__(self) -> "ContinuedStream":
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _open(self) -> BinaryIO:
        """Open the file where it was cut, and make sure that it is the same."""
        if self._cut is not None and self._position:
            now = self._connector.stat_file(self._path)
            if changed := difference(self._file, now, "when reading it was taken up again"):
                raise self._changed(changed)
            if not can_be_told_apart(self._file, now):
                raise self._cut
        offset = self._position - len(self._tail)
        stream = self._opened.enter_context(
            self._connector.open_file(self._path, offset=offset, version=self._file.version)
        )
        if self._tail and stream.read(len(self._tail)) != self._tail:
            raise self._changed("the bytes before the cut are not those that came first")
        self._stream = stream
        return stream

    def _pause(self, error: ConnectorError) -> None:
        """Wait for the next try; raises what was raised if there is none."""
        self.close()
        may_go_on = error.retryable and error is not self._cut
        seconds = self._retries.next_pause(self._position) if may_go_on else None
        if seconds is None:
            raise error
        log.warning("%s Trying again in %.1f s, from byte %d", error, seconds, self._position)
        self._patience.pause(seconds)
        self._cut = error

    def _changed(self, how: str) -> FileChangedError:
        return FileChangedError(f"file {self._path!r}: {how}", "", self._path, self._file.version or "")
