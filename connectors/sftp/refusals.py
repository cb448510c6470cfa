"""Errors of a connection that does not come about, from what sockets and paramiko raise."""

import paramiko

from connectors import hosts
from connectors.errors import AuthenticationError, ConnectorError, UnreachableError
from connectors.hosts import host_and_port
from connectors.sftp.config import SftpConfig


def server_name(config: SftpConfig) -> str:
    """Return the server's name for people."""
    return f"SFTP server {host_and_port(config.host, config.port)}"


def not_connected(config: SftpConfig, error: OSError) -> UnreachableError:
    """Return the error for a TCP connection that did not come about."""
    return hosts.not_connected(server_name(config), config.host, error, timeout_seconds=config.timeout_seconds)


def no_answer(config: SftpConfig, step: str) -> UnreachableError:
    """Return the error for a server that said nothing for too long."""
    return hosts.no_answer(server_name(config), step, timeout_seconds=config.timeout_seconds)


def dropped(config: SftpConfig, step: str) -> UnreachableError:
    """Return the error for a connection that ended before SFTP had started."""
    source = server_name(config)
    return UnreachableError(
        f"{source} closed the connection during {step}. It may have too many connections; try again later.", source
    )


def hung_up(error: Exception | None) -> bool:
    """Return whether an SSH handshake that ended with paramiko's `error` ended before the server's greeting."""
    return not isinstance(error, paramiko.SSHException) or "banner" in str(error)


def handshake_failed(config: SftpConfig, error: Exception | None) -> ConnectorError:
    """Return the error for an SSH handshake that ended with paramiko's `error`, if it left one."""
    source = server_name(config)
    if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
        return ConnectorError(
            f"{source} and this client share no safe algorithms: {error}. Ask the server's operator to enable current "
            "ones (AES-GCM or AES-CTR, HMAC-SHA-2, Ed25519, ECDSA or RSA-SHA-2 keys).",
            source,
        )
    if error is not None and not hung_up(error):
        return UnreachableError(
            f"{source} failed in the SSH handshake: {error}. Check that it is an SSH server.", source
        )
    return UnreachableError(
        f"{source} closed the connection without an SSH greeting. Check that `port` is the SSH port; the server may "
        "also have too many connections.",
        source,
    )


def not_accepted(config: SftpConfig, *, methods: list[str], offered: list[str]) -> AuthenticationError:
    """Return the error for a user that the server does not let in.

    Args:
        config: The server and the user.
        methods: The methods that were tried, as in "public key".
        offered: What the server offers, in the words of RFC 4252; empty if it did not say.
    """
    source = server_name(config)
    offers = f" It offers: {', '.join(offered)}." if offered else ""
    return AuthenticationError(
        f"{source} did not accept user {config.username!r} with {' and '.join(methods)}.{offers} Check the user name "
        "and the credentials, and that the server allows this way of logging in.",
        source,
    )
