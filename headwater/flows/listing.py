"""What a source holds that a run could take, and what has to wait."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from connectors.base import RemoteFile
from headwater.catalog.base import utc_now
from headwater.catalog.ledger import FileVersion
from headwater.flows.context import RunContext, lease
from headwater.flows.selection import Window, file_matcher, is_marker, marker_of, seconds_to_wait
from headwater.flows.workspace import Workspace
from headwater.model.paths import source_path, stored_path
from headwater.model.runs import FileState

_PAGE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A new version of a file. `supersedes` are ids of loaded versions whose rows it is to replace."""

    file: FileVersion
    supersedes: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Listing:
    """What one look at the source found.

    `ready` files may be taken now; `waiting` says for each that is not settled how many seconds to wait.
    """

    ready: list[Candidate] = field(default_factory=list)
    waiting: dict[str, float] = field(default_factory=dict)
    held: int = 0
    untimed: int = 0
    unmarked: list[str] = field(default_factory=list)

    def notes(self) -> list[str]:
        """Remarks on what was left out, for people."""
        notes = []
        if self.held:
            notes.append(f"{self.held} files are held by another run")
        if self.untimed:
            notes.append(f"{self.untimed} files were left out: a window was asked for, and the source gives no times")
        if self.unmarked:
            notes.append(f"{len(self.unmarked)} files wait for their marker, such as {min(self.unmarked)!r}")
        if self.waiting:
            example = min(self.waiting)
            notes.append(
                f"{len(self.waiting)} files are still being written, such as {example!r}; a later run takes them"
            )
        return notes


def look(workspace: Workspace, context: RunContext) -> Listing:
    """List the source, and ask the ledger what is new.

    Raises:
        connectors.errors.ConnectorError: the source cannot be reached, or a folder not listed.
    """
    listing = Listing()
    marker = context.source.ready.marker
    markers: set[str] = set()
    with workspace.connect(context.source.account) as connector:
        files = connector.list_files(context.source.path, recursive=context.source.recursive)
        for page in _pages(files):
            workspace.catalog.flow_runs.renew(context.run.id, lease(workspace))
            if marker is not None:
                markers.update(file.path for file in page if is_marker(file.path, marker))
            _add_new(workspace, context, [file for file in page if file.path not in markers], listing)
    if marker is not None:
        _hold_unmarked(listing, marker, markers)
    _hold_unsettled(workspace, context, listing)
    return listing


def _pages(files: Iterator[RemoteFile]) -> Iterator[list[RemoteFile]]:
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
        elif file.modified_at is None or window.holds(file.modified_at):
            wanted.append(_version(file))
    known = workspace.catalog.ledger.known(context.flow.name, wanted)
    for version in wanted:
        taken = known.get((version.path, version.signature), [])
        if any(state is FileState.CLAIMED for _, state in taken):
            listing.held += 1
        elif not taken or context.request.reprocess:
            loaded = tuple(file_id for file_id, state in taken if state is FileState.LOADED)
            listing.ready.append(Candidate(file=version, supersedes=loaded))


def _version(file: RemoteFile) -> FileVersion:
    return FileVersion(
        path=stored_path(file.path), size_bytes=file.size_bytes, modified_at=file.modified_at, version=file.version
    )


def _window(workspace: Workspace, context: RunContext) -> Window:
    """The request's window; on a schedule without backfill, only what came after its start (sources.md, section 6)."""
    request, schedule = context.request, context.flow.schedule
    start = request.window_start
    if start is None and request.trigger == "scheduled" and schedule.frequency != "once" and not schedule.backfill:
        start = schedule.start or workspace.catalog.flow_runs.first_started_at(context.flow.name)
    return Window(start=start, end=request.window_end)


def _hold_unmarked(listing: Listing, marker: str, markers: set[str]) -> None:
    ready = []
    for candidate in listing.ready:
        wanted = marker_of(source_path(candidate.file.path), marker)
        if wanted in markers:
            ready.append(candidate)
        else:
            listing.unmarked.append(stored_path(wanted))
    listing.ready = ready


def _hold_unsettled(workspace: Workspace, context: RunContext, listing: Listing) -> None:
    readiness = context.source.ready
    now = utc_now()
    young = [
        candidate.file
        for candidate in listing.ready
        if seconds_to_wait(candidate.file.modified_at, None, now=now, readiness=readiness) > 0
    ]
    since = workspace.catalog.ledger.observe(context.flow.name, young, now=now)
    for file in young:
        seconds = seconds_to_wait(file.modified_at, since[file.path], now=now, readiness=readiness)
        if seconds > 0:
            listing.waiting[file.path] = seconds
    listing.ready = [candidate for candidate in listing.ready if candidate.file.path not in listing.waiting]
