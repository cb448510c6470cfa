"""The connector for object stores: files and folders, read ahead in ranges, verified."""

import logging
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import BinaryIO

from connectors.base import CheckResult, CheckStep, RemoteFile, RemoteFolder
from connectors.errors import ConnectorError, FileGoneError, bytes_to_come, folder_gone
from connectors.objects.checksums import verified
from connectors.objects.config import ObjectStoreConfig
from connectors.objects.keys import KeySpace
from connectors.objects.store import ObjectStore, StoredObject
from connectors.objects.window import BLOCK_BYTES, Window, read_ahead
from connectors.streams import CheckedStream, buffered

_log = logging.getLogger(__name__)


class ObjectConnector:
    """Reads the objects of one bucket.

    A file is read in several ranges at once, all of the same version: an object that is replaced meanwhile raises
    `FileChangedError`, and is never mixed with the new one.

    Args:
        store: The bucket.
        config: How to read from it.

    Raises:
        AccessDeniedError: `folder_path` has a `..` part.
    """

    def __init__(self, store: ObjectStore, config: ObjectStoreConfig) -> None:
        self._store = store
        self._source = store.source
        self._config = config
        self._keys = KeySpace(config.folder_path, source=self._source)

    def check(self) -> CheckResult:
        """See `Connector.check`. Connects anew."""
        self.close()
        with closing(self._scan("", delimiter="/")) as entries:
            first = next(entries, None)
        listed = "the folder is empty" if first is None else f"the folder has entries, such as {first.path!r}"
        return CheckResult(steps=(*self._store.steps(), CheckStep(name="list", detail=listed)))

    def list_files(self, folder: str, *, recursive: bool = False) -> Iterator[RemoteFile]:
        """See `Connector.list_files`. Keys that end in a slash are folders' markers, and no files.

        Folders are only what keys have in common: one whose last file was taken away is the same as one that never
        was. So a folder that is not there has no files, and a warning in the log tells of it.
        """
        try:
            for entry in self._scan(folder, delimiter="" if recursive else "/"):
                if isinstance(entry, RemoteFile):
                    yield entry
        except FileGoneError as error:
            if not error.is_folder:
                raise
            _log.warning("%s holds nothing below %r: no file has come yet, or the path is wrong.", self._source, folder)

    def browse(self, folder: str) -> Iterator[RemoteFile | RemoteFolder]:
        """See `Connector.browse`. A key may be a file and a folder at once; then both are yielded.

        Unlike `list_files`, for people: a folder without keys raises `FileGoneError`.
        """
        yield from self._scan(folder, delimiter="/")

    def stat_file(self, path: str) -> RemoteFile:
        """See `Connector.stat_file`."""
        found = self._store.find(self._keys.key_of(path), path=path, version=None)
        return _remote_file(self._keys.same_path(path), found)

    @contextmanager
    def open_file(
        self, path: str, *, offset: int = 0, length: int | None = None, version: str | None = None
    ) -> Iterator[BinaryIO]:
        """See `Connector.open_file`. Up to `parallel_parts` times `part_bytes` are read ahead.

        Read whole, the bytes are compared with the object's checksum, if the store keeps one that can be verified: the
        last block is held back until they agree.
        """
        found = self._store.find(self._keys.key_of(path), path=path, version=version)
        size_bytes = self._size(found, path)
        expected_bytes = bytes_to_come(self._source, path, offset=offset, length=length, size_bytes=size_bytes)
        blocks = read_ahead(
            partial(self._store.open_range, found, path=path),
            offset=offset,
            end=offset + expected_bytes,
            window=self._window(),
            source=self._source,
            path=path,
        )
        if self._config.verify_checksums and expected_bytes == size_bytes:
            if found.checksum is None:
                _log.debug("%s keeps no checksum of file %r that can be verified.", self._source, path)
            else:
                blocks = verified(blocks, found.checksum, size_bytes=size_bytes, source=self._source, path=path)
        stream = CheckedStream(blocks, expected_bytes=expected_bytes, source=self._source, path=path)
        with buffered(stream) as reader:
            yield reader

    def close(self) -> None:
        """See `Connector.close`."""
        self._store.close()

    def _scan(self, folder: str, *, delimiter: str) -> Generator[RemoteFile | RemoteFolder, None, None]:
        prefix = self._keys.prefix_of(folder)
        exists = not prefix
        for page in self._store.pages(prefix, delimiter=delimiter, folder=folder):
            for found in page.objects:
                exists = True
                if (path := self._keys.file_path(self._checked(found.key, prefix))) is not None:
                    yield _remote_file(path, found)
            for common in page.prefixes:
                exists = True
                if (path := self._keys.folder_path(self._checked(common, prefix))) is not None:
                    yield RemoteFolder(path=path)
        if not exists:
            raise folder_gone(self._source, folder)

    def _checked(self, key: str, prefix: str) -> str:
        if not key.startswith(prefix):
            raise ConnectorError(
                f"{self._source} listed key {key!r}, although keys that begin with {prefix!r} were asked for. Nothing "
                "more was read. Ask the store's operator.",
                self._source,
            )
        return key

    def _size(self, found: StoredObject, path: str) -> int:
        if found.size_bytes is None:
            raise ConnectorError(
                f"{self._source} does not say how large file {path!r} is. Check that the account's address is that of "
                "such a store.",
                self._source,
            )
        return found.size_bytes

    def _window(self) -> Window:
        config = self._config
        return Window(
            part_bytes=config.part_bytes,
            parts=config.parallel_parts,
            attempts=config.max_attempts,
            patience_seconds=_patience_seconds(config),
        )


def _patience_seconds(config: ObjectStoreConfig) -> float:
    """Return how long a block may take: as the least speed has it, or else as long as all attempts to get it."""
    least = config.least_bytes_per_second
    if least:
        return max(config.least_speed_seconds, BLOCK_BYTES / least)
    return config.timeout_seconds * (config.max_attempts + 1)


def _remote_file(path: str, found: StoredObject) -> RemoteFile:
    return RemoteFile(path=path, size_bytes=found.size_bytes, modified_at=found.modified_at, version=found.version)
