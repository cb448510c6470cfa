"""A web server that lists a local folder as links, over TLS, with a login and ranges."""

import os
import re
import ssl
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import quote, unquote_to_bytes

from tests.servers.ftp import Certificate, new_certificate

USERNAME, PASSWORD = "luma", "the web server's password"
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_BLOCK_BYTES = 256 * 1024


@dataclass(kw_only=True)
class HttpFolderServer:
    """A running server; tests may change what it does wrong.

    Attributes:
        root: The local folder that it serves.
        certificate: What it shows.
        port: On 127.0.0.1.
        drop_after_bytes: After how many bytes of a file it hangs up.
        ignore_ranges: Whether it answers ranges with the whole file.
        extra_links: Links that it lists besides the real ones, as they stand in the page.
        status: With which status it answers everything.
        odd_headers: What it says to HEAD of a file instead of its size and time.
    """

    root: Path
    certificate: Certificate
    port: int = 0
    drop_after_bytes: int | None = None
    ignore_ranges: bool = False
    extra_links: list[str] = field(default_factory=list)
    status: HTTPStatus | None = None
    odd_headers: dict[str, str] = field(default_factory=dict)

    def config(self, **changes: object) -> dict[str, object]:
        """Return a connector configuration that works; with the changes, None leaving one out."""
        config: dict[str, object] = {
            "url": f"https://127.0.0.1:{self.port}/files/",
            "username": USERNAME,
            "password": PASSWORD,
            "ca_certificate": self.certificate.authority,
            "timeout_seconds": 20,
        }
        return {name: value for name, value in (config | changes).items() if value is not None}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    shows: HttpFolderServer

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent about clients that went away: some tests make them."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 30

    def log_message(self, format: str, *arguments: object) -> None:
        """Keep the log out of the tests' output."""

    def do_HEAD(self) -> None:
        """Answer as to GET, without the body."""
        self.do_GET()

    def do_GET(self) -> None:
        """Answer with a folder's page, or a file."""
        login = b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
        path = os.path.join(os.fsencode(self.server.shows.root), unquote_to_bytes(self.path.removeprefix("/files/")))  # noqa: PTH118 (byte paths)
        if self.server.shows.status is not None:
            self._answer(self.server.shows.status)
        elif self.headers.get("Authorization") != f"Basic {login}":
            self._answer(HTTPStatus.UNAUTHORIZED, headers={"WWW-Authenticate": "Basic"})
        elif os.path.isdir(path):  # noqa: PTH112 (byte paths)
            self._send_folder(path)
        elif os.path.isfile(path):  # noqa: PTH113 (byte paths)
            self._send_file(path)
        else:
            self._answer(HTTPStatus.NOT_FOUND)

    def _send_folder(self, path: bytes) -> None:
        if not self.path.endswith("/"):
            self._answer(HTTPStatus.MOVED_PERMANENTLY, headers={"Location": f"{self.path}/"})
            return
        with os.scandir(path) as entries:
            targets = [quote(entry.name) + "/" * entry.is_dir() for entry in entries]
        links = [f'<a href="{escape(f"./{target}")}">x</a>' for target in targets]
        sorting = '<a href="?C=N;O=D">Name</a><a href="/">Parent</a>'
        page = "\n".join(["<html>", sorting, *self.server.shows.extra_links, *links])
        self._answer(HTTPStatus.OK, page.encode(), headers={"Content-Type": "text/html; charset=utf-8"})

    def _send_file(self, path: bytes) -> None:
        with open(path, "rb") as file:  # noqa: PTH123 (byte paths)
            status = os.fstat(file.fileno())
            etag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
            if self.headers.get("If-Match", etag) != etag:
                self._answer(HTTPStatus.PRECONDITION_FAILED)
                return
            first, last = 0, status.st_size - 1
            wanted = None if self.server.shows.ignore_ranges else _RANGE.fullmatch(self.headers.get("Range", ""))
            if wanted:
                first, last = int(wanted[1]), min(int(wanted[2] or last), last)
            self.send_response(HTTPStatus.PARTIAL_CONTENT if wanted else HTTPStatus.OK)
            headers = {
                "Content-Length": str(last - first + 1),
                "Last-Modified": formatdate(status.st_mtime, usegmt=True),
                "ETag": etag,
            } | (self.server.shows.odd_headers if self.command == "HEAD" else {})
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            file.seek(first)
            remaining = 0 if self.command == "HEAD" else last - first + 1
            if remaining and self.server.shows.drop_after_bytes is not None:
                remaining, self.close_connection = self.server.shows.drop_after_bytes, True
            while remaining and (block := file.read(min(_BLOCK_BYTES, remaining))):
                self.wfile.write(block)
                remaining -= len(block)

    def _answer(self, status: HTTPStatus, body: bytes = b"", *, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@contextmanager
def http_folder_server(root: Path) -> Iterator[HttpFolderServer]:
    """Serve a folder at `https://127.0.0.1:PORT/files/`, to be read only."""
    shows = HttpFolderServer(root=root, certificate=new_certificate())
    server = _Server(("127.0.0.1", 0), _Handler)
    server.shows, shows.port = shows, server.server_port
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pem = root.parent / f"{root.name}.pem"
    pem.write_text(shows.certificate.chain_and_key)
    context.load_cert_chain(pem)
    pem.unlink()
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield shows
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
