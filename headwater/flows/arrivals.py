"""Which files of a source have arrived since somebody looked last: what a dataflow with `on_arrival` waits for."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from connectors.base import RemoteFile
from headwater.catalog.ledger import FileVersion
from headwater.flows.selection import file_matcher, marker_of, orphaned_markers, seconds_to_wait, version_of
from headwater.flows.workspace import Workspace
from headwater.model.documents import Source


def list_source(workspace: Workspace, account: str, path: str, *, recursive: bool) -> list[RemoteFile]:
    """All files of a folder.

    Raises:
        NotFoundError: there is no such account.
        connectors.errors.ConnectorError: the source cannot be reached, or a folder not listed.
    """
    with workspace.connect(account) as connector:
        return list(connector.list_files(path, recursive=recursive))


class ArrivalWatch:
    """Tells each version of a dataflow's files once, as soon as it is complete.

    What was told is remembered as short digests, of the versions that the source still has: `told` can be kept and
    given to the next watch. A marker or manifest that comes or changes beside a file makes a version of it that is told
    again: what they say, and the ledger, are the flow run's business.

    Args:
        source: Which files, and when they count as complete.
        told: Digests of versions that were told before.
    """

    def __init__(self, source: Source, told: Collection[str] = ()) -> None:
        self._source = source
        self._matches = file_matcher(source)
        self._readiness = source.ready
        self._told = set(told)
        self._seen: dict[str, datetime] = {}

    @property
    def told(self) -> list[str]:
        """Digests of the versions that were told and are still there, in order."""
        return sorted(self._told)

    def look(self, files: Sequence[RemoteFile], *, now: datetime) -> int:
        """How many versions in this listing are complete and were not told before; they count as told now."""
        listed = {file.path: version_of(file) for file in files}
        orphans = orphaned_markers(listed, self._source)
        versions = {
            _digest(version, self._beside(path, listed)): version
            for path, version in listed.items()
            if self._matches(path) and path not in orphans
        }
        self._seen = {digest: self._seen.get(digest, now) for digest in versions}
        arrived = {
            digest
            for digest, version in versions.items()
            if digest not in self._told
            and not seconds_to_wait(version.modified_by, self._seen[digest], now=now, readiness=self._readiness)
        }
        self._told = (self._told & versions.keys()) | arrived
        return len(arrived)

    def _beside(self, path: str, listed: Mapping[str, FileVersion]) -> list[FileVersion]:
        """The marker and the manifest of a file, as far as they are there."""
        patterns = [pattern for pattern in (self._readiness.marker, self._readiness.manifest) if pattern is not None]
        return [listed[name] for name in (marker_of(path, pattern) for pattern in patterns) if name in listed]


def _digest(version: FileVersion, beside: Sequence[FileVersion]) -> str:
    seen = "|".join(f"{each.path}|{each.signature}" for each in (version, *beside))
    return hashlib.blake2b(seen.encode(), digest_size=9).hexdigest()
