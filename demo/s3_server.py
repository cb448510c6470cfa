"""A real S3-compatible store with one bucket, as a process of its own: `python -m demo.s3_server HOME SAMPLES READY`.

SeaweedFS, from its wheel; it listens on the loopback interface only. What it holds stays in the folder HOME. The secret
key comes in the environment; the access key's id is `luma`. Once the files of the folder SAMPLES are in the bucket it
writes its address to the file READY.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import boto3
import httpx
from botocore.exceptions import ClientError

from demo.announce import announce
from demo.credentials import S3_SECRET_KEY_VARIABLE, USERNAME
from demo.processes import LEASH

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET: Final = "luma-exchange"
FOLDER: Final = "outbox"

_WEED = Path(sys.executable).with_name("weed")
_PORTS = (
    "s3.port",
    "s3.port.grpc",
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "admin.port",
    "admin.port.grpc",
)
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
    _write_keys(home / "keys.json", secret_key)
    for _ in range(_ATTEMPTS):
        ports = _free_ports()
        with subprocess.Popen(_command(home, ports)) as process:  # noqa: S603 (our own command line)
            try:
                url = f"http://127.0.0.1:{ports['s3.port']}"
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
        client = boto3.session.Session().client(
            "s3",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id=USERNAME,
            aws_secret_access_key=secret_key,
        )
        put_missing(client, samples)
        client.close()
        announce(ready, {"service_url": url, "bucket_name": BUCKET, "access_key": USERNAME})
        sys.exit(process.wait())


def _write_keys(path: Path, secret_key: str) -> None:
    identity = {
        "name": USERNAME,
        "credentials": [{"accessKey": USERNAME, "secretKey": secret_key}],
        "actions": ["Admin", "Read", "List", "Tagging", "Write"],
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps({"identities": [identity]}), encoding="utf-8")


def _free_ports() -> dict[str, int]:
    """Return ports that are free at the moment, all different; SeaweedFS does not take 0 for "any"."""
    with ExitStack() as held:
        probes = {name: held.enter_context(socket.create_server(("127.0.0.1", 0))) for name in _PORTS}
        return {name: probe.getsockname()[1] for name, probe in probes.items()}


def _command(home: Path, ports: dict[str, int]) -> list[str]:
    return [
        *(sys.executable, "-SE", str(LEASH), str(os.getpid()), str(_WEED)),
        f"-logdir={home}",
        "mini",
        f"-dir={home}/data",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-s3.config={home}/keys.json",
        *(f"-{name}={port}" for name, port in ports.items()),
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


def _becomes_ready(process: subprocess.Popen[bytes], url: str) -> bool:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/healthz", trust_env=False, timeout=1).is_success:
                return True
        except httpx.TransportError:
            time.sleep(_POLL_SECONDS)
    return False


if __name__ == "__main__":
    main()
