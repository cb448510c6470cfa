"""An SFTP server that wants a key and a password; paramiko's own, since asyncssh has no such policy."""

import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import paramiko
from paramiko.common import AUTH_FAILED, AUTH_PARTIALLY_SUCCESSFUL, AUTH_SUCCESSFUL, OPEN_SUCCEEDED

from tests.servers.sftp import SftpServer, key_text, new_key, public_line

_USERNAME = "feeds"
_PASSWORD = "correct horse battery staple"
_LONG_SECONDS = 60


@contextmanager
def two_factor_server(*, hang: bool = False) -> Iterator[SftpServer]:
    """Serve an empty folder to a user who shows a key first and a password then.

    Args:
        hang: Whether to let users log in, and never answer when they start SFTP.
    """
    host_key, client_key = paramiko.ECDSAKey.generate(), new_key()
    closing = threading.Event()
    with ExitStack() as stack:
        root = stack.enter_context(tempfile.TemporaryDirectory())
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:  # the listener was shut down
                    return
                transport = stack.enter_context(paramiko.Transport(connection))
                transport.set_log_channel(__name__)
                transport.add_server_key(host_key)
                transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _EmptyFolder)
                transport.start_server(
                    event=threading.Event(),
                    server=_TwoFactors(public_line(client_key), closing if hang else None),
                )

        thread = threading.Thread(target=accept, name="two-factor server", daemon=True)
        thread.start()
        try:
            yield SftpServer(
                port=listener.getsockname()[1],
                host_key=host_key.fingerprint,
                public_key=f"{host_key.get_name()} {host_key.get_base64()}",
                username=_USERNAME,
                private_key=key_text(client_key),
                password=_PASSWORD,
                root=Path(root),
                root_path="/",
                key=client_key,
            )
        finally:
            closing.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


class _TwoFactors(paramiko.ServerInterface):
    def __init__(self, public_key: str, hang_until: threading.Event | None) -> None:
        self._public_key = public_key
        self._hang_until = hang_until
        self._key_was_shown = False

    def get_allowed_auths(self, username: str) -> str:
        return "password" if self._key_was_shown else "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self._key_was_shown = f"{key.get_name()} {key.get_base64()}" == self._public_key
        return AUTH_PARTIALLY_SUCCESSFUL if self._key_was_shown else AUTH_FAILED

    def check_auth_password(self, username: str, password: str) -> int:
        right = self._key_was_shown and (username, password) == (_USERNAME, _PASSWORD)
        return AUTH_SUCCESSFUL if right else AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED

    def check_channel_subsystem_request(self, channel: paramiko.Channel, name: str) -> bool:
        if self._hang_until is not None:
            self._hang_until.wait(_LONG_SECONDS)
        return super().check_channel_subsystem_request(channel, name)


class _EmptyFolder(paramiko.SFTPServerInterface):
    def list_folder(self, path: str) -> list[paramiko.SFTPAttributes]:
        return []
