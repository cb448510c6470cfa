"""What a source holds that a run could take, and what has to wait. A listing is judged a page at a time."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import islice

from connectors.base import Connector, RemoteFile
from headwater.catalog.base import utc_now
from headwater.catalog.ledger import MAX_PATH_BYTES, FileVersion
from headwater.flows.against_manifests import compare, undelivered
from headwater.flows.candidates import Candidate, Listing, most_files
from headwater.flows.completeness import rules_digest
from headwater.flows.context import RunContext
from headwater.flows.plans import format_options
from headwater.flows.readiness import UNMARKED, Obstacle, WaitingFiles, judge
from headwater.flows.selection import (
    Window,
    file_matcher,
    files_beside,
    marker_of,
    orphaned_manifests,
    orphaned_markers,
    seconds_to_wait,
    version_of,
)
from headwater.flows.workspace import Workspace
from headwater.model.paths import source_path, stored_path
from headwater.model.runs import FileState

_PAGE = 1_000
_OLD_MANIFEST = timedelta(days=30)
"""A manifest that was older when it was first seen is not read: folders of years may have one each."""


def look(workspace: Workspace, context: RunContext) -> Listing:
    """List the source, ask the ledger what is new, and judge whether it is complete.

    Of a page of names, only the new ones are kept, and of these no more than a batch takes. Where there are markers or
    manifests, all names have to be known first, since those come in any order.

    Raises:
        connectors.errors.ConnectorError: the source cannot be reached, or a folder not listed.
        DocumentError: `source.files` is no pattern.
    """
    now, ready = utc_now(), context.source.ready
    listing = Listing(looked_at=now, waiting=WaitingFiles(ready, now), most=most_files(context.flow.schedule))
    judging = _Judging(workspace, context, listing)
    with workspace.connect(context.source.account) as connector:
        files = connector.list_files(context.source.path, recursive=context.source.recursive)
        if ready.marker is None and ready.manifest is None:
            while page := list(islice(files, _PAGE)):
                judging.judge(judging.new_files(page), {})
        else:
            _judge_together(connector, judging, list(files))
    judging.forget_others()
    return listing


def _judge_together(connector: Connector, judging: "_Judging", files: list[RemoteFile]) -> None:
    """Judge all files of a source that has markers or manifests."""
    workspace, context, listing = judging.workspace, judging.context, judging.listing
    ready, paths = context.source.ready, [file.path for file in files]
    orphans = orphaned_markers(paths, context.source)
    listing.orphans = _never_seen(workspace, context, orphans)
    beside = files_beside(paths, context.source) | orphans.keys()
    candidates: list[Candidate] = []
    for start in range(0, len(files), _PAGE):
        page = [file for file in files[start : start + _PAGE] if file.path not in beside]
        candidates += judging.new_files(page)
    incomplete: dict[str, Obstacle] = {}
    if ready.marker is not None:
        incomplete = _unmarked(candidates, ready.marker, beside)
    if ready.manifest is not None:
        compared = compare(workspace, context, connector, candidates, ready.manifest, beside)
        candidates, incomplete = compared.candidates, incomplete | compared.wrong
        if context.looks_at_everything:
            _wait_for_undelivered(connector, judging, files)
    judging.judge(candidates, incomplete)


def _wait_for_undelivered(connector: Connector, judging: "_Judging", files: list[RemoteFile]) -> None:
    """Have manifests wait whose files are not there, but for old ones that nobody has waited for."""
    workspace, context = judging.workspace, judging.context
    alone = orphaned_manifests([file.path for file in files], context.source)
    oldest = judging.listing.looked_at - _OLD_MANIFEST
    versions = {file.path: version_of(file) for file in files if file.path in alone}
    worth_it = {
        path: alone[path]
        for path, version in versions.items()
        if judging.is_inside(version)
        and (judging.is_awaited(version.path) or version.modified_by is None or version.modified_by > oldest)
    }
    lost = undelivered(workspace, context, connector, worth_it)
    judging.wait_for_files_of([version for version in versions.values() if version.path in lost], lost)


def _never_seen(workspace: Workspace, context: RunContext, orphans: Mapping[str, str]) -> list[str]:
    """Those of the orphaned markers whose files were never taken; those of the others were left behind."""
    files = {stored_path(file): stored_path(marker) for marker, file in orphans.items()}
    known = workspace.catalog.ledger.known(context.flow.name, list(files))
    return [marker for file, marker in files.items() if file not in known]


def _window(workspace: Workspace, context: RunContext) -> Window:
    """The request's window; without backfill, a run by itself has the start (sources.md, section 6)."""
    request, schedule = context.request, context.flow.schedule
    start = request.window_start
    by_itself = request.trigger in ("scheduled", "asset")
    if start is None and by_itself and schedule.frequency != "once" and not schedule.backfill:
        start = schedule.start or workspace.catalog.flow_runs.first_started_at(context.flow.name)
    return Window(start=start, end=request.window_end)


