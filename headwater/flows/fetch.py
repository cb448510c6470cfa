"""Bring one file here, whole and unchanged, and say what its bytes are."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from connectors.base import Connector
from connectors.errors import FileChangedError
from headwater.flows.kept import KeptTransfers, open_spool
from headwater.flows.patience import Patience
from headwater.flows.spool import Span
from headwater.flows.transfer import Transfer
from headwater.model.runs import SourceFile


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedFile:
    """A file's bytes in a temporary file; `changed` says how it changed meanwhile, or None."""

    stream: BinaryIO
    sha256: str
    size_bytes: int
    changed: str | None


@contextmanager
def fetch_file(
    connector: Connector,
    file: SourceFile,
    *,
    on_bytes: Callable[[int], None],
    patience: Patience | None = None,
    kept: KeptTransfers | None = None,
) -> Iterator[FetchedFile]:
    """Copy the file's bytes to a temporary file, hashing them on the way; `Transfer` says what it promises.

    Args:
        connector: The source.
        file: As it was listed.
        on_bytes: Hears of each block; of 0 bytes before each further try.
        patience: How long to go on with a source that keeps failing.
        kept: Where an earlier try has left what came, and this one leaves it; without it, each begins anew.

    Raises:
        connectors.errors.ConnectorError: it is gone, cannot be read, or was cut short again and again.
    """
    span = Span()
    with open_spool(kept, file, span, on_bytes) as spool:
        transfer = Transfer(connector, file, span, spool, on_bytes)
        try:
            changed = transfer.run(patience or Patience())
        except FileChangedError as error:
            changed = str(error)
        yield FetchedFile(
            stream=spool.from_the_start(), sha256=spool.sha256, size_bytes=spool.size_bytes, changed=changed
        )
