"""What tests know about an SFTP server, whichever runs it."""

import base64
from dataclasses import dataclass
from pathlib import Path

import asyncssh


@dataclass(frozen=True, slots=True, kw_only=True)
class SftpServer:
    """A running SFTP server.

    Attributes:
        port: On 127.0.0.1.
        host_key: The fingerprint of the key that it shows first.
        public_key: That key as a line, as in "ssh-ed25519 AAAA…".
        username: Who may log in.
        private_key: The key, in OpenSSH's text form, with which `username` may.
        key: The same key.
        password: The password with which `username` may; None if the server takes none.
        root: The local folder that it serves.
        root_path: That folder as the server names it.
        other_host_keys: Fingerprints of the keys that it has besides.
        user_authority: The key whose certificates it takes from users; None if it takes none.
    """

    port: int
    host_key: str
    public_key: str
    username: str
    private_key: str
    password: str | None
    root: Path
    root_path: str
    key: asyncssh.SSHKey
    host: str = "127.0.0.1"
    other_host_keys: tuple[str, ...] = ()
    user_authority: asyncssh.SSHKey | None = None

    def config(self, **changes: object) -> dict[str, object]:
        """Return a connector configuration that works, starting at `root`; with the changes, None leaving one out."""
        config: dict[str, object] = {
            "host": self.host,
            "port": self.port,
            "username": self.username,
            "private_key": self.private_key,
            "host_key": self.host_key,
            "folder_path": self.root_path,
            "timeout_seconds": 20,
            **changes,
        }
        return {name: value for name, value in config.items() if value is not None}


def new_key(algorithm: str = "ssh-ed25519") -> asyncssh.SSHKey:
    """Return a fresh private key."""
    return asyncssh.generate_private_key(algorithm)


def key_text(key: asyncssh.SSHKey, passphrase: str | None = None) -> str:
    """Return a private key as OpenSSH writes it."""
    text: bytes = key.export_private_key(passphrase=passphrase)
    return text.decode()


def public_line(key: asyncssh.SSHKey) -> str:
    """Return the public key as one line without a comment."""
    line: bytes = key.export_public_key()
    return " ".join(line.decode().split()[:2])


def privatekeycontent(key: asyncssh.SSHKey) -> str:
    """Return a private key as AEP's `privateKeyContent` has it: the Base64 of the whole file."""
    return base64.b64encode(key_text(key).encode()).decode()
