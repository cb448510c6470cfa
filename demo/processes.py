"""Processes that the demo starts, and how they all end with it.

Each runs in a session of its own, so that Ctrl-C in the terminal reaches the demo alone, which then ends them in order.
On Linux, processes that lost their parent come back to the demo (it is a "child subreaper"), and the direct children
end even if the demo is killed.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Final, Self, TypeVar

import psutil

from demo.errors import DemoError, Stopped

T = TypeVar("T")

LEASH: Final = Path(__file__).with_name("leash.py")
"""Program that starts another one so that it ends with its parent."""
_PR_SET_CHILD_SUBREAPER = 36
STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What asks the demo to end."""

_KILL_ROUNDS: Final = 5  # a process that was being started survives the first
_POLL_SECONDS: Final = 0.1
_LOG_LINES_SHOWN = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A process that the demo started. `log` has its output."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path


class ProcessTree:
    """Everything that the demo runs beside itself; a context manager that leaves nothing behind.

    There is one for the life of the process: leaving it ends every descendant, whoever started it, those that do not
    end within `patience_seconds` by force. Use it from the main thread, since on Linux a child ends with the thread
    that started it.
    """

    def __init__(self, logs: Path, *, patience_seconds: float = 3.0) -> None:
        self._logs = logs
        self._patience_seconds = patience_seconds
        self._children: list[Child] = []

    def __enter__(self) -> Self:
        """Take in orphans from now on."""
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End everything; further signals do not disturb it."""
        _ignore_stop_signals()
        self.stop()

    def start(self, name: str, command: Sequence[str], env: Mapping[str, str], cwd: Path) -> Child:
        """Start a command whose output goes to `{name}.log`; its standard input is empty.

        Args:
            name: Names the log file and the process in messages.
            command: The program, with its path, and its arguments; no secrets, since others can see them.
            env: The whole environment.
            cwd: Where to run it.
        """
        log = self._logs / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 (the demo's own command lines, no shell)
                [sys.executable, "-SE", str(LEASH), str(os.getpid()), *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
            )
        child = Child(name=name, process=process, log=log)
        self._children.append(child)
        return child

    def finish(self, child: Child, timeout_seconds: float) -> None:
        """Wait until a command has ended well.

        Raises:
            DemoError: It ended with another status, or not in time; shows the end of its log.
        """
        self._children.remove(child)
        try:
            status = child.process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self._children.append(child)
            raise DemoError(f"{child.name} did not end within {timeout_seconds:.0f} s.{log_tail(child.log)}") from None
        if status != 0:
            raise DemoError(f"{child.name} ended with status {status}.{log_tail(child.log)}")

    def check(self) -> None:
        """Make sure that every server still runs.

        Raises:
            DemoError: One has ended; shows the end of its log.
        """
        for child in self._children:
            if (status := child.process.poll()) is not None:
                raise DemoError(f"{child.name} ended by itself, with status {status}.{log_tail(child.log)}")

    def wait_for(self, what: str, probe: Callable[[], T | None], timeout_seconds: float) -> T:
        """Call `probe` until it returns something; all servers have to keep running meanwhile.

        Raises:
            DemoError: It took too long, or a server ended.
        """
        deadline = time.monotonic() + timeout_seconds
        while (found := probe()) is None:
            self.check()
            if time.monotonic() > deadline:
                logs = ", ".join(str(child.log) for child in self._children)
                raise DemoError(f"Waited {timeout_seconds:.0f} s in vain for {what}. The logs: {logs}.")
            time.sleep(_POLL_SECONDS)
        return found

    def stop(self) -> None:
        """End every descendant: first politely, after a few seconds by force. May be called twice."""
        me = psutil.Process()
        descendants = me.children(recursive=True)
        for process in descendants:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
        psutil.wait_procs(descendants, timeout=self._patience_seconds)
        for _ in range(_KILL_ROUNDS):
            descendants = me.children(recursive=True)
            for process in descendants:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(descendants, timeout=self._patience_seconds)
        for child in self._children:
            child.process.poll()
        self._children.clear()


def raise_when_stopped() -> None:
    """From now on, the first signal that asks the process to end raises `Stopped`; those after it do nothing."""
    for number in STOP_SIGNALS:
        signal.signal(number, _stop)


def _stop(number: int, _frame: FrameType | None) -> None:
    _ignore_stop_signals()
    raise Stopped(signal.Signals(number).name)


def _ignore_stop_signals() -> None:
    """Let the signals do nothing; `SIG_IGN` would be handed down to processes that are started later."""
    for number in STOP_SIGNALS:
        signal.signal(number, lambda _number, _frame: None)


def log_tail(log: Path) -> str:
    """Return the last lines of a log, with its path, as the end of a message."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return "\n".join([f" The end of {log}:", *(f"    {line}" for line in lines[-_LOG_LINES_SHOWN:])])
