"""A part of a divided file is fetched over connections that break, and is what it was when the file was divided."""

import hashlib
import os

import pytest

from connectors import Connector, FileChangedError, TransferError
from headwater.flows.fetch_part import fetch_part
from headwater.flows.patience import Patience
from headwater.model.parts import FilePart
from headwater.model.runs import SourceFile
from tests.contract.fetch.support import AT_ONCE, MIB, listed, put
from tests.servers.asyncssh_sftp import AsyncsshServer

OFFSET, LENGTH = 2 * MIB + 5, 5 * MIB + 1


def part_of(content: bytes) -> FilePart:
    wanted = content[OFFSET : OFFSET + LENGTH]
    return FilePart(
        number=2,
        offset=OFFSET,
        size_bytes=LENGTH,
        sha256=hashlib.sha256(wanted).hexdigest(),
        format="json",
        records_before=1,
        first_line=2,
        header=None,
    )


def fetched(
    connector: Connector, file: SourceFile, part: FilePart, *, told: list[int], patience: Patience = AT_ONCE
) -> bytes:
    with fetch_part(connector, file, part, on_bytes=told.append, patience=patience) as stream:
        return stream.read()


@pytest.mark.parametrize(
    "cuts",
    [
        pytest.param([], id="none"),
        pytest.param([OFFSET], id="before-its-first-byte"),
        pytest.param([OFFSET + 70_000], id="soon"),
        pytest.param([OFFSET + MIB, OFFSET + 3 * MIB, OFFSET + LENGTH - 2], id="three-times"),
    ],
)
def test_a_cut_part_goes_on_where_it_was(server: AsyncsshServer, connector: Connector, cuts: list[int]) -> None:
    content = os.urandom(9 * MIB)
    put(server, content)
    server.faults.drop_at = list(cuts)
    told: list[int] = []
    received = fetched(connector, listed(connector), part_of(content), told=told)
    assert received == content[OFFSET : OFFSET + LENGTH]
    assert server.faults.drop_at == [], "every cut has to be met"
    assert sum(told) == LENGTH
    assert told.count(0) >= len(cuts), "it is heard of before each further try"


def test_a_part_of_a_source_that_always_fails_is_given_up(server: AsyncsshServer, connector: Connector) -> None:
    content = os.urandom(9 * MIB)
    put(server, content)
    file = listed(connector)
    server.faults.drop_at = [0] * 100
    with pytest.raises(TransferError, match=f"failed 3 times in a row; 0 of {LENGTH} bytes had come"):
        fetched(connector, file, part_of(content), told=[], patience=Patience(tries=3, pause=lambda _: None))


def test_a_part_that_was_changed_is_refused(server: AsyncsshServer, connector: Connector) -> None:
    content = os.urandom(9 * MIB)
    put(server, content)
    file = listed(connector)
    put(server, content[: OFFSET + 10] + b"x" + content[OFFSET + 11 :])
    with pytest.raises(FileChangedError) as caught:
        fetched(connector, file, part_of(content), told=[])
    assert str(caught.value) == (
        "file 'a.bin' was changed after it was divided into parts: bytes 2,097,157 to 7,340,038 are not what they "
        "were. Nothing of it is loaded; the next run of the dataflow takes it as it is then."
    )


def test_a_part_whose_file_is_replaced_during_a_cut_is_refused(server: AsyncsshServer, connector: Connector) -> None:
    content = os.urandom(9 * MIB)
    put(server, content)
    file = listed(connector)
    server.faults.drop_at = [OFFSET + MIB]
    replaced = Patience(pause=lambda _: put(server, content, modified=1_700_000_001))
    with pytest.raises(FileChangedError, match=r"was changed .* \(modified at 2023-11-14T22:13:21\+00:00, when its"):
        fetched(connector, file, part_of(content), told=[], patience=replaced)
