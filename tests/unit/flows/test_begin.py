import os
import socket
import subprocess
import sys
from datetime import timedelta

import psutil

from headwater.catalog.base import utc_now
from headwater.flows.begin import is_dead


def test_a_process_is_alive_until_it_ends_even_if_nobody_waits_for_it() -> None:
    long_ago = utc_now() - timedelta(days=30)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        seen = psutil.Process(process.pid)
        holder = f"process:{socket.gethostname()}:{process.pid}:{seen.create_time()}"
        assert not is_dead(holder, long_ago)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert seen.status() == psutil.STATUS_ZOMBIE
        assert is_dead(holder, long_ago)
    assert is_dead(holder, utc_now() + timedelta(days=1))
