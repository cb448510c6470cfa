"""Errors of a connection that was there, from what sessions and paramiko raise."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import paramiko

from connectors.errors import ConnectorError, TransferError, access_denied, file_gone, folder_gone
from connectors.pace import TooSlowError
from connectors.sftp import wire
from connectors.sftp.config import SftpConfig
from connectors.sftp.refusals import server_name


@contextmanager
def translated(
    config: SftpConfig, path: str, *, is_folder: bool = False, on_loss: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Turn what a session and paramiko raise into connector errors.

    Args:
        config: The server, for messages.
        path: What is read.
        is_folder: Whether that is a folder.
        on_loss: Called when the connection can't be used any more.
    """
    source = server_name(config)
    try:
        yield
    except wire.StatusError as error:
        raise _refused(source, error, path, is_folder=is_folder) from error
    except wire.ProtocolError as error:
        on_loss()
        raise ConnectorError(
            f"{source} does not speak SFTP as it should ({error}). Check that `port` is an SFTP service's, and that "
            "the login prints nothing.",
            source,
        ) from error
    except TimeoutError as error:
        on_loss()
        raise TransferError(
            f"{source} stopped answering for {config.timeout_seconds:g} s while {path or '.'!r} was read. Try again, "
            "or raise `timeout_seconds`.",
            source,
            path,
        ) from error
    except TooSlowError as error:
        on_loss()
        raise error.explained(source, path) from error
    except (EOFError, OSError, paramiko.SSHException) as error:
        on_loss()
        raise TransferError(
            f"{source} dropped the connection while {path or '.'!r} was read. Try again; if it happens always, ask "
            "the server's operator.",
            source,
            path,
        ) from error


def _refused(source: str, error: wire.StatusError, path: str, *, is_folder: bool) -> ConnectorError:
    if error.code == wire.STATUS_NO_SUCH_FILE:
        return (folder_gone if is_folder else file_gone)(source, path)
    if error.code == wire.STATUS_PERMISSION_DENIED:
        return access_denied(source, path)
    return TransferError(
        f"{source} could not read {path!r}: it answered {error.text!r} (SFTP status {error.code}). Try again; if it "
        "happens always, ask the server's operator.",
        source,
        path,
    )
