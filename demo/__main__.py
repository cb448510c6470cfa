"""The demo's command line: `python -m demo`, or `make demo`."""

import os
import sys

from rich.markup import escape

from demo.console import make_console
from demo.errors import DemoError, Stopped
from demo.options import parse_options
from demo.processes import raise_when_stopped

_GOODBYE = "Stopped; nothing is left running."


def main() -> int:
    """Run the demo; returns the exit status: 0 if all was right, 130 if somebody ended it too early to tell, else 1."""
    options = parse_options(sys.argv[1:])
    console = make_console()
    raise_when_stopped()
    try:
        console.print(f"Headwater's demo. Its state is kept in {options.state}.", highlight=False, soft_wrap=True)
        from demo.environment import plain_environment
        from demo.tour import run_tour

        for name in set(os.environ) - set(plain_environment(os.environ)):
            del os.environ[name]
        all_right = run_tour(options, console)
    except DemoError as error:
        console.print(f"[red]✗[/red] {escape(str(error))}", highlight=False, soft_wrap=True)
        return 1
    except Stopped:
        console.print(_GOODBYE)
        return 130
    if not options.once:
        console.print(_GOODBYE)
    return 0 if all_right else 1


if __name__ == "__main__":
    sys.exit(main())
