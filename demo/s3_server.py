"""A real S3-compatible store with one bucket, as a process of its own: `python -m demo.s3_server HOME SAMPLES READY`.

SeaweedFS, from its wheel; it listens on the loopback interface only. What it holds stays in the folder HOME. The secret
key comes in the environment; the access key's id is `luma`. Once the files of the folder SAMPLES are in the bucket it
writes its address to the file READY.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from demo.announce import announce
from demo.credentials import S3_SECRET_KEY_VARIABLE, USERNAME
from demo.processes import LEASH
from demo.seaweedfs import answers, arguments, free_ports, s3_client, url_of, write_keys

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET: Final = "luma-exchange"
FOLDER: Final = "outbox"

_WEED = Path(sys.executable).with_name("weed")
_ATTEMPTS = 3  # somebody else may take a port before SeaweedFS does
_START_SECONDS = 60.0
_POLL_SECONDS = 0.05


@contextmanager
def running_store(home: Path, secret_key: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run SeaweedFS while the block lasts; yields its process and the address of its S3 service.

    Raises:
        RuntimeError: It did not start; its output says why.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_keys(home, USERNAME, secret_key)
    for _ in range(_ATTEMPTS):
        ports = free_ports()
        leashed = [sys.executable, "-SE", str(LEASH), str(os.getpid()), str(_WEED)]
        with subprocess.Popen([*leashed, *arguments(home, ports)]) as process:  # noqa: S603 (our own command line)
            try:
                url = url_of(ports)
                if _becomes_ready(process, url):
                    yield process, url
                    return
            finally:
                process.terminate()
    raise RuntimeError(f"SeaweedFS did not start in {_ATTEMPTS} attempts.")


def put_missing(client: "S3Client", samples: Path) -> None:
    """Make the bucket, and put those sample files there that it does not hold yet."""
    try:
        client.head_bucket(Bucket=BUCKET)
    except ClientError:
        client.create_bucket(Bucket=BUCKET)
    present = {item.get("Key") for item in client.list_objects_v2(Bucket=BUCKET).get("Contents", [])}
    for path in sorted(samples.iterdir()):
        if (key := f"{FOLDER}/{path.name}") not in present:
            client.put_object(Bucket=BUCKET, Key=key, Body=path.read_bytes())


def main() -> None:
    """Read the command line, start the store, and stay until it or this process is ended."""
    home, samples, ready = map(Path, sys.argv[1:])
    secret_key = os.environ[S3_SECRET_KEY_VARIABLE]
    with running_store(home, secret_key) as (process, url):
        with closing(s3_client(url, USERNAME, secret_key)) as client:
            put_missing(client, samples)
        announce(ready, {"service_url": url, "bucket_name": BUCKET, "access_key": USERNAME})
        sys.exit(process.wait())


def _becomes_ready(process: subprocess.Popen[bytes], url: str) -> bool:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if answers(url):
            return True
        time.sleep(_POLL_SECONDS)
    return False


if __name__ == "__main__":
    main()
