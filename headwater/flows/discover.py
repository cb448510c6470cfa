"""The first step: which files this run takes."""

import logging
import os
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

import psutil
from ulid import ULID

from connectors.base import RemoteFile
from headwater.catalog.base import utc_now
from headwater.catalog.ledger import Claim, FileVersion
from headwater.flows.context import RunContext, lease, open_context, recorded
from headwater.flows.finish import close_run
from headwater.flows.plans import compile_run_plan
from headwater.flows.selection import (
    MAX_FILES,
    Window,
    file_matcher,
    into_groups,
    is_marker,
    marker_of,
    seconds_to_wait,
)
from headwater.flows.workspace import Workspace
from headwater.model.documents import Dataflow, RunRequest
from headwater.model.paths import source_path, stored_path
from headwater.model.runs import FileState, FlowRun, FlowRunState

log = logging.getLogger(__name__)

_PAGE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """What a run takes. Without files there is no batch and no group."""

    flow_run_id: str
    batch_id: str | None
    dataset: str
    groups: list[int]
    files: int
    bytes: int
    notes: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    file: FileVersion
    supersedes: tuple[str, ...]


def discover(workspace: Workspace, flow: Dataflow, request: RunRequest) -> Discovery:
    """Open a flow run, list the source and claim the files that are new and complete.

    Runs of this dataflow that died are closed first, so that what they held is free again.

    Raises:
        NotFoundError: the dataflow names a dataset, schema, mapping set or account that does not exist.
        SchemaError: the dataset's schema does not compose.
        MappingError: the mapping set does not fit.
        connectors.errors.ConnectorError: the source cannot be reached or listed.
    """
    return discover_files(workspace, begin_run(workspace, flow, request))


def discover_files(workspace: Workspace, run_id: str) -> Discovery:
    """The second half of `discover`, for a run that has begun."""
    with recorded(workspace, run_id, "discover"):
        context = open_context(workspace, run_id)
        plan = compile_run_plan(context)
        candidates, notes = _find_files(workspace, context)
        discovery = _take(workspace, context, candidates, notes)
        if discovery.groups and context.request.loads:
            workspace.lake.ensure_table(context.dataset.name, plan.arrow_schema)
    workspace.catalog.flow_runs.add_notes(run_id, discovery.notes)
    log.info(
        "flow run %s of %s takes %d files (%d bytes) in %d groups",
        run_id, context.flow.name, discovery.files, discovery.bytes, len(discovery.groups),
    )  # fmt: skip
    for note in discovery.notes:
        log.info("flow run %s: %s", run_id, note)
    return discovery


def begin_run(workspace: Workspace, flow: Dataflow, request: RunRequest) -> str:
    """Close runs of the dataflow that died, and open a new one; returns its id."""
    _close_dead_runs(workspace, flow, request)
    now = utc_now()
    run = FlowRun(
        id=str(ULID()),
        flow=flow.name,
        dataset=flow.target.dataset,
        state=FlowRunState.IN_PROGRESS,
        trigger=request.trigger,
        dag_run_id=request.dag_run_id,
        batch_id=None,
        window_start=request.window_start,
        window_end=request.window_end,
        started_at=now,
        completed_at=None,
    )
    workspace.catalog.flow_runs.start(run, flow, request, holder=_holder(request), lease=lease(workspace))
    return run.id


def _holder(request: RunRequest) -> str:
    """Who works on a run: a Dag run, whose tasks are many processes, or this process."""
    if request.dag_run_id is not None:
        return f"dag:{request.dag_run_id}"
    started = psutil.Process().create_time()
    return f"process:{socket.gethostname()}:{os.getpid()}:{started}"


def _close_dead_runs(workspace: Workspace, flow: Dataflow, request: RunRequest) -> None:
    for run_id, holder, lease_until in workspace.catalog.flow_runs.open_runs(flow.name):
        if _is_dead(holder, lease_until, request):
            log.warning("flow run %s of %s died; closing it", run_id, flow.name)
            close_run(workspace, run_id, failure="the run died before it was finished")


def _is_dead(holder: str, lease_until: datetime, request: RunRequest) -> bool:
    kind, _, rest = holder.partition(":")
    if kind == "dag" and rest == request.dag_run_id:
        return True  # an earlier attempt of the same task, or the Dag run was cleared
    if kind == "process":
        host, pid, started = rest.rsplit(":", 2)
        if host == socket.gethostname():
            return not _is_alive(int(pid), float(started))
    return lease_until < utc_now()


def _is_alive(pid: int, started: float) -> bool:
    try:
        return abs(psutil.Process(pid).create_time() - started) < 1.0
    except psutil.NoSuchProcess:
        return False


def _find_files(workspace: Workspace, context: RunContext) -> tuple[list[_Candidate], list[str]]:
    """The new, complete files, and remarks on those that are left for later.

    A file that is too young is left for the next run; where there is none (`once`, or by hand), this run waits for it.
    """
    waits = context.flow.schedule.frequency == "once" or context.request.trigger == "manual"
    deadline = time.monotonic() + context.source.ready.settle_seconds * 2
    while True:
        ready, waiting, notes = _look(workspace, context)
        if not waiting or not waits or time.monotonic() >= deadline:
            break
        seconds = min(max(waiting.values()), max(deadline - time.monotonic(), 0.0)) + 0.1
        log.info("%d files were changed a moment ago; looking again in %.0f s", len(waiting), seconds)
        time.sleep(seconds)
    if waiting:
        example = min(waiting)
        notes.append(f"{len(waiting)} files are still being written, such as {example!r}; a later run takes them")
    return ready, notes


