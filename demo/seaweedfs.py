"""How SeaweedFS is run: nothing but its S3 service, on the loopback interface only, from a folder of its own."""

import json
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import httpx

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_KEYS = "keys.json"
_S3 = "s3.port"
_PORTS = (
    _S3,
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


def write_keys(home: Path, access_key: str, secret_key: str) -> None:
    """Write down the one key pair that may do everything, for nobody else to read."""
    identity = {
        "name": access_key,
        "credentials": [{"accessKey": access_key, "secretKey": secret_key}],
        "actions": ["Admin", "Read", "List", "Tagging", "Write"],
    }
    path = home / _KEYS
    path.touch(mode=0o600)
    path.write_text(json.dumps({"identities": [identity]}), encoding="utf-8")


def free_ports() -> dict[str, int]:
    """Return ports that are free at the moment, all different; SeaweedFS does not take 0 for "any"."""
    with ExitStack() as held:
        probes = {name: held.enter_context(socket.create_server(("127.0.0.1", 0))) for name in _PORTS}
        return {name: probe.getsockname()[1] for name, probe in probes.items()}


def url_of(ports: dict[str, int]) -> str:
    """Return the address of the S3 service."""
    return f"http://127.0.0.1:{ports[_S3]}"


def arguments(home: Path, ports: dict[str, int]) -> list[str]:
    """Return what follows the program's name; the keys have to be written before."""
    return [
        f"-logdir={home}",
        "mini",
        f"-dir={home}/data",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-s3.config={home / _KEYS}",
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


def answers(url: str) -> bool:
    """Return whether the S3 service can be used."""
    try:
        return httpx.get(f"{url}/healthz", trust_env=False, timeout=1).is_success
    except httpx.TransportError:
        return False


def s3_client(url: str, access_key: str, secret_key: str) -> "S3Client":
    """Return a client with the key pair, to be closed."""
    return boto3.session.Session().client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
    )
