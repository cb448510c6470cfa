"""The example of a connector in a package of its own: installed, found by its entry point, on the contract suite."""

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from http import HTTPStatus
from pathlib import Path

import pytest

from connectors import Connector, ConnectorError, FileGoneError, TransferError, connector_kinds, create_connector
from connectors.testing import FolderSource, TrustedServerContract
from tests.servers.ftp import new_certificate
from tests.servers.http_folder import PASSWORD, HttpFolderServer, http_folder_server
from tests.servers.processes import free_port

PACKAGE = Path(__file__).parents[3] / "examples" / "http-folder"
MOST_LINES = 150


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which the package is installed, without its dependencies, which are here."""
    target = tmp_path_factory.mktemp("installed")
    source = tmp_path_factory.mktemp("source") / "http-folder"
    shutil.copytree(PACKAGE, source)  # building writes there
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    subprocess.run(  # noqa: S603 (our own package)
        [sys.executable, "-m", "pip", "install", *options, "--target", target, source], check=True, timeout=120
    )
    return target


@pytest.fixture(autouse=True)
def importable(installed: Path) -> Iterator[None]:
    sys.path.append(str(installed))
    yield
    sys.path.remove(str(installed))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[HttpFolderServer]:
    root = tmp_path / "served"
    root.mkdir()
    with http_folder_server(root) as server:
        yield server


@pytest.fixture
def connector(server: HttpFolderServer) -> Iterator[Connector]:
    with closing(create_connector("http_folder", server.config())) as connector:
        yield connector


class HttpFolderSource(FolderSource):
    kind = "http_folder"

    def __init__(self, server: HttpFolderServer) -> None:
        super().__init__(server.root)
        self._server = server

    def config(self, **changes: object) -> Mapping[str, object]:
        return self._server.config(**changes)

    def wrong_secret(self) -> Mapping[str, object]:
        return self.config(password="not the password")

    def unreachable(self) -> Mapping[str, object]:
        return self.config(url=f"https://127.0.0.1:{free_port()}/")

    def untrusted(self) -> Mapping[str, object]:
        return self.config(ca_certificate=new_certificate().authority)


class TestHttpFolder(TrustedServerContract):
    @pytest.fixture
    def source(self, server: HttpFolderServer) -> HttpFolderSource:
        return HttpFolderSource(server)


def test_it_is_a_kind_like_any_other_once_it_is_installed(installed: Path) -> None:
    program = (
        "import json, connectors; from headwater.orchestration.provider import get_provider_info; "
        "print(json.dumps([connectors.connector_kinds(), "
        "[t['connection-type'] for t in get_provider_info()['connection-types']]]))"
    )
    done = subprocess.run(  # noqa: S603 (our own interpreter)
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(installed), str(Path.cwd())])},
    )
    kinds, types = json.loads(done.stdout.splitlines()[-1])
    assert "http_folder" in kinds
    assert "headwater_http_folder" in types
    assert "http_folder" in connector_kinds()


def test_it_is_small() -> None:
    """Each of its two modules, without imports, docstrings and blank lines."""
    lines = {path.name: code_lines(path) for path in PACKAGE.rglob("src/*/*.py")}
    assert set(lines) == {"__init__.py", "connector.py"}
    assert max(lines.values()) < MOST_LINES


def code_lines(path: Path) -> int:
    tree = ast.parse(path.read_text())
    left_out: set[int] = set()
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node, ast.stmt) and (is_text or isinstance(node, ast.Import | ast.ImportFrom)):
            left_out.update(range(node.lineno, (node.end_lineno or 0) + 1))
    lines = path.read_text().splitlines()
    return sum(bool(line.strip()) and number not in left_out for number, line in enumerate(lines, start=1))


def test_a_transfer_that_is_cut_short_raises(server: HttpFolderServer, connector: Connector) -> None:
    (server.root / "a.csv").write_bytes(bytes(1_000_000))
    server.drop_after_bytes = 500_000
    with (
        pytest.raises(TransferError, match=r"the transfer of 'a\.csv' was cut short") as caught,
        connector.open_file("a.csv") as stream,
    ):
        stream.read()
    assert caught.value.retryable


def test_a_server_that_ignores_ranges_is_not_believed(server: HttpFolderServer, connector: Connector) -> None:
    (server.root / "a.csv").write_bytes(b"0123456789")
    server.ignore_ranges = True
    with (
        pytest.raises(ConnectorError, match=r"status 200, where 206 was expected\. Check `url`"),
        connector.open_file("a.csv", offset=3) as stream,
    ):
        stream.read()


@pytest.mark.parametrize(
    "link", ['<a href="%2E%2E/">', '<a href="a%2Fb">', '<a href="nul%00.csv">'], ids=["upwards", "slash", "nul"]
)
def test_links_that_are_no_names_are_refused(server: HttpFolderServer, connector: Connector, link: str) -> None:
    server.extra_links.append(link)
    with pytest.raises(ConnectorError, match="which is no file name"):
        list(connector.list_files(""))


def test_links_to_elsewhere_are_passed_over(server: HttpFolderServer, connector: Connector) -> None:
    server.extra_links += ['<a href="https://elsewhere.example.com/a.csv">', '<a href="//x/b">', '<a href="../c">']
    (server.root / "a.csv").write_bytes(b"1")
    assert [file.path for file in connector.list_files("")] == ["a.csv"]


def test_a_dead_link_and_odd_answers_empty_no_listing(server: HttpFolderServer, connector: Connector) -> None:
    server.extra_links += ['<a href="http://[oops">', '<a href="gone.csv">']
    server.odd_headers = {"Last-Modified": "yesterday"}
    (server.root / "a.csv").write_bytes(b"1")
    [listed] = connector.list_files("")
    assert (listed.path, listed.size_bytes, listed.modified_at) == ("a.csv", 1, None)
    assert [entry.path for entry in connector.browse("")] == ["a.csv"]


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (HTTPStatus.SERVICE_UNAVAILABLE, TransferError, True),
        (HTTPStatus.GONE, FileGoneError, False),
        (HTTPStatus.FOUND, ConnectorError, False),
    ],
    ids=["busy", "gone", "elsewhere"],
)
def test_refusals(
    server: HttpFolderServer, connector: Connector, status: HTTPStatus, kind: type[ConnectorError], retryable: bool
) -> None:
    server.status = status
    with pytest.raises(ConnectorError) as caught:
        list(connector.list_files("in"))
    assert (type(caught.value), caught.value.retryable) == (kind, retryable)


def test_a_password_is_never_sent_in_the_clear(server: HttpFolderServer) -> None:
    with pytest.raises(ConnectorError, match="a password is only sent over https") as caught:
        create_connector("http_folder", server.config(url="http://127.0.0.1/"))
    assert PASSWORD not in str(caught.value)
