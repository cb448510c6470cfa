"""Errors of a connection that does not come about, from what sockets and paramiko raise."""

import socket

import paramiko

from connectors.errors import AuthenticationError, ConnectorError, UnreachableError
from connectors.sftp.config import SftpConfig


def server_name(config: SftpConfig) -> str:
    """Return the server's name for people."""
    host = f"[{config.host}]" if ":" in config.host else config.host
    return f"SFTP server {host}:{config.port}"


def not_connected(config: SftpConfig, error: OSError) -> UnreachableError:
    """Return the error for a TCP connection that did not come about."""
    source = server_name(config)
    if isinstance(error, socket.gaierror):
        return UnreachableError(
            f"{source} was not reached: the name {config.host!r} has no address ({error.strerror}). Check `host`.",
            source,
        )
    if isinstance(error, TimeoutError):
        return no_answer(config, "connecting")
    reason = "it refused the connection" if isinstance(error, ConnectionRefusedError) else error.strerror
    return UnreachableError(
        f"{source} was not reached: {reason}. Check `host` and `port`, and that the server runs and lets this machine "
        "in.",
        source,
    )


def no_answer(config: SftpConfig, step: str) -> UnreachableError:
    """Return the error for a server that said nothing for too long."""
    source = server_name(config)
    return UnreachableError(
        f"{source} did not answer within {config.timeout_seconds:g} s during {step}. Check that it is up, or raise "
        "`timeout_seconds`.",
        source,
    )


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
