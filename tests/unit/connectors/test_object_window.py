import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import AccessDeniedError, ConnectorError, TransferError
from connectors.objects.window import OpenRange, Window, read_ahead

CONTENT = bytes(range(256)) * 40


def window(**changes: float) -> Window:
    values = {"part_bytes": 1000, "parts": 3, "attempts": 2, "patience_seconds": 5.0, **changes}
    return Window(**values)  # type: ignore[arg-type]


def blocks_of(answer: Callable[[int, int], Iterator[bytes]]) -> OpenRange:
    @contextmanager
    def open_range(start: int, stop: int) -> Iterator[Iterator[bytes]]:
        yield answer(start, stop)

    return open_range


def read(open_range: OpenRange, window: Window, offset: int = 0, end: int = len(CONTENT)) -> bytes:
    blocks = read_ahead(open_range, offset=offset, end=end, window=window, source="Store", path="a.csv")
    with closing(blocks):
        return b"".join(blocks)


@settings(max_examples=50)
@given(st.integers(0, 10_240), st.integers(0, 10_240), st.integers(1, 4000), st.integers(1, 5), st.integers(1, 900))
def test_any_range_comes_whole_and_in_order(one: int, other: int, part: int, parts: int, block: int) -> None:
    offset, end = sorted((one, other))

    def answer(start: int, stop: int) -> Iterator[bytes]:
        for first in range(start, stop, block):
            yield CONTENT[first : min(first + block, stop)]

    assert read(blocks_of(answer), window(part_bytes=part, parts=parts), offset, end) == CONTENT[offset:end]


def test_no_more_parts_are_asked_for_than_allowed() -> None:
    asked = []

    def answer(start: int, stop: int) -> Iterator[bytes]:
        asked.append(start)
        yield CONTENT[start:stop]

    blocks = read_ahead(blocks_of(answer), offset=0, end=10_240, window=window(), source="Store", path="a.csv")
    with closing(blocks):
        for part in range(8):
            next(blocks)
            assert max(asked) <= (part + 2) * 1000


def test_a_part_that_breaks_is_continued_where_it_stopped() -> None:
    asked = []

    def answer(start: int, stop: int) -> Iterator[bytes]:
        asked.append((start, stop))
        yield CONTENT[start : start + 300]
        if start % 1000 == 0:
            raise TransferError("lost")
        yield CONTENT[start + 300 : stop]

    assert read(blocks_of(answer), window(parts=1)) == CONTENT
    assert asked[:4] == [(0, 1000), (300, 1000), (1000, 2000), (1300, 2000)]


def test_a_part_that_ends_early_is_an_error_in_the_end() -> None:
    with pytest.raises(TransferError) as caught:
        read(blocks_of(lambda start, stop: iter([])), window(parts=1, attempts=1))
    assert str(caught.value) == (
        "Store sent 0 of the 1000 bytes of file 'a.csv' from byte 0 on, although it was asked again. The transfer was "
        "cut short; read it again."
    )
    assert (caught.value.expected_bytes, caught.value.received_bytes) == (1000, 0)


def test_a_part_that_does_not_end() -> None:
    with pytest.raises(ConnectorError, match=r"sent more of file 'a\.csv' than bytes 0 to 999, which were asked for"):
        read(blocks_of(lambda start, stop: iter([bytes(2000)])), window())


@pytest.mark.parametrize("error", [AccessDeniedError("no"), KeyError("a bug")], ids=["refused", "bug"])
def test_what_can_not_be_repeated_is_raised_at_once(error: Exception) -> None:
    asked = []

    def answer(start: int, stop: int) -> Iterator[bytes]:
        asked.append(start)
        raise error

    with pytest.raises(type(error)) as caught:
        read(blocks_of(answer), window(parts=1, attempts=5))
    assert caught.value is error
    assert asked == [0]


def test_nothing_comes() -> None:
    let_go = threading.Event()

    def answer(start: int, stop: int) -> Iterator[bytes]:
        let_go.wait(10)
        yield b""

    with pytest.raises(TransferError, match=r"sent less than 256 KiB of file 'a\.csv' in 0\.1 s\."):
        read(blocks_of(answer), window(patience_seconds=0.1))
    let_go.set()


def test_threads_end_with_the_reader() -> None:
    def answer(start: int, stop: int) -> Iterator[bytes]:
        for first in range(start, stop):
            yield CONTENT[first : first + 1]

    before = set(threading.enumerate())
    blocks = read_ahead(blocks_of(answer), offset=0, end=10_240, window=window(), source="Store", path="a.csv")
    next(blocks)
    started = set(threading.enumerate()) - before
    blocks.close()
    for thread in started:
        thread.join(10)
        assert not thread.is_alive()
