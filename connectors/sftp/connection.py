"""One connection with SFTP started on it, from the configuration."""

from dataclasses import dataclass
from pathlib import Path

import paramiko

from connectors.errors import ConfigurationError
from connectors.sftp.config import SftpConfig
from connectors.sftp.connect import Login, log_in, open_channel
from connectors.sftp.failures import translated
from connectors.sftp.session import WINDOW_BYTES, SftpSession
from connectors.sftp.trust import Pin, looks_like_known_hosts, parse_known_hosts, parse_pin


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A connection, and the SFTP session on it."""

    login: Login
    session: SftpSession

    @property
    def is_alive(self) -> bool:
        """Whether the connection was not lost yet, as far as is known."""
        return bool(self.login.transport.is_active())

    def close(self) -> None:
        """Close the connection. May be called twice."""
        self.login.transport.close()


def open_connection(config: SftpConfig, private_key: paramiko.PKey | None) -> Connection:
    """Connect, log in and start SFTP.

    Raises:
        ConnectorError: It did not come about; `log_in` and `open_channel` say how.
    """
    login = log_in(config, pins=_pins(config), private_key=private_key)
    try:
        channel = open_channel(login.transport, config, window_bytes=WINDOW_BYTES)
        with translated(config, ""):
            return Connection(login=login, session=SftpSession(channel))
    except BaseException:
        login.transport.close()
        raise


def _pins(config: SftpConfig) -> tuple[Pin, ...]:
    pins = tuple(parse_pin(text) for text in config.host_keys)
    known_hosts = config.known_hosts
    if known_hosts is None:
        return pins
    if not looks_like_known_hosts(known_hosts):
        try:
            known_hosts = Path(known_hosts).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"`known_hosts` can't be read as a file: {error}. Give the path of a file, or its text."
            ) from error
    return pins + parse_known_hosts(known_hosts, host=config.host, port=config.port)
