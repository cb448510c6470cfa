"""The demo's servers, read through the connectors that the dataflows use."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from connectors.base import Connector, RemoteFile
from connectors.errors import AuthenticationError, ConnectorError, UntrustedHostError
from connectors.registry import create_connector
from demo.sources import SOURCES, Source, server_command
from demo.state import REPOSITORY, State

SECRET = "the secret of this test"
KINDS = [source.kind for source in SOURCES]
BY_KIND = {source.kind: source for source in SOURCES}
PATIENCE_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that runs; `params` are what it announced."""

    source: Source
    state: State
    process: subprocess.Popen[bytes]
    params: dict[str, Any]

    def connect(self, **changes: object) -> Connector:
        secret = {self.source.login_field: SECRET} if self.source.login_field else {}
        return create_connector(self.source.kind, {**self.params, **secret, **changes})

    def files(self) -> list[RemoteFile]:
        connector = self.connect()
        try:
            return list(connector.list_files("/outbox"))
        finally:
            connector.close()

    @property
    def processes(self) -> list[psutil.Process]:
        process = psutil.Process(self.process.pid)
        return [process, *process.children(recursive=True)]


@contextmanager
def running(source: Source, root: Path) -> Iterator[Server]:
    """Run a server in a demo's folder, with one sample file in its outbox."""
    state = State.prepare(root, fresh=False)
    (state.outbox(source.kind) / source.file).write_bytes(b"[]")
    ready = state.ready_file(source.kind)
    ready.unlink(missing_ok=True)
    environment = os.environ | ({source.variable: SECRET} if source.variable else {})
    command = server_command(source, state)
    with (
        (state.logs / source.kind).open("wb") as log,
        subprocess.Popen(  # noqa: S603 (our own command line)
            command, cwd=REPOSITORY, env=environment, stdout=log, stderr=log
        ) as process,
    ):
        try:
            wait_for(ready, process, Path(log.name))
            yield Server(source=source, state=state, process=process, params=json.loads(ready.read_text()))
        finally:
            children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
            process.terminate()
            for child in children:
                child.terminate()
            psutil.wait_procs(children, timeout=PATIENCE_SECONDS)


def wait_for(ready: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not ready.exists():
        assert process.poll() is None, f"the server ended by itself:\n{log.read_text()}"
        assert time.monotonic() < deadline, f"the server did not start in time:\n{log.read_text()}"
        time.sleep(0.05)


@pytest.fixture(scope="module", params=SOURCES, ids=KINDS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(request.param, tmp_path_factory.mktemp("demo") / "state") as started:
        yield started


@pytest.mark.slow
def test_the_sample_file_is_listed_and_read(server: Server) -> None:
    (file,) = server.files()
    connector = server.connect()
    try:
        with connector.open_file(file.path) as stream:
            assert (file.path.lstrip("/"), stream.read()) == (f"outbox/{server.source.file}", b"[]")
    finally:
        connector.close()


@pytest.mark.slow
def test_a_wrong_secret_is_refused(server: Server) -> None:
    if server.source.login_field is None:
        assert server.params["anonymous"] is True
        return
    connector = server.connect(**{server.source.login_field: "another secret"})
    with pytest.raises(AuthenticationError):
        connector.check()
    connector.close()


@pytest.mark.slow
def test_the_secret_is_in_no_command_line_and_nothing_listens_beyond_this_machine(server: Server) -> None:
    commands = [" ".join(process.cmdline()) for process in server.processes]
    listening = {
        connection.laddr[0]
        for process in server.processes
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert [command for command in commands if SECRET in command] == []
    assert listening == {"127.0.0.1"}


def test_the_certificate_is_checked(tmp_path: Path) -> None:
    with running(BY_KIND["ftps"], tmp_path / "state") as server:
        stranger = server.connect(ca_certificate=None)
        with pytest.raises(UntrustedHostError):
            stranger.check()
        stranger.close()
        unencrypted = {name: value for name, value in server.params.items() if name != "ca_certificate"}
        plain = create_connector("ftp", {**unencrypted, "password": SECRET})
        with pytest.raises(ConnectorError, match="over TLS only"):
            plain.check()
        plain.close()


def test_the_host_key_is_the_one_that_is_named(tmp_path: Path) -> None:
    with running(BY_KIND["sftp"], tmp_path / "state") as server:
        assert (server.state.root / "sftp-host-key").stat().st_mode & 0o077 == 0
        connector = server.connect(host_key="SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU")
        with pytest.raises(UntrustedHostError):
            connector.check()
        connector.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["s3", "gcs"])
def test_a_store_keeps_what_it_holds_when_it_is_started_again(tmp_path: Path, kind: str) -> None:
    with running(BY_KIND[kind], tmp_path / "state") as server:
        first = server.files()
    with running(BY_KIND[kind], tmp_path / "state") as server:
        assert server.files() == first
    assert len(first) == 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent has gone")
def test_the_store_ends_with_its_process_even_if_that_is_killed(tmp_path: Path) -> None:
    with running(BY_KIND["s3"], tmp_path / "state") as server:
        (store,) = psutil.Process(server.process.pid).children()
        server.process.kill()
        gone, _ = psutil.wait_procs([store], timeout=PATIENCE_SECONDS)
    assert gone == [store]
