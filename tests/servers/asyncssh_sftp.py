"""An SFTP server of asyncssh that takes keys and passwords, and misbehaves on demand."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

import asyncssh
from asyncssh.sftp import SFTPAttrs, SFTPName, SFTPServer

from tests.servers.sftp import SftpServer, key_text, new_key, public_line

USERNAME = "feeds"
PASSWORD = "correct horse battery staple"
_START_SECONDS = 20
_DRIP_SECONDS = 0.02

T = TypeVar("T")


@dataclass(kw_only=True)
class Faults:
    """How a server misbehaves. Tests may change it while the server runs.

    Attributes:
        no_attributes: Says nothing about any file: no type, no size, no time.
        no_sizes: Says everything but sizes.
        drop_after_bytes: Aborts the connection once it has sent so many bytes of files.
        drop_at: Offsets in files; the first read that reaches the first of them aborts the connection, and so on.
        end_after_bytes: Says that a file ends here, while its size says otherwise.
        hang: Requests that are never answered: "list", "open", "read".
        denied: Folders, as in "/private", that it refuses to list.
        extra_names: Names that it lists besides the real ones.
        drip_bytes: Answers reads one after the other, every 20 ms, with no more than so many bytes.
        drip_names: Takes 20 ms for each name that it lists.
        most_read_bytes: Answers reads with no more than so many bytes.
        refused_sftp: Lets users log in, but starts no SFTP.
    """

    no_attributes: bool = False
    no_sizes: bool = False
    drop_after_bytes: int | None = None
    drop_at: list[int] = field(default_factory=list)
    end_after_bytes: int | None = None
    hang: set[str] = field(default_factory=set)
    denied: set[str] = field(default_factory=set)
    extra_names: tuple[bytes, ...] = ()
    drip_bytes: int | None = None
    drip_names: bool = False
    most_read_bytes: int | None = None
    refused_sftp: bool = False

    @contextmanager
    def denying(self, path: str) -> Iterator[None]:
        """Refuse to list a folder while the block runs."""
        self.denied.add(path)
        try:
            yield
        finally:
            self.denied.discard(path)


@dataclass(kw_only=True)
class Counts:
    """What a server has done so far."""

    connections: int = 0
    logins_tried: list[str] = field(default_factory=list)
    bytes_sent: int = 0
    folders_listed: int = 0
    opened: list[BinaryIO] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncsshServer(SftpServer):
    """A running server, its faults and counts, and a way to cut it off.

    Attributes:
        faults: What it does wrong.
        counts: What it has done.
        drop_connections: Aborts every connection.
    """

    faults: Faults
    counts: Counts
    drop_connections: Callable[[], None]


@contextmanager
def asyncssh_server(
    root: Path,
    *,
    faults: Faults | None = None,
    host_keys: list[asyncssh.SSHKey] | None = None,
    port: int = 0,
    login: str = "any",
    **options: object,
) -> Iterator[AsyncsshServer]:
    """Serve a folder as `/`, to a user with a key and a password.

    Args:
        root: The folder; links that lead out of it lead nowhere.
        faults: What the server does wrong; nothing by default.
        host_keys: The server's keys; a fresh Ed25519 key by default.
        port: 0 lets the operating system pick one.
        login: "any" takes the key or the password, "password" and "key" take only that; "dialogue" asks for the
            password, "two questions" for more.
        options: More for `asyncssh.listen`, such as `encryption_algs`.
    """
    faults, counts = faults or Faults(), Counts()
    host_keys, client_key = host_keys or [new_key()], new_key()
    connections: set[asyncssh.SSHServerConnection] = set()

    async def listen() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            port,
            server_factory=lambda: _Login(client_key, login, counts, connections),
            server_host_keys=host_keys,
            sftp_factory=None if faults.refused_sftp else lambda channel: _Files(channel, root, faults, counts),
            allow_scp=False,
            **options,
        )

    with _event_loop() as loop:
        acceptor = loop.run(listen())

        def drop_connections() -> None:
            async def abort() -> None:
                for connection in connections:
                    connection.abort()

            loop.run(abort())

        async def stop() -> None:
            acceptor.close()
            await acceptor.wait_closed()

        try:
            yield AsyncsshServer(
                port=acceptor.get_port(),
                host_key=host_keys[0].get_fingerprint(),
                public_key=public_line(host_keys[0]),
                username=USERNAME,
                private_key=key_text(client_key),
                password=PASSWORD,
                root=root,
                root_path="/",
                key=client_key,
                other_host_keys=tuple(key.get_fingerprint() for key in host_keys[1:]),
                faults=faults,
                counts=counts,
                drop_connections=drop_connections,
            )
        finally:
            drop_connections()
            loop.run(stop())
            for file in counts.opened:  # asyncssh leaves those open whose request it was answering
                file.close()


class _Login(asyncssh.SSHServer):
    """Who may log in, and how."""

    def __init__(
        self, key: asyncssh.SSHKey, login: str, counts: Counts, connections: set[asyncssh.SSHServerConnection]
    ) -> None:
        self._key = key
        self._login = login
        self._counts = counts
        self._connections = connections

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._counts.connections += 1
        self._connections.add(conn)

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return self._login in ("any", "key")

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        self._counts.logins_tried.append("key")
        return username == USERNAME and bool(key == self._key.convert_to_public())

    def password_auth_supported(self) -> bool:
        return self._login in ("any", "password")

    def kbdint_auth_supported(self) -> bool:
        return self._login in ("dialogue", "two questions")

    def get_kbdint_challenge(
        self, username: str, lang: str, submethods: str
    ) -> tuple[str, str, str, list[tuple[str, bool]]]:
        more = [("One-time code: ", False)] if self._login == "two questions" else []
        return "", "", "", [("Password: ", False), *more]

    def validate_kbdint_response(self, username: str, responses: Sequence[str]) -> bool:
        self._counts.logins_tried.append("dialogue")
        return (username, *responses) == (USERNAME, PASSWORD)

    def validate_password(self, username: str, password: str) -> bool:
        self._counts.logins_tried.append("password")
        return (username, password) == (USERNAME, PASSWORD)


class _Files(SFTPServer):
    """A folder, served with faults."""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], root: Path, faults: Faults, counts: Counts) -> None:
        super().__init__(channel, chroot=os.fsencode(root))
        self._faults = faults
        self._counts = counts
        self._aborted = False
        self._drips = asyncio.Lock()

    async def scandir(self, path: bytes) -> AsyncIterator[SFTPName]:
        await self._may_hang("list")
        self._counts.folders_listed += 1
        if path.decode(errors="surrogateescape") in self._faults.denied:
            raise asyncssh.SFTPPermissionDenied("not for you")
        for name in self._faults.extra_names:
            yield SFTPName(name, attrs=self._shown(SFTPAttrs(permissions=0o100644, size=1)))
        async for entry in super().scandir(path):
            if self._faults.drip_names:
                await asyncio.sleep(_DRIP_SECONDS)
            yield SFTPName(entry.filename, longname=self._long_name(entry), attrs=self._shown(entry.attrs))

    def lstat(self, path: bytes) -> SFTPAttrs:
        return self._shown(SFTPAttrs.from_local(os.lstat(self.map_path(path))))

    def stat(self, path: bytes) -> SFTPAttrs:
        return self._shown(SFTPAttrs.from_local(os.stat(self.map_path(path))))  # noqa: PTH116 (byte path)

    def fstat(self, file_obj: object) -> SFTPAttrs:
        return self._shown(SFTPAttrs.from_local(os.fstat(cast("BinaryIO", file_obj).fileno())))

    async def open(self, path: bytes, pflags: int, attrs: SFTPAttrs) -> object:
        await self._may_hang("open")
        file = cast("BinaryIO", super().open(path, pflags, attrs))
        self._counts.opened.append(file)
        return file

    async def read(self, file_obj: object, offset: int, size: int) -> bytes:
        await self._may_hang("read")
        faults = self._faults
        if faults.drop_after_bytes is not None and self._counts.bytes_sent >= faults.drop_after_bytes:
            self.connection.abort()
            return b""
        if self._aborted or (faults.drop_at and offset >= faults.drop_at[0]):
            del faults.drop_at[: 0 if self._aborted else 1]
            self._aborted = True
            self.connection.abort()
            return b""
        if faults.drop_at:
            size = min(size, faults.drop_at[0] - offset)
        if faults.end_after_bytes is not None:
            size = max(0, min(size, faults.end_after_bytes - offset))
        if faults.most_read_bytes is not None:
            size = min(size, faults.most_read_bytes)
        if faults.drip_bytes is not None:
            size = min(size, faults.drip_bytes)
            async with self._drips:
                await asyncio.sleep(_DRIP_SECONDS)
        file = cast("BinaryIO", file_obj)
        file.seek(offset)
        data = file.read(size)
        self._counts.bytes_sent += len(data)
        return data

    async def _may_hang(self, request: str) -> None:
        if request in self._faults.hang:
            await asyncio.Event().wait()

    def _shown(self, attrs: SFTPAttrs) -> SFTPAttrs:
        if self._faults.no_attributes:
            return SFTPAttrs()
        if self._faults.no_sizes:
            attrs.size = None
        return attrs

    def _long_name(self, entry: SFTPName) -> bytes:
        return cast("bytes", entry.filename) if self._faults.no_attributes else b""


class _Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="asyncssh server", daemon=True)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something in the loop and return what it returns."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(_START_SECONDS)


@contextmanager
def _event_loop() -> Iterator[_Loop]:
    loop = _Loop()
    loop.thread.start()
    try:
        yield loop
    finally:
        loop.run(_cancel_all())
        loop.loop.call_soon_threadsafe(loop.loop.stop)
        loop.thread.join(_START_SECONDS)
        loop.loop.close()


async def _cancel_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
