"""Errors of a connection that was of use already: what went wrong while a file or a folder was read."""

import ftplib

from connectors.errors import AccessDeniedError, ConnectorError, TransferError
from connectors.ftp.client import DataConnectionError
from connectors.ftp.config import FtpConfig
from connectors.ftp.refusals import answer_code, answer_text, server_name


def unsafe_path(source: str, path: str) -> AccessDeniedError:
    """Return the error for a path that can't be named in a command."""
    return AccessDeniedError(
        f"{source}: path {path!r} was refused, because it has a line break, at which FTP ends a command. Nothing was "
        "sent. Have it renamed.",
        source,
        path,
    )


def incomplete_listing(source: str, path: str, error: Exception) -> ConnectorError:
    """Return the error for a listing that does not hold everything."""
    return ConnectorError(
        f"{source} did not list all of folder {path!r}: {answer_text(str(error))!r}. Nothing was read from there. Ask "
        "the server's operator to raise the limit, or have the files spread over more folders.",
        source,
    )


def given_up(config: FtpConfig, path: str, error: ftplib.Error) -> ConnectorError:
    """Return the error for a transfer or a command that the server ended with a refusal."""
    source = server_name(config)
    if answer_code(error) == 421:
        return TransferError(
            f"{source} ended the connection while {path or '.'!r} was read: it answered {answer_text(error)!r}. Try "
            "again; if it happens always, ask the server's operator.",
            source,
            path,
        )
    hint = ""
    if answer_code(error) in (425, 522):
        other = "false" if config.passive_mode else "true"
        hint = f" It is the data connection that failed: try `passive_mode: {other}`, or ask its operator."
    return TransferError(
        f"{source} did not deliver {path or '.'!r}: it answered {answer_text(error)!r}. The file was cut short or the "
        f"transfer was; try again.{hint}",
        source,
        path,
    )


def busy(source: str, path: str, error: ftplib.Error) -> TransferError:
    """Return the error for a file or folder that the server does not give at the moment, such as one being written."""
    return TransferError(
        f"{source} does not give {path or '.'!r} now: it answered {answer_text(error)!r}. Nothing was read from there. "
        "Try again later.",
        source,
        path,
    )


def broken_off(config: FtpConfig, path: str, error: Exception) -> ConnectorError:
    """Return the error for a connection that failed."""
    source, shown = server_name(config), repr(path or ".")
    if isinstance(error, DataConnectionError):
        other = "false" if config.passive_mode else "true"
        message = (
            f"{source} answers, but no data connection for {shown} came about: {error}. A firewall may be in the way: "
            f"try `passive_mode: {other}`, or have the server's data ports opened."
        )
    elif isinstance(error, TimeoutError):
        message = (
            f"{source} stopped answering for {config.timeout_seconds:g} s while {shown} was read. Try again, or raise "
            "`timeout_seconds`."
        )
    elif isinstance(error, ftplib.Error):
        message = (
            f"{source} does not speak FTP as it should: it answered {answer_text(error)!r} while {shown} was read. "
            "Check that `port` is an FTP service's."
        )
    else:
        message = (
            f"{source} dropped the connection while {shown} was read. Try again; if it happens always, ask the "
            "server's operator."
        )
    return TransferError(message, source, path)


def unreadable_listing(source: str, folder: str, line: bytes) -> ConnectorError:
    """Return the error for a listing with a line that was not understood."""
    return ConnectorError(
        f"{source} lists folder {folder!r} in a format that is not known; this line was not understood: {line!r}. "
        "Nothing was read from there. Ask the server's operator for MLSD, or for listings as `ls -l` makes them.",
        source,
    )
