"""The connector for SFTP servers."""

import stat
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from datetime import UTC, datetime
from typing import BinaryIO

import paramiko

from connectors.base import CheckResult, CheckStep, RemoteFile, RemoteFolder
from connectors.errors import AccessDeniedError, bytes_to_come, not_a_file
from connectors.pace import Pace
from connectors.paths import checked_name, checked_path, decode_path, encode_path, join_path
from connectors.sftp import wire
from connectors.sftp.config import SftpConfig
from connectors.sftp.connection import Connection, open_connection
from connectors.sftp.extras import ExtraConnections
from connectors.sftp.failures import translated
from connectors.sftp.keys import add_certificate, load_private_key
from connectors.sftp.reading import OpenFile, read_blocks
from connectors.sftp.refusals import server_name
from connectors.sftp.session import SftpSession
from connectors.slots import CountedSlots, Slots
from connectors.streams import Blocks, CheckedStream, buffered

_FAR_SECONDS = 0.01
"""Round trip to a server from which one connection with a small window is too slow."""
_NEAR_WINDOW_BYTES = 2 * 1024 * 1024
_FAR_WINDOW_BYTES = 8 * 1024 * 1024

_TYPES_IN_LONG_NAMES = {ord("-"): stat.S_IFREG, ord("d"): stat.S_IFDIR, ord("l"): stat.S_IFLNK}


