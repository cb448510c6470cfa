"""Bring one part of a divided file here, and make sure that it is what it was when the file was divided."""

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from connectors.base import Connector
from connectors.errors import FileChangedError
from headwater.flows.fetch import BLOCK_BYTES
from headwater.model.parts import FilePart
from headwater.model.paths import source_path
from headwater.model.runs import SourceFile


@contextmanager
def fetch_part(
    connector: Connector, file: SourceFile, part: FilePart, *, on_bytes: Callable[[int], None]
) -> Iterator[BinaryIO]:
    """Copy the part's bytes to a temporary file that vanishes with it; `on_bytes` hears of each block.

    Raises:
        connectors.errors.FileChangedError: they are not the bytes that were there when the file was divided.
        connectors.errors.ConnectorError: the file is gone, cannot be read, or was cut short.
    """
    digest = hashlib.sha256()
    path = source_path(file.path)
    with tempfile.TemporaryFile(prefix="headwater-") as spool:
        with connector.open_file(path, offset=part.offset, length=part.size_bytes, version=file.version) as stream:
            while block := stream.read(BLOCK_BYTES):
                digest.update(block)
                spool.write(block)
                on_bytes(len(block))
        if digest.hexdigest() != part.sha256:
            raise FileChangedError(
                f"file {file.path!r} was changed after it was divided into parts: bytes {part.offset:,} to "
                f"{part.offset + part.size_bytes:,} are not what they were. Nothing of it is loaded; the next run of "
                "the dataflow takes it as it is then.",
                "",
                file.path,
                file.version or "",
            )
        spool.seek(0)
        yield cast(BinaryIO, spool)
