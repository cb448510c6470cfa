import pytest

from connectors import TransferError
from connectors.streams import Blocks, CheckedStream, buffered


def blocks_of(*blocks: bytes, error: TransferError | None = None) -> Blocks:
    for block in blocks:
        yield memoryview(block)
    if error is not None:
        raise error


def stream(blocks: Blocks, expected_bytes: int | None) -> CheckedStream:
    return CheckedStream(blocks, expected_bytes=expected_bytes, source="SFTP server h:22", path="a.csv")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_delivers_every_byte_whatever_the_sizes_of_reads(size: int) -> None:
    with stream(blocks_of(b"abc", b"de", b"fghi"), 9) as file:
        assert b"".join(iter(lambda: file.read(size), b"")) == b"abcdefghi"


def test_a_short_file_raises_with_its_facts() -> None:
    with buffered(stream(blocks_of(b"abc"), 5)) as file, pytest.raises(TransferError) as caught:
        file.read()
    assert str(caught.value) == (
        "SFTP server h:22 ended file 'a.csv' after 3 of the 5 bytes that it had announced. The file was cut short or "
        "the transfer was; read it again."
    )
    assert (caught.value.expected_bytes, caught.value.received_bytes) == (5, 3)


def test_a_failed_stream_never_looks_finished() -> None:
    lost = TransferError("lost")
    with stream(blocks_of(b"abc", error=lost), None) as file:
        assert file.read(3) == b"abc"
        for _ in range(3):
            with pytest.raises(TransferError, match="lost"):
                file.read(1)


def test_bytes_beyond_the_announced_size_are_not_delivered() -> None:
    with buffered(stream(blocks_of(b"abc", b"def"), 4)) as file:
        assert file.read() == b"abcd"


def test_without_a_size_the_end_is_where_the_source_says() -> None:
    with buffered(stream(blocks_of(b"abc", b"def"), None)) as file:
        assert file.read() == b"abcdef"


def test_closing_closes_the_blocks() -> None:
    blocks = blocks_of(b"abc", b"def")
    file = buffered(stream(blocks, 6))
    file.read(1)
    file.close()
    file.close()
    assert list(blocks) == []
