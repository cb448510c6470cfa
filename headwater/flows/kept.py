"""What came of files whose transfer did not end, so that the next try goes on from there.

Each lies in a folder of this machine as two files, named after what is fetched: its bytes, and what is known of them.
The bytes' file is locked while it is used; the operating system ends that with its user, however it ends.
"""

import fcntl
import hashlib
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from connectors.base import ConnectorConfig
from connectors.errors import ConnectorError
from headwater.errors import HeadwaterError, SettingsError
from headwater.flows.spool import Span, Spool, passing_spool
from headwater.model.base import Document
from headwater.model.runs import SourceFile

if TYPE_CHECKING:
    from hashlib import _Hash

log = logging.getLogger(__name__)

LEAST_BYTES = 8 * 1024 * 1024
"""What is smaller is soon fetched again, and not worth a file with a name."""

_NOTE_BYTES = 4 * 1024 * 1024
_READ_BYTES = 1024 * 1024
_BYTES, _NOTE, _NEW = ".part", ".json", ".new"


class KeptPart(Document):
    """What is known of the bytes beside it.

    Attributes:
        path: The file, for people.
        size_bytes: How many bytes are sure to have come.
        sha256: Their hash: what a crash of the machine left otherwise is not gone on from.
    """

    path: str
    size_bytes: int
    sha256: str