class SftpConnector:
    """Reads files from one SFTP server over one connection, which is made when it is first needed.

    Used by one thread at a time. Files may be opened while a listing goes on. When the connection fails, it is given
    up, and the next call makes a new one. A large file of a server that is far away is read over several connections,
    up to `max_connections` or the slots that were given, and never more.

    Args:
        config: The server, and how to log in there.

    Raises:
        ConfigurationError: The private key or its certificate can't be used.
    """

    def __init__(self, config: SftpConfig) -> None:
        self._config = config
        self._source = server_name(config)
        self._start = checked_path(config.folder_path or "", source=self._source)
        self._private_key = _private_key(config)
        self._connection: Connection | None = None
        self._extras = self._extra_connections(CountedSlots(config.max_connections - 1))

    def check(self) -> CheckResult:
        """See `Connector.check`. Connects anew."""
        self.close()
        login = self._connect().login
        with closing(self._scan("")) as entries:
            first, _ = next(entries, (None, False))
        listed = "the folder is empty" if first is None else f"the folder has entries, such as {first.path!r}"
        return CheckResult(
            steps=(
                CheckStep(name="reach", detail=f"{self._source} answered as {login.software!r}"),
                CheckStep(name="trust", detail=f"its host key {login.host_key} is a trusted one"),
                CheckStep(
                    name="authenticate", detail=f"user {self._config.username!r} is logged in with {login.methods}"
                ),
                CheckStep(name="list", detail=listed),
            )
        )

    def list_files(self, folder: str, *, recursive: bool = False) -> Iterator[RemoteFile]:
        """See `Connector.list_files`."""
        waiting = [checked_path(folder, source=self._source)]
        while waiting:
            for entry, is_link in self._scan(waiting.pop()):
                if isinstance(entry, RemoteFile):
                    yield entry
                elif recursive and not is_link:
                    waiting.append(entry.path)

    def browse(self, folder: str) -> Iterator[RemoteFile | RemoteFolder]:
        """See `Connector.browse`."""
        for entry, _ in self._scan(checked_path(folder, source=self._source)):
            yield entry

    def stat_file(self, path: str) -> RemoteFile:
        """See `Connector.stat_file`."""
        path = checked_path(path, source=self._source)
        with self._translated(path):
            attributes = self._connect().session.stat(self._server_path(path))
        if attributes.file_type not in (0, stat.S_IFREG):
            raise not_a_file(self._source, path)
        return _remote_file(path, attributes)

    @contextmanager
    def open_file(
        self, path: str, *, offset: int = 0, length: int | None = None, version: str | None = None
    ) -> Iterator[BinaryIO]:
        """See `Connector.open_file`. At most 2 MiB are read ahead, of a distant server 8 MiB a connection."""
        path = checked_path(path, source=self._source)
        with ExitStack() as handles:
            with self._translated(path):
                file = self._open_handle(path)
                handles.callback(file.session.close_handle, file.handle)
                attributes = file.session.stat_handle(file.handle)
            if attributes.file_type not in (0, stat.S_IFREG):
                raise not_a_file(self._source, path)
            size_bytes, expected_bytes = attributes.size_bytes, length
            if size_bytes is not None:
                expected_bytes = bytes_to_come(self._source, path, offset=offset, length=length, size_bytes=size_bytes)
            blocks = self._read(file, path, attributes, offset=offset, expected_bytes=expected_bytes)
            stream = CheckedStream(blocks, expected_bytes=expected_bytes, source=self._source, path=path)
            with buffered(stream) as reader:
                yield reader

    def use_slots(self, slots: Slots) -> None:
        """See `connectors.slots.TakesSlots`."""
        self._extras.close()
        self._extras = self._extra_connections(slots)

    def close(self) -> None:
        """See `Connector.close`."""
        self._extras.close()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connect(self) -> Connection:
        """Return the connection; make one if there is none, or if it was lost."""
        if self._connection is None or not self._connection.is_alive:
            self.close()
            self._connection = open_connection(self._config, self._private_key)
        return self._connection

    def _server_path(self, path: str) -> bytes:
        """Return the path as the server takes it; raises `AccessDeniedError` outside of `folder_path`."""
        if not self._start:
            return encode_path(path or ".")
        if not path.startswith("/"):
            return encode_path(join_path(self._start, path).rstrip("/") or "/")
        if path == self._start or path.startswith(self._start.rstrip("/") + "/"):
            return encode_path(path)
        raise AccessDeniedError(
            f"{self._source}: path {path!r} is outside of folder {self._start!r}, which is all that this account gives "
            "access to. Choose a path inside, or change `folder_path`.",
            self._source,
            path,
        )

    def _extra_connections(self, slots: Slots) -> ExtraConnections:
        allowed = CountedSlots(0) if self._config.disable_chunking else slots
        return ExtraConnections(lambda: open_connection(self._config, self._private_key), allowed)

    def _open_handle(self, path: str) -> OpenFile:
        session = self._connect().session
        try:
            return OpenFile(session=session, handle=session.open_file(self._server_path(path)))
        except wire.StatusError as error:
            # Servers answer differently to a folder's name; version 3 has no status for it.
            unclear = error.code not in (wire.STATUS_NO_SUCH_FILE, wire.STATUS_PERMISSION_DENIED)
            if unclear and session.stat(self._server_path(path)).file_type == stat.S_IFDIR:
                raise not_a_file(self._source, path) from error
            raise

    def _scan(self, folder: str) -> Generator[tuple[RemoteFile | RemoteFolder, bool], None, None]:
        """Yield the files and folders of one level, each with whether it is a link."""
        with self._translated(folder, is_folder=True):
            session = self._connect().session
            pace = Pace(self._config.least_speed)
            with closing(session.list_folder(self._server_path(folder), pace)) as entries:
                for entry in entries:
                    described = self._describe(session, folder, entry)
                    if described is not None:
                        yield described

    def _describe(
        self, session: SftpSession, folder: str, entry: wire.Entry
    ) -> tuple[RemoteFile | RemoteFolder, bool] | None:
        """Return what an entry is; None if it is neither file nor folder, or gone by now."""
        path = join_path(folder, checked_name(decode_path(entry.name), folder=folder, source=self._source))
        attributes = entry.attributes
        file_type = attributes.file_type or _TYPES_IN_LONG_NAMES.get(next(iter(entry.long_name), 0), 0)
        is_link = file_type == stat.S_IFLNK
        if is_link or not file_type:
            with self._translated(path):
                try:
                    attributes = session.stat(self._server_path(path))
                except wire.StatusError as error:
                    if error.code == wire.STATUS_NO_SUCH_FILE:
                        return None
                    raise
            file_type = attributes.file_type or self._probe(session, path)
        if file_type == stat.S_IFDIR:
            return RemoteFolder(path=path), is_link
        return (_remote_file(path, attributes), is_link) if file_type == stat.S_IFREG else None

    def _probe(self, session: SftpSession, path: str) -> int:
        """Find out whether a path is a folder, on a server that does not say what its entries are."""
        try:
            with closing(session.list_folder(self._server_path(path))) as entries:
                next(entries, None)
        except wire.StatusError:
            return stat.S_IFREG
        return stat.S_IFDIR

    def _read(
        self, file: OpenFile, path: str, attributes: wire.Attributes, *, offset: int, expected_bytes: int | None
    ) -> Blocks:
        """Yield the file's bytes; from a distant server over further connections too, once a part of it has come."""
        end = None if expected_bytes is None else offset + expected_bytes
        is_far = file.session.round_trip_seconds >= _FAR_SECONDS
        window_bytes = _FAR_WINDOW_BYTES if is_far else _NEAR_WINDOW_BYTES
        least = self._config.least_speed
        with self._translated(path):
            if not is_far or end is None or attributes.size_bytes is None:
                blocks = read_blocks(file, offset=offset, end=end, window_bytes=window_bytes, least=least)
                with closing(blocks):
                    yield from blocks
            else:
                extras = self._extras.open_file(self._server_path(path), like=attributes, size_bytes=end - offset)
                with closing(extras):
                    yield from read_blocks(
                        file, offset=offset, end=end, window_bytes=window_bytes, least=least, joining=extras.ready
                    )

    def _translated(self, path: str, *, is_folder: bool = False) -> AbstractContextManager[None]:
        """Turn errors into connector errors; give up connections when one failed."""
        return translated(self._config, path, is_folder=is_folder, on_loss=self.close)


def _private_key(config: SftpConfig) -> paramiko.PKey | None:
    if config.private_key is None:
        return None
    passphrase = config.passphrase.get_secret_value() if config.passphrase else None
    key = load_private_key(config.private_key.get_secret_value(), passphrase)
    if config.certificate is not None:
        add_certificate(key, config.certificate)
    return key


def _remote_file(path: str, attributes: wire.Attributes) -> RemoteFile:
    epoch = attributes.modified_epoch
    modified_at = None if epoch is None else datetime.fromtimestamp(epoch, UTC)
    return RemoteFile(path=path, size_bytes=attributes.size_bytes, modified_at=modified_at)
