"""Bring one file here, whole and unchanged, and say what its bytes are."""

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

from connectors.base import Connector
from headwater.model.paths import source_path
from headwater.model.runs import SourceFile

BLOCK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedFile:
    """A file's bytes in a temporary file that vanishes with it; `changed` says how it changed meanwhile, or None."""

    stream: BinaryIO
    sha256: str
    size_bytes: int
    changed: str | None


@contextmanager
def fetch_file(connector: Connector, file: SourceFile, *, on_bytes: Callable[[int], None]) -> Iterator[FetchedFile]:
    """Copy the file's bytes to a temporary file, hashing them on the way; `on_bytes` hears of each block.

    Looking at the file once more after the last byte is the second of the two looks that tell whether it was still
    being written: size, time and the store's version must be as they were listed.

    Raises:
        connectors.errors.ConnectorError: it is gone, cannot be read, or was cut short.
    """
    digest = hashlib.sha256()
    size_bytes = 0
    path = source_path(file.path)
    with tempfile.TemporaryFile(prefix="headwater-") as spool:
        with connector.open_file(path) as stream:
            while block := stream.read(BLOCK_BYTES):
                digest.update(block)
                spool.write(block)
                size_bytes += len(block)
                on_bytes(len(block))
        spool.seek(0)
        yield FetchedFile(
            stream=cast(BinaryIO, spool),
            sha256=digest.hexdigest(),
            size_bytes=size_bytes,
            changed=_change(connector, path, file, size_bytes),
        )


def _change(connector: Connector, path: str, file: SourceFile, size_bytes: int) -> str | None:
    if file.size_bytes is not None and size_bytes != file.size_bytes:
        return f"{file.size_bytes} bytes when listed, {size_bytes} when read"
    now = connector.stat_file(path)
    if now.size_bytes is not None and now.size_bytes != size_bytes:
        return f"{size_bytes} bytes when read, {now.size_bytes} afterwards"
    if file.modified_at is not None and now.modified_at is not None and now.modified_at != file.modified_at:
        return f"modified at {now.modified_at.isoformat()}, while it was read"
    if file.version is not None and now.version is not None and now.version != file.version:
        return f"replaced by version {now.version} while it was read"
    return None
