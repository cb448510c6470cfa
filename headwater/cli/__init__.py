"""The command `headwater`: whatever people can do from a shell.

Start with `app`; each module beside it holds the commands of one subject. Modules import the rest of Headwater inside
their functions, so that `headwater --help` answers at once.
"""


def main() -> None:
    """Run the command line; exits the process."""
    from headwater.cli.app import app

    app()
