"""Fetching files against what one would use without it: OpenSSH's `sftp`, a bare boto3, a bare ftplib.

`python bench/fetch.py [--size 100MB] [--rounds N] [--delay-ms 20] [--json] [--only sftp,…]`. The servers run here.
Each case runs in a process of its own; rounds are interleaved and medians taken. Times hold the connection and the
login, not imports. Ours is what a flow run does: read through the connector, hash, and write to a temporary file.
Machines differ and change: compare ratios of one run, never figures of two.

Pairs: `sftp` (OpenSSH's server on loopback; ours one connection) and `sftp_far` (the same through a proxy that delays
each direction; ours four connections), both against OpenSSH's `sftp`; `s3` (SeaweedFS) against boto3's download with
its defaults; `ftp` (vsftpd) against ftplib with blocks of 256 KiB. A pair whose server or connector is missing is told.
The memory of OpenSSH's `sftp` is its own, without that of the `ssh` which decrypts for it.

Ours knows the file's SHA-256 at the end, the others do not. So there are two ratios: against the bare transfer, and
against the transfer with `+hash`, which then reads the file again to hash it, as one had to who needs the same.
"""

import argparse
import ftplib
import hashlib
import importlib
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from connectors import connector_kinds, create_connector
from headwater.flows.fetch import fetch_file
from headwater.model.runs import FileState, SourceFile
from tests.servers.openssh import openssh_server
from tests.servers.sftp import SftpServer

_MB = 1024 * 1024
_NAME = "large.bin"
_TARGET = "plain.bin"
_POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A source that holds the file, and how both sides get there.

    Attributes:
        kind: The connector's kind.
        config: Its configuration.
        plain: The name of the other side's case.
        job: What the other side is told.
    """

    kind: str
    config: dict[str, object]
    plain: str
    job: dict[str, Any]


# What runs in a process of its own


def ours(job: dict[str, Any]) -> str:
    """Fetch the file as a flow run does; returns its SHA-256."""
    with closing(create_connector(job["kind"], job["config"])) as connector:
        listed = connector.stat_file(_NAME)
        file = SourceFile(
            id="1",
            flow="bench",
            path=listed.path,
            size_bytes=listed.size_bytes,
            modified_at=listed.modified_at,
            version=listed.version,
            sha256=None,
            state=FileState.CLAIMED,
            flow_run_id="1",
            group=0,
        )
        with fetch_file(connector, file, on_bytes=lambda _: None) as fetched:
            assert fetched.changed is None, fetched.changed
            os.dup(fetched.stream.fileno())  # the others' files stay too: giving the space back is not measured
            return fetched.sha256


def openssh(job: dict[str, Any]) -> float:
    """Get the file with OpenSSH's own program; returns the MB of memory that this took."""
    options = [f"-o{name}={value}" for name, value in job["options"].items()]
    command = ["sftp", "-q", *options, job["source"], _TARGET]
    peak_rss_mb = 0.0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:  # noqa: S603 (a fixed program)
        while process.poll() is None:
            peak_rss_mb = max(peak_rss_mb, _memory_mb(process.pid))
            with suppress(subprocess.TimeoutExpired):
                process.wait(_POLL_SECONDS)
    assert process.returncode == 0
    return peak_rss_mb


def _memory_mb(pid: int) -> float:
    """Return what a process uses; 0 where the system does not say."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0


def bare_boto3(job: dict[str, Any]) -> None:
    """Download the object with boto3's defaults."""
    import boto3

    client = boto3.client("s3", **job["client"])
    client.download_file(job["bucket"], _NAME, _TARGET)
    client.close()


def bare_ftplib(job: dict[str, Any]) -> None:
    """Read the file in blocks of 256 KiB."""
    with ftplib.FTP() as client, Path(_TARGET).open("wb") as target:  # noqa: S321 (clear text is what is measured)
        client.connect(job["host"], job["port"])
        client.login(job["username"], job["password"])
        client.retrbinary(f"RETR {job['path']}", target.write, 256 * 1024)


_CASES: dict[str, Callable[[dict[str, Any]], str | float | None]] = {
    "ours": ours,
    "openssh": openssh,
    "boto3": bare_boto3,
    "ftplib": bare_ftplib,
}


def _import_for(job: dict[str, Any]) -> None:
    """Load what is loaded once in a process: modules, and for S3 the description of the service."""
    create_connector(job["kind"], job["config"]).close()
    if job["kind"] == "s3":
        from connectors.s3.client import create_client
        from connectors.s3.config import S3Config

        with ExitStack() as resources:
            create_client(S3Config.model_validate(job["config"]), resources)