def _look(workspace: Workspace, context: RunContext) -> tuple[list[_Candidate], dict[str, float], list[str]]:
    source, request = context.source, context.request
    ledger = workspace.catalog.ledger
    matches = file_matcher(source)
    window = _window(workspace, context)
    marker = source.ready.marker
    markers: set[str] = set()
    candidates: list[_Candidate] = []
    held = untimed = 0
    with workspace.connect(source.account) as connector:
        for page in _pages(connector.list_files(source.path, recursive=source.recursive)):
            if marker is not None:
                markers.update(file.path for file in page if is_marker(file.path, marker))
            wanted = [file for file in page if matches(file.path) and file.path not in markers]
            timed = [file for file in wanted if file.modified_at is not None or not window.bounded]
            untimed += len(wanted) - len(timed)
            versions = [_version(file) for file in timed if file.modified_at is None or window.holds(file.modified_at)]
            known = ledger.known(context.flow.name, versions)
            for version in versions:
                taken = known.get((version.path, version.signature), [])
                if any(state is FileState.CLAIMED for _, state in taken):
                    held += 1
                elif not taken or request.reprocess:
                    old = tuple(file_id for file_id, state in taken if state is FileState.LOADED)
                    candidates.append(_Candidate(file=version, supersedes=old))
    notes = []
    if held:
        notes.append(f"{held} files are held by another run")
    if untimed:
        notes.append(
            f"{untimed} files were left out: the source gives no modification times, and a window was asked for"
        )
    unmarked = [c for c in candidates if marker and marker_of(source_path(c.file.path), marker) not in markers]
    if unmarked:
        notes.append(
            f"{len(unmarked)} files wait for their marker, such as {marker_of(unmarked[0].file.path, marker or '')!r}"
        )
        candidates = [candidate for candidate in candidates if candidate not in unmarked]
    waiting = _unsettled(workspace, context, [candidate.file for candidate in candidates])
    return [candidate for candidate in candidates if candidate.file.path not in waiting], waiting, notes


def _window(workspace: Workspace, context: RunContext) -> Window:
    """The request's window; on a schedule without backfill, only what came after its start (sources.md, section 6)."""
    request, schedule = context.request, context.flow.schedule
    start = request.window_start
    if start is None and request.trigger == "scheduled" and schedule.frequency != "once" and not schedule.backfill:
        start = schedule.start or workspace.catalog.flow_runs.first_started_at(context.flow.name)
    return Window(start=start, end=request.window_end)


def _unsettled(workspace: Workspace, context: RunContext, files: Sequence[FileVersion]) -> dict[str, float]:
    """Seconds to wait for each file that is not settled yet, by path."""
    ready = context.source.ready
    now = utc_now()
    young = [f for f in files if seconds_to_wait(f.modified_at, None, now=now, readiness=ready) > 0]
    since = workspace.catalog.ledger.observe(context.flow.name, young, now=now)
    waits = {f.path: seconds_to_wait(f.modified_at, since[f.path], now=now, readiness=ready) for f in young}
    return {path: seconds for path, seconds in waits.items() if seconds > 0}


def _take(workspace: Workspace, context: RunContext, candidates: list[_Candidate], notes: list[str]) -> Discovery:
    candidates.sort(key=lambda candidate: candidate.file.path)
    if len(candidates) > MAX_FILES:
        notes.append(f"{len(candidates) - MAX_FILES} files are left for the next run; a batch takes {MAX_FILES}")
        del candidates[MAX_FILES:]
    sizes = [candidate.file.size_bytes for candidate in candidates]
    groups = into_groups(sizes, group_bytes=workspace.settings.group_bytes)
    claims = [
        Claim(id=str(ULID()), file=candidate.file, group=group, supersedes=candidate.supersedes)
        for candidate, group in zip(candidates, groups, strict=True)
    ]
    run_id, flow_name = context.run.id, context.flow.name
    batch_id = str(ULID()) if claims else None
    state = FileState.CLAIMED if context.request.loads else FileState.CHECKED
    with workspace.catalog.transaction() as stores:
        got = set(stores.ledger.claim(flow_name, run_id, claims, state=state))
        stores.ledger.forget_observations(flow_name, [claim.file.path for claim in claims])
        if batch_id is not None and got:
            stores.batches.create(
                batch_id=batch_id, dataset=context.dataset.name, flow_run_id=run_id, created_at=utc_now()
            )
            stores.flow_runs.set_batch(run_id, batch_id)
    if len(got) < len(claims):
        notes.append(f"{len(claims) - len(got)} files were taken by another run at the same moment")
    taken = [claim for claim in claims if claim.id in got]
    return Discovery(
        flow_run_id=run_id,
        batch_id=batch_id if taken else None,
        dataset=context.dataset.name,
        groups=sorted({claim.group for claim in taken}),
        files=len(taken),
        bytes=sum(claim.file.size_bytes or 0 for claim in taken),
        notes=notes,
    )


def _version(file: RemoteFile) -> FileVersion:
    return FileVersion(
        path=stored_path(file.path), size_bytes=file.size_bytes, modified_at=file.modified_at, version=file.version
    )


def _pages(files: Iterator[RemoteFile]) -> Iterator[list[RemoteFile]]:
    while page := list(islice(files, _PAGE)):
        yield page
