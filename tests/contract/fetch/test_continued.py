"""A file that is read once over several connections, of a server that drops them."""

import hashlib
import os

import pytest

from connectors import Connector
from connectors.errors import FileChangedError, TransferError
from headwater.catalog.ledger import FileVersion
from headwater.flows.continued import ContinuedStream
from headwater.flows.selection import version_of
from tests.contract.fetch.support import AT_ONCE, MIB, put
from tests.servers.asyncssh_sftp import AsyncsshServer

CUT = 16 * MIB
"""Farther than anything is asked for ahead, so that the cut comes after what a test does between two reads."""
SIZE = 20 * MIB


def listed(connector: Connector) -> FileVersion:
    (file,) = connector.list_files("")
    return version_of(file)


def digest_of(stream: ContinuedStream) -> str:
    digest = hashlib.sha256()
    while piece := stream.read(300_000):
        digest.update(piece)
    return digest.hexdigest()


@pytest.mark.parametrize("cuts", [(), (0,), (1,), (MIB, 3 * MIB), (MIB, MIB + 1)], ids=str)
def test_it_goes_on_where_it_was_cut(server: AsyncsshServer, connector: Connector, cuts: tuple[int, ...]) -> None:
    content = os.urandom(4 * MIB + 77)
    put(server, content)
    file = listed(connector)
    server.faults.drop_at = list(cuts)
    before = server.counts.bytes_sent
    with ContinuedStream(connector, file, AT_ONCE) as stream:
        assert digest_of(stream) == hashlib.sha256(content).hexdigest()
    assert server.faults.drop_at == [], "every cut has to be met"
    assert server.counts.bytes_sent - before < 2 * len(content) + 2 * MIB


def test_a_file_that_was_replaced_meanwhile_is_refused(server: AsyncsshServer, connector: Connector) -> None:
    put(server, bytes(SIZE))
    file = listed(connector)
    server.faults.drop_at = [CUT]

    with ContinuedStream(connector, file, AT_ONCE) as stream:
        stream.read(MIB)
        put(server, bytes(SIZE), modified=1_700_000_100)
        with pytest.raises(FileChangedError, match="modified at 2023-11-14T22:15:00"):
            digest_of(stream)


def test_bytes_of_two_files_of_one_size_and_time_are_not_put_together(
    server: AsyncsshServer, connector: Connector
) -> None:
    put(server, bytes(SIZE))
    file = listed(connector)
    server.faults.drop_at = [CUT]
    with ContinuedStream(connector, file, AT_ONCE) as stream:
        stream.read(MIB)
        put(server, b"1" * SIZE)
        with pytest.raises(FileChangedError, match="the bytes before the cut are not those that came first"):
            digest_of(stream)


def test_where_a_change_would_not_show_the_failure_is_raised(server: AsyncsshServer, connector: Connector) -> None:
    server.faults.no_attributes = True
    put(server, bytes(3 * MIB))
    file = listed(connector)
    server.faults.drop_at = [2 * MIB]
    with ContinuedStream(connector, file, AT_ONCE) as stream, pytest.raises(TransferError, match="dropped"):
        digest_of(stream)


def test_a_server_that_brings_nothing_more_is_given_up(server: AsyncsshServer, connector: Connector) -> None:
    put(server, bytes(3 * MIB))
    file = listed(connector)
    server.faults.drop_at = [MIB] * 100
    with ContinuedStream(connector, file, AT_ONCE) as stream, pytest.raises(TransferError, match="dropped"):
        digest_of(stream)
    assert len(server.faults.drop_at) >= 90
