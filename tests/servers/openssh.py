"""The reference SFTP server: OpenSSH's sshd."""

import getpass
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from tests.servers.processes import ServerDiedError, accepts_connections, free_port, running
from tests.servers.sftp import SftpServer, key_text, new_key, public_line
from tests.servers.tools import require

_ATTEMPTS = 3


@contextmanager
def openssh_server() -> Iterator[SftpServer]:
    """Run sshd for SFTP only, with an Ed25519 and an RSA host key, and a key and an authority to log in with.

    Run by root, the user who logs in is `nobody`, so that the server really refuses what it has to; otherwise it is
    the one who runs the tests. Skips the test where sshd is not installed.
    """
    sshd = require("sshd", "openssh-server")
    with tempfile.TemporaryDirectory(prefix="sshd-") as name:
        home = Path(name)
        home.chmod(0o755)
        root = home / "files"
        root.mkdir()
        root.chmod(0o777)
        host_keys = [new_key(), new_key("ssh-rsa")]
        client_key, user_authority = new_key(), new_key()
        for number, key in enumerate(host_keys):
            (home / f"host_key_{number}").touch(0o600)
            (home / f"host_key_{number}").write_text(key_text(key))
        (home / "user_authority.pub").write_text(public_line(user_authority) + "\n")
        (home / "authorized_keys").write_text(public_line(client_key) + "\n")
        with _listening(sshd, home, len(host_keys)) as port:
            yield SftpServer(
                port=port,
                host_key=host_keys[0].get_fingerprint(),
                public_key=public_line(host_keys[0]),
                username="nobody" if os.geteuid() == 0 else getpass.getuser(),
                private_key=key_text(client_key),
                password=None,
                root=root,
                root_path=str(root),
                key=client_key,
                other_host_keys=tuple(key.get_fingerprint() for key in host_keys[1:]),
                user_authority=user_authority,
            )


@contextmanager
def _listening(sshd: Path, home: Path, host_keys: int) -> Iterator[int]:
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with ExitStack() as stack:
        for attempt in range(1, _ATTEMPTS + 1):
            port = free_port()
            config = home / "sshd_config"
            config.write_text("\n".join(_settings(sshd, home, host_keys, port)) + "\n")
            command: list[str | Path] = [sshd, "-D", "-e", "-f", config]
            try:
                stack.enter_context(running(command, ready=partial(accepts_connections, port), log=home / "log"))
                break
            except ServerDiedError:  # somebody else may have taken the port meanwhile
                if attempt == _ATTEMPTS:
                    raise
        yield port


def _settings(sshd: Path, home: Path, host_keys: int, port: int) -> list[str]:
    settings = [
        f"Port {port}",
        "ListenAddress 127.0.0.1",
        *(f"HostKey {home}/host_key_{number}" for number in range(host_keys)),
        "PidFile none",
        "UsePAM no",
        "AuthenticationMethods publickey",
        f"AuthorizedKeysFile {home}/authorized_keys",
        f"TrustedUserCAKeys {home}/user_authority.pub",
        "StrictModes no",
        "MaxStartups 100",
        "Subsystem sftp internal-sftp",
        "ForceCommand internal-sftp",
    ]
    if _version(sshd) >= (9, 8):  # it would lock 127.0.0.1 out after the tests' wrong keys
        settings.append("PerSourcePenalties no")
    return settings


def _version(sshd: Path) -> tuple[int, int]:
    output = subprocess.run([sshd, "-V"], capture_output=True, text=True, check=False)  # noqa: S603 (sshd itself)
    found = re.search(r"OpenSSH_(\d+)\.(\d+)", output.stdout + output.stderr)
    return (int(found[1]), int(found[2])) if found else (0, 0)
