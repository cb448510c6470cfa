"""The demo's SFTP server, read through the connector that the dataflows use."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.base import Connector
from connectors.errors import AuthenticationError, UntrustedHostError
from connectors.registry import create_connector
from demo.documents import SftpAddress

REPOSITORY = Path(__file__).parents[3]
PASSWORD = "a password of this test"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sftp")
    (folder / "outbox").mkdir()
    (folder / "outbox" / "luma-crm.json").write_bytes(b"[]")
    return folder


@pytest.fixture(scope="module")
def server(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SftpAddress]:
    state = tmp_path_factory.mktemp("state")
    ready = state / "ready.json"
    command = [sys.executable, "-m", "demo.sftp_server", str(root), str(state / "host-key"), str(ready)]
    environment = os.environ | {"LUMA_SFTP_PASSWORD": PASSWORD}
    with subprocess.Popen(command, cwd=REPOSITORY, env=environment) as process:  # noqa: S603 (our own command line)
        try:
            deadline = time.monotonic() + 60
            while not ready.exists():
                assert process.poll() is None, "the server ended by itself"
                assert time.monotonic() < deadline, "the server did not start in time"
                time.sleep(0.05)
            assert (state / "host-key").stat().st_mode & 0o077 == 0
            yield SftpAddress(**json.loads(ready.read_text()))
        finally:
            process.terminate()


def connect(server: SftpAddress, password: str = PASSWORD) -> Connector:
    return create_connector("sftp", server.params() | {"password": password})


def test_files_are_listed_and_read(server: SftpAddress) -> None:
    connector = connect(server)
    try:
        (file,) = connector.list_files("/outbox")
        with connector.open_file(file.path) as stream:
            assert (file.path, stream.read()) == ("/outbox/luma-crm.json", b"[]")
    finally:
        connector.close()


def test_what_is_outside_the_folder_is_not_there(server: SftpAddress, root: Path) -> None:
    connector = connect(server)
    try:
        assert [entry.path for entry in connector.browse("/")] == ["/outbox"]
    finally:
        connector.close()


def test_a_wrong_password_is_refused(server: SftpAddress) -> None:
    connector = connect(server, "another password")
    with pytest.raises(AuthenticationError):
        connector.check()
    connector.close()


def test_the_host_key_is_the_one_that_is_named(server: SftpAddress) -> None:
    other = replace(server, host_key="SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU")
    connector = connect(other)
    with pytest.raises(UntrustedHostError):
        connector.check()
    connector.close()
