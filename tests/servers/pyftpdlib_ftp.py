"""FTP and FTPS servers of pyftpdlib, which misbehave on demand."""

import logging
import os
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.servers.ftp import Certificate, FtpServer, TlsMode, new_certificate

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it imports asyncore
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.filesystems import AbstractedFS
    from pyftpdlib.handlers import FTPHandler, TLS_FTPHandler
    from pyftpdlib.ioloop import IOLoop
    from pyftpdlib.servers import FTPServer

USERNAME = "feeds"
PASSWORD = "correct horse battery staple"
_POLL_SECONDS = 0.01
_STOP_SECONDS = 20


@dataclass(kw_only=True)
class Faults:
    """How a server misbehaves. Tests may change it while the server runs.

    Attributes:
        missing: Commands that it does not have, in upper case, such as "MLSD".
        denied: Folders, as in "/private", that it refuses to enter.
        unlisted: Folders that may be entered and not listed.
    """

    missing: set[str] = field(default_factory=set)
    denied: set[str] = field(default_factory=set)
    unlisted: set[str] = field(default_factory=set)

    @contextmanager
    def denying(self, path: str) -> Iterator[None]:
        """Refuse to enter a folder while the block runs."""
        self.denied.add(path)
        try:
            yield
        finally:
            self.denied.discard(path)


@dataclass(kw_only=True)
class Counts:
    """What a server has done so far.

    Attributes:
        connections: How many control connections were made.
        commands: Every command, in order, without its argument.
    """

    connections: int = 0
    commands: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class PyftpdlibServer(FtpServer):
    """A running server, its faults and counts."""

    faults: Faults
    counts: Counts


@contextmanager
def pyftpdlib_server(
    root: Path,
    *,
    tls: TlsMode | None = None,
    certificate: Certificate | None = None,
    faults: Faults | None = None,
    port: int = 0,
    username: str = USERNAME,
    password: str = PASSWORD,
    most_connections: int = 512,
    **options: object,
) -> Iterator[PyftpdlibServer]:
    """Serve a folder as `/`, to be read only.

    Args:
        root: The folder; links that lead out of it lead nowhere.
        tls: Whether and how the server encrypts; then it lets nobody in without.
        certificate: What it shows; a fresh one by default.
        faults: What the server does wrong; nothing by default.
        port: 0 lets the operating system pick one.
        username: Who may log in.
        password: With which password.
        most_connections: How many control connections it takes at once.
        options: More attributes of pyftpdlib's handler, such as `masquerade_address`.
    """
    _silence()
    faults, counts = faults or Faults(), Counts()
    certificate = (certificate or new_certificate()) if tls else None
    authorizer = DummyAuthorizer()
    authorizer.add_user(username, password, str(root), perm="elr")
    with ExitStack() as stack:
        attributes: dict[str, Any] = {
            "authorizer": authorizer,
            "abstracted_fs": type("Files", (_Files,), {"faults": faults}),
            "faults": faults,
            "counts": counts,
            "auth_failed_timeout": 0,
            "unicode_errors": "surrogateescape",
            **options,
        }
        if certificate:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            (folder / "both.pem").write_text(certificate.chain_and_key)
            attributes |= {
                "certfile": str(folder / "both.pem"),
                "tls_control_required": True,
                "tls_data_required": True,
            }
        base = {None: _Plain, "explicit": _Explicit, "implicit": _Implicit}[tls]
        server = FTPServer(("127.0.0.1", port), type("Handler", (base,), attributes), ioloop=IOLoop())
        server.max_cons = most_connections + 1  # it counts its listener too
        stack.enter_context(_running(server))
        yield PyftpdlibServer(
            port=server.address[1],
            username=username,
            password=password,
            root=root,
            certificate=certificate,
            tls_mode=tls or "explicit",
            faults=faults,
            counts=counts,
        )


@contextmanager
def _running(server: Any) -> Iterator[None]:  # noqa: ANN401 - pyftpdlib has no types
    stopping = threading.Event()

    def serve() -> None:
        while not stopping.is_set():
            server.ioloop.loop(_POLL_SECONDS, blocking=False)

    thread = threading.Thread(target=serve, name="pyftpdlib server", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(_STOP_SECONDS)
        server.close_all()


class _Faulty:
    """What all handlers have: a way not to know commands."""

    faults: Faults
    counts: Counts

    def on_connect(self) -> None:
        self.counts.connections += 1

    def pre_process_command(self, line: str, cmd: str, arg: str) -> None:
        self.counts.commands.append(cmd)
        if cmd in self.faults.missing:
            self.respond(f'500 Command "{cmd}" not understood.')  # type: ignore[attr-defined]  # the handler's
        else:
            super().pre_process_command(line, cmd, arg)  # type: ignore[misc]  # the handler's


class _Plain(_Faulty, FTPHandler):  # type: ignore[misc]  # pyftpdlib has no types
    pass


class _Explicit(_Faulty, TLS_FTPHandler):  # type: ignore[misc]  # pyftpdlib has no types
    pass


class _Implicit(_Explicit):
    """Begins with TLS, which pyftpdlib itself does not offer."""

    def handle(self) -> None:
        self.secure_connection(self.ssl_context)

    def handle_ssl_established(self) -> None:
        super().handle()


class _Files(AbstractedFS):  # type: ignore[misc]  # pyftpdlib has no types
    """A folder, served with faults."""

    faults: Faults

    def chdir(self, path: str) -> None:
        if self.fs2ftp(path) in self.faults.denied:
            raise PermissionError(1, "Operation not permitted")
        super().chdir(path)

    def listdir(self, path: str) -> list[str]:
        if self.fs2ftp(path) in self.faults.unlisted:
            raise PermissionError(13, os.strerror(13))
        names: list[str] = super().listdir(path)
        return names


def _silence() -> None:
    """Its log names hostile files as they are, which no report can carry; Airflow, when it is imported, turns it on."""
    logger = logging.getLogger("pyftpdlib")
    logger.handlers = [logging.NullHandler()]
    logger.propagate = False
