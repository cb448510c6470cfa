import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.openssh import openssh_server
from tests.servers.sftp import SftpServer

pytest.register_assert_rewrite("connectors.testing")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach, which `tmp_path` is not."""
    with tempfile.TemporaryDirectory(prefix="files-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture(scope="session")
def openssh() -> Iterator[SftpServer]:
    with openssh_server() as server:
        yield server


@pytest.fixture
def openssh_folder(openssh: SftpServer) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=openssh.root) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
