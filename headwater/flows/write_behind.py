"""Hands blocks to threads that store and hash them, while the next ones are read."""

import threading
from collections.abc import Callable
from queue import SimpleQueue
from types import TracebackType
from typing import Self

BUFFER_BYTES = 1024 * 1024
_BUFFERS = 4


class WriteBehind:
    """A few buffers that go round: the reader fills one, and each step works on another in a thread of its own.

    Memory is bounded by the buffers; a reader that is faster waits for one. What comes in a single buffer that is not
    full needs no threads. Leaving the block waits until every step has had all blocks, and raises what a step failed
    with, even if reading failed too: bytes that were not stored are the worse failure.

    Used by one thread, with blocks in order.

    Args:
        steps: Each is called with each block, in the order of the blocks and of the steps, and by one thread at a time;
            none is called with a block after one has failed. A block is not valid after the last.
    """

    def __init__(self, *steps: Callable[[memoryview], None]) -> None:
        self._steps = steps
        self._free: SimpleQueue[memoryview] = SimpleQueue()
        self._waiting: list[SimpleQueue[memoryview | None]] = [SimpleQueue() for _ in steps]
        self._unmade = _BUFFERS
        self._failure: BaseException | None = None
        self._threads: list[threading.Thread] = []

    def buffer(self) -> memoryview:
        """Return an empty buffer, to be given back to `put`; raises what storing failed with."""
        if self._failure is not None:
            raise self._failure
        if self._unmade and self._free.empty():
            self._unmade -= 1
            return memoryview(bytearray(BUFFER_BYTES))
        return self._free.get()

    def put(self, buffer: memoryview, count: int) -> None:
        """Have the steps work on the first `count` bytes of a buffer."""
        block = buffer[:count]
        if not self._threads and count < len(buffer):
            for step in self._steps:
                self._do(step, block)
            self._free.put(buffer)
            return
        if not self._threads:
            self._threads = [
                threading.Thread(target=self._run, args=(number,), name="write behind", daemon=True)
                for number in range(len(self._steps))
            ]
            for thread in self._threads:
                thread.start()
        self._waiting[0].put(block)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._threads:
            self._waiting[0].put(None)
        for thread in self._threads:
            thread.join()
        if self._failure is not None and self._failure is not error:
            raise self._failure

    def _run(self, number: int) -> None:
        """Do one step with each block, and hand it to the next one; the last gives the buffer back."""
        following = self._waiting[number + 1] if number + 1 < len(self._steps) else None
        while (block := self._waiting[number].get()) is not None:
            self._do(self._steps[number], block)
            if following is None:
                self._free.put(memoryview(block.obj))
            else:
                following.put(block)
        if following is not None:
            following.put(None)

    def _do(self, step: Callable[[memoryview], None], block: memoryview) -> None:
        if self._failure is not None:
            return
        try:
            step(block)
        except BaseException as error:  # noqa: BLE001 (raised again in the reader's thread)
            self._failure = error
