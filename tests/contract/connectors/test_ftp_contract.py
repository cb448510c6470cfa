"""Kinds `ftp` and `ftps` on the contract suite."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from connectors.testing import BYTES_NAME, FolderSource, ServerContract, SourceUnderTest
from tests.servers.ftp import FtpServer, new_certificate
from tests.servers.privileges import closed_folder
from tests.servers.processes import free_port
from tests.servers.pyftpdlib_ftp import Faults, PyftpdlibServer, pyftpdlib_server
from tests.servers.vsftpd import vsftpd_server

# FTP ends a command at a line break.
UNSUPPORTED = frozenset({"line\nbreak.csv"})


class FtpSource(FolderSource):
    unsupported_names = UNSUPPORTED

    def __init__(self, server: FtpServer, root: Path, folder_path: str) -> None:
        super().__init__(root)
        self.kind = server.kind
        self._server = server
        self._folder_path = folder_path

    def config(self, **changes: object) -> Mapping[str, object]:
        return self._server.config(folder_path=self._folder_path, **changes)

    def wrong_secret(self) -> Mapping[str, object]:
        return self.config(password="not the password")

    def unreachable(self) -> Mapping[str, object]:
        return self.config(port=free_port())

    def untrusted(self) -> Mapping[str, object]:
        return self.config(ca_certificate=new_certificate().authority)


class PyftpdlibSource(FtpSource):
    unsupported_names = UNSUPPORTED | {BYTES_NAME}  # it does not enter folders with such names

    def __init__(self, server: PyftpdlibServer) -> None:
        super().__init__(server, server.root, "/")
        self._faults = server.faults

    def deny(self, path: str) -> AbstractContextManager[None]:
        return self._faults.denying(f"/{path}")


class VsftpdSource(FtpSource):
    """A server whose every file operation is done by the operating system, as another user."""

    def __init__(self, server: FtpServer, folder: Path) -> None:
        super().__init__(server, folder, f"{server.root_path.rstrip('/')}/{folder.name}")

    def deny(self, path: str) -> AbstractContextManager[None]:
        return closed_folder(self.local_path(path), as_nobody=False)


class FtpContract(ServerContract):
    """In clear text there is nothing to trust."""

    def test_untrusted_host(self, source: SourceUnderTest) -> None:
        pytest.skip("in clear text there is nothing to trust")


class TestPyftpdlib(FtpContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Iterator[PyftpdlibSource]:
        with pyftpdlib_server(tmp_path) as server:
            yield PyftpdlibSource(server)


class TestPyftpdlibWithoutFacts(FtpContract):
    """LIST, SIZE and MDTM, which is how most old servers are."""

    @pytest.fixture
    def source(self, tmp_path: Path) -> Iterator[PyftpdlibSource]:
        with pyftpdlib_server(tmp_path, faults=Faults(missing={"MLSD", "MLST", "FEAT", "OPTS"})) as server:
            yield PyftpdlibSource(server)


class TestPyftpdlibWithListOnly(FtpContract):
    """Nothing but what RFC 959 has, and no sizes but those of the listing."""

    @pytest.fixture
    def source(self, tmp_path: Path) -> Iterator[PyftpdlibSource]:
        missing = {"MLSD", "MLST", "FEAT", "OPTS", "SIZE", "MDTM", "EPSV"}
        with pyftpdlib_server(tmp_path, faults=Faults(missing=missing)) as server:
            yield PyftpdlibSource(server)


class TestPyftpdlibActive(FtpContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Iterator[PyftpdlibSource]:
        class Active(PyftpdlibSource):
            def config(self, **changes: object) -> Mapping[str, object]:
                return super().config(passive_mode=False, **changes)

        with pyftpdlib_server(tmp_path) as server:
            yield Active(server)


class TestPyftpdlibExplicitTls(ServerContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Iterator[PyftpdlibSource]:
        with pyftpdlib_server(tmp_path, tls="explicit") as server:
            yield PyftpdlibSource(server)


class TestPyftpdlibImplicitTls(ServerContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Iterator[PyftpdlibSource]:
        with pyftpdlib_server(tmp_path, tls="implicit") as server:
            yield PyftpdlibSource(server)


@contextmanager
def folder_of(server: FtpServer) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=server.root) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def vsftpd() -> Iterator[FtpServer]:
    with vsftpd_server() as server:
        yield server


@pytest.fixture(scope="module", params=["TLSv1.2", "TLSv1.3"])
def vsftpd_tls(request: pytest.FixtureRequest) -> Iterator[FtpServer]:
    with vsftpd_server(tls=request.param) as server:
        yield server


@pytest.mark.vsftpd
class TestVsftpd(FtpContract):
    @pytest.fixture
    def source(self, vsftpd: FtpServer) -> Iterator[VsftpdSource]:
        with folder_of(vsftpd) as folder:
            yield VsftpdSource(vsftpd, folder)


@pytest.mark.vsftpd
class TestVsftpdTls(ServerContract):
    """Data connections have to resume the session of the control connection."""

    @pytest.fixture
    def source(self, vsftpd_tls: FtpServer) -> Iterator[VsftpdSource]:
        with folder_of(vsftpd_tls) as folder:
            yield VsftpdSource(vsftpd_tls, folder)
