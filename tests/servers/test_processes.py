import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.servers.processes import ServerDiedError, nothing_left, running

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]
PARENT = """
import sys
from pathlib import Path
from tests.servers.processes import running
command = [sys.executable, "-c", "import time; time.sleep(600)"]
with running(command, ready=lambda: True, log=Path(sys.argv[1])) as child:
    print(child.pid, flush=True)
    sys.stdin.read()
"""

SUPERVISOR = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if sys.argv[1:]:
    child = subprocess.Popen([sys.executable, "-c", *sys.argv[1:]], start_new_session=True)
    print(child.pid, flush=True)
time.sleep(600)
"""
"""Starts another one with one argument less, in a session of its own."""


def test_a_server_ends_with_its_block(tmp_path: Path) -> None:
    with running(SLEEPER, ready=lambda: True, log=tmp_path / "log") as process:
        assert process.poll() is None
    assert process.poll() == -signal.SIGTERM


def test_a_server_that_dies_shows_what_it_printed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('no such port')"]
    server = running(command, ready=lambda: False, log=tmp_path / "log")
    with pytest.raises(ServerDiedError, match=r"ended with status 1:\nno such port"), server:
        pytest.fail("it was ready")


def test_a_server_that_never_gets_ready_is_ended(tmp_path: Path) -> None:
    server = running(SLEEPER, ready=lambda: False, log=tmp_path / "log", timeout_seconds=0.1)
    with pytest.raises(ServerDiedError, match="was not ready in time"), server:
        pytest.fail("it was ready")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_server_dies_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen(  # noqa: S603 (our own interpreter)
        [sys.executable, "-c", PARENT, tmp_path / "log"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with parent:
        assert parent.stdout is not None
        server = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    assert server.wait(10) is None or not server.is_running()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process adopt those below it")
def test_nothing_is_left_of_processes_whose_parents_were_killed() -> None:
    with subprocess.Popen(SLEEPER) as earlier:  # noqa: S603 (our own interpreter)
        with nothing_left():
            top = subprocess.Popen(  # noqa: S603 (our own interpreter)
                [sys.executable, "-c", SUPERVISOR, SUPERVISOR, SUPERVISOR], stdout=subprocess.PIPE
            )
            with top:
                assert top.stdout is not None
                below = [psutil.Process(int(top.stdout.readline())) for _ in range(2)]
                top.kill()
            assert all(process.is_running() for process in below), "they outlive it, and nobody waits for them"
        assert not any(process.is_running() for process in below)
        assert earlier.poll() is None, "what ran before is left alone"
        earlier.kill()
