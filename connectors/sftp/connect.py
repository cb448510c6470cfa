"""One SSH connection: reach the server, make sure that it is the right one, log in.

Nothing secret is sent before the server's key was found among the trusted ones. Only the configured ways of logging
in are tried: no key files of this machine, and no agent but the one that is named.
"""

import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

import paramiko

from connectors.errors import AccessDeniedError, ConnectorError
from connectors.sftp.config import SftpConfig
from connectors.sftp.login import authenticate, login_plans, plan_for_dialogue
from connectors.sftp.refusals import (
    dropped,
    handshake_failed,
    hung_up,
    no_answer,
    not_accepted,
    not_connected,
    server_name,
)
from connectors.sftp.trust import Pin, fingerprint, untrusted_host

# What is missing in these lists is weak: CBC modes, SHA-1 and MD5. GCM comes first because it is the fastest.
_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr")
_DIGESTS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512")

_RSA = ("rsa-sha2-512", "rsa-sha2-256")
_HOST_KEYS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", *_RSA)

# Packets larger than paramiko's 32 KiB: fewer turns of its loop, and twice the speed with OpenSSH.
_MAX_PACKET_BYTES = 64 * 1024

_PAUSES_SECONDS = (0.2, 0.8)

_LOG_CHANNEL = "connectors.sftp.paramiko"
# paramiko logs, with tracebacks, what it also raises. To watch the protocol, set this logger to DEBUG.
logging.getLogger(_LOG_CHANNEL).setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """An SSH connection on which the user is logged in.

    Attributes:
        transport: The connection; whoever receives it closes it.
        software: What the server calls itself.
        host_key: The server's key, as in "ssh-ed25519 SHA256:…".
        methods: The ways of logging in that were used, as in "public key".
    """

    transport: paramiko.Transport
    software: str
    host_key: str
    methods: str


def log_in(config: SftpConfig, *, pins: Collection[Pin], private_key: paramiko.PKey | None) -> Login:
    """Connect, verify the server's key, and log in.

    Raises:
        UnreachableError: No connection, or no answer within the timeout.
        UntrustedHostError: The server's key is not among `pins`.
        AuthenticationError: The server refuses the user.
        ConnectorError: The server offers only weak algorithms.
    """
    with login_plans(config, private_key) as plans:
        waiting = deque(plans)
        tried: dict[str, None] = {}
        offered: list[str] = []
        while waiting:
            transport = _trusted_transport(config, pins)
            try:
                used, offers = authenticate(transport, config, waiting.popleft())
                if transport.is_authenticated():
                    return _logged_in(transport, " and ".join(method.name for method in used))
            except BaseException:
                transport.close()
                raise
            transport.close()
            tried.update(dict.fromkeys(method.name for method in used))
            offered = offers or offered
            if dialogue := plan_for_dialogue(used, offers):
                waiting.appendleft(dialogue)
    raise not_accepted(config, methods=list(tried), offered=offered)


def _logged_in(transport: paramiko.Transport, methods: str) -> Login:
    host_key = _describe_key(transport.get_remote_server_key())
    return Login(transport=transport, software=transport.remote_version, host_key=host_key, methods=methods)


def open_channel(transport: paramiko.Transport, config: SftpConfig, *, window_bytes: int) -> paramiko.Channel:
    """Start SFTP on a connection.

    Args:
        transport: The connection, logged in.
        config: For the timeout and for messages.
        window_bytes: How many bytes the server may send ahead.

    Raises:
        AccessDeniedError: The server does not let this user use SFTP.
        UnreachableError: No answer within the timeout.
    """
    source = server_name(config)
    # paramiko waits for the subsystem's answer without a limit of its own.
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        transport.close()

    watchdog = threading.Timer(config.timeout_seconds, expire)
    watchdog.start()
    try:
        channel = transport.open_session(window_bytes, _MAX_PACKET_BYTES, config.timeout_seconds + 1)
        channel.settimeout(config.timeout_seconds)
        channel.invoke_subsystem("sftp")
    except (paramiko.SSHException, OSError, EOFError) as error:
        if expired.is_set():
            raise no_answer(config, "starting SFTP") from error
        if not transport.is_active():
            raise dropped(config, "starting SFTP") from error
        raise AccessDeniedError(
            f"{source} lets user {config.username!r} log in, but does not start SFTP for it ({error}). Ask the "
            "server's operator to allow SFTP for this account.",
            source,
        ) from error
    finally:
        watchdog.cancel()
    return channel


def _trusted_transport(config: SftpConfig, pins: Collection[Pin]) -> paramiko.Transport:
    """Connect and accept one of the server's keys.

    A server has keys of several types and shows one, and a fingerprint does not tell its type. So a server whose
    first key is not trusted is asked for its others before it is refused.
    """
    trusted = {pin.fingerprint for pin in pins}
    pinned_types = {pin.key_type for pin in pins}
    types = sorted(_HOST_KEYS, key=lambda name: _public_key_type(name) not in pinned_types)
    refused: paramiko.PKey | None = None
    while types:
        try:
            transport = _handshake(config, tuple(types))
        except ConnectorError:
            if refused is None:
                raise
            break
        key = transport.get_remote_server_key()
        if fingerprint(key.asbytes()) in trusted:
            return transport
        transport.close()
        refused = refused or key
        types = [name for name in types if trusted and _public_key_type(name) != key.get_name()]
    presented = _describe_key(refused) if refused else ""
    raise untrusted_host(server_name(config), presented=presented, trusted=tuple(sorted(trusted)))


def _handshake(config: SftpConfig, host_keys: tuple[str, ...]) -> paramiko.Transport:
    """Connect and exchange keys; the server is not trusted yet.

    A server that hangs up before its greeting often has too many connections for a moment, and is called again.
    """
    for seconds in (*_PAUSES_SECONDS, None):
        transport = _greeted(config, host_keys)
        if transport.is_active():
            return transport
        cause = transport.get_exception()
        if seconds is None or not hung_up(cause):
            raise handshake_failed(config, cause) from cause
        time.sleep(seconds)
    raise AssertionError("the last try ends above")


def _greeted(config: SftpConfig, host_keys: tuple[str, ...]) -> paramiko.Transport:
    try:
        connection = socket.create_connection((config.host, config.port), config.timeout_seconds)
    except OSError as error:
        raise not_connected(config, error) from error
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    transport = paramiko.Transport(connection)
    transport.set_log_channel(_LOG_CHANNEL)
    transport.auth_timeout = config.timeout_seconds
    transport.banner_timeout = transport.handshake_timeout = config.timeout_seconds + 1  # ours below comes first
    options = transport.get_security_options()
    options.ciphers, options.digests, options.key_types = _CIPHERS, _DIGESTS, host_keys
    finished = threading.Event()
    transport.start_client(event=finished)
    if not finished.wait(config.timeout_seconds):
        transport.close()
        raise no_answer(config, "the SSH handshake")
    return transport


def _public_key_type(host_key: str) -> str:
    return "ssh-rsa" if host_key in _RSA else host_key


def _describe_key(key: paramiko.PKey) -> str:
    return f"{key.get_name()} {fingerprint(key.asbytes())}"
