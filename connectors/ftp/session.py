"""The commands for files and folders on one logged-in connection.

Paths are bytes, absolute as the server names them.
"""

import contextlib
import ftplib
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import BinaryIO, cast

from connectors.ftp.download import BLOCK_BYTES, Download
from connectors.ftp.listing import Entry, Kind, parse_facts, parse_line, split_lines
from connectors.ftp.login import Login
from connectors.ftp.refusals import is_not_implemented, says_busy, says_empty
from connectors.ftp.times import parse_stamp
from connectors.pace import ANY_SPEED, LeastSpeed, Pace

_TRUSTED_SILENCE_SECONDS = 10.0
_IN_MEMORY_BYTES = 1024 * 1024
_MOST_LISTING_BYTES = 1024 * 1024 * 1024


class UnsafePathError(Exception):
    """The path can't be put into a command: it would end it, and begin another."""


class FtpSession:
    """Commands on one connection, one at a time. Raises what `ftplib` raises.

    Args:
        login: The connection.
        least: How slow a listing may be; `TooSlowError` is raised for a slower one.
    """

    def __init__(self, login: Login, *, least: LeastSpeed = ANY_SPEED) -> None:
        self._least = least
        self.login = login
        self.client = login.client
        self.lists_facts = "MLST" in login.features or not login.features
        self._has_facts = "MLST" in login.features
        self._has_size = self._has_times = True

    @property
    def tells_times(self) -> bool:
        """Whether the server tells the exact time of a single file, as far as is known."""
        return self._has_times

    def is_alive(self) -> bool:
        """Return whether the connection can be used again; asks the server if it was silent for long."""
        if not self.client.is_open:
            return False
        is_recent = time.monotonic() - self.client.last_used < _TRUSTED_SILENCE_SECONDS
        if is_recent and not self.client.has_unread():  # a farewell, or the end
            return True
        try:
            self.client.voidcmd("NOOP")
        except (OSError, EOFError, ftplib.Error):
            self.client.close()
        return self.client.is_open

    def close(self) -> None:
        """Say goodbye, if the connection still stands, and close it. May be called twice."""
        if self.client.is_open:
            with contextlib.suppress(OSError, EOFError, ftplib.Error):
                self.client.putcmd("QUIT")
        self.client.close()

    def enter_folder(self, path: bytes) -> None:
        """Change to a folder: the one reliable way to learn whether a path is a folder."""
        self.client.voidcmd(_command("CWD", path))

    def is_folder(self, path: bytes) -> bool:
        """Return whether the path is a folder that may be entered."""
        try:
            self.enter_folder(path)
        except ftplib.error_perm:
            return False
        return True

    def list_folder(self, path: bytes) -> "Listing":
        """Receive the listing of a folder; whoever gets it closes it.

        It is received as a whole, onto the disk if it is large, because the connection can do nothing else meanwhile.
        The folder is entered rather than named, because servers take `-` and `*` in names for more than that.

        Raises:
            IncompleteListingError: The server says that something is missing in it.
        """
        self.enter_folder(path)
        spool = cast("BinaryIO", tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES))  # noqa: SIM115 (the listing's)
        try:
            self.lists_facts = self.lists_facts and self._receive_listing("MLSD", spool)
            # Without -a, many servers hide names with a dot in front; a few take it for a name, and list nothing.
            if not self.lists_facts and not self._receive_listing("LIST -a", spool):
                self._receive_listing("LIST", spool, needed=True)
        except BaseException:
            spool.close()
            raise
        return Listing(spool, has_facts=self.lists_facts)

    def facts(self, path: bytes) -> Entry | None:
        """Return what MLST says about a file or folder; None if the server does not have it."""
        if not self._has_facts:
            return None
        lines = (self._optional(_command("MLST", path)) or "").split("\n")
        if len(lines) < 3:
            self._has_facts = False
            return None
        return parse_facts(lines[1].lstrip(" ").encode("latin-1"))

    def stat(self, path: bytes) -> Entry | None:
        """Return what the server says about a file; None if it has no command to ask with.

        Without MLST, the kind is not known, but servers tell no size of a folder.
        """
        entry = self.facts(path)
        if entry is not None:
            return entry
        size_bytes = self.size(path)
        if size_bytes is None:
            return None
        return Entry(name=path, kind=Kind.UNKNOWN, size_bytes=size_bytes, modified_at=self.modified_at(path))

    def size(self, path: bytes) -> int | None:
        """Return a file's size; None if the server does not have SIZE (RFC 3659, section 4)."""
        if not self._has_size:
            return None
        answer = self._optional(_command("SIZE", path))
        digits = answer[4:].strip() if answer is not None else ""
        if not (digits.isascii() and digits.isdecimal() and len(digits) < 20):
            self._has_size = False
            return None
        return int(digits)

    def exists(self, path: bytes) -> bool:
        """Return whether there is a file that can be read, on a server that has no SIZE: it is opened and left."""
        try:
            self.open_file(path, offset=0).close()
        except ftplib.error_perm:
            return False
        return True

    def modified_at(self, path: bytes) -> datetime | None:
        """Return a file's time in UTC; None if the server does not tell it (RFC 3659, section 3)."""
        if not self._has_times:
            return None
        try:
            answer = self._optional(_command("MDTM", path))
        except (ftplib.error_perm, ftplib.error_temp) as error:
            if says_busy(error):
                raise
            return None
        if answer is None:
            self._has_times = False
            return None
        return parse_stamp(answer[4:].strip())

    def open_file(self, path: bytes, *, offset: int) -> Download:
        """Start to receive a file from `offset` on."""
        command = _command("RETR", path)
        if not offset:
            return Download(self.client.open_data(command), self.client)
        try:
            return Download(self.client.open_data(command, offset=offset), self.client)
        except ftplib.error_perm as error:
            if not is_not_implemented(error):
                raise
        return Download(self.client.open_data(command), self.client, skip_bytes=offset)

    def _optional(self, command: str) -> str | None:
        """Send a command; None if the server does not have it."""
        try:
            return self.client.voidcmd(command)
        except ftplib.error_perm as error:
            if is_not_implemented(error):
                return None
            raise

    def _receive_listing(self, command: str, listing: BinaryIO, *, needed: bool = False) -> bool:
        """Receive the listing of the current folder.

        Returns:
            False if the server does not have the command, or lists nothing in answer to an option.
        """
        listing.seek(0)
        listing.truncate()
        try:
            connection = self.client.open_data(command)
        except ftplib.error_perm as error:
            if says_empty(error):
                return True
            if not needed and (is_not_implemented(error) or command.endswith(" -a")):
                return False
            raise
        with closing(Download(connection, self.client)) as download:
            download.expect(None, to_the_end=True, pace=Pace(self._least))
            buffer = memoryview(bytearray(BLOCK_BYTES))
            while count := download.receive(buffer):
                listing.write(buffer[:count])
                if listing.tell() > _MOST_LISTING_BYTES:
                    raise IncompleteListingError(f"it is longer than {_MOST_LISTING_BYTES} bytes")
            require_complete(download.farewell)
        is_empty = listing.tell() == 0
        listing.seek(0)
        return not (is_empty and command.endswith(" -a"))


