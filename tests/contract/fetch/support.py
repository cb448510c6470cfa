"""What the tests of fetching do to the server, and know of its file."""

import os

from connectors import Connector
from headwater.flows.patience import Patience
from headwater.model.paths import stored_path
from headwater.model.runs import FileState, SourceFile
from tests.servers.asyncssh_sftp import AsyncsshServer

MIB = 1024 * 1024
AT_ONCE = Patience(pause=lambda _: None)


def put(server: AsyncsshServer, content: bytes, *, modified: int = 1_700_000_000) -> None:
    """Write the file anew, as a sender does who renames it into place."""
    (server.root / "new").write_bytes(content)
    os.utime(server.root / "new", (modified, modified))
    (server.root / "new").rename(server.root / "a.bin")


def listed(connector: Connector) -> SourceFile:
    """The one file, as a flow run knows it."""
    (file,) = connector.list_files("")
    return SourceFile(
        id="1",
        flow="f",
        path=stored_path(file.path),
        size_bytes=file.size_bytes,
        modified_at=file.modified_at,
        version=file.version,
        sha256=None,
        state=FileState.CLAIMED,
        flow_run_id="r",
        group=0,
    )


def nothing(_count: int) -> None:
    """Hear of bytes."""