def run_here(case: str) -> None:
    """Run one case in this process, with the job that stands on standard input; print what it took."""
    job = json.load(sys.stdin)
    if case == "ours":
        _import_for(job)
    elif case == "boto3":
        import boto3

        boto3.client("s3", **job["client"]).close()
    began_at = time.perf_counter()
    said = _CASES[case](job)
    seconds = hashed_seconds = time.perf_counter() - began_at
    peak_rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else _MB)
    if isinstance(said, float):
        peak_rss_mb = said
    sha256 = said
    if not isinstance(said, str):
        with Path(_TARGET).open("rb") as target:
            sha256 = hashlib.file_digest(target, "sha256").hexdigest()
        hashed_seconds = time.perf_counter() - began_at
    figures = {"seconds": seconds, "hashed_seconds": hashed_seconds, "peak_rss_mb": peak_rss_mb, "sha256": sha256}
    print(json.dumps(figures))


# Sources


@contextmanager
def sftp(file: Path) -> Iterator[Pair]:
    """OpenSSH on loopback."""
    with openssh_server() as server, tempfile.TemporaryDirectory() as home:
        os.link(file, server.root / _NAME)
        config = server.config(max_connections=1)
        yield Pair(kind="sftp", config=config, plain="openssh", job=_openssh_job(server, server.port, Path(home)))


