"""Server processes that never outlive the tests."""

import ctypes
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_GET_CHILD_SUBREAPER = 37
_POLL_SECONDS = 0.02
_STOP_SECONDS = 5


class ServerDiedError(Exception):
    """A server ended, or did not get ready in time."""


def free_port() -> int:
    """Return a loopback TCP port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(
    command: Sequence[str | Path],
    *,
    ready: Callable[[], bool],
    log: Path,
    env: dict[str, str] | None = None,
    timeout_seconds: float = 20,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server process until the block ends.

    Args:
        command: Program and arguments; it has to stay in the foreground.
        ready: Whether the server can be used; asked again and again, must not block.
        log: File that takes what the server prints.
        env: The environment; None passes ours on.
        timeout_seconds: How long to wait for `ready`.

    Raises:
        ServerDiedError: It ended or did not get ready in time; shows what it printed.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 (the tests' own commands)
            list(map(str, command)),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=env,
            preexec_fn=death_with_parent(),
        )
    try:
        _wait_until_ready(process, ready, log, timeout_seconds)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_STOP_SECONDS)


def accepts_connections(port: int) -> bool:
    """Return whether somebody listens on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait_until_ready(
    process: subprocess.Popen[bytes], ready: Callable[[], bool], log: Path, timeout_seconds: float
) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not ready():
        try:
            status = process.wait(_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            if time.monotonic() < deadline:
                continue
            status = None
        reason = "was not ready in time" if status is None else f"ended with status {status}"
        raise ServerDiedError(f"{process.args!r} {reason}:\n{log.read_text(errors='replace')}")


@contextmanager
def nothing_left() -> Iterator[None]:
    """Kill what the block leaves behind: its processes, and those whose parents died (these on Linux only)."""
    before = set(psutil.Process().children())
    with _adopting():
        try:
            yield
        finally:
            while strays := set(psutil.Process().children()) - before:
                for stray in strays:
                    _kill_with_children(stray)


@contextmanager
def _adopting() -> Iterator[None]:
    """Whoever below us loses its parent meanwhile becomes our child, also in a session of its own (prctl(2))."""
    if sys.platform != "linux":
        yield
        return
    prctl = ctypes.CDLL(None).prctl
    already = ctypes.c_int()
    prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(already), 0, 0, 0)
    prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        prctl(_PR_SET_CHILD_SUBREAPER, already.value, 0, 0, 0)


def _kill_with_children(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        for each in [*process.children(recursive=True), process]:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        process.wait(_STOP_SECONDS)


def death_with_parent() -> Callable[[], None] | None:
    """Return what a child calls, before it becomes the server, to be killed when we end (Linux only)."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    return ask
