"""Bytes of one file on their way here, over as many tries as it takes."""

import logging
from collections.abc import Callable
from io import BufferedReader
from typing import BinaryIO

from connectors.base import Connector
from connectors.errors import ConnectorError, TransferError
from headwater.errors import HeadwaterError
from headwater.flows.patience import Patience, Retries
from headwater.flows.spool import Span, Spool
from headwater.flows.unchanged import OVERLAP_BYTES, can_be_told_apart, difference
from headwater.flows.write_behind import WriteBehind
from headwater.model.paths import source_path
from headwater.model.runs import SourceFile

log = logging.getLogger(__name__)


class Transfer:
    """Brings bytes of a file into a spool.

    A transfer that fails with a retryable error goes on where it was cut, after a pause: the file has to be as it was
    listed (size, time, and the store's version), and the last bytes that came are read again and have to be the same.
    What cannot be made sure of is read from the start; bytes of two versions are never put together.

    Args:
        connector: The source.
        file: As it was listed.
        span: Which of its bytes.
        spool: Where they go; what it holds already is gone on from.
        on_bytes: Hears of each block. What it was told is not told again; it hears of 0 bytes before each further try.
    """

    def __init__(
        self, connector: Connector, file: SourceFile, span: Span, spool: Spool, on_bytes: Callable[[int], None]
    ) -> None:
        self._connector = connector
        self._file = file
        self._path = source_path(file.path)
        self._span = span
        self._spool = spool
        self._on_bytes = on_bytes
        self._received_bytes = self._told_bytes = spool.size_bytes

    def run(self, patience: Patience) -> str | None:
        """Bring all of it; return how the file changed meanwhile, or None.

        A whole file is looked at once more after the last byte: the second of the two looks that tell whether it was
        still being written. Of a part, a change is seen only where it is taken up again.

        Raises:
            connectors.errors.ConnectorError: it is gone, cannot be read, or was cut short again and again.
        """
        retries = Retries(patience)
        while True:
            try:
                return self._try()
            except ConnectorError as error:
                if not error.retryable:
                    raise
                seconds = retries.next_pause(self._spool.size_bytes)
                if seconds is None:
                    raise self._given_up(retries.failures, error) from error
                log.warning(
                    "%s Trying again in %.1f s, from byte %d (failure %d in a row)",
                    error, seconds, self._span.offset + self._spool.size_bytes, retries.failures,
                )  # fmt: skip
                patience.pause(seconds)
                self._on_bytes(0)

    def _try(self) -> str | None:
        """Read what is missing; return how the file changed meanwhile, or None."""
        if self._spool.size_bytes:
            now = self._connector.stat_file(self._path)
            if changed := difference(self._file, now, "when its transfer was taken up again"):
                return changed
            if not can_be_told_apart(self._file, now):
                self._start_anew("the source gives neither exact times nor versions, so a change would not be seen")
        try:
            self._copy()
        except HeadwaterError:  # of the spool: give the space back
            self._spool.restart()
            raise
        return self._how_changed() if self._span.size_bytes is None else None

    def _how_changed(self) -> str | None:
        """Compare a whole file with what was listed, and look at it once more."""
        came_bytes, listed_bytes = self._spool.size_bytes, self._file.size_bytes
        if listed_bytes is not None and came_bytes > listed_bytes:
            return f"longer than the {listed_bytes} bytes that were listed"
        if listed_bytes is not None and came_bytes < listed_bytes:
            return f"{listed_bytes} bytes when listed, {came_bytes} when read"
        now = self._connector.stat_file(self._path)
        if now.size_bytes is not None and now.size_bytes != came_bytes:
            return f"{came_bytes} bytes when read, {now.size_bytes} afterwards"
        return difference(self._file, now, "while it was read")

    def _copy(self) -> None:
        """Read from where the last try ended, up to the end; no further than one block beyond the listed size."""
        known = self._spool.last(OVERLAP_BYTES)
        offset = self._spool.size_bytes - len(known)
        length = None if self._span.size_bytes is None else self._span.size_bytes - offset
        self._received_bytes = self._spool.size_bytes
        with (
            WriteBehind(self._spool.write, self._spool.note) as behind,
            self._connector.open_file(
                self._path, offset=self._span.offset + offset, length=length, version=self._file.version
            ) as stream,
        ):
            if known and stream.read(len(known)) != known:
                self._start_anew("its bytes before the cut are not those that came first")
                raise self._changed_unseen()
            while self._fill(stream, behind):
                pass

    def _fill(self, stream: BinaryIO, behind: WriteBehind) -> bool:
        """Fill one buffer and hand it on, with what came before a failure too; return whether there may be more."""
        buffer = behind.buffer()
        filled = 0
        try:
            while filled < len(buffer):
                count = _receive(stream, buffer[filled:])
                filled += count
                self._took(count)
                if not count or self._is_too_long():
                    return False
        finally:
            behind.put(buffer, filled)
        return True

    def _took(self, count: int) -> None:
        self._received_bytes += count
        if self._received_bytes > self._told_bytes:
            self._on_bytes(self._received_bytes - self._told_bytes)
            self._told_bytes = self._received_bytes

    def _is_too_long(self) -> bool:
        listed_bytes = self._file.size_bytes
        return self._span.size_bytes is None and listed_bytes is not None and self._received_bytes > listed_bytes

    def _start_anew(self, reason: str) -> None:
        log.warning("file %r is read from the start: %s", self._path, reason)
        self._spool.restart()

    def _changed_unseen(self) -> TransferError:
        return TransferError(
            f"file {self._path!r}: when its transfer was taken up again, the source sent other bytes than before. It "
            "was replaced by one of the same size and time, or the source can't read from an offset.",
            "",
            self._path,
        )

    def _given_up(self, failures: int, last: ConnectorError) -> TransferError:
        wanted_bytes = self._file.size_bytes if self._span.size_bytes is None else self._span.size_bytes
        total = "" if wanted_bytes is None else f" of {wanted_bytes}"
        kept = "kept. The next try of this step on this machine goes on from there."
        dropped = "dropped. The next try of this step begins anew."
        is_kept = self._spool.is_kept and self._spool.size_bytes
        return TransferError(
            f"{last.message} It failed {failures} times in a row; {self._spool.size_bytes}{total} bytes had come, and "
            f"are {kept if is_kept else dropped}",
            last.source,
            self._path,
            wanted_bytes,
            self._spool.size_bytes,
        )


def _receive(stream: BinaryIO, buffer: memoryview) -> int:
    """Put what has come at the front of a buffer; so nothing that came is lost when the stream fails after it."""
    if isinstance(stream, BufferedReader):
        return stream.readinto1(buffer)
    block = stream.read(len(buffer))
    buffer[: len(block)] = block
    return len(block)
