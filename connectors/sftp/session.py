"""The reading half of SFTP version 3 over one SSH channel.

paramiko's own client decodes names as strict UTF-8, lets a listing break when another request is made meanwhile,
and can't keep a bounded number of reads in flight. So this session talks to the channel itself: names stay bytes,
answers are matched to requests by their id, and requests may be made ahead (`reading` does that for files).
"""

import math
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

import paramiko

from connectors.pace import Pace
from connectors.sftp import wire
from connectors.sftp.wire import Attributes, Entry, Fields, ProtocolError, StatusError

WINDOW_BYTES = 8 * 1024 * 1024
"""How many bytes of one file may be on their way at most; the SSH channel's window should be as large."""
MIN_READ_BYTES = 4 * 1024
"""No request asks for fewer, however little the server gives at once."""

_RECEIVE_BYTES = 2 * 1024 * 1024
_MAX_PACKET_BYTES = 16 * 1024 * 1024
_LISTING_REQUESTS = 16
_MAX_ABANDONED = 16
_SAFE_READ_BYTES = 32 * 1024
_MAX_READ_BYTES = 255 * 1024
_LIMITS = b"limits@openssh.com"


class ByteChannel(Protocol):
    """What a session needs: an SSH channel, or a socket."""

    def sendall(self, data: bytes, /) -> object:
        """Send all bytes; raises `TimeoutError` if that takes too long, `OSError` if the channel is closed."""

    def recv(self, size: int, /) -> bytes:
        """Return at least one byte; none if the channel was closed. Raises `TimeoutError`."""


