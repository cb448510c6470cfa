"""Which files of a source wait for a run: what a dataflow with `on_arrival` runs for."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from connectors.base import RemoteFile
from headwater.catalog.ledger import FileVersion
from headwater.catalog.observations import Observation
from headwater.flows.begin import is_dead
from headwater.flows.selection import file_matcher, marker_of, orphaned_markers, seconds_to_wait, version_of
from headwater.flows.workspace import Workspace
from headwater.model.documents import Source
from headwater.model.runs import FileState

ASK_AGAIN: Final = timedelta(minutes=1)
"""The ledger is not asked more often what became of files that were told."""
FIRST_PAUSE: Final = timedelta(minutes=10)
LONGEST_PAUSE: Final = timedelta(hours=6)
"""Files that no run took are told again after the first pause, and then after pauses that double up to the longest."""
LOADED_FOR: Final = timedelta(hours=1)
"""So long the ledger is not asked again about files that it calls loaded: a revert may give them back."""
GRACE: Final = timedelta(seconds=30)
"""So long after a file has settled, the run that saw it may still take it by itself."""
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How file versions stand with a dataflow, by their paths; of the others, the catalog knows nothing.

    Attributes:
        loaded: Those that need no run any more.
        held: Those that a living run holds.
        waiting: Those that a run saw and left alone, since they are not complete, and what it remembers of each.
    """

    loaded: frozenset[str] = frozenset()
    held: frozenset[str] = frozenset()
    waiting: Mapping[str, Observation] = field(default_factory=dict)


Ask = Callable[[Sequence[FileVersion]], Standing]


def list_source(workspace: Workspace, account: str, path: str, *, recursive: bool) -> list[RemoteFile]:
    """All files of a folder.

    Raises:
        NotFoundError: there is no such account.
        connectors.errors.ConnectorError: the source cannot be reached, or a folder not listed.
    """
    with workspace.connect(account) as connector:
        return list(connector.list_files(path, recursive=recursive))


def standing(workspace: Workspace, flow: str, versions: Sequence[FileVersion]) -> Standing:
    """How versions stand with a dataflow. What a run holds that died is held by nobody."""
    catalog = workspace.catalog
    known = catalog.ledger.known(flow, [version.path for version in versions])
    states = {
        version.path: {state for _, state in known.get(version.path, {}).get(version.signature, ())}
        for version in versions
    }
    held = {path for path, found in states.items() if FileState.CLAIMED in found}
    if held and any(is_dead(holder, until) for _, holder, until in catalog.flow_runs.open_runs(flow)):
        held = set()
    return Standing(
        loaded=frozenset(path for path, found in states.items() if found - {FileState.CLAIMED}),
        held=frozenset(held),
        waiting=catalog.observations.get(flow, catalog.observations.paths(flow) & states.keys()),
    )


