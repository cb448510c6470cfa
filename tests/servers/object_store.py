"""What the object stores of our own share: files in memory, served over HTTP, with faults on demand.

They exist for what a real store does not do on demand; whatever a real one can show is tested on that.
"""

import hashlib
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import ClassVar, Literal

import trustme

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_DRIP_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An answer in place of the right one; `body` is sent as it is."""

    status: int
    code: str = ""
    body: bytes | None = None
    message: str | None = "no"
    fields: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenRequest:
    """A request that came in; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass(kw_only=True)
class ObjectStore:
    """A store and what it does wrong. Tests may change it while it runs.

    Attributes:
        port: On 127.0.0.1.
        ca: Who signed its certificate; None without TLS.
        files: Content by key.
        answers: Refusals to give to the next requests, of any kind, one by one; None answers one as it should be.
        hang: Whether requests are left without an answer.
        drop_after: After how many bytes of a body to hang up, for each of the next bodies; None sends it whole.
        drip: Whether files come one byte at a time.
        drip_listing: Whether listings come one byte at a time: from their first line on, or from their body on.
        chunked: Whether bodies come without Content-Length.
        ignore_range: Whether a range is answered with the whole file.
        shift_range: By how many bytes to be off.
        damage: Whether the last byte of a file is another one.
        ignore_conditions: Whether If-Match, or a generation, is taken no notice of.
        replace_after: After so many bodies, files are replaced by this content.
        extra: Fields to add to what is said about every file.
        requests: What came in.
    """

    port: int = 0
    ca: trustme.CA | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    answers: list[Refusal | None] = field(default_factory=list)
    hang: bool = False
    drop_after: list[int | None] = field(default_factory=list)
    drip: bool = False
    drip_listing: Literal["", "all", "body"] = ""
    chunked: bool = False
    ignore_range: bool = False
    shift_range: int = 0
    damage: bool = False
    ignore_conditions: bool = False
    replace_after: tuple[int, bytes] | None = None
    extra: dict[str, str] = field(default_factory=dict)
    requests: list[SeenRequest] = field(default_factory=list)
    bodies: int = 0
    closing: Event = field(default_factory=Event)
    lock: Lock = field(default_factory=Lock)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"{'http' if self.ca is None else 'https'}://127.0.0.1:{self.port}"

    @property
    def ca_text(self) -> str:
        """The certificate of who signed its own."""
        assert self.ca is not None
        return self.ca.cert_pem.bytes().decode()


class Server(ThreadingHTTPServer):
    """Serves a store."""

    daemon_threads = True
    allow_reuse_address = False
    request_queue_size = 64
    store: ObjectStore

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent about clients that went away: some tests make them."""


class Handler(BaseHTTPRequestHandler):
    """What is the same for all stores."""

    server: Server
    protocol_version = "HTTP/1.1"
    timeout: ClassVar[float] = 30

    def log_message(self, format: str, *arguments: object) -> None:
        """Keep the log out of the tests' output."""

    def next_refusal(self) -> Refusal | None:
        """Note the request, and return what to answer in place of the right answer."""
        store = self.server.store
        headers = {name.lower(): value for name, value in self.headers.items()}
        with store.lock:
            store.requests.append(SeenRequest(method=self.command, path=self.path, headers=headers))
            refusal = store.answers.pop(0) if store.answers else None
        if store.hang:
            store.closing.wait(60)
        return refusal

    def send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        """Answer with a body; none is sent to HEAD."""
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_listing(self, body: bytes, headers: dict[str, str]) -> None:
        """Answer with a listing, as slowly as the store is told to."""
        slowly = self.server.store.drip_listing
        if not slowly:
            self.send(HTTPStatus.OK, body, headers)
            return
        chunked = self.server.store.chunked
        framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
        head = "".join(f"{line}\r\n" for line in ("HTTP/1.1 200 OK", framing, *map(": ".join, headers.items()), ""))
        content = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if chunked else body
        if slowly == "body":
            self.wfile.write(head.encode())
        self._drip(content if slowly == "body" else head.encode() + content)

    def send_file(self, content: bytes, headers: dict[str, str]) -> None:
        """Answer with a file or with a range of it, as well or as badly as the store is told to."""
        store = self.server.store
        found = _RANGE.fullmatch(self.headers.get("Range", ""))
        status, first, last = HTTPStatus.OK, 0, len(content) - 1
        if found and not store.ignore_range:
            first = int(found[1]) + store.shift_range
            last = min(int(found[2] or last) + store.shift_range, last)
            status = HTTPStatus.PARTIAL_CONTENT
            headers = {**headers, "Content-Range": f"bytes {first}-{last}/{len(content)}"}
        if store.damage:
            content = content[:-1] + bytes([content[-1] ^ 1])
        self._send_body(status, content[first : last + 1], headers)

    def _send_body(self, status: HTTPStatus, body: bytes, headers: dict[str, str]) -> None:
        store = self.server.store
        with store.lock:
            store.bodies += 1
            drop_after = store.drop_after.pop(0) if store.drop_after else None
            if store.replace_after is not None and store.bodies >= store.replace_after[0]:
                store.files = dict.fromkeys(store.files, store.replace_after[1])
        self.send_response(status)
        framing = {"Transfer-Encoding": "chunked"} if store.chunked else {"Content-Length": str(len(body))}
        for name, value in {**framing, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if store.drip:
            self._drip(body)
        elif drop_after is not None:
            self.wfile.write(body[:drop_after])
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        elif store.chunked:
            self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
        else:
            self.wfile.write(body)

    def _drip(self, body: bytes) -> None:
        for byte in body:
            self.wfile.write(bytes([byte]))
            if self.server.store.closing.wait(_DRIP_SECONDS):
                return


@contextmanager
def serving(store: ObjectStore, handler: type[Handler], *, tls: bool = False) -> Iterator[None]:
    """Serve a store until the block ends; with TLS, its certificate is for 127.0.0.1, signed by an own authority."""
    server = Server(("127.0.0.1", 0), handler)
    server.store = store
    store.port = server.server_port
    if tls:
        store.ca = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        store.ca.issue_cert("127.0.0.1").configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        store.closing.set()
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)


def md5(content: bytes) -> str:
    """The checksum that stores use as ETag, in hexadecimal."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
