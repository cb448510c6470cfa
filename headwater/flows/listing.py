"""What a source holds that a run could take, and what has to wait."""

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from connectors.base import Connector, RemoteFile
from headwater.catalog.base import utc_now
from headwater.catalog.ledger import MAX_PATH_BYTES, FileVersion
from headwater.errors import DocumentError
from headwater.flows.completeness import rules_digest
from headwater.flows.context import RunContext
from headwater.flows.manifests import MAX_BYTES, parse_manifest
from headwater.flows.plans import format_options
from headwater.flows.readiness import (
    BROKEN_MANIFEST,
    SET_INCOMPLETE,
    UNMARKED,
    Obstacle,
    Waiting,
    contradiction,
    judge,
    remarks,
)
from headwater.flows.selection import (
    Window,
    file_matcher,
    files_beside,
    marker_of,
    orphaned_markers,
    seconds_to_wait,
    version_of,
)
from headwater.flows.workspace import Workspace
from headwater.model.documents import Readiness
from headwater.model.manifest import Expected
from headwater.model.paths import source_path, stored_path
from headwater.model.runs import FileState

_PAGE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A new version of a file.

    `supersedes` are ids of loaded versions whose rows it is to replace; `expected` is what a manifest says of it.
    """

    file: FileVersion
    supersedes: tuple[str, ...]
    expected: Expected | None = None


@dataclass(slots=True, kw_only=True)
class Listing:
    """What one look at the source found: files that may be taken now, and what the others wait for, by path.

    `orphans` are markers of files that were never there.
    """

    looked_at: datetime
    ready: list[Candidate] = field(default_factory=list)
    waiting: dict[str, Waiting] = field(default_factory=dict)
    held: int = 0
    untimed: int = 0
    indistinct: int = 0
    too_long: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)

    @property
    def seconds_to_wait(self) -> float | None:
        """How long until a file that was written a moment ago may be complete; None if no file is waited for so."""
        return max((entry.seconds for entry in self.waiting.values() if entry.seconds is not None), default=None)

    def notes(self) -> list[str]:
        """Remarks on what was left out, for people."""
        notes = []
        if self.held:
            notes.append(f"{self.held} files are held by another run")
        if self.untimed:
            notes.append(f"{self.untimed} files were left out: a window was asked for, and the source gives no times")
        if self.indistinct and self.ready:
            notes.append(
                f"{self.indistinct} files have neither a time nor a version at this source: a change that keeps "
                "a file's size is not noticed. An FTP server's times can be used once the account has its `time_zone`"
            )
        if self.too_long:
            notes.append(
                f"{len(self.too_long)} files were left out: their paths have more than {MAX_PATH_BYTES:,} bytes, which "
                f"the ledger does not hold. Rename them or their folders; one begins with {min(self.too_long)[:80]!r}"
            )
        if self.orphans:
            markers = "1 marker is" if len(self.orphans) == 1 else f"{len(self.orphans)} markers are"
            notes.append(f"{markers} without a file, such as {min(self.orphans)!r}; nothing waits for it")
        return notes + remarks(self.waiting)


def look(workspace: Workspace, context: RunContext) -> Listing:
    """List the source, ask the ledger what is new, and judge whether it is complete.

    Raises:
        connectors.errors.ConnectorError: the source cannot be reached, or a folder not listed.
        DocumentError: `source.files` is no pattern.
    """
    listing = Listing(looked_at=utc_now())
    ready = context.source.ready
    with workspace.connect(context.source.account) as connector:
        files = connector.list_files(context.source.path, recursive=context.source.recursive)
        pages: Iterable[list[RemoteFile]] = _pages(workspace, context, files)
        beside: set[str] = set()
        if ready.marker is not None or ready.manifest is not None:
            pages = list(pages)
            paths = [file.path for page in pages for file in page]
            orphans = orphaned_markers(paths, context.source)
            listing.orphans = _never_seen(workspace, context, orphans)
            beside = files_beside(paths, context.source) | orphans.keys()
        for page in pages:
            _add_new(workspace, context, [file for file in page if file.path not in beside], listing)
        incomplete = _unmarked(listing, ready, beside)
        incomplete |= _against_manifests(workspace, context, connector, listing, beside)
    _hold_incomplete(workspace, context, listing, incomplete)
    return listing


def _never_seen(workspace: Workspace, context: RunContext, orphans: Mapping[str, str]) -> list[str]:
    """Those of the orphaned markers whose files were never taken; those of the others were left behind."""
    files = {stored_path(file): stored_path(marker) for marker, file in orphans.items()}
    known = workspace.catalog.ledger.known(context.flow.name, list(files))
    return [marker for file, marker in files.items() if file not in known]


def _pages(workspace: Workspace, context: RunContext, files: Iterator[RemoteFile]) -> Iterator[list[RemoteFile]]:
    while page := list(islice(files, _PAGE)):
        yield page


def _add_new(workspace: Workspace, context: RunContext, page: Sequence[RemoteFile], listing: Listing) -> None:
    matches = file_matcher(context.source)
    window = _window(workspace, context)
    wanted = []
    for file in page:
        if not matches(file.path):
            continue
        if window.bounded and file.modified_at is None:
            listing.untimed += 1
            continue
        version = version_of(file)
        if len(version.path.encode()) > MAX_PATH_BYTES:
            listing.too_long.append(version.path)
            continue
        listing.indistinct += version.modified_at is None and version.version is None
        if version.modified_by is None or window.holds(version.modified_by):
            wanted.append(version)
    known = workspace.catalog.ledger.known(context.flow.name, [version.path for version in wanted])
    for version in wanted:
        versions = known.get(version.path, {})
        taken = versions.get(version.signature, [])
        supersedes = context.source.changed_files == "supersede"
        replaced = list(versions.values()) if supersedes else [taken]
        if any(state is FileState.CLAIMED for entries in replaced for _, state in entries):
            listing.held += 1
        elif not taken or context.request.reprocess:
            loaded = tuple(file_id for entries in replaced for file_id, state in entries if state is FileState.LOADED)
            listing.ready.append(Candidate(file=version, supersedes=loaded))


def _window(workspace: Workspace, context: RunContext) -> Window:
    """The request's window; without backfill, a run by itself has the start (sources.md, section 6)."""
    request, schedule = context.request, context.flow.schedule
    start = request.window_start
    by_itself = request.trigger in ("scheduled", "asset")
    if start is None and by_itself and schedule.frequency != "once" and not schedule.backfill:
        start = schedule.start or workspace.catalog.flow_runs.first_started_at(context.flow.name)
    return Window(start=start, end=request.window_end)


