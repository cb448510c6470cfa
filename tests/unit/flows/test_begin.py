import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta

import psutil
import pytest

from headwater.catalog.base import utc_now
from headwater.flows.begin import is_dead
from headwater.flows.processes import began_at, is_at_work


def by_clock(pid: int) -> str:
    return str(psutil.Process(pid).create_time())


@pytest.mark.parametrize("began", [began_at, by_clock])
def test_a_process_is_alive_until_it_ends_even_if_nobody_waits_for_it(began: Callable[[int], str]) -> None:
    long_ago = utc_now() - timedelta(days=30)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        holder = f"process:{socket.gethostname()}:{process.pid}:{began(process.pid)}"
        assert not is_dead(holder, long_ago)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE
        assert is_dead(holder, long_ago)
    assert is_dead(holder, utc_now() + timedelta(days=1))


def test_another_process_of_the_same_number_is_not_taken_for_it() -> None:
    pid = os.getpid()
    ticks, _, boot = began_at(pid).partition("@")
    assert is_at_work(pid, f"{ticks}@{boot}")
    assert not is_at_work(pid, f"{int(ticks) + 1}@{boot}"), "one that began a moment later"
    assert not is_at_work(pid, f"{ticks}@{boot[::-1]}"), "one that began so long after another start of the machine"
    assert not is_at_work(pid, str(float(by_clock(pid)) + 3600))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts from the start of the machine")
def test_when_a_process_began_does_not_hang_on_the_clock() -> None:
    """The kernel's clock since the start is what nobody can set; what psutil tells moves with the clock."""
    ticks = int(began_at(os.getpid()).partition("@")[0])
    since_boot = time.clock_gettime(time.CLOCK_BOOTTIME)
    age = since_boot - ticks / os.sysconf("SC_CLK_TCK")
    assert 0 <= age < 24 * 3600


def test_a_process_whose_name_looks_like_fields_is_known() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "open('/proc/self/comm', 'w').write('a) R 1 2'); print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        before = began_at(process.pid)
        process.stdout.readline()
        assert began_at(process.pid) == before
        process.kill()
    with pytest.raises(psutil.NoSuchProcess):
        began_at(process.pid)