def _unmarked(candidates: Iterable[Candidate], marker: str, beside: Collection[str]) -> dict[str, Obstacle]:
    paths = [candidate.file.path for candidate in candidates]
    unmarked = Obstacle(reason=UNMARKED)
    return {path: unmarked for path in paths if marker_of(source_path(path), marker) not in beside}


class _Judging:
    """Sorts out what waits, and remembers since when."""

    def __init__(self, workspace: Workspace, context: RunContext, listing: Listing) -> None:
        self.workspace = workspace
        self.context = context
        self.listing = listing
        self._observations = workspace.catalog.observations
        self._encoding = format_options(context).encoding
        self._others = self._observations.paths(context.flow.name)
        self._matches = file_matcher(context.source)
        self._window = _window(workspace, context)

    def new_files(self, page: Iterable[RemoteFile]) -> list[Candidate]:
        """The files of a page that the source takes and that the ledger does not have."""
        listing, reprocess = self.listing, self.context.request.reprocess
        supersedes = self.context.source.changed_files == "supersede"
        wanted = self._wanted(page)
        known = self.workspace.catalog.ledger.known(self.context.flow.name, [version.path for version in wanted])
        found = []
        for version in wanted:
            versions = known.get(version.path, {})
            taken = versions.get(version.signature, [])
            replaced = list(versions.values()) if supersedes else [taken]
            if any(state is FileState.CLAIMED for entries in replaced for _, state in entries):
                listing.held += 1
            elif not taken or reprocess:
                loaded = tuple(
                    file_id for entries in replaced for file_id, state in entries if state is FileState.LOADED
                )
                found.append(Candidate(file=version, supersedes=loaded))
        return found

    def _wanted(self, page: Iterable[RemoteFile]) -> list[FileVersion]:
        """The files of a page that the source takes, known or not; of others, what is to be said is noted."""
        wanted = []
        for file in page:
            if not self._matches(file.path):
                continue
            if self._window.bounded and file.modified_at is None:
                self.listing.untimed += 1
                continue
            version = version_of(file)
            if len(version.path.encode()) > MAX_PATH_BYTES:
                self.listing.leave_out(version.path)
                continue
            self.listing.indistinct += version.modified_at is None and version.version is None
            if self.is_inside(version):
                wanted.append(version)
        return wanted

    def is_inside(self, version: FileVersion) -> bool:
        """Whether the run takes files of that time; a file without one is taken."""
        return version.modified_by is None or self._window.holds(version.modified_by)

    def judge(self, candidates: Sequence[Candidate], incomplete: Mapping[str, Obstacle]) -> None:
        """Add new files to what the listing found: to those that may be taken, or to those that wait."""
        flow, ready, now = self.context.flow.name, self.context.source.ready, self.listing.looked_at
        files = {candidate.file.path: candidate.file for candidate in candidates}
        self._others -= files.keys()
        remembered = self._observations.get(flow, files)
        doubtful = [
            file
            for path, file in files.items()
            if path in incomplete
            or path in remembered
            or seconds_to_wait(file.modified_by, None, now=now, readiness=ready)
        ]
        expected = {candidate.file.path: candidate.expected for candidate in candidates}
        rules = {
            file.path: rules_digest(expected[file.path], check_tail=ready.check_tail, encoding=self._encoding)
            for file in doubtful
        }
        seen = self._observations.note(flow, doubtful, now=now, rules=rules)
        waiting = set()
        for file in doubtful:
            verdict = judge(file, seen[file.path], readiness=ready, now=now, obstacle=incomplete.get(file.path))
            if verdict is not None:
                waiting.add(file.path)
                self.listing.waiting.add(file.path, verdict)
        self.listing.take(candidate for candidate in candidates if candidate.file.path not in waiting)

    def is_awaited(self, path: str) -> bool:
        """Whether an earlier look has found that something is to be waited for."""
        return path in self._others

    def wait_for_files_of(self, manifests: Sequence[FileVersion], reasons: Mapping[str, Obstacle]) -> None:
        """Have manifests wait for the files that they are about."""
        flow, ready, now = self.context.flow.name, self.context.source.ready, self.listing.looked_at
        self._others -= {manifest.path for manifest in manifests}
        seen = self._observations.note(flow, manifests, now=now)
        for manifest in manifests:
            verdict = judge(manifest, seen[manifest.path], readiness=ready, now=now, obstacle=reasons[manifest.path])
            if verdict is not None:
                self.listing.waiting.add(manifest.path, verdict)

    def forget_others(self) -> None:
        """Forget what is gone, but not what a run holds and may give back."""
        if self.context.looks_at_everything:
            flow = self.context.flow.name
            self._observations.forget(flow, self._others - _held(self.workspace, flow, self._others))


def _held(workspace: Workspace, flow: str, paths: set[str]) -> set[str]:
    """Those of the paths of which a run holds a version."""
    known = workspace.catalog.ledger.known(flow, sorted(paths))
    return {
        path
        for path, versions in known.items()
        if any(state is FileState.CLAIMED for taken in versions.values() for _, state in taken)
    }
