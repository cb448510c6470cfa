"""A strict FTP server that is in wide use: vsftpd, which has no MLSD and wants TLS sessions resumed."""

import os
import pwd
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Literal

from tests.servers.ftp import Certificate, FtpServer, new_certificate
from tests.servers.processes import ServerDiedError, accepts_connections, free_port, running
from tests.servers.tools import require

TlsVersion = Literal["TLSv1.2", "TLSv1.3"]

_ATTEMPTS = 3
_PASSWORD = "correct-horse-battery-staple"


@contextmanager
def vsftpd_server(*, tls: TlsVersion | None = None, most_per_address: int = 0) -> Iterator[FtpServer]:
    """Run vsftpd for one user, to read only.

    The user is vsftpd's anonymous one, who needs a password here: that takes no account of this machine and no PAM.
    Run by root, files are read as a user without rights, so that the server really refuses what it has to. Skips the
    test where vsftpd is not installed.

    Args:
        tls: The newest version that it offers; then every data connection has to resume the control connection's
            session. None serves in clear text only.
        most_per_address: How many connections it takes; 0 sets no limit.
    """
    vsftpd = require("vsftpd", "vsftpd")
    certificate = new_certificate() if tls else None
    with tempfile.TemporaryDirectory(prefix="vsftpd-") as name:
        home = Path(name)
        home.chmod(0o755)
        root = home / "files"
        root.mkdir(0o755)
        (home / "passwords").write_text(f"{_PASSWORD}\n")
        settings = [*_settings(home, root), f"max_per_ip={most_per_address}"]
        if certificate:
            settings += _tls_settings(home, certificate)
        with _listening(vsftpd, home, settings, tls or "TLSv1.3") as port:
            yield FtpServer(
                port=port,
                username="anonymous",
                password=_PASSWORD,
                root=root,
                root_path="/" if _is_root() else str(root),
                certificate=certificate,
            )


@contextmanager
def _listening(vsftpd: Path, home: Path, settings: list[str], newest: TlsVersion) -> Iterator[int]:
    openssl = home / "openssl.cnf"
    openssl.write_text(
        f"openssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\nsystem_default = tls\n[tls]\nMaxProtocol = {newest}\n"
    )
    environment = {**os.environ, "OPENSSL_CONF": str(openssl)}
    with ExitStack() as stack:
        for attempt in range(1, _ATTEMPTS + 1):
            port = free_port()
            config = home / "vsftpd.conf"
            config.write_text("\n".join([*settings, f"listen_port={port}"]) + "\n")
            ready = partial(accepts_connections, port)
            try:
                stack.enter_context(running([vsftpd, config], ready=ready, log=home / "log", env=environment))
                break
            except ServerDiedError:  # somebody else may have taken the port meanwhile
                if attempt == _ATTEMPTS:
                    raise
        yield port


def _settings(home: Path, root: Path) -> list[str]:
    settings = [
        "listen=YES",
        "listen_address=127.0.0.1",
        "background=NO",
        "anonymous_enable=YES",
        "local_enable=NO",
        "write_enable=NO",
        f"anon_root={root}",
        "anon_world_readable_only=NO",
        "secure_email_list_enable=YES",
        f"email_password_file={home}/passwords",
        "delay_failed_login=0",
        "xferlog_enable=NO",
        "seccomp_sandbox=NO",  # it forbids calls that newer kernels and C libraries make
        f"ftp_username={_unprivileged_user()}",
    ]
    if not _is_root():
        return [*settings, "run_as_launching_user=YES"]
    empty = home / "empty"
    empty.mkdir(0o755)
    return [*settings, f"secure_chroot_dir={empty}"]


def _tls_settings(home: Path, certificate: Certificate) -> list[str]:
    (home / "both.pem").touch(0o600)
    (home / "both.pem").write_text(certificate.chain_and_key)
    return [
        "ssl_enable=YES",
        "ssl_ciphers=HIGH",
        "require_ssl_reuse=YES",
        "allow_anon_ssl=YES",
        "force_anon_logins_ssl=YES",
        "force_anon_data_ssl=YES",
        f"rsa_cert_file={home}/both.pem",
        f"rsa_private_key_file={home}/both.pem",
    ]


def _is_root() -> bool:
    return os.geteuid() == 0


def _unprivileged_user() -> str:
    """A user that may do nothing in particular, with a home folder: vsftpd goes there before it goes anywhere."""
    if not _is_root():
        return pwd.getpwuid(os.geteuid()).pw_name
    users = [user for user in pwd.getpwall() if user.pw_uid and Path(user.pw_dir).is_dir()]
    return next(user.pw_name for user in users if user.pw_name in ("daemon", "bin", "games"))
