"""Bring one file here, whole and unchanged, and say what its bytes are."""

import hashlib
import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from typing import BinaryIO, cast

from connectors.base import Connector, RemoteFile
from connectors.errors import ConnectorError, FileChangedError, TransferError
from headwater.flows.patience import Patience, Retries
from headwater.model.paths import source_path
from headwater.model.runs import SourceFile

log = logging.getLogger(__name__)

BLOCK_BYTES = 256 * 1024
_OVERLAP_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedFile:
    """A file's bytes in a temporary file that vanishes with it; `changed` says how it changed meanwhile, or None."""

    stream: BinaryIO
    sha256: str
    size_bytes: int
    changed: str | None


@contextmanager
def fetch_file(
    connector: Connector, file: SourceFile, *, on_bytes: Callable[[int], None], patience: Patience | None = None
) -> Iterator[FetchedFile]:
    """Copy the file's bytes to a temporary file, hashing them on the way; `on_bytes` hears of each block.

    A transfer that fails with a retryable error goes on where it was cut, after a pause: the file has to be as it was
    listed (size, time, and the store's version), and the last bytes that came are read again and have to be the same.
    What cannot be made sure of is read from the start; bytes of two versions are never put together. Progress that
    `on_bytes` was told is not told again; it hears of 0 bytes before each further try.

    Looking at the file once more after the last byte is the second of the two looks that tell whether it was still
    being written.

    Raises:
        connectors.errors.ConnectorError: it is gone, cannot be read, or was cut short again and again.
    """
    with tempfile.TemporaryFile(prefix="headwater-") as spool:
        transfer = _Transfer(connector, file, cast(BinaryIO, spool), on_bytes)
        changed = transfer.run(patience or Patience())
        spool.seek(0)
        yield FetchedFile(
            stream=cast(BinaryIO, spool),
            sha256=transfer.digest.hexdigest(),
            size_bytes=transfer.size_bytes,
            changed=changed,
        )


class _Transfer:
    """One file on its way here, over as many tries as it takes."""

    def __init__(
        self, connector: Connector, file: SourceFile, spool: BinaryIO, on_bytes: Callable[[int], None]
    ) -> None:
        self._connector = connector
        self._file = file
        self._path = source_path(file.path)
        self._spool = spool
        self._on_bytes = on_bytes
        self._told_bytes = 0
        self.digest = hashlib.sha256()
        self.size_bytes = 0

    def run(self, patience: Patience) -> str | None:
        """Bring the whole file; return how it changed meanwhile, or None."""
        retries = Retries(patience)
        while True:
            try:
                return self._try()
            except FileChangedError as error:
                return str(error)
            except ConnectorError as error:
                if not error.retryable:
                    raise
                seconds = retries.next_pause(self.size_bytes)
                if seconds is None:
                    raise self._given_up(retries.failures, error) from error
                log.warning(
                    "%s Trying again in %.1f s, from byte %d (failure %d in a row)",
                    error, seconds, self.size_bytes, retries.failures,
                )  # fmt: skip
                patience.pause(seconds)
                self._on_bytes(0)

    def _try(self) -> str | None:
        """Read what is missing; return how the file changed meanwhile, or None."""
        if self.size_bytes:
            now = self._connector.stat_file(self._path)
            if changed := _difference(self._file, now, "when its transfer was taken up again"):
                return changed
            if not _can_be_told_apart(self._file, now):
                self._start_anew("the source gives neither exact times nor versions, so a change would not be seen")
        if not self._copy():
            return f"longer than the {self._file.size_bytes} bytes that were listed"
        if self._file.size_bytes is not None and self.size_bytes != self._file.size_bytes:
            return f"{self._file.size_bytes} bytes when listed, {self.size_bytes} when read"
        now = self._connector.stat_file(self._path)
        if now.size_bytes is not None and now.size_bytes != self.size_bytes:
            return f"{self.size_bytes} bytes when read, {now.size_bytes} afterwards"
        return _difference(self._file, now, "while it was read")

    def _copy(self) -> bool:
        """Read from where the last try ended, up to the end; return False once it is longer than was listed."""
        known = self._last_bytes()
        offset = self.size_bytes - len(known)
        with self._connector.open_file(self._path, offset=offset, version=self._file.version) as stream:
            if known and stream.read(len(known)) != known:
                self._start_anew("its bytes before the cut are not those that came first")
                raise self._changed_unseen()
            while block := _next_block(stream):
                self._take(block)
                if self._file.size_bytes is not None and self.size_bytes > self._file.size_bytes:
                    return False
        return True

    def _last_bytes(self) -> bytes:
        """Return the last bytes that came, and leave the temporary file at its end."""
        count = min(_OVERLAP_BYTES, self.size_bytes)
        self._spool.seek(self.size_bytes - count)
        return self._spool.read(count)

    def _take(self, block: bytes) -> None:
        self.digest.update(block)
        self._spool.write(block)
        self.size_bytes += len(block)
        if self.size_bytes > self._told_bytes:
            self._on_bytes(self.size_bytes - self._told_bytes)
            self._told_bytes = self.size_bytes

    def _start_anew(self, reason: str) -> None:
        log.warning("file %r is read from the start: %s", self._path, reason)
        self._spool.seek(0)
        self._spool.truncate()
        self.digest = hashlib.sha256()
        self.size_bytes = 0

    def _changed_unseen(self) -> TransferError:
        return TransferError(
            f"file {self._path!r}: when its transfer was taken up again, the source sent other bytes than before. It "
            "was replaced by one of the same size and time, or the source can't read from an offset.",
            "",
            self._path,
        )

    def _given_up(self, failures: int, last: ConnectorError) -> TransferError:
        total = "" if self._file.size_bytes is None else f" of {self._file.size_bytes}"
        return TransferError(
            f"{last.message} It failed {failures} times in a row; {self.size_bytes}{total} bytes had come, and are "
            "dropped. The next try of this step begins anew.",
            last.source,
            self._path,
            self._file.size_bytes,
            self.size_bytes,
        )


def _next_block(stream: BinaryIO) -> bytes:
    """Return what has come, up to a block; so nothing that came is lost when the stream fails after it."""
    return stream.read1(BLOCK_BYTES) if isinstance(stream, BufferedReader) else stream.read(BLOCK_BYTES)


def _difference(listed: SourceFile, now: RemoteFile, when: str) -> str | None:
    """Return how a file is not what was listed, as far as both tell; None if it is.

    Where there are versions, they decide: object stores give times of other precision in a listing than for one object.
    """
    if listed.size_bytes is not None and now.size_bytes is not None and now.size_bytes != listed.size_bytes:
        return f"{listed.size_bytes} bytes when listed, {now.size_bytes} {when}"
    if listed.version is not None and now.version is not None:
        return None if now.version == listed.version else f"replaced by version {now.version} {when}"
    if listed.modified_at is not None and now.modified_at is not None and now.modified_at != listed.modified_at:
        return f"modified at {now.modified_at.isoformat()}, {when}"
    return None


def _can_be_told_apart(listed: SourceFile, now: RemoteFile) -> bool:
    """Return whether a replaced file would show, so that a transfer may go on where it was cut."""
    exact = now.precision_seconds <= 1
    same_time = exact and listed.modified_at is not None and listed.modified_at == now.modified_at
    return same_time or (listed.version is not None and listed.version == now.version)
