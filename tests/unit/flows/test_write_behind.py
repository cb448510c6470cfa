"""Blocks are stored in their order beside the reader, within a few buffers, and no failure is lost."""

import threading

import pytest

from headwater.flows.write_behind import BUFFER_BYTES, WriteBehind

_SECONDS = 20


class Store:
    """Remembers what it was given, and by whom; fails at one block, if asked to."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.blocks: list[bytes] = []
        self.threads: set[int] = set()
        self._fails_at = fails_at

    def __call__(self, block: memoryview) -> None:
        if len(self.blocks) == self._fails_at:
            raise OSError(28, "No space left on device")
        self.blocks.append(bytes(block))
        self.threads.add(threading.get_ident())


def put(behind: WriteBehind, content: bytes) -> None:
    buffer = behind.buffer()
    buffer[: len(content)] = content
    behind.put(buffer, len(content))


def full(number: int) -> bytes:
    return bytes([number]) * BUFFER_BYTES


def test_blocks_are_stored_in_order_by_another_thread() -> None:
    blocks = [full(number) for number in range(20)] + [b"the end"]
    store = Store()
    with WriteBehind(store) as behind:
        for block in blocks:
            put(behind, block)
    assert store.blocks == blocks
    assert threading.get_ident() not in store.threads
    assert not [thread for thread in threading.enumerate() if thread.name == "write behind"]


def test_what_fits_in_one_buffer_needs_no_thread() -> None:
    store = Store()
    with WriteBehind(store) as behind:
        put(behind, b"short")
        put(behind, b"")
    assert store.blocks == [b"short", b""]
    assert store.threads == {threading.get_ident()}


def test_a_reader_that_is_faster_waits() -> None:
    may_store, reading = threading.Event(), threading.Event()
    buffers = 0

    def store(_block: memoryview) -> None:
        assert may_store.wait(_SECONDS)

    def read() -> None:
        nonlocal buffers
        with WriteBehind(store) as behind:
            for _ in range(50):
                buffer = behind.buffer()
                buffers += 1
                behind.put(buffer, len(buffer))
                if buffers == 4:
                    reading.set()

    thread = threading.Thread(target=read)
    thread.start()
    assert reading.wait(_SECONDS)
    thread.join(0.1)
    assert (thread.is_alive(), buffers) == (True, 4), "four buffers are all that there are"
    may_store.set()
    thread.join(_SECONDS)
    assert buffers == 50


@pytest.mark.parametrize("count", [1, 3, 20])
def test_a_failure_to_store_reaches_the_reader(count: int) -> None:
    store = Store(fails_at=0)

    def read() -> None:
        with WriteBehind(store) as behind:
            for number in range(count):
                put(behind, full(number))

    with pytest.raises(OSError, match="No space left on device"):
        read()
    assert store.blocks == [], "nothing is stored after a block that was not"


def test_a_failure_to_read_leaves_what_had_come() -> None:
    store = Store()

    def read() -> None:
        with WriteBehind(store) as behind:
            put(behind, full(1))
            put(behind, b"more")
            raise EOFError

    with pytest.raises(EOFError):
        read()
    assert store.blocks == [full(1), b"more"]


def test_a_failure_to_store_is_told_even_if_reading_failed() -> None:
    def read() -> None:
        with WriteBehind(Store(fails_at=0)) as behind:
            put(behind, full(1))
            raise EOFError

    with pytest.raises(OSError, match="No space left on device") as caught:
        read()
    assert isinstance(caught.value.__context__, EOFError)


def test_each_step_works_on_each_block_after_the_one_before() -> None:
    stored, noted = Store(), Store()

    def note(block: memoryview) -> None:
        assert stored.blocks[len(noted.blocks)] == bytes(block), "it was stored before"
        noted(block)

    with WriteBehind(stored, note) as behind:
        for number in range(30):
            put(behind, full(number))
    assert noted.blocks == stored.blocks == [full(number) for number in range(30)]
    assert len(noted.threads | stored.threads) == 2


def test_a_block_that_was_not_stored_is_not_noted() -> None:
    noted = Store()

    def read() -> None:
        with WriteBehind(Store(fails_at=2), noted) as behind:
            for number in range(8):
                put(behind, full(number))

    with pytest.raises(OSError, match="No space left on device"):
        read()
    assert len(noted.blocks) <= 2