def source_digest(account: str, config: ConnectorConfig) -> str:
    """Return what tells a source from others: the account and its configuration without secrets."""
    return hashlib.sha256(f"{account} {config.kind} {config.model_dump_json()}".encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptTransfers:
    """The unfinished transfers of one account.

    Attributes:
        folder: Where they lie, with those of all accounts.
        source: See `source_digest`.
        most_bytes: How many bytes may be left behind, by all accounts; the oldest are given up first. 0 keeps none.
    """

    folder: Path
    source: str
    most_bytes: int

    @contextmanager
    def spool(self, file: SourceFile, span: Span, on_bytes: Callable[[int], None]) -> Iterator[Spool]:
        """Give a spool with what an earlier try has brought.

        It is removed when the block ends well, or with an error that the next try would meet again; kept otherwise.
        Small spans, files whose version can't be told, and what another try is fetching at this time get a spool that
        is not kept.

        Args:
            file: As it was listed.
            span: Which of its bytes.
            on_bytes: Hears of the bytes that are there already.

        Raises:
            SettingsError: The folder can't be written.
        """
        stream = _take(self._path(file, span)) if self._is_worth_it(file, span) else None
        if stream is None:
            with passing_spool() as spool:
                yield spool
            return
        try:
            with stream, _Kept(stream, file.path).spool(on_bytes) as spool:
                yield spool
        finally:
            self.make_room()

    def make_room(self) -> None:
        """Remove what was left behind beyond `most_bytes`, the oldest first."""
        left = sorted(_sizes(self.folder), key=lambda each: each[1], reverse=True)
        total = 0
        for path, _, size_bytes in left:
            total += size_bytes
            if total > self.most_bytes:
                _remove_unused(path)

    def _is_worth_it(self, file: SourceFile, span: Span) -> bool:
        size_bytes = file.size_bytes if span.size_bytes is None else span.size_bytes
        is_known = file.version is not None or file.modified_at is not None
        return is_known and size_bytes is not None and LEAST_BYTES <= size_bytes <= self.most_bytes

    def _path(self, file: SourceFile, span: Span) -> Path:
        """Return where the span's bytes lie: no other source, file, version or span has the same name."""
        wanted = (self.source, file.path, file.version, file.modified_at, file.size_bytes, span.offset, span.size_bytes)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(
                f"unfinished transfers can't be kept: folder {str(self.folder)!r} can't be made ({error.strerror}). "
                "Set HEADWATER_HOME to a folder that can be written, or HEADWATER_UNFINISHED_BYTES to 0."
            ) from error
        return self.folder / f"{hashlib.sha256(repr(wanted).encode()).hexdigest()}{_BYTES}"


def open_spool(
    kept: KeptTransfers | None, file: SourceFile, span: Span, on_bytes: Callable[[int], None]
) -> AbstractContextManager[Spool]:
    """Give a spool for a span of a file: one of those that are kept, if there is a place for them."""
    return passing_spool() if kept is None else kept.spool(file, span, on_bytes)


def remove_older(folder: Path, before: datetime) -> int:
    """Remove unfinished transfers that nobody has gone on with since; return how many there were."""
    old = [path for path, changed_at, _ in _sizes(folder) if changed_at < before.timestamp()]
    return sum(_remove_unused(path) for path in old)


class _Kept:
    """An unfinished transfer that this process goes on with.

    Args:
        stream: The bytes' file, locked.
        path: As in `KeptPart`.
    """

    def __init__(self, stream: FileIO, path: str) -> None:
        self._stream = stream
        self._path = path
        self._noted_bytes = 0

    @contextmanager
    def spool(self, on_bytes: Callable[[int], None]) -> Iterator[Spool]:
        """Give it as a spool, at the end of the bytes that are sure to have come; see `KeptTransfers.spool`."""
        size_bytes, digest = self._recover(on_bytes)
        self._stream.truncate(size_bytes)
        self._stream.seek(size_bytes)
        self._noted_bytes = size_bytes
        spool = Spool(self._stream, size_bytes=size_bytes, digest=digest, is_kept=True, noted=self._note_at_times)
        try:
            yield spool
        except BaseException as error:
            is_final = isinstance(error, ConnectorError | HeadwaterError) and not error.retryable
            if is_final or not spool.size_bytes:
                _remove(self._file)
            else:
                self._note(spool.size_bytes, spool.sha256)
            raise
        else:
            _remove(self._file)

    @property
    def _file(self) -> Path:
        return Path(self._stream.name)

    def _recover(self, on_bytes: Callable[[int], None]) -> "tuple[int, _Hash]":
        """Read what is there, as far as its note says that it is what came; return its length and hash."""
        note, digest = _read_note(self._file), hashlib.sha256()
        if note is None:
            return 0, digest
        left = note.size_bytes
        while left and (block := self._stream.read(min(left, _READ_BYTES))):
            digest.update(block)
            left -= len(block)
            on_bytes(0)
        if left or digest.hexdigest() != note.sha256:
            log.warning("what an earlier try has fetched of %r is not whole on this machine's disk", self._path)
            return 0, hashlib.sha256()
        log.info("%r: going on at byte %d, up to which an earlier try came", self._path, note.size_bytes)
        on_bytes(note.size_bytes)
        return note.size_bytes, digest

    def _note_at_times(self, size_bytes: int, digest: "_Hash") -> None:
        if not self._noted_bytes <= size_bytes < self._noted_bytes + _NOTE_BYTES:
            self._note(size_bytes, digest.hexdigest())

    def _note(self, size_bytes: int, sha256: str) -> None:
        """Write down what is sure; the old note is there until the new one is whole."""
        note = KeptPart(path=self._path, size_bytes=size_bytes, sha256=sha256)
        new = self._file.with_suffix(_NEW)
        new.touch(0o600)
        new.write_text(note.model_dump_json(by_alias=True), encoding="utf-8")
        new.replace(self._file.with_suffix(_NOTE))
        self._noted_bytes = size_bytes


def _take(path: Path) -> FileIO | None:
    """Open the file and lock it, making it if need be; None if it is in use."""
    while True:
        stream = FileIO(path, "r+b", opener=_make)
        if not _locked(stream.fileno()):
            stream.close()
            return None
        if os.fstat(stream.fileno()).st_nlink:
            return stream
        stream.close()  # its user removed it between our opening and our locking it


def _make(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW, 0o600)


def _remove_unused(path: Path) -> bool:
    """Remove the file unless it is in use; return whether it was removed."""
    with suppress(FileNotFoundError), path.open("rb") as stream:
        if _locked(stream.fileno()):
            _remove(path)
            return True
    return False


def _locked(descriptor: int) -> bool:
    """Lock an open file for its holder alone; return whether that was possible at once."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove(path: Path) -> None:
    for suffix in (_NEW, _NOTE, _BYTES):  # the locked one last: who takes it then finds no note of it
        path.with_suffix(suffix).unlink(missing_ok=True)


def _sizes(folder: Path) -> Iterator[tuple[Path, float, int]]:
    """Yield the files of unfinished transfers, when they were changed, and what they hold."""
    for path in folder.glob(f"*{_BYTES}"):
        with suppress(FileNotFoundError):
            found = path.stat()
            yield path, found.st_mtime, found.st_size


def _read_note(path: Path) -> KeptPart | None:
    try:
        return KeptPart.model_validate_json(path.with_suffix(_NOTE).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
