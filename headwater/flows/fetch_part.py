"""Bring one part of a divided file here, and make sure that it is what it was when the file was divided."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from connectors.base import Connector
from connectors.errors import FileChangedError
from headwater.flows.kept import KeptTransfers, open_spool
from headwater.flows.patience import Patience
from headwater.flows.spool import Span
from headwater.flows.transfer import Transfer
from headwater.model.parts import FilePart
from headwater.model.runs import SourceFile


@contextmanager
def fetch_part(
    connector: Connector,
    file: SourceFile,
    part: FilePart,
    *,
    on_bytes: Callable[[int], None],
    patience: Patience | None = None,
    kept: KeptTransfers | None = None,
) -> Iterator[BinaryIO]:
    """Copy the part's bytes to a temporary file; `Transfer` says what it promises.

    Args:
        connector: The source.
        file: As it was listed.
        part: Which of its bytes, and what they have to be.
        on_bytes: Hears of each block; of 0 bytes before each further try.
        patience: How long to go on with a source that keeps failing.
        kept: Where an earlier try has left what came, and this one leaves it; without it, each begins anew.

    Raises:
        connectors.errors.FileChangedError: they are not the bytes that were there when the file was divided.
        connectors.errors.ConnectorError: the file is gone, cannot be read, or was cut short again and again.
    """
    span = Span(offset=part.offset, size_bytes=part.size_bytes)
    with open_spool(kept, file, span, on_bytes) as spool:
        changed = Transfer(connector, file, span, spool, on_bytes).run(patience or Patience())
        if changed is not None or spool.sha256 != part.sha256:
            how = "" if changed is None else f" ({changed})"
            raise FileChangedError(
                f"file {file.path!r} was changed after it was divided into parts{how}: bytes {part.offset:,} to "
                f"{part.offset + part.size_bytes:,} are not what they were. Nothing of it is loaded; the next run of "
                "the dataflow takes it as it is then.",
                "",
                file.path,
                file.version or "",
            )
        yield spool.from_the_start()
