"""A webhook's receiver on a loopback port: records what comes, answers as told, with or without TLS."""

import socket
import ssl
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from threading import Event, Thread
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedRequest:
    """One request, header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What to answer. `hang`: nothing at all. `drip`: one byte of an endless body at a time. `drop`: hang up."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    hang: bool = False
    drip: bool = False
    drop: bool = False
    echo: str | None = None


@dataclass(kw_only=True)
class WebhookReceiver:
    """The receiver. `answers` are given one by one, `default` when they are used up."""

    port: int
    scheme: str
    certificate: Path | None
    requests: list[ReceivedRequest] = field(default_factory=list)
    answers: deque[Answer] = field(default_factory=deque)
    default: Answer = field(default_factory=Answer)
    closing: Event = field(default_factory=Event)

    def url(self, host: str = "localhost") -> str:
        """The receiver's URL under one of its host names."""
        return f"{self.scheme}://{host}:{self.port}/hooks/headwater"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = False
    receiver: WebhookReceiver

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent about clients that went away: some tests make them."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout: ClassVar[float] = 30

    def log_message(self, format: str, *arguments: object) -> None:
        """Keep the log out of the tests' output."""

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        receiver.requests.append(ReceivedRequest(method=self.command, path=self.path, headers=headers, body=body))
        answer = receiver.answers.popleft() if receiver.answers else receiver.default
        self.close_connection = True
        if answer.hang:
            receiver.closing.wait(60)
        elif answer.drop:
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self._answer(answer, receiver.closing)

    def _answer(self, answer: Answer, closing: Event) -> None:
        content = answer.body
        if answer.echo is not None:
            challenge = parse_qs(urlsplit(self.path).query)["challenge"][0]
            content = answer.echo.replace("CHALLENGE", challenge).encode()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if not answer.drip:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        while answer.drip and not closing.wait(0.05):
            self.wfile.write(b".")


@contextmanager
def webhook_receiver(certificate_folder: Path | None = None) -> Iterator[WebhookReceiver]:
    """Run a receiver. With a folder, it speaks TLS, with a certificate made there for `localhost` and 127.0.0.1."""
    server = _Server(("127.0.0.1", 0), _Handler)
    certificate = make_certificate(certificate_folder) if certificate_folder is not None else None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    scheme = "http" if certificate is None else "https"
    server.receiver = WebhookReceiver(port=server.server_port, scheme=scheme, certificate=certificate)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.receiver
    finally:
        server.receiver.closing.set()
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)


def make_certificate(folder: Path) -> Path:
    """Write a self-signed certificate for `localhost` and 127.0.0.1, with its key, to one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "webhook.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return path
