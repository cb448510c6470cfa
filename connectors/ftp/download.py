"""One data connection, from the server to us."""

import contextlib
import ftplib
import socket
import ssl
import time

from connectors.ftp.client import FtpClient
from connectors.pace import ANY_SPEED, Pace

BLOCK_BYTES = 256 * 1024
"""How much is received at once where nobody says how much is wanted."""

_LEAST_BYTES = 4 * 1024
_FAREWELL_SECONDS = 5.0
_MOST_ANSWERS = 3


class Download:
    """A transfer that goes on.

    Args:
        connection: The connection.
        client: The control connection that it belongs to, which can do nothing else until this is closed.
        skip_bytes: How many bytes at the beginning are not wanted.

    Attributes:
        is_open: Whether the control connection is still busy with it.
        farewell: The server's last answer; empty before the end.
    """

    def __init__(self, connection: socket.socket, client: FtpClient, *, skip_bytes: int = 0) -> None:
        self._connection = connection
        self._client = client
        self._skip_bytes = skip_bytes
        self._enough_bytes = BLOCK_BYTES if isinstance(connection, ssl.SSLSocket) else _LEAST_BYTES
        self._left_bytes: int | None = None
        self._to_the_end = True
        self._pace = Pace(ANY_SPEED)
        self.is_open = True
        self.farewell = ""

    def expect(self, left_bytes: int | None, *, to_the_end: bool, pace: Pace) -> None:
        """Say how many bytes are wanted.

        Args:
            left_bytes: So many; None for all.
            to_the_end: Whether they are the last ones of the file.
            pace: Raises `TooSlowError` where they come too slowly.
        """
        self._left_bytes = left_bytes
        self._to_the_end = to_the_end
        self._pace = pace

    def receive(self, buffer: memoryview) -> int:
        """Fill the front of a buffer; return how many bytes came, 0 at the end.

        The last bytes come only after the server has confirmed that the file has ended, unless it goes on.

        Raises:
            TimeoutError: So little came that nobody wants to wait for the rest.
            ftplib.Error: The server says that the transfer failed.
        """
        if not self.is_open or self._left_bytes == 0:
            return 0
        if self._skip_bytes:
            self._skip()
        count = self._receive(buffer[: self._left_bytes])
        if not count:
            self._finish(is_short=self._left_bytes is not None)
        elif self._left_bytes is not None:
            self._left_bytes -= count
            if not self._left_bytes and self._to_the_end and not self._connection.recv(1):
                self._finish()
        return count

    def close(self) -> None:
        """End the transfer, early if need be; afterwards the session can be used again. May be called twice."""
        if not self.is_open:
            return
        self.is_open = False
        self._connection.close()
        client = self._client
        if not client.is_open:
            return
        client.timeout, kept_seconds = min(client.timeout, _FAREWELL_SECONDS), client.timeout
        try:
            _await_end(client)
        except (OSError, EOFError, ftplib.Error):
            client.close()
        finally:
            client.timeout = kept_seconds

    def _finish(self, *, is_short: bool = False) -> None:
        """Take note of the end of the data, and have the server confirm it.

        Args:
            is_short: Whether bytes are missing, so that the caller knows of the failure without being told.

        Raises:
            ftplib.Error: The server says that the transfer failed.
        """
        if isinstance(self._connection, ssl.SSLSocket):
            with contextlib.suppress(OSError):  # some servers have closed by now
                self._connection.unwrap()
        self._connection.close()
        self.is_open = False
        try:
            self.farewell = self._client.voidresp()
        except (ftplib.error_temp, ftplib.error_perm):
            if not is_short:
                raise

    def _skip(self) -> None:
        buffer = memoryview(bytearray(BLOCK_BYTES))
        while self._skip_bytes:
            count = self._receive(buffer[: self._skip_bytes])
            if not count:
                return
            self._skip_bytes -= count

    def _receive(self, buffer: memoryview) -> int:
        """Receive a few KiB at least, less only where the data ends.

        TLS hands out records of 16 KiB at most, so that many of them are gathered.
        """
        count = self._wait(buffer)
        enough_bytes = min(self._enough_bytes, len(buffer))
        if not count or count >= enough_bytes:
            return count
        counted, deadline = 0, time.monotonic() + self._client.timeout
        while count < enough_bytes:
            more = self._wait(buffer[count:])
            if not more:
                break
            count += more
            if time.monotonic() > deadline:
                if count - counted < _LEAST_BYTES:
                    raise TimeoutError("the data comes too slowly")
                counted, deadline = count, time.monotonic() + self._client.timeout
        return count

    def _wait(self, buffer: memoryview) -> int:
        asked_at = time.monotonic()
        count = self._connection.recv_into(buffer)
        self._pace.waited(time.monotonic() - asked_at, count)
        return count


def _await_end(client: FtpClient) -> None:
    """Read what the server has to say about a transfer that we broke off, and nothing less or more.

    It answers 226, 426, 451 or 551, and sometimes two of them. PWD has an answer of its own: what follows is in step
    again.
    """
    client.getmultiline()
    client.putcmd("PWD")
    for _ in range(_MOST_ANSWERS):
        if client.getmultiline().startswith("257"):
            return
    raise ftplib.error_proto("no answer to PWD")
