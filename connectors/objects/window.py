"""Reads a file in several ranges at once, in order, within a fixed amount of memory.

One stream over HTTP is bound by the round trip and by one core; four are not. Each part of the file has a thread that
fetches it; the reader takes the parts in order, and a part is asked for when another has been used up. A part whose
connection breaks is continued where it stopped.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice
from queue import Empty, SimpleQueue

from connectors.errors import ConnectorError, TransferError
from connectors.objects.attempts import waits
from connectors.streams import Blocks

BLOCK_BYTES = 256 * 1024
"""How many bytes a part is received in; slower than this per `patience_seconds` is too slow."""

OpenRange = Callable[[int, int], AbstractContextManager[Iterable[bytes]]]
"""Asks for the bytes from a first one up to, and without, a last one. Entering it raises `ConnectorError` if the store
refuses, after its own retries; so does iterating, when the connection breaks. It is called by several threads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """How far to read ahead.

    Attributes:
        part_bytes: The size of a part.
        parts: How many parts are on their way at once; memory holds no more.
        attempts: How often a part is asked for before its error is raised.
        patience_seconds: How long to wait for the next block.
    """

    part_bytes: int
    parts: int
    attempts: int
    patience_seconds: float


def read_ahead(open_range: OpenRange, *, offset: int, end: int, window: Window, source: str, path: str) -> Blocks:
    """Yield the bytes from `offset` up to `end` in order. Nothing is asked for before the first block is.

    Args:
        open_range: Asks for a range.
        offset: The first byte.
        end: The byte after the last one.
        window: How far to read ahead.
        source: The source's name for people.
        path: The file, for messages.

    Raises:
        ConnectorError: What `open_range` raised.
        TransferError: No block came for too long, or the store sent fewer bytes than were asked for.
    """
    stopped = threading.Event()
    starts = iter(range(offset, end, window.part_bytes))
    waiting: deque[_Part] = deque()

    def ask(count: int) -> None:
        for start in islice(starts, count):
            part = _Part(open_range, start, min(start + window.part_bytes, end), window, stopped, source, path)
            part.start()
            waiting.append(part)

    try:
        ask(window.parts)
        while waiting:
            yield from waiting[0].blocks()
            waiting.popleft()
            ask(1)
    finally:
        stopped.set()


class _Part(threading.Thread):
    """One range on its way. The thread ends when the range is complete, has failed, or is no longer wanted."""

    def __init__(
        self,
        open_range: OpenRange,
        start: int,
        stop: int,
        window: Window,
        stopped: threading.Event,
        source: str,
        path: str,
    ) -> None:
        super().__init__(name=f"read-ahead-{start}", daemon=True)
        self._open_range = open_range
        self._received_to = self._first = start
        self._last = stop
        self._window = window
        self._stopped = stopped
        self._source = source
        self._path = path
        self._arrived: SimpleQueue[bytes | BaseException] = SimpleQueue()

    def blocks(self) -> Iterator[memoryview]:
        """Yield the part's blocks as they arrive; raises what the thread ended with."""
        missing = self._last - self._first
        while missing:
            try:
                block = self._arrived.get(timeout=self._window.patience_seconds)
            except Empty:
                raise self._too_slow() from None
            if isinstance(block, BaseException):
                raise block
            missing -= len(block)
            yield memoryview(block)

    def run(self) -> None:
        """Fetch the part; what goes wrong is handed to the reader."""
        try:
            for wait_seconds in waits(self._window.attempts):
                error = self._receive()
                if error is None or self._stopped.is_set():
                    return
                if wait_seconds is None or not error.retryable:
                    self._arrived.put(error)
                    return
                self._stopped.wait(wait_seconds)
        except BaseException as error:  # noqa: BLE001 (raised again in the reader's thread)
            self._arrived.put(error)

    def _receive(self) -> ConnectorError | None:
        """Fetch what is missing; returns the error that cut it short. What the store refuses is raised."""
        with self._open_range(self._received_to, self._last) as blocks:
            try:
                for block in blocks:
                    if self._stopped.is_set():
                        return None
                    self._take(block)
            except TransferError as error:
                return error
        return None if self._received_to == self._last else self._cut_short()

    def _take(self, block: bytes) -> None:
        self._received_to += len(block)
        if self._received_to > self._last:
            raise ConnectorError(
                f"{self._source} sent more of file {self._path!r} than bytes {self._first} to {self._last - 1}, which "
                "were asked for. Nothing more was read. Check that the store honours ranges.",
                self._source,
            )
        self._arrived.put(block)

    def _cut_short(self) -> TransferError:
        expected, received = self._last - self._first, self._received_to - self._first
        return TransferError(
            f"{self._source} sent {received} of the {expected} bytes of file {self._path!r} from byte {self._first} "
            "on, although it was asked again. The transfer was cut short; read it again.",
            self._source,
            self._path,
            expected,
            received,
        )

    def _too_slow(self) -> TransferError:
        return TransferError(
            f"{self._source} sent less than {BLOCK_BYTES // 1024} KiB of file {self._path!r} in "
            f"{self._window.patience_seconds:g} s. The transfer was cut off. Try again; if the source is always so "
            "slow, lower `least_bytes_per_second`.",
            self._source,
            self._path,
        )
