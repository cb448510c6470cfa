"""Runs a command that ends when the process that started it ends, even if that was killed (Linux only).

Started by path, before anything is importable: `python leash.py PARENT_PID COMMAND ARGUMENT…`.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Become the command, on the leash of the parent; end at once if the parent has already gone."""
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != int(parent):
            sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 (the demo's own command lines, no shell)


if __name__ == "__main__":
    main()
