"""The connector for FTP and FTPS servers."""

import ftplib
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import BinaryIO

from connectors.base import CheckResult, CheckStep, RemoteFile, RemoteFolder
from connectors.errors import (
    AccessDeniedError,
    ConnectorError,
    bytes_to_come,
    file_gone,
    not_a_file,
)
from connectors.ftp import refusals
from connectors.ftp.config import FtpConfig, FtpsConfig
from connectors.ftp.download import Download
from connectors.ftp.listing import Entry, Kind
from connectors.ftp.login import log_in
from connectors.ftp.session import FtpSession, Lease
from connectors.ftp.translate import find, readable_listing, translated
from connectors.ftp.trust import tls_context
from connectors.pace import Pace
from connectors.paths import checked_name, checked_path, join_path
from connectors.streams import ReceivingStream, buffered

_DEEPEST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """An entry of a folder, and what is needed to decide whether to go into it."""

    entry: RemoteFile | RemoteFolder
    is_link: bool = False
    identity: frozenset[str] = frozenset()


class FtpConnector:
    """Reads files from one FTP or FTPS server.

    Used by one thread at a time. A connection is made when it is first needed and kept. It can do only one thing at a
    time, so every further file that is open makes another one; a listing is received before its first entry is yielded.
    A connection that failed is given up, and the next call makes a new one.

    Args:
        config: The server, and how to log in there.

    Raises:
        ConfigurationError: The CA certificate can't be used.
    """

    def __init__(self, config: FtpConfig) -> None:
        self._config = config
        self._source = refusals.server_name(config)
        self._start = checked_path(config.folder_path or "", source=self._source)
        self._context = tls_context(config) if isinstance(config, FtpsConfig) else None
        self._idle: list[FtpSession] = []

    def check(self) -> CheckResult:
        """See `Connector.check`. Connects anew; the last step says what the server's listings tell of times."""
        self.close()
        with self._session() as session:
            login, user = session.login, repr(self._config.username)
            steps = [CheckStep(name="reach", detail=f"{self._source} answered {login.greeting!r}")]
            if login.security:
                steps.append(CheckStep(name="trust", detail=f"{login.security}; {self._trust()}"))
            how = "a password" if self._config.password else "no password"
            in_the_clear = "" if login.security else ", in clear text"
            steps.append(CheckStep(name="authenticate", detail=f"user {user} is logged in with {how}{in_the_clear}"))
        with closing(self._scan("")) as entries:
            first = next(entries, None)
        listed = "the folder is empty" if first is None else f"the folder has entries, such as {first.entry.path!r}"
        steps.append(CheckStep(name="list", detail=f"{listed}; {self._times(session)}"))
        return CheckResult(steps=tuple(steps))

    def list_files(self, folder: str, *, recursive: bool = False) -> Iterator[RemoteFile]:
        """See `Connector.list_files`.

        A server that shows a link to a folder as a folder is taken at its word, unless the link leads back to a folder
        on the way to it.
        """
        folder = checked_path(folder, source=self._source)
        waiting = [(folder, self._identity(folder) if recursive else frozenset[str]())]
        while waiting:
            path, on_the_way = waiting.pop()
            for found in self._scan(path):
                if isinstance(found.entry, RemoteFile):
                    yield found.entry
                elif recursive and not found.is_link and not found.identity & on_the_way:
                    waiting.append((self._bounded(found.entry.path), on_the_way | found.identity))

    def browse(self, folder: str) -> Iterator[RemoteFile | RemoteFolder]:
        """See `Connector.browse`."""
        for found in self._scan(checked_path(folder, source=self._source)):
            yield found.entry

    def stat_file(self, path: str) -> RemoteFile:
        """See `Connector.stat_file`."""
        path = checked_path(path, source=self._source)
        with self._session(path) as session:
            entry = self._stat(session, path)
            return self._remote_file(session, path, entry)

    @contextmanager
    def open_file(
        self, path: str, *, offset: int = 0, length: int | None = None, version: str | None = None
    ) -> Iterator[BinaryIO]:
        """See `Connector.open_file`. Nothing is read ahead but what the operating system buffers."""
        path = checked_path(path, source=self._source)
        lease = self._borrow()
        try:
            with self._translated(lease.session, path):
                size_bytes = self._size(lease.session, path)
                expected_bytes, to_the_end = length, length is None
                if size_bytes is not None:
                    expected_bytes = bytes_to_come(
                        self._source, path, offset=offset, length=length, size_bytes=size_bytes
                    )
                    to_the_end = offset + expected_bytes == size_bytes
                download = lease.session.open_file(self._server_path(lease.session, path), offset=offset)
            with closing(download):
                download.expect(expected_bytes, to_the_end=to_the_end, pace=Pace(self._config.least_speed))
                receive = partial(self._receive, lease, download, path)
                stream = ReceivingStream(receive, expected_bytes=expected_bytes, source=self._source, path=path)
                with buffered(stream) as reader:
                    yield reader
        finally:
            lease.give_back()

    def close(self) -> None:
        """See `Connector.close`."""
        while self._idle:
            self._idle.pop().close()

    def _borrow(self) -> Lease:
        """Return a connection that nothing else uses, an idle one if there is one."""
        while self._idle:
            session = self._idle.pop()
            if session.is_alive():
                return Lease(session, self._idle)
        login = log_in(self._config, self._context)
        return Lease(FtpSession(login, least=self._config.least_speed), self._idle)

    @contextmanager
    def _session(self, path: str = "", *, is_folder: bool = False) -> Iterator[FtpSession]:
        """Borrow a connection while the block runs, and translate what goes wrong there."""
        lease = self._borrow()
        try:
            with self._translated(lease.session, path, is_folder=is_folder):
                yield lease.session
        finally:
            lease.give_back()

    def _identity(self, folder: str) -> frozenset[str]:
        """Return what tells a folder from others, whatever its names; empty if the server does not say."""
        with self._session(folder, is_folder=True) as session:
            entry = session.facts(self._server_path(session, folder))
        return entry.identities if entry is not None else frozenset()

    def _scan(self, folder: str) -> Generator[_Found, None, None]:
        """Yield the files and folders of one level."""
        with self._session(folder, is_folder=True) as session:
            listing = session.list_folder(self._server_path(session, folder))
        with closing(listing):
            entries = listing.entries()
            while True:
                with readable_listing(self._source, folder):
                    entry = next(entries, None)
                if entry is None:
                    return
                found = self._describe(folder, entry)
                if found is not None:
                    yield found

    def _describe(self, folder: str, entry: Entry) -> _Found | None:
        """Return what an entry is; None if it is neither file nor folder, or gone by now."""
        if entry.kind is Kind.OTHER or entry.name in (b".", b".."):
            return None
        # Servers that keep to RFC 959 write NUL for a line feed in a name.
        name = entry.name.replace(b"\0", b"\n").decode(self._config.encoding, "surrogateescape")
        path = join_path(folder, checked_name(name, folder=folder, source=self._source))
        is_link = entry.kind is Kind.LINK
        if entry.kind is Kind.FOLDER:
            return _Found(entry=RemoteFolder(path=path), identity=entry.identities)
        if entry.kind is Kind.FILE and entry.modified_at is not None:
            file = RemoteFile(path=path, size_bytes=entry.size_bytes, modified_at=entry.modified_at)
            return _Found(entry=file)
        with self._session(path) as session:
            if entry.kind is not Kind.FILE:
                target = self._follow(session, path, entry)
                if target is None:
                    return None
                if target.kind is Kind.FOLDER:
                    return _Found(entry=RemoteFolder(path=path), is_link=is_link, identity=entry.identities)
                entry = target
            return _Found(entry=self._remote_file(session, path, entry), is_link=is_link)

    def _follow(self, session: FtpSession, path: str, entry: Entry) -> Entry | None:
        """Return what a link, or an entry of unknown kind, leads to; None if that is nothing."""
        server_path = _safe(self._server_path(session, path))
        if server_path is None:
            return replace(entry, kind=Kind.FILE, listed=None)
        if session.is_folder(server_path):
            return replace(entry, kind=Kind.FOLDER)
        if entry.kind is Kind.UNKNOWN:
            return replace(entry, kind=Kind.FILE)
        try:
            size_bytes = session.size(server_path)
        except ftplib.error_perm:
            return None
        if size_bytes is None and not session.exists(server_path):
            return None
        return replace(entry, kind=Kind.FILE, size_bytes=size_bytes, modified_at=None, listed=None)

    def _stat(self, session: FtpSession, path: str) -> Entry:
        server_path = self._server_path(session, path)
        entry = session.stat(server_path)
        if entry is None or (entry.modified_at is None and not session.tells_times and self._config.zone is not None):
            entry = find(session, server_path) or entry
        if entry is None:
            raise not_a_file(self._source, path) if session.is_folder(server_path) else file_gone(self._source, path)
        if entry.kind in (Kind.FOLDER, Kind.OTHER):
            raise not_a_file(self._source, path)
        return entry

    def _size(self, session: FtpSession, path: str) -> int | None:
        """Return a file's size, from wherever the server tells it; None if it does not."""
        server_path = self._server_path(session, path)
        size_bytes = session.size(server_path)
        if size_bytes is None:
            entry = session.stat(server_path) or find(session, server_path)
            size_bytes = entry.size_bytes if entry is not None and entry.kind is Kind.FILE else None
        return size_bytes

    def _remote_file(self, session: FtpSession, path: str, entry: Entry) -> RemoteFile:
        modified_at, precision_seconds = entry.modified_at, 1
        server_path = _safe(self._server_path(session, path))
        if modified_at is None and server_path is not None:
            modified_at = session.modified_at(server_path)
        if modified_at is None and entry.listed is not None and self._config.zone is not None:
            modified_at, precision_seconds = entry.listed.in_zone(self._config.zone), entry.listed.precision_seconds
        return RemoteFile(
            path=path, size_bytes=entry.size_bytes, modified_at=modified_at, precision_seconds=precision_seconds
        )

    def _receive(self, lease: Lease, download: Download, path: str, buffer: memoryview) -> int:
        with self._translated(lease.session, path):
            count = download.receive(buffer)
        if not download.is_open:  # the connection is free, though the file is still in use
            lease.give_back()
        return count

    def _server_path(self, session: FtpSession, path: str) -> bytes:
        """Return the absolute path as the server takes it; raises `AccessDeniedError` outside of `folder_path`."""
        start = self._start
        if path.startswith("/") and start and path != start and not path.startswith(start.rstrip("/") + "/"):
            raise AccessDeniedError(
                f"{self._source}: path {path!r} is outside of folder {start!r}, which is all that this account gives "
                "access to. Choose a path inside, or change `folder_path`.",
                self._source,
                path,
            )
        whole = path if path.startswith("/") else join_path(start, path).rstrip("/")
        try:
            encoded = whole.encode(self._config.encoding, "surrogateescape")
        except UnicodeEncodeError as error:
            raise AccessDeniedError(
                f"{self._source}: path {path!r} was refused, because it has a character that `encoding` "
                f"{self._config.encoding!r} does not have. Correct the path, or `encoding`.",
                self._source,
                path,
            ) from error
        if whole.startswith("/"):
            return encoded
        return session.login.home.rstrip(b"/") + b"/" + encoded if encoded else session.login.home

    def _bounded(self, path: str) -> str:
        """Return a folder's path, unless it is so deep that it must be going in circles."""
        if path.count("/") > _DEEPEST:
            raise ConnectorError(
                f"{self._source} has folders more than {_DEEPEST} deep: {path[:200]!r}… A link there probably leads "
                "back to a folder above it. Nothing was read from there. Ask the server's operator to remove it, or "
                "choose a folder without it.",
                self._source,
            )
        return path

    def _translated(self, session: FtpSession, path: str, *, is_folder: bool = False) -> AbstractContextManager[None]:
        return translated(self._config, session, path, lambda: self._server_path(session, path), is_folder=is_folder)

    def _trust(self) -> str:
        if not isinstance(self._config, FtpsConfig) or not self._config.verify_certificate:
            return "it was not verified, as `verify_certificate` says"
        if self._config.fingerprints:
            return "it is a pinned one"
        return f"it is valid for {self._config.host!r}"

    def _times(self, session: FtpSession) -> str:
        """Say how exact times are, and where their zone comes from."""
        if session.lists_facts:
            return "it lists with MLSD: exact times in UTC"
        if session.tells_times:
            return "it lists with LIST; exact times, in UTC, are asked for file by file (MDTM)"
        coarse = "it lists with LIST only: times to the minute, or to the day for old files"
        if self._config.zone is None:
            return f"{coarse}, in a zone that it does not state, so files have no time; set `time_zone`"
        return f"{coarse}, taken as {self._config.time_zone}"


def _safe(server_path: bytes) -> bytes | None:
    """Return the path; None if no command about it can be sent."""
    return None if any(byte in server_path for byte in (b"\r", b"\n", b"\0")) else server_path
