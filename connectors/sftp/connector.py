"""The connector for SFTP servers."""

import stat
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import paramiko

from connectors.base import CheckResult, CheckStep, RemoteFile, RemoteFolder
from connectors.errors import (
    AccessDeniedError,
    ConfigurationError,
    ConnectorError,
    TransferError,
    access_denied,
    bytes_to_come,
    file_gone,
    folder_gone,
    not_a_file,
)
from connectors.paths import checked_name, checked_path, decode_path, encode_path, join_path
from connectors.sftp import wire
from connectors.sftp.config import SftpConfig
from connectors.sftp.connect import Login, log_in, open_channel
from connectors.sftp.keys import load_private_key
from connectors.sftp.refusals import server_name
from connectors.sftp.session import WINDOW_BYTES, SftpSession
from connectors.sftp.trust import Pin, looks_like_known_hosts, parse_known_hosts, parse_pin
from connectors.streams import Blocks, CheckedStream, buffered

_TYPES_IN_LONG_NAMES = {ord("-"): stat.S_IFREG, ord("d"): stat.S_IFDIR, ord("l"): stat.S_IFLNK}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Connection:
    login: Login
    session: SftpSession


class SftpConnector:
    """Reads files from one SFTP server over one connection, which is made when it is first needed.

    Used by one thread at a time. Files may be opened while a listing goes on. When the connection fails, it is given
    up, and the next call makes a new one.

    Args:
        config: The server, and how to log in there.

    Raises:
        ConfigurationError: The private key can't be used.
    """

    def __init__(self, config: SftpConfig) -> None:
        self._config = config
        self._source = server_name(config)
        self._start = checked_path(config.folder_path or "", source=self._source)
        self._private_key = _private_key(config)
        self._connection: _Connection | None = None

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
        """See `Connector.open_file`. Up to 2 MiB are read ahead."""
        path = checked_path(path, source=self._source)
        with self._translated(path):
            session = self._connect().session
            handle = self._open_handle(session, path)
        try:
            with self._translated(path):
                attributes = session.stat_handle(handle)
            if attributes.file_type not in (0, stat.S_IFREG):
                raise not_a_file(self._source, path)
            size_bytes, expected_bytes = attributes.size_bytes, length
            if size_bytes is not None:
                expected_bytes = bytes_to_come(self._source, path, offset=offset, length=length, size_bytes=size_bytes)
            end = None if expected_bytes is None else offset + expected_bytes
            blocks = self._blocks(session.read_blocks(handle, offset=offset, end=end), path)
            stream = CheckedStream(blocks, expected_bytes=expected_bytes, source=self._source, path=path)
            with buffered(stream) as reader:
                yield reader
        finally:
            session.close_handle(handle)

    def close(self) -> None:
        """See `Connector.close`."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.login.transport.close()

    def _connect(self) -> _Connection:
        """Return the connection; make one if there is none, or if it was lost."""
        if self._connection is not None and self._connection.login.transport.is_active():
            return self._connection
        self.close()
        login = log_in(self._config, pins=self._pins(), private_key=self._private_key)
        try:
            channel = open_channel(login.transport, self._config, window_bytes=WINDOW_BYTES)
            with self._translated(""):
                session = SftpSession(channel)
        except BaseException:
            login.transport.close()
            raise
        self._connection = _Connection(login=login, session=session)
        return self._connection

    def _pins(self) -> tuple[Pin, ...]:
        pins = tuple(parse_pin(text) for text in self._config.host_keys)
        known_hosts = self._config.known_hosts
        if known_hosts is None:
            return pins
        if not looks_like_known_hosts(known_hosts):
            try:
                known_hosts = Path(known_hosts).read_text(encoding="utf-8")
            except (OSError, ValueError) as error:
                raise ConfigurationError(
                    f"`known_hosts` can't be read as a file: {error}. Give the path of a file, or its text."
                ) from error
        return pins + parse_known_hosts(known_hosts, host=self._config.host, port=self._config.port)

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

    def _open_handle(self, session: SftpSession, path: str) -> bytes:
        try:
            return session.open_file(self._server_path(path))
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
            with closing(session.list_folder(self._server_path(folder))) as entries:
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

    def _blocks(self, blocks: Blocks, path: str) -> Blocks:
        with self._translated(path), closing(blocks):
            yield from blocks

    @contextmanager
    def _translated(self, path: str, *, is_folder: bool = False) -> Iterator[None]:
        """Turn what the session and paramiko raise into connector errors; give up a connection that failed."""
        try:
            yield
        except wire.StatusError as error:
            raise self._refused(error, path, is_folder=is_folder) from error
        except wire.ProtocolError as error:
            self.close()
            raise ConnectorError(
                f"{self._source} does not speak SFTP as it should ({error}). Check that `port` is an SFTP service's, "
                "and that the login prints nothing.",
                self._source,
            ) from error
        except TimeoutError as error:
            self.close()
            raise TransferError(
                f"{self._source} stopped answering for {self._config.timeout_seconds:g} s while {path or '.'!r} was "
                "read. Try again, or raise `timeout_seconds`.",
                self._source,
                path,
            ) from error
        except (EOFError, OSError, paramiko.SSHException) as error:
            self.close()
            raise TransferError(
                f"{self._source} dropped the connection while {path or '.'!r} was read. Try again; if it happens "
                "always, ask the server's operator.",
                self._source,
                path,
            ) from error

    def _refused(self, error: wire.StatusError, path: str, *, is_folder: bool) -> ConnectorError:
        if error.code == wire.STATUS_NO_SUCH_FILE:
            return (folder_gone if is_folder else file_gone)(self._source, path)
        if error.code == wire.STATUS_PERMISSION_DENIED:
            return access_denied(self._source, path)
        return TransferError(
            f"{self._source} could not read {path!r}: it answered {error.text!r} (SFTP status {error.code}). Try "
            "again; if it happens always, ask the server's operator.",
            self._source,
            path,
        )


def _private_key(config: SftpConfig) -> paramiko.PKey | None:
    if config.private_key is None:
        return None
    passphrase = config.passphrase.get_secret_value() if config.passphrase else None
    return load_private_key(config.private_key.get_secret_value(), passphrase)


def _remote_file(path: str, attributes: wire.Attributes) -> RemoteFile:
    epoch = attributes.modified_epoch
    modified_at = None if epoch is None else datetime.fromtimestamp(epoch, UTC)
    return RemoteFile(path=path, size_bytes=attributes.size_bytes, modified_at=modified_at)