@contextmanager
def sftp_far(file: Path, *, delay_ms: float) -> Iterator[Pair]:
    """OpenSSH, each direction delayed."""
    with openssh_server() as server, tempfile.TemporaryDirectory() as home:
        os.link(file, server.root / _NAME)
        command = [sys.executable, "-m", "tests.servers.proxy", "--port", str(server.port), "--delay-ms", str(delay_ms)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as proxy:  # noqa: S603 (our own program)
            try:
                assert proxy.stdout is not None
                port = int(proxy.stdout.readline())
                config = server.config(port=port, max_connections=4)
                yield Pair(kind="sftp", config=config, plain="openssh", job=_openssh_job(server, port, Path(home)))
            finally:
                proxy.kill()


@contextmanager
def s3(file: Path) -> Iterator[Pair]:
    """SeaweedFS."""
    with _server("seaweedfs", "seaweedfs")() as store:
        bucket = store.new_bucket()
        store.client.upload_file(str(file), bucket, _NAME)
        config = store.config(bucket)
        client = {
            "endpoint_url": config["service_url"],
            "aws_access_key_id": config["access_key"],
            "aws_secret_access_key": config["secret_key"],
            "region_name": "us-east-1",
        }
        yield Pair(kind="s3", config=config, plain="boto3", job={"client": client, "bucket": bucket})


@contextmanager
def ftp(file: Path) -> Iterator[Pair]:
    """A vsftpd without TLS."""
    with _server("vsftpd", "vsftpd_server")() as server:
        (server.root / _NAME).hardlink_to(file)
        job = {
            "host": "127.0.0.1",
            "port": server.port,
            "username": server.username,
            "password": server.password,
            "path": f"{server.root_path.rstrip('/')}/{_NAME}",
        }
        yield Pair(kind="ftp", config=server.config(), plain="ftplib", job=job)


def _openssh_job(server: SftpServer, port: int, home: Path) -> dict[str, Any]:
    key = home / "key"
    key.touch(0o600)
    key.write_text(server.private_key)
    options = {
        "Port": port,
        "IdentityFile": str(key),
        "IdentitiesOnly": "yes",
        "StrictHostKeyChecking": "no",
        "UserKnownHostsFile": "/dev/null",
        "GlobalKnownHostsFile": "/dev/null",
        "LogLevel": "ERROR",
    }
    return {"source": f"{server.username}@127.0.0.1:{server.root_path}/{_NAME}", "options": options}


def _server(module: str, name: str) -> Any:  # noqa: ANN401 (whatever the tests' server is)
    return getattr(importlib.import_module(f"tests.servers.{module}"), name)


# Measuring


def measure(pair: Pair, case: str, folder: Path, sha256: str) -> dict[str, float]:
    """Run one case once, in a process of its own, and check what it brought."""
    job = {"kind": pair.kind, "config": pair.config} if case == "ours" else pair.job
    run = subprocess.run(  # noqa: S603 (this file)
        [sys.executable, __file__, "--case", case],
        input=json.dumps(job),
        text=True,
        capture_output=True,
        check=False,
        cwd=folder,
    )
    if run.returncode:
        raise SystemExit(f"{pair.kind}, {case}: {run.stderr}")
    (folder / _TARGET).unlink(missing_ok=True)  # a file that is written over costs less than a new one, and ours is new
    figures: dict[str, Any] = json.loads(run.stdout)
    assert figures.pop("sha256") == sha256, f"{pair.kind}, {case}: other bytes came"
    return figures


def compare(name: str, pair: Pair, *, rounds: int, size_bytes: int, sha256: str) -> dict[str, Any]:
    """Measure both sides in turn; returns their cases and the ratios."""
    taken: dict[str, list[dict[str, float]]] = {"ours": [], pair.plain: []}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for _ in range(rounds):
            for case, figures in taken.items():
                figures.append(measure(pair, case, Path(folder), sha256))
    found: dict[str, Any] = {"cases": {}, "ratios": {}, "spreads": {}}
    found["cases"] = {f"{case}_{name}": _summary(figures, size_bytes) for case, figures in taken.items()}
    for measured, other in (("seconds", pair.plain), ("hashed_seconds", f"{pair.plain}+hash")):
        pairs = zip(taken["ours"], taken[pair.plain], strict=True)
        ratios = [plain[measured] / mine["seconds"] for mine, plain in pairs]
        key = f"ours_{name}/{other}_{name}"
        found["ratios"][key] = round(statistics.median(ratios), 2)
        found["spreads"][key] = [round(min(ratios), 2), round(max(ratios), 2)]
    return found


def _summary(figures: list[dict[str, float]], size_bytes: int) -> dict[str, float]:
    seconds = statistics.median(figure["seconds"] for figure in figures)
    return {
        "per_second": round(1 / seconds, 3),
        "mb_per_second": round(size_bytes / _MB / seconds, 1),
        "peak_rss_mb": round(max(figure["peak_rss_mb"] for figure in figures), 1),
    }


def measure_all(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure the pairs that are asked for; returns what is printed."""
    sources: dict[str, Callable[[Path], Any]] = {
        "sftp": sftp,
        "sftp_far": lambda file: sftp_far(file, delay_ms=arguments.delay_ms),
        "s3": s3,
        "ftp": ftp,
    }
    report: dict[str, Any] = {"cases": {}, "ratios": {}, "spreads": {}, "not_available": {}}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        Path(folder).chmod(0o755)
        file = Path(folder) / _NAME
        sha256 = _write(file, arguments.size)
        for name in arguments.only.split(",") if arguments.only else sources:
            with ExitStack() as stack:
                try:
                    pair = stack.enter_context(sources[name](file))
                except (ImportError, pytest.skip.Exception) as error:
                    report["not_available"][name] = f"no server: {error}"
                    continue
                if pair.kind not in connector_kinds():
                    report["not_available"][name] = f"there is no connector kind {pair.kind!r} yet"
                    continue
                found = compare(name, pair, rounds=arguments.rounds, size_bytes=arguments.size, sha256=sha256)
            for part, values in found.items():
                report[part].update(values)
    return report


def _write(file: Path, size_bytes: int) -> str:
    """Write a file that does not compress; returns its SHA-256."""
    block, digest, left = os.urandom(_MB), hashlib.sha256(), size_bytes
    with file.open("wb") as target:
        while left:
            part = block[:left]
            digest.update(part)
            left -= target.write(part)
    file.chmod(0o644)
    return digest.hexdigest()


def _size(text: str) -> int:
    match = re.fullmatch(r"(\d+)(MB|GB)", text)
    if match is None:
        raise argparse.ArgumentTypeError("give a size such as 100MB or 2GB")
    return int(match[1]) * _MB * (1024 if match[2] == "GB" else 1)


def main() -> None:
    """Read the command line and print the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=_size, default=_size("100MB"), help="of the file")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--delay-ms", type=float, default=20, help="of `sftp_far`, in each direction")
    parser.add_argument("--only", default="", help="pairs to measure, with commas; all by default")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        run_here(arguments.case)
        return
    report = measure_all(arguments)
    if arguments.json:
        print(json.dumps(report, indent=2))
        return
    for name, figures in report["cases"].items():
        print(f"{name:20} {figures['mb_per_second']:8.1f} MB/s {figures['peak_rss_mb']:8.1f} MB of memory")
    for name, ratio in report["ratios"].items():
        print(f"{name:40} {ratio:5.2f}  ({'–'.join(map(str, report['spreads'][name]))})")
    for name, reason in report["not_available"].items():
        print(f"{name}: not available: {reason}")


if __name__ == "__main__":
    main()
