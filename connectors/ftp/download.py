"""One data connection, from the server to us."""

import contextlib
import ftplib
import socket
import ssl
import struct
import time

from connectors.ftp.client import FtpClient
from connectors.pace import ANY_SPEED, Pace

BLOCK_BYTES = 256 * 1024
"""How much is received at once where nobody says how much is wanted."""

_LEAST_BYTES = 4 * 1024
_GATHERING_SECONDS = 1
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
        self._is_secured = isinstance(connection, ssl.SSLSocket)
        self._enough_bytes = BLOCK_BYTES if self._is_secured else _LEAST_BYTES
        self._left_bytes: int | None = None
        self._to_the_end = True
        self._pace = Pace(ANY_SPEED)
        self.is_open = True
        self.farewell = ""
        if not self._is_secured:
            _let_gather(connection)

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
            if not self._left_bytes and self._to_the_end and not self._wait(memoryview(bytearray(1))):
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
        enough_bytes = min(self._enough_bytes, len(buffer))
        counted, deadline = 0, time.monotonic() + self._client.timeout
        count = more = self._wait(buffer)
        while more and count < enough_bytes:
            if time.monotonic() > deadline:
                if count - counted < _LEAST_BYTES:
                    raise TimeoutError("the data comes too slowly")
                counted, deadline = count, time.monotonic() + self._client.timeout
            more = self._wait(buffer[count:])
            count += more
        return count

    def _wait(self, buffer: memoryview) -> int:
        asked_at = time.monotonic()
        count = self._connection.recv_into(buffer) if self._is_secured else self._gather(buffer)
        self._pace.waited(time.monotonic() - asked_at, count)
        return count

    def _gather(self, buffer: memoryview) -> int:
        """Let the system fill the buffer as far as it can within a second: one call instead of one for each packet."""
        deadline = time.monotonic() + self._client.timeout
        while True:
            try:
                return self._connection.recv_into(buffer, 0, socket.MSG_WAITALL)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise TimeoutError("no data came") from None


def _let_gather(connection: socket.socket) -> None:
    """Have the system look at the time: Python would ask it to wait, and then only for the next packet."""
    connection.settimeout(None)
    period = struct.pack("ll", _GATHERING_SECONDS, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, period)


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
