"""One data connection: what comes is gathered, and silence ends it."""

import socket
import threading
from collections.abc import Iterator

import pytest

from connectors.ftp.client import FtpClient
from connectors.ftp.download import Download
from connectors.pace import LeastSpeed, Pace, TooSlowError

_MB = 1024 * 1024
_SOME = bytes(range(256)) * 4096


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Our end and the server's."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def _download(connection: socket.socket, *, timeout_seconds: float) -> Download:
    client = FtpClient("example.com", 21, timeout_seconds=timeout_seconds, context=None, verify=lambda _: None)
    return Download(connection, client)


def test_one_call_fills_the_buffer_however_small_the_packets_are(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    download = _download(ours, timeout_seconds=60)
    buffer = memoryview(bytearray(_MB))

    def send() -> None:
        for start in range(0, _MB, 16 * 1024):
            theirs.sendall(_SOME[start : start + 16 * 1024])

    sender = threading.Thread(target=send)
    sender.start()
    count = download.receive(buffer)
    sender.join()

    assert count == _MB
    assert buffer == _SOME


def test_what_came_before_the_end_is_not_lost(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    download = _download(ours, timeout_seconds=60)
    buffer = memoryview(bytearray(_MB))
    theirs.sendall(_SOME[:10_000])
    theirs.shutdown(socket.SHUT_WR)

    assert download.receive(buffer) == 10_000
    assert buffer[:10_000] == _SOME[:10_000]


def test_a_slow_server_is_heard_every_second_and_not_only_when_the_buffer_is_full(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = ends
    download = _download(ours, timeout_seconds=3600)
    theirs.sendall(_SOME[:10_000])

    assert download.receive(memoryview(bytearray(_MB))) == 10_000


@pytest.mark.parametrize("sent", [0, 100], ids=["nothing", "too little"])
def test_a_server_that_falls_silent_is_given_up(ends: tuple[socket.socket, socket.socket], sent: int) -> None:
    ours, theirs = ends
    download = _download(ours, timeout_seconds=0.5)
    theirs.sendall(_SOME[:sent])

    with pytest.raises(TimeoutError, match=r"no data came|the data comes too slowly"):
        download.receive(memoryview(bytearray(_MB)))


def test_the_least_speed_counts_the_seconds_of_gathering(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    download = _download(ours, timeout_seconds=60)
    download.expect(None, to_the_end=True, pace=Pace(LeastSpeed(bytes_per_second=1_000_000, seconds=0.5)))
    theirs.sendall(_SOME[:10_000])

    with pytest.raises(TooSlowError):
        download.receive(memoryview(bytearray(_MB)))
