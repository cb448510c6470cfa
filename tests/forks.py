"""Processes of their own for tests: a server imports once what they need, and forks each of them in no time."""

import multiprocessing
import os
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Final

FORKS: Final = multiprocessing.get_context("forkserver")
"""Where to take processes, events and barriers from. A process has the environment of the time of the first one."""
FORKS.set_forkserver_preload(["tests.preload"])

_MOST_SECONDS: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a process ended: its exit code, negative for a signal, and what it raised, with the traceback."""

    exitcode: int | None
    raised: str


def run_apart(main: Callable[..., object], *arguments: object, variables: Mapping[str, str] | None = None) -> End:
    """Call a function in a process of its own that has our environment, with these variables too.

    Raises:
        TimeoutError: it does not end.
    """
    receiver, sender = FORKS.Pipe(duplex=False)
    environment = {**os.environ, **(variables or {})}
    process = FORKS.Process(target=_call, args=(sender, environment, main, arguments))
    process.start()
    sender.close()
    try:
        with receiver:
            if not receiver.poll(_MOST_SECONDS):
                raise TimeoutError(f"{main!r} does not end in {_MOST_SECONDS} s")
            try:
                raised = str(receiver.recv())
            except EOFError:
                raised = ""
        process.join(_MOST_SECONDS)
        return End(exitcode=process.exitcode, raised=raised)
    finally:
        process.kill()
        process.join()


def _call(
    sender: "Connection[Any, Any]",
    environment: Mapping[str, str],
    main: Callable[..., object],
    arguments: tuple[object, ...],
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    try:
        main(*arguments)
    except Exception:
        sender.send(traceback.format_exc())
        raise
