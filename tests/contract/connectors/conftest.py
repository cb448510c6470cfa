import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.gcs import GcsEmulator, fake_gcs_server, gcp_emulator
from tests.servers.odd_gcs import OddGcs, odd_gcs
from tests.servers.odd_s3 import OddS3, odd_s3
from tests.servers.openssh import openssh_server
from tests.servers.seaweedfs import S3Store, seaweedfs
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


@pytest.fixture(scope="session")
def s3_store() -> Iterator[S3Store]:
    with seaweedfs() as store:
        yield store


@pytest.fixture(scope="session")
def tls_s3() -> Iterator[OddS3]:
    with odd_s3(tls=True) as store:
        yield store


@pytest.fixture(
    scope="session", params=[fake_gcs_server, gcp_emulator], ids=["fake-gcs-server", "gcp-storage-emulator"]
)
def gcs(request: pytest.FixtureRequest) -> Iterator[GcsEmulator]:
    with request.param() as emulator:
        yield emulator


@pytest.fixture(scope="session")
def tls_gcs() -> Iterator[OddGcs]:
    with odd_gcs(tls=True) as store:
        yield store
