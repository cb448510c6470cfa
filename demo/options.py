"""What may be asked on the command line."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from demo.state import REPOSITORY


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked.

    Attributes:
        state: Folder of the state.
        once: Whether to end by itself.
        fresh: Whether to throw an earlier demo's state away.
        port: Port of Airflow and the pages, None if it does not matter.
    """

    state: Path
    once: bool
    fresh: bool
    port: int | None


def parse_options(arguments: Sequence[str]) -> Options:
    """Read the command line; says what is wrong and exits where it can't be read."""
    parser = argparse.ArgumentParser(
        prog="python -m demo",
        description="Run the Luma example: five sample sources, Airflow and a dataflow from each.",
    )
    parser.add_argument("--once", action="store_true", help="end by itself; exit status 0 if all was right, else 1")
    begin = parser.add_mutually_exclusive_group()
    begin.add_argument("--keep", action="store_true", help="go on from an earlier demo's state, if any (the default)")
    begin.add_argument("--fresh", action="store_true", help="throw an earlier demo's state away first")
    parser.add_argument("--port", type=_port, help="port of Airflow and the pages (default: 8080 if it is free)")
    parser.add_argument("--state", type=Path, default=REPOSITORY / ".demo", help="folder of the state (%(default)s)")
    parsed = parser.parse_args(arguments)
    return Options(state=parsed.state, once=parsed.once, fresh=parsed.fresh, port=parsed.port)


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; give a number from 1 to 65535")
    return int(text)