class ArrivalWatch:
    """Tells of files that are complete and that no run has taken: the ledger decides which these are.

    What was told is remembered only to tell it once. It is told again when a run left files for the next one; when time
    alone changes the verdict of the run that found it incomplete, since it has settled or is overdue by now; and, after
    growing pauses, as long as no run takes it: the event may have been lost, or the run may have failed. A new watch,
    as after a restart, asks the ledger about all files.

    Args:
        source: Which files, and when they count as complete.
        since: Files from before it are left alone, and those without a time; None for all.
    """

    def __init__(self, source: Source, *, since: datetime | None = None) -> None:
        self._source = source
        self._matches = file_matcher(source)
        self._since = since
        self._readiness = source.ready
        self._seen: dict[str, datetime] = {}
        self._loaded: set[str] = set()
        self._loaded_until = self._ask_at = self._tell_at = self._told_at = _LONG_AGO
        self._due_at: datetime | None = None
        self._told: set[str] = set()
        self._pause = FIRST_PAUSE
        self._took = False

    def look(self, files: Sequence[RemoteFile], *, now: datetime, ask: Ask) -> int:
        """How many versions in this listing a run is to be started for.

        Args:
            files: All files of the source's folder.
            now: The time of the look.
            ask: How versions stand; what it raises is raised, and the next look asks anew.
        """
        complete = self._complete(files, now)
        if now >= self._loaded_until:
            self._loaded, self._loaded_until = set(), now + LOADED_FOR
        open_versions = {digest: version for digest, version in complete.items() if digest not in self._loaded}
        if not open_versions or (open_versions.keys() <= self._told and now < self._ask_at and not self._is_due(now)):
            return 0
        found = ask(list(open_versions.values()))
        self._ask_at = now + ASK_AGAIN
        return self._tell(open_versions, found, now)

    def _complete(self, files: Sequence[RemoteFile], now: datetime) -> dict[str, FileVersion]:
        """The versions that no longer change, by digest. What is gone is forgotten."""
        listed = {file.path: version_of(file) for file in files}
        orphans = orphaned_markers(listed, self._source)
        versions = {
            _digest(version, self._beside(path, listed)): version
            for path, version in listed.items()
            if self._matches(path) and path not in orphans and self._is_new(version)
        }
        self._seen = {digest: self._seen.get(digest, now) for digest in versions}
        self._loaded &= versions.keys()
        self._told &= versions.keys()
        return {
            digest: version
            for digest, version in versions.items()
            if not seconds_to_wait(version.modified_by, self._seen[digest], now=now, readiness=self._readiness)
        }

    def _tell(self, versions: Mapping[str, FileVersion], found: Standing, now: datetime) -> int:
        loaded = {digest for digest, version in versions.items() if version.path in found.loaded}
        held = {digest for digest, version in versions.items() if version.path in found.held} - loaded
        self._took |= bool(loaded & self._told)
        self._loaded |= loaded
        self._told = (self._told | held) - loaded
        untaken = versions.keys() - loaded - held
        new = untaken - self._told
        left = self._took and any(versions[digest].path not in found.waiting for digest in untaken)
        if not held:
            self._due_at = self._next_verdict([versions[digest] for digest in untaken], found.waiting, now)
        free = not held and (left or self._is_due(now) or now >= self._tell_at)
        if not untaken or not (new or free):
            return 0
        self._pause = FIRST_PAUSE if new or left or self._is_due(now) else min(2 * self._pause, LONGEST_PAUSE)
        self._tell_at = now + self._pause
        self._told_at, self._due_at = now, None
        self._told |= untaken
        self._took = False
        return len(untaken)

    def _is_due(self, now: datetime) -> bool:
        return self._due_at is not None and now >= self._due_at

    def _next_verdict(
        self, versions: Sequence[FileVersion], waiting: Mapping[str, Observation], now: datetime
    ) -> datetime | None:
        """When the first of the files that a run left alone, since these were told last, is to be judged anew."""
        times = []
        for version in versions:
            seen = waiting.get(version.path)
            if seen is not None:
                settled = self._settled_at(version, seen, now)
                times += [settled + GRACE, seen.waiting_since + timedelta(seconds=self._readiness.deadline_seconds)]
        return min((time for time in times if time > self._told_at), default=None)

    def _settled_at(self, version: FileVersion, seen: Observation, now: datetime) -> datetime:
        """When a run sees that a file does not change any more: as `selection.seconds_to_wait` has it."""
        known = [time for time in (version.modified_by, seen.first_seen_at) if time is not None and time <= now]
        return min(known, default=now) + timedelta(seconds=self._readiness.settle_seconds)

    def _is_new(self, version: FileVersion) -> bool:
        if self._since is None:
            return True
        return version.modified_by is not None and version.modified_by > self._since

    def _beside(self, path: str, listed: Mapping[str, FileVersion]) -> list[FileVersion]:
        """The marker and the manifest of a file, as far as they are there."""
        patterns = [pattern for pattern in (self._readiness.marker, self._readiness.manifest) if pattern is not None]
        return [listed[name] for name in (marker_of(path, pattern) for pattern in patterns) if name in listed]


def _digest(version: FileVersion, beside: Sequence[FileVersion]) -> str:
    seen = "|".join(f"{each.path}|{each.signature}" for each in (version, *beside))
    return hashlib.blake2b(seen.encode(), digest_size=9).hexdigest()
