"""The demo ends what it started: tried on a real tree of processes, some of which resist."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from demo.errors import DemoError
from demo.processes import ProcessTree

REPOSITORY = Path(__file__).parents[3]

STUBBORN = """
import os, pathlib, signal, socket, sys, time
folder = pathlib.Path(sys.argv[1])
signal.signal(signal.SIGTERM, signal.SIG_IGN)
listener = socket.create_server(("127.0.0.1", 0))
part = folder / f"{os.getpid()}.part"
part.write_text(str(listener.getsockname()[1]))
part.rename(folder / f"{os.getpid()}.port")
time.sleep(600)
"""
"""Listens, and ignores the polite request to end."""

FAMILY = """
import subprocess, sys, time
stubborn, folder = sys.argv[1:]
command = [sys.executable, "-c", stubborn, folder]
subprocess.Popen(command)
subprocess.Popen([sys.executable, "-c", f"import subprocess; subprocess.Popen({command!r}, start_new_session=True)"])
time.sleep(600)
"""
"""Has a stubborn child, and a stubborn orphan in a session of its own, whose parent ends at once."""

DEMO = """
import os, pathlib, sys, time
from demo.errors import Stopped
from demo.processes import ProcessTree, raise_when_stopped
how, family, stubborn, folder = sys.argv[1:]
folder = pathlib.Path(folder)
raise_when_stopped()
try:
    with ProcessTree(folder, patience_seconds=1) as tree:
        tree.start("family", [sys.executable, "-c", family, stubborn, str(folder)], os.environ, folder)
        tree.wait_for("the family", lambda: len(list(folder.glob("*.port"))) == 2 or None, 60)
        (folder / "up").touch()
        if how == "error":
            raise ValueError("something went wrong")
        while how == "stay":
            time.sleep(1)
except Stopped:
    print("stopped")
"""


@contextlib.contextmanager
def running_demo(how: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", DEMO, how, FAMILY, STUBBORN, str(folder)]
    with subprocess.Popen(  # noqa: S603 (this test's own command line)
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.kill()
            for pid in pids(folder):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def pids(folder: Path) -> set[int]:
    return {int(file.stem) for file in folder.glob("*.port")}


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def assert_nothing_is_left(folder: Path) -> None:
    assert len(pids(folder)) == 2
    assert [pid for pid in pids(folder) if alive(pid)] == []
    ports = {int(file.read_text()) for file in folder.glob("*.port")}
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=10)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="orphans come back on Linux only")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_ends_every_descendant(tmp_path: Path, number: signal.Signals) -> None:
    with running_demo("stay", tmp_path) as demo:
        wait_until((tmp_path / "up").exists)
        demo.send_signal(number)
        output, errors = demo.communicate(timeout=60)
    assert (output, errors, demo.returncode) == (b"stopped\n", b"", 0)
    assert_nothing_is_left(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="orphans come back on Linux only")
def test_an_error_ends_every_descendant(tmp_path: Path) -> None:
    with running_demo("error", tmp_path) as demo:
        _, errors = demo.communicate(timeout=60)
    assert b"ValueError: something went wrong" in errors
    assert demo.returncode == 1
    assert_nothing_is_left(tmp_path)


@pytest.mark.slow
def test_a_second_signal_does_not_disturb_the_ending(tmp_path: Path) -> None:
    with running_demo("stay", tmp_path) as demo:
        wait_until((tmp_path / "up").exists)
        demo.send_signal(signal.SIGTERM)
        while any(map(alive, pids(tmp_path))):
            demo.send_signal(signal.SIGINT)
            time.sleep(0.05)
        output, errors = demo.communicate(timeout=60)
    assert (output, errors, demo.returncode) == (b"stopped\n", b"", 0)
    assert_nothing_is_left(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent has gone")
def test_children_end_even_if_the_demo_is_killed(tmp_path: Path) -> None:
    with running_demo("stay", tmp_path) as demo:
        wait_until((tmp_path / "up").exists)
        (family,) = (child for child in psutil.Process(demo.pid).children() if child.pid not in pids(tmp_path))
        demo.kill()
        demo.wait()
        wait_until(lambda: not alive(family.pid))


def test_a_command_that_fails_is_explained_with_the_end_of_its_log(tmp_path: Path) -> None:
    script = "import sys; print('\\n'.join(f'line {n}' for n in range(1, 31))); sys.exit(3)"
    tree = ProcessTree(tmp_path)
    child = tree.start("headwater-apply", [sys.executable, "-c", script], os.environ, tmp_path)
    with pytest.raises(DemoError) as raised:
        tree.finish(child, 60)
    lines = str(raised.value).splitlines()
    assert lines[0] == f"headwater-apply ended with status 3. The end of {tmp_path / 'headwater-apply.log'}:"
    assert [line.strip() for line in lines[1:]] == [f"line {number}" for number in range(16, 31)]


def test_a_server_that_ends_by_itself_is_noticed(tmp_path: Path) -> None:
    tree = ProcessTree(tmp_path)
    child = tree.start("scheduler", [sys.executable, "-c", "print('no database')"], os.environ, tmp_path)
    with pytest.raises(DemoError) as raised:
        tree.wait_for("Airflow", lambda: None, 60)
    expected = f"scheduler ended by itself, with status 0. The end of {child.log}:\n    no database"
    assert str(raised.value) == expected


def test_waiting_in_vain_names_the_logs(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match=r"^Waited 0 s in vain for Airflow's API server\. The logs: \.$"):
        ProcessTree(tmp_path).wait_for("Airflow's API server", lambda: None, 0)


def test_what_the_probe_finds_is_returned(tmp_path: Path) -> None:
    assert ProcessTree(tmp_path).wait_for("a number", json.JSONDecoder().decode("[7]").pop, 60) == 7
