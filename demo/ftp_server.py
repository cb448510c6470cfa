"""A real FTP or FTPS server over one folder, as a process of its own: `python -m demo.ftp_server KIND ROOT READY`.

Listens on the loopback interface only, on a port that the system picks, and serves files to be read. User `luma`; the
password comes in the environment. With TLS it shows a certificate of an authority of its own, both made when it
starts. Once it listens it writes its address and the authority's certificate to the file READY.
"""

import os
import sys
import tempfile
from pathlib import Path
from typing import Final

import trustme
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler, TLS_FTPHandler
from pyftpdlib.servers import FTPServer

from demo.announce import announce
from demo.credentials import FTP_PASSWORD_VARIABLE, FTPS_PASSWORD_VARIABLE, USERNAME

_PASSWORDS: Final = {"ftp": FTP_PASSWORD_VARIABLE, "ftps": FTPS_PASSWORD_VARIABLE}
_LIST_AND_READ = "elr"


def serve(kind: str, root: Path, password: str, ready: Path) -> None:
    """Serve until the process is ended; with TLS, nobody gets in or sees a file without."""
    params: dict[str, object] = {"host": "127.0.0.1", "username": USERNAME}
    authorizer = DummyAuthorizer()
    authorizer.add_user(USERNAME, password, str(root), perm=_LIST_AND_READ)
    with tempfile.TemporaryDirectory() as folder:
        handler = FTPHandler
        if kind == "ftps":
            authority = trustme.CA()
            params["ca_certificate"] = authority.cert_pem.bytes().decode()
            handler = _encrypting(authority, Path(folder))
        handler.authorizer = authorizer
        server = FTPServer(("127.0.0.1", 0), handler)  # has read the certificate by now
    announce(ready, params | {"port": server.address[1]})
    server.serve_forever()


def _encrypting(authority: trustme.CA, folder: Path) -> type[TLS_FTPHandler]:
    """Return a handler that insists on TLS; its certificate and key are in the folder."""
    path = folder / "chain-and-key.pem"
    authority.issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.write_to_path(path)
    handler: type[TLS_FTPHandler] = TLS_FTPHandler
    handler.certfile = str(path)
    handler.tls_control_required = handler.tls_data_required = True
    return handler


def main() -> None:
    """Read the command line and serve."""
    kind, root, ready = sys.argv[1:]
    serve(kind, Path(root), os.environ[_PASSWORDS[kind]], Path(ready))


if __name__ == "__main__":
    main()
