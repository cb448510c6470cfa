"""What tests know about an FTP server, whichever runs it."""

import hashlib
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import trustme

TlsMode = Literal["explicit", "implicit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate, and what trusts it.

    Attributes:
        authority: The authority's certificate, in PEM.
        chain_and_key: The server's certificate and its private key, in PEM.
        fingerprint: SHA-256 of the server's certificate, as `openssl x509 -fingerprint -sha256` prints it.
    """

    authority: str
    chain_and_key: str
    fingerprint: str


def new_certificate(*names: str) -> Certificate:
    """Return a fresh certificate of a fresh authority, for 127.0.0.1 and localhost, or for other names."""
    authority = trustme.CA()
    issued = authority.issue_cert(*(names or ("127.0.0.1", "localhost")))
    chain = [pem.bytes().decode() for pem in issued.cert_chain_pems]
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(chain[0])).hexdigest().upper()
    return Certificate(
        authority=authority.cert_pem.bytes().decode(),
        chain_and_key="".join([issued.private_key_pem.bytes().decode(), *chain]),
        fingerprint=":".join(digest[start : start + 2] for start in range(0, len(digest), 2)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FtpServer:
    """A running FTP or FTPS server.

    Attributes:
        port: On 127.0.0.1.
        username: Who may log in.
        password: With which password.
        root: The local folder that it serves.
        root_path: That folder as the server names it.
        certificate: What it shows; None without TLS.
        tls_mode: Whether TLS is asked for or begins at once.
    """

    port: int
    username: str
    password: str
    root: Path
    root_path: str = "/"
    certificate: Certificate | None = None
    tls_mode: TlsMode = "explicit"
    host: str = "127.0.0.1"

    @property
    def kind(self) -> str:
        """The kind of connector that reads from it."""
        return "ftps" if self.certificate else "ftp"

    @property
    def name(self) -> str:
        """Its name in messages."""
        return f"{self.kind.upper()} server {self.host}:{self.port}"

    def config(self, **changes: object) -> dict[str, object]:
        """Return a connector configuration that works, starting at `root`; with the changes, None leaving one out."""
        config: dict[str, object] = {
            "host": self.host,
            "port": self.port,
            "username": self.username,
            "password": self.password,
            "folder_path": self.root_path,
            "timeout_seconds": 20,
        }
        if self.certificate:
            config |= {"tls_mode": self.tls_mode, "ca_certificate": self.certificate.authority}
        return {name: value for name, value in (config | changes).items() if value is not None}
