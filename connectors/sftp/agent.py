"""Keys that an SSH agent holds: they sign for us, and never leave it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import paramiko
from paramiko.agent import AgentSSH

from connectors.errors import ConfigurationError

_MOST_KEYS = 5  # each costs a connection, and servers count refusals
_TIMEOUT_SECONDS = 30


@contextmanager
def agent_keys(socket_path: str) -> Iterator[tuple[paramiko.PKey, ...]]:
    """Give the first five of an agent's keys, for as long as the block runs.

    Args:
        socket_path: The agent's socket, as SSH_AUTH_SOCK names it.

    Raises:
        ConfigurationError: There is no agent, or it has no keys.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_TIMEOUT_SECONDS)
        try:
            connection.connect(socket_path)
            keys = _Agent(connection).get_keys()
        except (OSError, paramiko.SSHException) as error:
            raise ConfigurationError(
                f"no SSH agent answers at `agent_socket` {socket_path!r} ({error}). Start one, or give the path that "
                "SSH_AUTH_SOCK has in its environment."
            ) from error
        if not keys:
            raise ConfigurationError(
                f"the SSH agent at `agent_socket` {socket_path!r} holds no keys. Add one with `ssh-add`."
            )
        yield tuple(keys[:_MOST_KEYS])


class _Agent(AgentSSH):
    """paramiko's agent, at a socket that is told instead of taken from the environment."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        begin: Any = self._connect  # type: ignore[attr-defined]
        begin(connection)
