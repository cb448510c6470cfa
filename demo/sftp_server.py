"""A real SFTP server over one folder, as a process of its own: `python -m demo.sftp_server ROOT HOST_KEY READY`.

Listens on the loopback interface only, on a port that the system picks. User `luma`; the password comes in the
environment. Once it listens it writes its address and its host key's fingerprint to the file READY.
"""

import asyncio
import hmac
import os
import sys
from pathlib import Path

import asyncssh

from demo.announce import announce
from demo.credentials import SFTP_PASSWORD_VARIABLE, USERNAME


class _Login(asyncssh.SSHServer):
    """Lets in who knows the password."""

    def __init__(self, password: str) -> None:
        self._password = password

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        right_password = hmac.compare_digest(password.encode(), self._password.encode())
        return right_password and username == USERNAME


def host_key(path: Path) -> asyncssh.SSHKey:
    """Read the host key, or make one that only the owner may read."""
    if path.exists():
        return asyncssh.read_private_key(path)
    key = asyncssh.generate_private_key("ssh-ed25519")
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(key.export_private_key())
    return key


async def serve(root: Path, key: asyncssh.SSHKey, password: str, ready: Path) -> None:
    """Serve until the process is ended."""
    server = await asyncssh.listen(
        host="127.0.0.1",
        port=0,
        server_host_keys=[key],
        server_factory=lambda: _Login(password),
        sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=os.fsencode(root)),
        allow_scp=False,
    )
    params = {"host": "127.0.0.1", "port": server.get_port(), "username": USERNAME, "host_key": key.get_fingerprint()}
    announce(ready, params)
    await server.wait_closed()


def main() -> None:
    """Read the command line and serve."""
    root, key, ready = (Path(argument) for argument in sys.argv[1:])
    asyncio.run(serve(root, host_key(key), os.environ[SFTP_PASSWORD_VARIABLE], ready))


if __name__ == "__main__":
    main()