def _unmarked(listing: Listing, ready: Readiness, beside: set[str]) -> dict[str, Obstacle]:
    if ready.marker is None:
        return {}
    paths = [candidate.file.path for candidate in listing.ready]
    unmarked = Obstacle(reason=UNMARKED)
    return {path: unmarked for path in paths if marker_of(source_path(path), ready.marker) not in beside}


def _against_manifests(
    workspace: Workspace, context: RunContext, connector: Connector, listing: Listing, beside: set[str]
) -> dict[str, Obstacle]:
    """Which of the new files are not as their manifests say; the others learn what is expected of them."""
    ready = context.source.ready
    if ready.manifest is None:
        return {}
    for_one_file = "{file}" in ready.manifest
    read: dict[str, Mapping[str, Expected]] = {}
    broken: dict[str, Obstacle] = {}
    wrong: dict[str, Obstacle] = {}
    checked = []
    for candidate in listing.ready:
        path = source_path(candidate.file.path)
        manifest = marker_of(path, ready.manifest)
        if manifest in beside and manifest not in read and manifest not in broken:
            try:
                read[manifest] = _read_manifest(connector, manifest, path if for_one_file else None)
            except DocumentError as error:
                broken[manifest] = Obstacle(reason=BROKEN_MANIFEST, detail=str(error))
        expected = read.get(manifest, {}).get(path)
        obstacle = broken.get(manifest) or contradiction(candidate.file, expected)
        if obstacle is not None:
            wrong[candidate.file.path] = obstacle
        checked.append(Candidate(file=candidate.file, supersedes=candidate.supersedes, expected=expected))
    listing.ready = checked
    return wrong if for_one_file else wrong | _broken_sets(workspace, context, listing, read, wrong)


def _broken_sets(
    workspace: Workspace,
    context: RunContext,
    listing: Listing,
    read: Mapping[str, Mapping[str, Expected]],
    wrong: Mapping[str, Obstacle],
) -> dict[str, Obstacle]:
    """A folder's manifest stands for a set: while one of its files is missing or wrong, the others wait too.

    A file that was taken before is not missed when it is gone, nor is one that the source does not take.
    """
    matches = file_matcher(context.source)
    sets = {manifest: {stored_path(path) for path in named if matches(path)} for manifest, named in read.items()}
    fit = {candidate.file.path for candidate in listing.ready} - wrong.keys()
    absent = {path for named in sets.values() for path in named} - fit
    missed = absent - workspace.catalog.ledger.known(context.flow.name, sorted(absent)).keys()
    broken = {posixpath.dirname(manifest) for manifest, named in sets.items() if named & missed}
    incomplete = Obstacle(reason=SET_INCOMPLETE)
    return {path: incomplete for path in fit if posixpath.dirname(source_path(path)) in broken}


def _read_manifest(connector: Connector, path: str, data_file: str | None) -> Mapping[str, Expected]:
    with connector.open_file(path) as stream:
        content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise DocumentError(f"manifest {path!r} is larger than {MAX_BYTES} bytes", file=path)
    return parse_manifest(content, path=path, data_file=data_file)


def _hold_incomplete(
    workspace: Workspace, context: RunContext, listing: Listing, incomplete: Mapping[str, Obstacle]
) -> None:
    """Sort out what waits, and remember since when; forget what is gone, but not what a run holds and may give back."""
    observations, flow, ready = workspace.catalog.observations, context.flow.name, context.source.ready
    now = listing.looked_at
    files = {candidate.file.path: candidate.file for candidate in listing.ready}
    remembered = observations.get(flow, files)
    doubtful = [
        file
        for path, file in files.items()
        if path in incomplete or path in remembered or seconds_to_wait(file.modified_by, None, now=now, readiness=ready)
    ]
    encoding = format_options(context).encoding
    rules = {
        candidate.file.path: rules_digest(candidate.expected, check_tail=ready.check_tail, encoding=encoding)
        for candidate in listing.ready
    }
    seen = observations.note(flow, doubtful, now=now, rules=rules)
    for file in doubtful:
        verdict = judge(file, seen[file.path], readiness=ready, now=now, obstacle=incomplete.get(file.path))
        if verdict is not None:
            listing.waiting[file.path] = verdict
    listing.ready = [candidate for candidate in listing.ready if candidate.file.path not in listing.waiting]
    if context.looks_at_everything:
        others = observations.paths(flow) - files.keys()
        observations.forget(flow, others - _held(workspace, flow, others))


def _held(workspace: Workspace, flow: str, paths: set[str]) -> set[str]:
    """Those of the paths of which a run holds a version."""
    known = workspace.catalog.ledger.known(flow, sorted(paths))
    return {
        path
        for path, versions in known.items()
        if any(state is FileState.CLAIMED for taken in versions.values() for _, state in taken)
    }
