"""From what a session raises to connector errors.

FTP has one code, 550, for what is not there, what may not be read, and what is a folder. Where the server's words do
not tell them apart, its listings do.
"""

import ftplib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from connectors.errors import (
    AccessDeniedError,
    ConnectorError,
    FileGoneError,
    access_denied,
    file_gone,
    folder_gone,
    not_a_file,
)
from connectors.ftp import faults, refusals
from connectors.ftp.client import DataConnectionError
from connectors.ftp.config import FtpConfig
from connectors.ftp.listing import Entry, Kind, ListingError
from connectors.ftp.session import FtpSession, IncompleteListingError, UnsafePathError
from connectors.pace import TooSlowError

_ABOUT_A_PATH = (450, 550, 553)
_BROKEN = (ftplib.Error, DataConnectionError, OSError, EOFError)


@contextmanager
def translated(
    config: FtpConfig, session: FtpSession, path: str, server_path: Callable[[], bytes], *, is_folder: bool
) -> Iterator[None]:
    """Turn what goes wrong while the block runs into connector errors; give up a connection that failed.

    Args:
        config: The server.
        session: The connection that the block uses.
        path: The file or folder that it is about, for people.
        server_path: Returns the same as the server names it.
        is_folder: Whether it is meant to be a folder.
    """
    source = refusals.server_name(config)
    with readable_listing(source, path):
        try:
            yield
        except UnsafePathError as error:
            raise faults.unsafe_path(source, path) from error
        except IncompleteListingError as error:
            raise faults.incomplete_listing(source, path, error) from error
        except (ftplib.error_perm, ftplib.error_temp) as error:
            if refusals.answer_code(error) in _ABOUT_A_PATH:
                raise _explained(config, session, error, path, server_path(), is_folder=is_folder) from error
            session.client.close()
            raise faults.given_up(config, path, error) from error
        except TooSlowError as error:
            session.client.close()
            raise error.explained(source, path) from error
        except _BROKEN as error:
            session.client.close()
            raise faults.broken_off(config, path, error) from error


@contextmanager
def readable_listing(source: str, folder: str) -> Iterator[None]:
    """Turn a line of a listing that can't be read into a connector error."""
    try:
        yield
    except ListingError as error:
        raise faults.unreadable_listing(source, folder, error.line) from error


def find(session: FtpSession, server_path: bytes) -> Entry | None:
    """Return what the listing of its folder says about a path; None if it is not in there."""
    folder, _, name = server_path.rpartition(b"/")
    with closing(session.list_folder(folder or b"/")) as listing:
        return next((entry for entry in listing.entries() if entry.name == name), None)


def _explained(
    config: FtpConfig, session: FtpSession, error: ftplib.Error, path: str, server_path: bytes, *, is_folder: bool
) -> ConnectorError:
    """Return the error for a refusal that is about a path."""
    source = refusals.server_name(config)
    try:
        verdict = _verdict(source, session, error, path, server_path, is_folder=is_folder)
    except (*_BROKEN, ListingError, IncompleteListingError):
        session.client.close()
        return faults.given_up(config, path, error)
    if isinstance(error, ftplib.error_temp) and isinstance(verdict, AccessDeniedError):
        return faults.busy(source, path, error)
    return verdict


def _verdict(
    source: str, session: FtpSession, error: ftplib.Error, path: str, server_path: bytes, *, is_folder: bool
) -> ConnectorError:
    gone = folder_gone if is_folder else file_gone
    if not is_folder and session.is_folder(server_path):
        return not_a_file(source, path)
    if refusals.says_denied(error) or not server_path.strip(b"/"):
        return access_denied(source, path)
    if refusals.says_gone(error):
        return gone(source, path)
    try:
        entry = find(session, server_path)
    except ftplib.error_perm as refusal:  # so the question is what is the matter with the folder above
        above = _verdict(source, session, refusal, path, server_path.rpartition(b"/")[0], is_folder=True)
        return gone(source, path) if isinstance(above, FileGoneError) else above
    if entry is None or (is_folder and entry.kind is Kind.FILE):
        return gone(source, path)
    if not is_folder and entry.kind in (Kind.FOLDER, Kind.OTHER):
        return not_a_file(source, path)
    return access_denied(source, path)
