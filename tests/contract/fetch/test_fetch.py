"""A file is fetched whole over connections that break, and never put together from two versions."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from connectors import Connector, FileGoneError, TransferError
from connectors.base import RemoteFile
from headwater.flows.fetch import FetchedFile, fetch_file
from headwater.flows.patience import Patience
from headwater.model.runs import SourceFile
from tests.contract.fetch.support import AT_ONCE, MIB, listed, nothing, put
from tests.servers.asyncssh_sftp import AsyncsshServer

SIZE = 5 * MIB + 7


def cutting(server: AsyncsshServer, after: int) -> Callable[[int], None]:
    """Cut the connection once so many bytes have come; those that a server cuts may be lost on their way."""
    left = after

    def count_down(count: int) -> None:
        nonlocal left
        if 0 < left <= count:
            server.drop_connections()
        left -= count

    return count_down


def fetched(
    connector: Connector,
    file: SourceFile,
    *,
    patience: Patience = AT_ONCE,
    on_bytes: Callable[[int], None] = nothing,
) -> tuple[FetchedFile, bytes]:
    with fetch_file(connector, file, on_bytes=on_bytes, patience=patience) as result:
        content = result.stream.read()
    if result.changed is None:
        assert result.size_bytes == len(content)
        assert result.sha256 == hashlib.sha256(content).hexdigest()
    return result, content


@pytest.mark.parametrize(
    "cuts",
    [
        pytest.param([0], id="before-the-first-byte"),
        pytest.param([1], id="after-the-first-byte"),
        pytest.param([64 * 1024 - 1], id="inside-the-first-overlap"),
        pytest.param([64 * 1024], id="after-the-first-overlap"),
        pytest.param([256 * 1024], id="between-two-blocks"),
        pytest.param([MIB + 12_345], id="inside-a-block"),
        pytest.param([SIZE - 1], id="before-the-last-byte"),
        pytest.param([MIB, MIB, MIB, MIB + 1], id="four-times-at-one-place"),
        pytest.param([number * 400_000 for number in range(1, 13)], id="every-400-kB"),
    ],
)
def test_a_cut_transfer_goes_on_where_it_was(server: AsyncsshServer, connector: Connector, cuts: list[int]) -> None:
    content = os.urandom(SIZE)
    put(server, content)
    file = listed(connector)
    server.faults.drop_at = list(cuts)
    told: list[int] = []
    patience = Patience(tries=20, pause=lambda _: None)  # how much of a last block arrives is chance
    result, received = fetched(connector, file, on_bytes=told.append, patience=patience)
    assert result.changed is None
    assert received == content
    assert server.faults.drop_at == [], "every cut has to be met"
    assert sum(told) == SIZE, "progress is told once"
    assert told.count(0) == len(cuts), "it is heard of before each further try"


def test_what_had_come_is_not_sent_again(server: AsyncsshServer, connector: Connector) -> None:
    put(server, os.urandom(12 * MIB))
    fetched(connector, listed(connector), on_bytes=cutting(server, 10 * MIB))
    assert server.counts.connections == 2
    assert server.counts.bytes_sent < 15 * MIB


def test_a_cut_after_the_last_byte(server: AsyncsshServer, connector: Connector) -> None:
    content = os.urandom(SIZE)
    put(server, content)
    result, received = fetched(connector, listed(connector), on_bytes=cutting(server, SIZE))
    assert (result.changed, received) == (None, content)


def test_a_source_that_always_fails_is_given_up(server: AsyncsshServer, connector: Connector) -> None:
    put(server, bytes(SIZE))
    file = listed(connector)
    server.faults.drop_at = [0] * 100
    pauses: list[float] = []
    with pytest.raises(TransferError) as caught:
        fetched(connector, file, patience=Patience(tries=4, longest_seconds=3, pause=pauses.append))
    assert str(caught.value) == (
        f"SFTP server 127.0.0.1:{server.port} dropped the connection while 'a.bin' was read. Try again; if it happens "
        f"always, ask the server's operator. It failed 4 times in a row; 0 of {SIZE} bytes had come, and are "
        "dropped. The next try of this step begins anew."
    )
    assert caught.value.retryable
    assert (caught.value.path, caught.value.received_bytes) == ("a.bin", 0)
    assert [0.75 <= pauses[0] <= 1, 1.5 <= pauses[1] <= 2, 2.25 <= pauses[2] <= 3] == [True] * 3
    assert len(pauses) == 3


def test_time_is_bounded_too(server: AsyncsshServer, connector: Connector) -> None:
    put(server, bytes(SIZE))
    file = listed(connector)
    server.faults.drop_at = [MIB] * 100
    with pytest.raises(TransferError, match="failed 1 times in a row"):
        fetched(connector, file, patience=Patience(tries=50, first_seconds=40, longest_seconds=40, total_seconds=20))


def test_what_would_fail_again_is_not_tried_again(server: AsyncsshServer, connector: Connector) -> None:
    put(server, bytes(SIZE))
    file = listed(connector)
    (server.root / "a.bin").unlink()
    with pytest.raises(FileGoneError):
        fetched(connector, file, patience=Patience(pause=lambda _: pytest.fail("it was tried again")))


@pytest.mark.parametrize(
    ("size", "modified", "reason"),
    [
        pytest.param(SIZE, 1_700_000_001, "modified at 2023-11-14T22:13:21+00:00, when its transfer", id="time"),
        pytest.param(SIZE + 1, 1_700_000_000, f"{SIZE} bytes when listed, {SIZE + 1} when its transfer", id="size"),
    ],
)
def test_a_file_replaced_during_a_cut_is_refused(
    server: AsyncsshServer, connector: Connector, size: int, modified: int, reason: str
) -> None:
    put(server, b"1" * SIZE)
    file = listed(connector)
    pause = Patience(pause=lambda _: put(server, b"2" * size, modified=modified))
    result, _ = fetched(connector, file, patience=pause, on_bytes=cutting(server, 1))
    assert str(result.changed).startswith(reason)
    assert server.counts.bytes_sent <= SIZE, "no byte of the other version is asked for"


def test_a_file_replaced_without_a_trace_is_read_from_the_start(server: AsyncsshServer, connector: Connector) -> None:
    put(server, b"1" * SIZE)
    file = listed(connector)
    server.faults.drop_at = [3 * MIB]
    result, content = fetched(connector, file, patience=Patience(pause=lambda _: put(server, b"2" * SIZE)))
    assert (result.changed, content) == (None, b"2" * SIZE)


def test_a_source_that_says_nothing_of_its_files_is_read_from_the_start(
    server: AsyncsshServer, connector: Connector
) -> None:
    content = os.urandom(SIZE)
    put(server, content)
    server.faults.no_attributes = True
    file = listed(connector)
    assert (file.size_bytes, file.modified_at) == (None, None)
    server.faults.drop_at = [3 * MIB, 3 * MIB]
    told: list[int] = []
    result, received = fetched(connector, file, on_bytes=told.append)
    assert (result.changed, received) == (None, content)
    assert sum(told) == SIZE, "what is read again is not told again"
    assert server.counts.bytes_sent > 2 * 3 * MIB + SIZE - 3 * MIB


class ToTheMinute:
    """A source whose times are exact to the minute only, over one that knows better."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the connector has
        return getattr(self._connector, name)

    def stat_file(self, path: str) -> RemoteFile:
        return replace(self._connector.stat_file(path), precision_seconds=60)


