"""Whether a file is still the one that was listed, as far as a source tells."""

from typing import Final

from connectors.base import RemoteFile
from headwater.catalog.ledger import FileVersion
from headwater.model.runs import SourceFile

OVERLAP_BYTES: Final = 64 * 1024
"""So many bytes before a cut are read again, and have to be the same."""


def difference(listed: SourceFile | FileVersion, now: RemoteFile, when: str) -> str | None:
    """Return how a file is not what was listed, as far as both tell; None if it is.

    Where there are versions, they decide: object stores give times of other precision in a listing than for one object.
    """
    if listed.size_bytes is not None and now.size_bytes is not None and now.size_bytes != listed.size_bytes:
        return f"{listed.size_bytes} bytes when listed, {now.size_bytes} {when}"
    if listed.version is not None and now.version is not None:
        return None if now.version == listed.version else f"replaced by version {now.version} {when}"
    if listed.modified_at is not None and now.modified_at is not None and now.modified_at != listed.modified_at:
        return f"modified at {now.modified_at.isoformat()}, {when}"
    return None


def can_be_told_apart(listed: SourceFile | FileVersion, now: RemoteFile) -> bool:
    """Return whether a replaced file would show, so that a transfer may go on where it was cut."""
    exact = now.precision_seconds <= 1
    same_time = exact and listed.modified_at is not None and listed.modified_at == now.modified_at
    return same_time or (listed.version is not None and listed.version == now.version)
