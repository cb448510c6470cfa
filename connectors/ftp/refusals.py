"""What servers answer, and the errors of connections that do not come about."""

import ftplib
import re
import ssl

from connectors import hosts
from connectors.errors import AuthenticationError, ConnectorError, UnreachableError
from connectors.ftp.config import FtpConfig, FtpsConfig
from connectors.hosts import host_and_port

_MOST_SHOWN = 200

# Servers say in words what their codes leave open.
_BUSY = re.compile(
    r"too many|maximum (allowed )?(number|clients|connections|logins)|(connection|user|login)s? limit", re.I
)
_DENIED = re.compile(
    r"denied|not permitted|not allowed|not authori[sz]ed|no permission|insufficient (rights|perm)", re.I
)
_GONE = re.compile(r"no such|not found|(does not|doesn't) exist|non-?existent|(can't|cannot) find", re.I)
_EMPTY = re.compile(r"no files found|no members found|(directory|folder) (is )?empty", re.I)
_NEEDS_TLS = re.compile(r"\b(tls|ssl|encrypt|secure)", re.I)


def server_name(config: FtpConfig) -> str:
    """Return the server's name for people."""
    return f"{config.kind.upper()} server {host_and_port(config.host, config.server_port)}"


def answer_code(error: ftplib.Error) -> int:
    """Return the code of an answer; 0 if it has none."""
    code = str(error)[:3]
    return int(code) if code.isascii() and code.isdecimal() else 0


def answer_text(error: ftplib.Error | str) -> str:
    """Return an answer for people: one line, printable, of a bounded length. It is untrusted."""
    text = " ".join(str(error).split())
    printable = "".join(character if character.isprintable() else "?" for character in text)
    return printable if len(printable) <= _MOST_SHOWN else printable[:_MOST_SHOWN] + "…"


def says_busy(error: ftplib.Error) -> bool:
    """Return whether the server has no connection left for us; a few say so with 530, as for a wrong password."""
    return answer_code(error) in (120, 421) or bool(_BUSY.search(str(error)))


def says_denied(error: ftplib.Error) -> bool:
    """Return whether the words are those of a lack of permission."""
    return bool(_DENIED.search(str(error)))


def says_gone(error: ftplib.Error) -> bool:
    """Return whether the words are those of something that is not there."""
    return bool(_GONE.search(str(error)))


def says_empty(error: ftplib.Error) -> bool:
    """Return whether a listing was refused because there is nothing to list."""
    return bool(_EMPTY.search(str(error)))


def is_not_implemented(error: ftplib.Error) -> bool:
    """Return whether the server does not know the command, or this form of it."""
    return answer_code(error) in (500, 501, 502, 504)


def not_connected(config: FtpConfig, error: OSError) -> UnreachableError:
    """Return the error for a TCP connection that did not come about."""
    return hosts.not_connected(server_name(config), config.host, error, timeout_seconds=config.timeout_seconds)


def no_answer(config: FtpConfig, step: str) -> UnreachableError:
    """Return the error for a server that said nothing, or nothing whole, for too long."""
    hint = " A server with implicit TLS does not greet: then set `tls_mode`." if step == "the greeting" else ""
    return hosts.no_answer(server_name(config), step, timeout_seconds=config.timeout_seconds, hint=hint)


def dropped(config: FtpConfig, step: str) -> UnreachableError:
    """Return the error for a connection that ended before the login was over."""
    source = server_name(config)
    return UnreachableError(
        f"{source} closed the connection during {step}. Check that `port` is an FTP service's; the server may also "
        "have too many connections.",
        source,
    )


def too_many(config: FtpConfig, error: ftplib.Error) -> UnreachableError:
    """Return the error for a server that has no connection left for us."""
    source = server_name(config)
    return UnreachableError(
        f"{source} takes no more connections now.{_quoted(config, error)} Lower `max_connections` of this "
        f"account (now {config.max_connections}) below what the server allows, or try again later.",
        source,
    )


def refused_for_now(config: FtpConfig, step: str, error: ftplib.Error) -> UnreachableError:
    """Return the error for a server that says that it can't serve us at the moment."""
    source = server_name(config)
    return UnreachableError(
        f"{source} gave up during {step}.{_quoted(config, error)} Try again later; if it happens always, ask the "
        "server's operator.",
        source,
    )


def not_ftp(config: FtpConfig, error: ftplib.Error) -> ConnectorError:
    """Return the error for a server that answers as no FTP server does."""
    source = server_name(config)
    return ConnectorError(
        f"{source} does not speak FTP as it should.{_quoted(config, error)} Check that `port` is an FTP service's.",
        source,
    )


def no_tls(config: FtpsConfig, reason: str) -> ConnectorError:
    """Return the error for a server with which no TLS connection came about."""
    source = server_name(config)
    other = "implicit" if config.tls_mode == "explicit" else "explicit"
    return ConnectorError(
        f"{source} did not start TLS: {reason}. Nothing secret was sent, because kind `ftps` never falls back to "
        f"clear text. Set `tls_mode` to {other!r} if the server wants that, or ask its operator for TLS 1.2 or newer.",
        source,
    )


def tls_failed(config: FtpsConfig, error: ssl.SSLError) -> ConnectorError:
    """Return the error for a TLS handshake that failed, other than for the certificate."""
    return no_tls(config, f"the handshake failed ({error.reason or 'the connection ended'})")


def not_accepted(config: FtpConfig, error: ftplib.Error) -> ConnectorError:
    """Return the error for a user that the server does not let in."""
    source = server_name(config)
    answer = _quoted(config, error)
    if config.kind == "ftp" and _NEEDS_TLS.search(str(error)):
        return ConnectorError(
            f"{source} lets user {config.username!r} in over TLS only.{answer} Make the account one of kind `ftps`.",
            source,
        )
    if answer_code(error) in (332, 532):
        return ConnectorError(
            f"{source} wants an account name (ACCT) of user {config.username!r}, which is not supported. Ask its "
            "operator for a login without.",
            source,
        )
    how = "this password" if config.password else "no password"
    return AuthenticationError(
        f"{source} did not accept user {config.username!r} with {how}.{answer} Check the user name and the password, "
        "and that the server lets this user in from here.",
        source,
    )


def _quoted(config: FtpConfig, error: ftplib.Error) -> str:
    """Return a sentence with the server's words, unless they repeat the password."""
    secret = config.password.get_secret_value() if config.password else ""
    return "" if secret and secret in str(error) else f" It answered {answer_text(error)!r}."