def test_equal_times_to_the_minute_do_not_tell_versions_apart(server: AsyncsshServer, connector: Connector) -> None:
    same_end = b"0" * MIB
    put(server, b"1" * (SIZE - 4 * MIB) + same_end * 4)
    file = listed(connector)
    server.faults.drop_at = [3 * MIB]
    new = b"2" * (SIZE - 4 * MIB) + same_end * 4
    coarse = cast(Connector, ToTheMinute(connector))
    result, content = fetched(coarse, file, patience=Patience(pause=lambda _: put(server, new)))
    assert (result.changed, content) == (None, new)


def test_a_file_that_grows_is_not_read_to_its_new_end(server: AsyncsshServer, connector: Connector) -> None:
    put(server, bytes(SIZE))
    file = replace(listed(connector), size_bytes=MIB)
    result, _ = fetched(connector, file)
    assert result.changed == f"longer than the {MIB} bytes that were listed"
    assert server.counts.bytes_sent < SIZE


def test_a_file_modified_while_it_is_read(server: AsyncsshServer, connector: Connector) -> None:
    put(server, bytes(SIZE))
    file = listed(connector)
    result, _ = fetched(connector, file, on_bytes=lambda _: os.utime(server.root / "a.bin", (0, 1_800_000_000)))
    assert result.changed == "modified at 2027-01-15T08:00:00+00:00, while it was read"
