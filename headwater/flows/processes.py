"""Whether a process of this machine still works: known by its number, and by when it began.

Numbers are used again, and the machine's clock may be set while a process runs. So on Linux the time counts from the
start of the machine, in the kernel's ticks, together with the kernel's id of that start (proc(5): field 22 of
`/proc/PID/stat`, and `/proc/sys/kernel/random/boot_id`). Elsewhere it is the clock's time that psutil tells.
"""

import os
import socket
from pathlib import Path
from typing import Final

import psutil

_PROC: Final = Path("/proc")
_BOOT_ID: Final = _PROC / "sys/kernel/random/boot_id"
_START_TIME: Final = 22 - 3
"""Its place among the fields after the command's name, which is in parentheses and may hold anything."""
_ENDED: Final = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)


def began_at(pid: int) -> str:
    """When a process began, in a form that tells it from any other of that number; without colons.

    Raises:
        psutil.NoSuchProcess: there is none.
    """
    ticks = _ticks(pid)
    return f"{ticks}@{_BOOT_ID.read_text().strip()}" if ticks is not None else str(psutil.Process(pid).create_time())


def is_at_work(pid: int, began: str) -> bool:
    """Whether that very process runs. One that has ended and was not waited for by its parent does no work either."""
    try:
        return _is_same(pid, began) and psutil.Process(pid).status() not in _ENDED
    except psutil.NoSuchProcess:
        return False


def this_process() -> str:
    """This process as a holder: what others can tell from that it works."""
    pid = os.getpid()
    return f"process:{socket.gethostname()}:{pid}:{began_at(pid)}"


def has_ended(holder: str) -> bool | None:
    """Whether a holder's process is gone; None where that cannot be told from here."""
    kind, _, rest = holder.partition(":")
    if kind != "process":
        return None
    host, pid, began = rest.rsplit(":", 2)
    return not is_at_work(int(pid), began) if host == socket.gethostname() else None


def _is_same(pid: int, began: str) -> bool:
    if "@" in began:
        return began_at(pid) == began
    return abs(psutil.Process(pid).create_time() - float(began)) < 1.0


def _ticks(pid: int) -> int | None:
    """From the start of the machine to that of the process; None where there is no `/proc` that tells."""
    if not _BOOT_ID.exists():
        return None
    try:
        fields = (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        raise psutil.NoSuchProcess(pid) from None
    return int(fields[_START_TIME])
