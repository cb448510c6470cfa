"""A server that misbehaves on demand, and a file on it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from connectors import Connector, create_connector
from tests.servers.asyncssh_sftp import AsyncsshServer, asyncssh_server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[AsyncsshServer]:
    root = tmp_path / "server"
    root.mkdir()
    with asyncssh_server(root) as server:
        yield server


@pytest.fixture
def connector(server: AsyncsshServer) -> Iterator[Connector]:
    with closing(create_connector("sftp", server.config())) as connector:
        yield connector
