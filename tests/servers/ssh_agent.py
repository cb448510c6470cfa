"""A real SSH agent, OpenSSH's."""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.servers.processes import running
from tests.servers.tools import require


@contextmanager
def ssh_agent(keys: Sequence[str]) -> Iterator[Path]:
    """Run an agent that holds private keys, given in OpenSSH's text form; yields its socket."""
    agent, add = require("ssh-agent", "openssh-client"), require("ssh-add", "openssh-client")
    with tempfile.TemporaryDirectory(prefix="agent-") as name:
        home = Path(name)
        path = home / "socket"
        with running([agent, "-D", "-a", path], ready=path.is_socket, log=home / "log"):
            for key in keys:
                subprocess.run(  # noqa: S603 (OpenSSH's own program)
                    [add, "-q", "-"], input=key, text=True, check=True, env=os.environ | {"SSH_AUTH_SOCK": str(path)}
                )
            yield path
