import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from connectors import Connector, create_connector
from tests.servers.ftp import FtpServer
from tests.servers.gcs import GcsEmulator, fake_gcs_server, gcp_emulator
from tests.servers.odd_gcs import OddGcs, odd_gcs
from tests.servers.odd_s3 import OddS3, odd_s3
from tests.servers.openssh import openssh_server
from tests.servers.pyftpdlib_ftp import PyftpdlibServer, pyftpdlib_server
from tests.servers.scripted_ftp import Script, ScriptedServer, scripted_ftp
from tests.servers.seaweedfs import S3Store, seaweedfs
from tests.servers.sftp import SftpServer

pytest.register_assert_rewrite("connectors.testing", "tests.contract.connectors.object_stores")


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


@pytest.fixture
def ftp_server(tmp_path: Path) -> Iterator[PyftpdlibServer]:
    with pyftpdlib_server(tmp_path) as server:
        yield server


@pytest.fixture
def ftps_server(tmp_path: Path) -> Iterator[PyftpdlibServer]:
    with pyftpdlib_server(tmp_path, tls="explicit") as server:
        yield server


@pytest.fixture
def scripted() -> Iterator[ScriptedServer]:
    """An FTP server with one file, `a.csv` of ten bytes, that says what a test tells it to."""
    listing = b"type=file;size=10;modify=20261122060000; a.csv\r\n"
    script = Script(answers={"SIZE": b"213 10\r\n"}, data={"MLSD": listing, "RETR": b"0123456789"})
    with scripted_ftp(script) as server:
        yield server


@pytest.fixture
def connect_ftp() -> Iterator[Callable[..., Connector]]:
    """Build connectors that are closed at the end."""
    with ExitStack() as stack:

        def build(server: FtpServer | ScriptedServer, **changes: object) -> Connector:
            kind = server.kind if isinstance(server, FtpServer) else "ftp"
            return stack.enter_context(closing(create_connector(kind, server.config(**changes))))

        yield build


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
