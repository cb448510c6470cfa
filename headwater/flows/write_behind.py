"""Hands blocks to a thread that hashes and stores them, while the next ones are read."""

import threading
from collections.abc import Callable
from queue import SimpleQueue
from types import TracebackType
from typing import Self

BUFFER_BYTES = 1024 * 1024
_BUFFERS = 4


class WriteBehind:
    """A few buffers that go round: the reader fills one, the thread stores what is in another.

    Memory is bounded by the buffers; a reader that is faster waits for one. What comes in a single buffer that is not
    full is stored without a thread. Leaving the block waits until everything is stored, and raises what storing failed
    with, even if reading failed too: bytes that were not stored are the worse failure.

    Used by one thread, with blocks in order.

    Args:
        store: Called with each block, by one thread at a time; the block is not valid afterwards.
    """

    def __init__(self, store: Callable[[memoryview], None]) -> None:
        self._store = store
        self._free: SimpleQueue[memoryview] = SimpleQueue()
        self._filled: SimpleQueue[memoryview | None] = SimpleQueue()
        self._unmade = _BUFFERS
        self._failure: BaseException | None = None
        self._thread: threading.Thread | None = None

    def buffer(self) -> memoryview:
        """Return an empty buffer, to be given back to `put`; raises what storing failed with."""
        if self._failure is not None:
            raise self._failure
        if self._unmade and self._free.empty():
            self._unmade -= 1
            return memoryview(bytearray(BUFFER_BYTES))
        return self._free.get()

    def put(self, buffer: memoryview, count: int) -> None:
        """Have the first `count` bytes of a buffer stored."""
        if self._thread is None and count < len(buffer):
            self._store_now(buffer, count)
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="write behind", daemon=True)
            self._thread.start()
        self._filled.put(buffer[:count])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._thread is not None:
            self._filled.put(None)
            self._thread.join()
        if self._failure is not None and self._failure is not error:
            raise self._failure

    def _run(self) -> None:
        while (block := self._filled.get()) is not None:
            whole = memoryview(block.obj)
            if self._failure is None:
                self._store_now(whole, len(block))
            else:
                self._free.put(whole)

    def _store_now(self, buffer: memoryview, count: int) -> None:
        try:
            self._store(buffer[:count])
        except BaseException as error:  # noqa: BLE001 (raised again in the reader's thread)
            self._failure = error
        self._free.put(buffer)
