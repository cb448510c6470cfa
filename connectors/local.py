"""Connector kind `local`: the files under one folder of this machine, a mounted share for instance."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import FileIO
from pathlib import PurePosixPath
from typing import BinaryIO, ClassVar

from pydantic import Field, field_validator

from connectors.base import CheckResult, CheckStep, Connector, ConnectorConfig, RemoteFile, RemoteFolder
from connectors.errors import (
    AccessDeniedError,
    ConnectorError,
    TransferError,
    access_denied,
    bytes_to_come,
    file_gone,
    folder_gone,
    not_a_file,
)
from connectors.paths import checked_path, decode_path, encode_path, join_path
from connectors.streams import Blocks, CheckedStream, buffered

_BLOCK_BYTES = 1024 * 1024
_NOTHING_THERE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG}


class LocalConfig(ConnectorConfig):
    """Configuration of connector kind `local`."""

    kind: ClassVar[str] = "local"

    root_path: str = Field(
        title="Root folder",
        description="Absolute path of the folder that the account gives access to. All paths are relative to it; "
        "nothing outside is read, not even through links.",
        examples=["/srv/exchange"],
    )

    @field_validator("root_path")
    @classmethod
    def _must_be_absolute(cls, value: str) -> str:
        if not PurePosixPath(value).is_absolute() or "\0" in value:
            raise ValueError("give an absolute path, such as /srv/exchange")
        return value

    def create_connector(self) -> Connector:
        """Build the connector; no I/O."""
        return LocalConnector(self)


class LocalConnector:
    """Reads the files under `root_path`.

    Paths are relative to that folder, with or without a leading slash; the connector names them without. Opening a
    file pins it: renaming or removing it afterwards does not disturb the read.
    """

    def __init__(self, config: LocalConfig) -> None:
        self._root = encode_path(config.root_path)
        self._source = f"Local folder {config.root_path!r}"

    def check(self) -> CheckResult:
        """See `Connector.check`; there is nobody to trust and no login."""
        reached = CheckStep(name="reach", detail=f"{self._source} is there")
        first = next(self.browse(""), None)
        detail = "the folder is empty" if first is None else f"the folder has entries, such as {first.path!r}"
        return CheckResult(steps=(reached, CheckStep(name="list", detail=detail)))

    def list_files(self, folder: str, *, recursive: bool = False) -> Iterator[RemoteFile]:
        """See `Connector.list_files`. A link that leads out of the root raises `AccessDeniedError`."""
        waiting = [self._relative(folder)]
        while waiting:
            for entry in self._scan(waiting.pop()):
                if isinstance(entry, RemoteFile):
                    yield entry
                elif recursive and not self._is_link(entry.path):
                    waiting.append(entry.path)

    def browse(self, folder: str) -> Iterator[RemoteFile | RemoteFolder]:
        """See `Connector.browse`. A link that leads out of the root raises `AccessDeniedError`."""
        return self._scan(self._relative(folder))

    def stat_file(self, path: str) -> RemoteFile:
        """See `Connector.stat_file`."""
        path = self._relative(path)
        with self._translated(path, is_folder=False):
            status = os.stat(self._resolve(path))  # noqa: PTH116 (pathlib has no byte paths)
        if not stat.S_ISREG(status.st_mode):
            raise not_a_file(self._source, path)
        return _remote_file(path, status)

    @contextmanager
    def open_file(
        self, path: str, *, offset: int = 0, length: int | None = None, version: str | None = None
    ) -> Iterator[BinaryIO]:
        """See `Connector.open_file`."""
        path = self._relative(path)
        with self._opened(path) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise not_a_file(self._source, path)
            expected_bytes = bytes_to_come(self._source, path, offset=offset, length=length, size_bytes=status.st_size)
            file.seek(offset)
            blocks = self._blocks(file, path)
            stream = CheckedStream(blocks, expected_bytes=expected_bytes, source=self._source, path=path)
            with buffered(stream) as reader:
                yield reader

    def close(self) -> None:
        """See `Connector.close`; there is nothing to give back."""

    def _relative(self, path: str) -> str:
        return checked_path(path, source=self._source).lstrip("/")

    def _absolute(self, path: str) -> bytes:
        return os.path.join(self._root, encode_path(path))  # noqa: PTH118 (pathlib has no byte paths)

    def _resolve(self, path: str) -> bytes:
        """Return the absolute path with every link followed; raises `AccessDeniedError` if that leaves the root."""
        root = os.path.realpath(self._root)
        resolved = os.path.realpath(self._absolute(path), strict=True)
        if resolved != root and not resolved.startswith(root.rstrip(b"/") + b"/"):
            raise AccessDeniedError(
                f"{self._source}: {path!r} is a link that leads out of the folder, and was not followed. Remove the "
                "link, or choose a `root_path` that contains its target.",
                self._source,
                path,
            )
        return resolved

    def _is_link(self, path: str) -> bool:
        return os.path.islink(self._absolute(path))  # noqa: PTH114 (pathlib has no byte paths)

    def _opened(self, path: str) -> FileIO:
        with self._translated(path, is_folder=False):
            return open(self._resolve(path), "rb", buffering=0, opener=_open_at_once)

    def _scan(self, folder: str) -> Iterator[RemoteFile | RemoteFolder]:
        with self._translated(folder, is_folder=True):
            entries = os.scandir(self._resolve(folder))
        with entries:
            while True:
                with self._translated(folder, is_folder=True):
                    entry = next(entries, None)
                if entry is None:
                    return
                described = self._describe(join_path(folder, decode_path(entry.name)), entry)
                if described is not None:
                    yield described

    def _describe(self, path: str, entry: os.DirEntry[bytes]) -> RemoteFile | RemoteFolder | None:
        """Return what an entry is; None if it is neither file nor folder, or gone by now."""
        try:
            status = os.stat(self._resolve(path)) if entry.is_symlink() else entry.stat(follow_symlinks=False)  # noqa: PTH116 (pathlib has no byte paths)
        except OSError as error:
            if error.errno in _NOTHING_THERE:
                return None
            raise self._translate(error, path, is_folder=False) from error
        if stat.S_ISDIR(status.st_mode):
            return RemoteFolder(path=path)
        return _remote_file(path, status) if stat.S_ISREG(status.st_mode) else None

    def _blocks(self, file: FileIO, path: str) -> Blocks:
        with self._translated(path, is_folder=False):
            while block := file.read(_BLOCK_BYTES):
                yield memoryview(block)

    @contextmanager
    def _translated(self, path: str, *, is_folder: bool) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._translate(error, path, is_folder=is_folder) from error

    def _translate(self, error: OSError, path: str, *, is_folder: bool) -> ConnectorError:
        if error.errno in _NOTHING_THERE:
            return folder_gone(self._source, path) if is_folder else file_gone(self._source, path)
        if error.errno == errno.EISDIR:
            return not_a_file(self._source, path)
        if error.errno in (errno.EACCES, errno.EPERM):
            return access_denied(self._source, path)
        return TransferError(
            f"{self._source}: reading {path!r} failed: {error.strerror}. Check the disk or the mounted share.",
            self._source,
            path,
        )


def _open_at_once(path: str | bytes, flags: int) -> int:
    """Open a resolved path: without waiting for a pipe's writer, and without following what became a link since."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW)


def _remote_file(path: str, status: os.stat_result) -> RemoteFile:
    return RemoteFile(path=path, size_bytes=status.st_size, modified_at=_utc_time(status.st_mtime))


def _utc_time(epoch_seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(epoch_seconds, UTC)
    except (OverflowError, ValueError):  # a file system can hold times that a datetime can't
        return None