class Lease:
    """A connection that is in use; `give_back` may be called twice, so that nobody gives back what others use.

    Args:
        session: The connection.
        idle: Where it goes afterwards.
    """

    def __init__(self, session: FtpSession, idle: list[FtpSession]) -> None:
        self.session = session
        self._idle = idle
        self._is_given_back = False

    def give_back(self) -> None:
        """Let others use the connection, unless it failed."""
        if not self._is_given_back and self.session.client.is_open:
            self._idle.append(self.session)
        self._is_given_back = True


class Listing:
    """What a server listed of one folder.

    Args:
        file: The listing.
        has_facts: Whether it is one of MLSD, rather than of LIST.
    """

    def __init__(self, file: BinaryIO, *, has_facts: bool) -> None:
        self._file = file
        self._has_facts = has_facts

    def entries(self) -> Iterator[Entry]:
        """Yield the entries, `.` and `..` included where the server lists them.

        Raises:
            ListingError: A line is in no known format.
        """
        now = datetime.now(UTC)
        for line in split_lines(self._file):
            entry = parse_facts(line) if self._has_facts else parse_line(line, now=now)
            if entry is not None:
                yield entry

    def close(self) -> None:
        """Give the space back."""
        self._file.close()


class IncompleteListingError(Exception):
    """A listing was transferred whole, and the server says that it does not hold everything."""


def require_complete(farewell: str) -> None:
    """Make sure that a listing's last answer does not take back what it says.

    vsftpd answers 226 for a folder that it could not open, and Pure-FTPd for a listing that it cut off.

    Raises:
        ftplib.error_perm: The folder could not be opened.
        IncompleteListingError: The listing was cut off.
    """
    if "failed to open directory" in farewell:
        raise ftplib.error_perm("550 Permission denied: " + farewell)
    if "truncated" in farewell:
        raise IncompleteListingError(farewell)


def _command(verb: str, path: bytes) -> str:
    """Return a command about a path, as `FtpClient` takes it.

    Raises:
        UnsafePathError: The path has a line break.
    """
    if any(byte in path for byte in (b"\r", b"\n", b"\0")):
        raise UnsafePathError
    return f"{verb} {path.decode('latin-1')}"
