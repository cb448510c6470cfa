"""What a connector needs of an object store, whichever it is."""

import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from connectors.base import CheckStep
from connectors.errors import ConnectorError
from connectors.objects.checksums import Checksum

_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """One version of an object.

    Attributes:
        key: Its name in the bucket.
        size_bytes: None if the store did not say.
        modified_at: Aware, UTC; None if the store did not say.
        version: What tells this version from others; None if the store has nothing of the kind.
        etag: What every answer about this version carries; None if the store sends none.
        checksum: Of the whole object; None in a listing, and where the store keeps none that can be verified.
    """

    key: str
    size_bytes: int | None
    modified_at: datetime | None
    version: str | None
    etag: str | None = None
    checksum: Checksum | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A part of a listing: objects, and what further keys begin with up to a slash."""

    objects: Iterable[StoredObject]
    prefixes: Iterable[str]


class ObjectStore(Protocol):
    """One bucket. It connects when it is first used, and again after `close`. Every method raises `ConnectorError`."""

    source: str
    """The bucket's name for people."""

    def pages(self, prefix: str, *, delimiter: str, folder: str) -> Iterator[Page]:
        """Yield the current objects whose keys begin with `prefix`, page by page; `folder` is for messages."""

    def find(self, key: str, *, path: str, version: str | None) -> StoredObject:
        """Return the object as it is now, or as it was in that version; `path` is for messages.

        Raises:
            FileGoneError: There is no such object.
            FileChangedError: It is no longer of that version.
        """

    def open_range(
        self, found: StoredObject, start: int, stop: int, *, path: str
    ) -> AbstractContextManager[Iterable[bytes]]:
        """See `OpenRange`: the bytes of exactly this version."""

    def steps(self) -> tuple[CheckStep, ...]:
        """Return what was done to get a listing: `reach`, `trust` where there is TLS, `authenticate`."""

    def close(self) -> None:
        """Close all connections."""


def check_range(
    content_range: str | None, start: int, stop: int, found: StoredObject, *, source: str, path: str
) -> None:
    """Make sure that an answer holds the bytes from `start` up to `stop`.

    Args:
        content_range: The answer's header; None means that it is the whole file.
        start: The first byte that was asked for.
        stop: The byte after the last one.
        found: The object.
        source: The source's name for people.
        path: The file, for messages.

    Raises:
        ConnectorError: It holds others.
    """
    said = _RANGE.fullmatch(content_range or "")
    if said is None and not content_range and (start, stop) == (0, found.size_bytes):
        return
    if said and (int(said[1]), int(said[2]) + 1) == (start, stop) and said[3] in ("*", str(found.size_bytes)):
        return
    raise ConnectorError(
        f"{source} was asked for bytes {start} to {stop - 1} of file {path!r}, and sent "
        f"{content_range or 'the whole file'}. Nothing of it was used. Check that the account's address is that of "
        "such a store.",
        source,
    )
