"""One logged-in connection: reach the server, make sure that it is the right one, log in, ask what it can do."""

import ftplib
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from connectors.errors import ConfigurationError
from connectors.ftp import refusals
from connectors.ftp.client import FtpClient, TlsRequiredError
from connectors.ftp.config import FtpConfig, FtpsConfig
from connectors.ftp.trust import not_verified, presented_fingerprint, require_pinned, unverified

_FACTS = {"type*", "size*", "modify*"}  # in the answer to FEAT, a star marks what is sent without being asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A connection on which the user is logged in, set to binary transfers.

    Attributes:
        client: The connection; whoever receives it closes it.
        greeting: The server's first words.
        security: What protects the connection, for people; None for clear text.
        features: What the server says that it can do, by command, as in {"MLST": "type*;size*;"} (RFC 2389).
        home: The folder where the server puts the user, as the server names it.
    """

    client: FtpClient
    greeting: str
    security: str | None
    features: dict[str, str]
    home: bytes


def log_in(config: FtpConfig, context: ssl.SSLContext | None) -> Login:
    """Connect, verify the server's certificate, and log in.

    Raises:
        UnreachableError: No connection, no answer within the timeout, or too many connections.
        UntrustedHostError: The server's certificate is not trusted.
        AuthenticationError: The server refuses the user.
        ConnectorError: The server offers no TLS where it has to, or is no FTP server.
        ConfigurationError: The user name or the password can't be written in `encoding`.
    """
    client = new_client(config, context)
    try:
        greeting = _greet(client, config)
        with _steps(config, "the login"):
            _authenticate(client, config)
        with _steps(config, "asking what the server can do"):
            if isinstance(config, FtpsConfig):
                _protect_data(client, config)
            features = _features(client)
            if config.encoding.lower().replace("_", "-") in ("utf-8", "utf8") and "UTF8" in features:
                _try(client, "OPTS UTF8 ON")
            if "MLST" in features and not set(features["MLST"].lower().split(";")) >= _FACTS:
                _try(client, "OPTS MLST type;size;modify;unique;")
            client.voidcmd("TYPE I")  # SIZE means nothing otherwise
            home = ftplib.parse257(client.sendcmd("PWD")).encode("latin-1") or b"/"
    except BaseException:
        client.close()
        raise
    security = _describe(client)
    return Login(client=client, greeting=greeting, security=security, features=features, home=home)


def new_client(config: FtpConfig, context: ssl.SSLContext | None) -> FtpClient:
    """Return a client for an account; no I/O."""

    def verify(connection: ssl.SSLSocket) -> None:
        if isinstance(config, FtpsConfig):
            require_pinned(connection, config, refusals.server_name(config))

    return FtpClient(
        config.host,
        config.server_port,
        timeout_seconds=config.timeout_seconds,
        context=context,
        verify=verify,
        passive=config.passive_mode,
        use_server_address=config.use_server_address,
    )


def _greet(client: FtpClient, config: FtpConfig) -> str:
    """Connect, and encrypt the connection if it has to be; return the greeting."""
    try:
        client.reach()
    except OSError as error:
        raise refusals.not_connected(config, error) from error
    if isinstance(config, FtpsConfig) and config.tls_mode == "implicit":
        _start_tls(client, config)
    with _steps(config, "the greeting"):
        try:
            greeting = client.getresp()
        except ftplib.error_perm as error:  # 530 or so: it does not want to talk to this machine
            raise refusals.not_ftp(config, error) from error
        if greeting.startswith("120"):
            raise refusals.too_many(config, ftplib.error_reply(greeting))
    if isinstance(config, FtpsConfig) and config.tls_mode == "explicit":
        with _steps(config, "the agreement on TLS"):
            try:
                client.voidcmd("AUTH TLS")
            except ftplib.error_perm as error:
                reason = f"it answered {refusals.answer_text(error)!r} to AUTH TLS"
                raise refusals.no_tls(config, reason) from error
        _start_tls(client, config)
    return refusals.answer_text(greeting)


def _start_tls(client: FtpClient, config: FtpsConfig) -> None:
    try:
        client.start_tls()
    except ssl.SSLCertVerificationError as error:
        client.close()
        source = refusals.server_name(config)
        raise not_verified(config, source, error, _look_at_certificate(config)) from error
    except ssl.SSLError as error:
        raise refusals.tls_failed(config, error) from error
    except TlsRequiredError as error:
        raise refusals.no_tls(config, str(error)) from error
    except TimeoutError as error:
        raise refusals.no_answer(config, "the TLS handshake") from error
    except OSError as error:
        raise refusals.dropped(config, "the TLS handshake") from error


def _look_at_certificate(config: FtpsConfig) -> str:
    """Return the fingerprint of the certificate that the server shows, to be told to people; nothing is sent to it."""
    context = unverified(ssl.create_default_context())
    seen: list[str] = []
    client = FtpClient(
        config.host,
        config.server_port,
        timeout_seconds=config.timeout_seconds,
        context=context,
        verify=lambda connection: seen.append(presented_fingerprint(connection)),
    )
    with closing(client):
        try:
            client.reach()
            if config.tls_mode == "explicit":
                client.getresp()
                client.voidcmd("AUTH TLS")
            client.start_tls()
        except (OSError, EOFError, ftplib.Error, TlsRequiredError):
            return ""
    return seen[0] if seen else ""


def _authenticate(client: FtpClient, config: FtpConfig) -> None:
    try:
        answer = _send_credentials(client, config)
    except (ftplib.error_perm, ftplib.error_temp) as error:  # the answer may repeat the password, so it is not chained
        if refusals.says_busy(error):
            raise refusals.too_many(config, error) from None
        if isinstance(error, ftplib.error_temp):
            raise refusals.refused_for_now(config, "the login", error) from None
        raise refusals.not_accepted(config, error) from None
    if not answer.startswith("2"):
        raise refusals.not_accepted(config, ftplib.error_reply(answer))


def _send_credentials(client: FtpClient, config: FtpConfig) -> str:
    """Send the user name, and the password if it is asked for; return the last answer."""
    secret = config.password.get_secret_value() if config.password else ""
    answer = client.sendcmd(f"USER {_as_sent(config.username, config)}")
    return client.sendcmd(f"PASS {_as_sent(secret, config)}") if answer.startswith("331") else answer


def _protect_data(client: FtpClient, config: FtpsConfig) -> None:
    """Agree on encrypted data connections (RFC 4217, section 9)."""
    try:
        client.voidcmd("PBSZ 0")
        client.voidcmd("PROT P")
    except ftplib.error_perm as error:
        reason = f"it answered {refusals.answer_text(error)!r} to PROT P, which encrypts the data"
        raise refusals.no_tls(config, reason) from error


def _features(client: FtpClient) -> dict[str, str]:
    try:
        lines = client.sendcmd("FEAT").split("\n")[1:-1]
    except ftplib.error_perm:
        return {}
    words = (line.strip().partition(" ") for line in lines)
    return {name.upper(): arguments for name, _, arguments in words if name}


def _try(client: FtpClient, command: str) -> None:
    """Ask for something that the server may refuse."""
    try:
        client.sendcmd(command)
    except ftplib.error_perm:
        return


def _describe(client: FtpClient) -> str | None:
    if not isinstance(client.sock, ssl.SSLSocket):
        return None
    return f"{client.sock.version()}, certificate {presented_fingerprint(client.sock)}"


def _as_sent(text: str, config: FtpConfig) -> str:
    try:
        return text.encode(config.encoding, "surrogateescape").decode("latin-1")
    except UnicodeEncodeError:
        raise ConfigurationError(
            f"{refusals.server_name(config)}: the user name or the password has a character that can't be written in "
            f"`encoding` {config.encoding!r}. Use utf-8, or change them."
        ) from None


@contextmanager
def _steps(config: FtpConfig, step: str) -> Iterator[None]:
    """Turn what goes wrong before the connection is of use into connector errors."""
    try:
        yield
    except (ftplib.error_temp, ftplib.error_reply) as error:
        if refusals.says_busy(error):
            raise refusals.too_many(config, error) from error
        raise refusals.refused_for_now(config, step, error) from error
    except (ftplib.error_perm, ftplib.error_proto) as error:
        raise refusals.not_ftp(config, error) from error
    except TimeoutError as error:
        raise refusals.no_answer(config, step) from error
    except (EOFError, OSError) as error:
        raise refusals.dropped(config, step) from error