class SftpSession:
    """One SFTP session, used by one thread.

    Every method raises `StatusError` for what the server refuses, `ProtocolError` for what is not SFTP, `TimeoutError`
    when the server does not answer within the channel's timeout, and `EOFError`, `OSError` or `SSHException` when the
    connection is gone.

    Args:
        channel: An open channel, on which the subsystem `sftp` was started. Whoever opened it closes it.

    Attributes:
        read_bytes: How many bytes one request may ask for.
        round_trip_seconds: How long the quickest answer took.
    """

    def __init__(self, channel: ByteChannel) -> None:
        self._channel = channel
        self.round_trip_seconds = math.inf
        self._pending = memoryview(b"")
        self._last_id = 0
        self._waiting: set[int] = set()
        self._abandoned: set[int] = set()
        self._answers: dict[int, tuple[int, Fields]] = {}
        self._pace: Pace | None = None
        self.read_bytes = self._negotiate()

    def stat(self, path: bytes) -> Attributes:
        """Return what a path leads to, links followed."""
        return self._call(wire.ATTRS, wire.STAT, wire.pack_string(path)).attributes()

    def list_folder(self, path: bytes, pace: Pace | None = None) -> Generator[Entry, None, None]:
        """Yield a folder's entries as they arrive, `.` and `..` excepted. Other calls may be made meanwhile.

        Raises:
            TooSlowError: They come too slowly for `pace`.
        """
        handle = self._open(wire.OPENDIR, wire.pack_string(path))
        requests: deque[int] = deque()
        more = True
        try:
            while more or requests:
                while more and len(requests) < _LISTING_REQUESTS:
                    requests.append(self._send(wire.READDIR, handle))
                try:
                    with self._paced(pace):
                        answer = self._expect(wire.NAME, requests.popleft())
                except StatusError as error:
                    if error.code != wire.STATUS_EOF:
                        raise
                    more = False
                else:
                    yield from _entries(answer)
        finally:
            self.abandon(requests)
            self._forget(handle)

    def open_file(self, path: bytes) -> bytes:
        """Open a file for reading and return its handle."""
        body = wire.pack_string(path) + wire.pack_uint32(wire.OPEN_FOR_READING) + wire.pack_uint32(0)
        return self._open(wire.OPEN, body)

    def stat_handle(self, handle: bytes) -> Attributes:
        """Return what an open file is."""
        return self._call(wire.ATTRS, wire.FSTAT, handle).attributes()

    def request_read(self, handle: bytes, offset: int, count: int) -> int:
        """Ask for bytes of an open file, without waiting; returns the request's id."""
        return self._send(wire.READ, handle + wire.pack_uint64(offset) + wire.pack_uint32(count))

    def receive_block(self, request: int, count: int, pace: Pace | None = None) -> memoryview:
        """Return the bytes that a request for `count` brought; fewer if the server likes, none at the file's end.

        Raises:
            TooSlowError: What comes meanwhile is too slow for `pace`.
        """
        try:
            with self._paced(pace):
                block = self._expect(wire.DATA, request).string()
        except StatusError as error:
            if error.code == wire.STATUS_EOF:
                return memoryview(b"")
            raise
        if len(block) > count:
            raise ProtocolError("the server sent more bytes than were asked for")
        return block

    def abandon(self, requests: Iterable[int]) -> None:
        """Drop the answers to requests, those that have arrived and those to come."""
        for request in requests:
            if self._answers.pop(request, None) is None:
                self._abandoned.add(request)
            self._waiting.discard(request)

    def close_handle(self, handle: bytes) -> None:
        """Close a file, without waiting for the answer; a lost connection has closed it already."""
        self._forget(handle)

    def _negotiate(self) -> int:
        """Agree on the version; return how many bytes one request may ask for."""
        self._channel.sendall(wire.pack_packet(wire.INIT, wire.pack_uint32(wire.PROTOCOL_VERSION)))
        kind, fields = self._read_packet()
        if kind != wire.VERSION or fields.uint32() < wire.PROTOCOL_VERSION:
            raise ProtocolError("the server does not offer SFTP version 3")
        extensions = set()
        while not fields.at_end:
            extensions.add(bytes(fields.string()))
            fields.string()
        if _LIMITS not in extensions:
            return _SAFE_READ_BYTES
        limits = self._expect(wire.EXTENDED_REPLY, self._send(wire.EXTENDED, wire.pack_string(_LIMITS)))
        limits.uint64()
        return max(MIN_READ_BYTES, min(limits.uint64() or _SAFE_READ_BYTES, _MAX_READ_BYTES))

    def _open(self, kind: int, body: bytes) -> bytes:
        handle = bytes(self._call(wire.HANDLE, kind, body).string())
        return wire.pack_string(handle)

    def _call(self, expected: int, kind: int, body: bytes) -> Fields:
        """Make a request, wait for its answer, and learn from it how far away the server is."""
        asked_at = time.monotonic()
        fields = self._expect(expected, self._send(kind, body))
        self.round_trip_seconds = min(self.round_trip_seconds, time.monotonic() - asked_at)
        return fields

    @contextmanager
    def _paced(self, pace: Pace | None) -> Iterator[None]:
        """Measure what comes while the block runs."""
        self._pace = pace
        try:
            yield
        finally:
            self._pace = None

    def _forget(self, handle: bytes) -> None:
        with suppress(OSError, EOFError, paramiko.SSHException, ProtocolError):
            self.abandon([self._send(wire.CLOSE, handle)])

    def _send(self, kind: int, body: bytes) -> int:
        # A server that can't get rid of its answers stops reading: take the ones nobody waits for before asking more.
        while len(self._abandoned) > _MAX_ABANDONED:
            self._receive_answer()
        self._last_id = (self._last_id + 1) % 2**32
        self._channel.sendall(wire.pack_packet(kind, wire.pack_uint32(self._last_id) + body))
        self._waiting.add(self._last_id)
        return self._last_id

    def _expect(self, kind: int, request: int) -> Fields:
        """Wait for the answer to a request.

        Raises:
            StatusError: The server answered with a status.
            ProtocolError: It answered with anything else than `kind`.
        """
        while request not in self._answers:
            self._receive_answer()
        self._waiting.discard(request)
        answered, fields = self._answers.pop(request)
        if answered == wire.STATUS:
            code = fields.uint32()
            text = "" if fields.at_end else bytes(fields.string()).decode("utf-8", "replace")
            raise StatusError(code, text)
        if answered != kind:
            raise ProtocolError(f"the server answered with packet type {answered} instead of {kind}")
        return fields

    def _receive_answer(self) -> None:
        kind, fields = self._read_packet()
        request = fields.uint32()
        if request in self._abandoned:
            self._abandoned.discard(request)
        elif request in self._waiting:
            self._answers[request] = kind, fields
        else:
            raise ProtocolError("the server answered a request that was not made")

    def _read_packet(self) -> tuple[int, Fields]:
        size = int.from_bytes(self._take(4), "big")
        if not 1 <= size <= _MAX_PACKET_BYTES:
            raise ProtocolError(f"the server announced a packet of {size} bytes")
        packet = self._take(size)
        return packet[0], Fields(packet[1:])

    def _take(self, count: int) -> memoryview:
        """Return the next bytes: without a copy where they came in one piece, else with a single one."""
        if count <= len(self._pending):
            taken, self._pending = self._pending[:count], self._pending[count:]
            return taken
        gathered, filled = memoryview(bytearray(count)), 0
        while filled < count:
            self._pending = self._pending or self._receive()
            piece, self._pending = self._pending[: count - filled], self._pending[count - filled :]
            gathered[filled : filled + len(piece)] = piece
            filled += len(piece)
        return gathered

    def _receive(self) -> memoryview:
        """Return what has come; wait for something."""
        asked_at = time.monotonic()
        received = self._channel.recv(_RECEIVE_BYTES)
        if not received:
            raise EOFError("the server closed the connection")
        if self._pace is not None:
            self._pace.waited(time.monotonic() - asked_at, len(received))
        return memoryview(received)


def _entries(answer: Fields) -> Iterator[Entry]:
    for _ in range(answer.uint32()):
        entry = answer.entry()
        if entry.name not in (b".", b".."):
            yield entry
