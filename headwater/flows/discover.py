"""The first step: which files this run takes."""

import logging
import time
from dataclasses import dataclass

from ulid import ULID

from headwater.catalog.base import utc_now
from headwater.catalog.catalog import Stores
from headwater.catalog.ledger import Claim
from headwater.flows.begin import begin_run
from headwater.flows.candidates import Candidate, Listing
from headwater.flows.context import COPY_FAILED, RunContext, open_context, recorded
from headwater.flows.dividing import LargeFiles, divide_large_files, enter_parts
from headwater.flows.listing import look
from headwater.flows.plans import compile_run_plan
from headwater.flows.removal import check_replaced
from headwater.flows.selection import into_groups
from headwater.flows.workspace import Workspace
from headwater.model.documents import Dataflow, Readiness, RunRequest
from headwater.model.runs import ErrorSummary, FileState, SourceFile

log = logging.getLogger(__name__)

READINESS = "readiness"
"""The step under which a run remembers files that are incomplete for too long."""
LONGEST_WAIT_SECONDS = 600.0
"""A run does not wait longer than this for files to settle, unless there is none after it."""


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


def discover(workspace: Workspace, flow: Dataflow, request: RunRequest) -> Discovery:
    """Open a flow run, list the source and claim the files that are new and complete.

    Raises:
        ConflictError: the run was taken for dead and closed meanwhile.
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
        check_replaced(workspace, context)
        plan = compile_run_plan(context)
        listing = _find_files(workspace, context)
        discovery = _take(workspace, context, listing)
        if discovery.groups and context.request.loads:
            day_of = "timestamp" if context.schema.behavior == "time-series" else None
            workspace.lake.ensure_table(context.dataset.name, plan.arrow_schema, day_of=day_of)
    late = listing.waiting.overdue_message()
    failure = ErrorSummary(code=COPY_FAILED, message=late, step=READINESS) if late is not None else None
    workspace.catalog.flow_runs.set_step_error(run_id, READINESS, failure)
    workspace.catalog.flow_runs.add_notes(run_id, discovery.notes)
    log.info(
        "flow run %s of %s takes %d files (%d bytes) in %d groups",
        run_id, context.flow.name, discovery.files, discovery.bytes, len(discovery.groups),
    )  # fmt: skip
    for note in discovery.notes:
        log.info("flow run %s: %s", run_id, note)
    return discovery


def patience_seconds(flow: Dataflow, request: RunRequest, readiness: Readiness) -> float:
    """How long a run waits for files that are too young: not at all where a next one comes by itself."""
    enough = float(readiness.settle_seconds * 2)
    if flow.schedule.frequency == "once":
        return enough
    return min(enough, LONGEST_WAIT_SECONDS) if request.trigger in ("manual", "asset") else 0.0


def _find_files(workspace: Workspace, context: RunContext) -> Listing:
    """The new files. One that is too young is left for the next run; where there may be none, this run waits for it."""
    deadline = time.monotonic() + patience_seconds(context.flow, context.request, context.source.ready)
    while True:
        listing = look(workspace, context)
        remaining = deadline - time.monotonic()
        longest = listing.waiting.seconds
        if longest is None or remaining <= 0:
            return listing
        seconds = min(longest, remaining)
        log.info("files were changed a moment ago; looking again in %.0f s", seconds)
        time.sleep(seconds)


def _take(workspace: Workspace, context: RunContext, listing: Listing) -> Discovery:
    candidates, notes = listing.first(), listing.notes()
    large = divide_large_files(workspace, context, candidates)
    notes += large.notes
    claims = _claims(candidates, large, workspace.settings.group_bytes)
    batch_id, files, groups = _claim(workspace, context, claims, large)
    if len(files) < len(claims):
        notes.append(
            f"{len(claims) - len(files)} files were taken by another run at the same moment, or another version of them"
        )
    return Discovery(
        flow_run_id=context.run.id,
        batch_id=batch_id,
        dataset=context.dataset.name,
        groups=groups,
        files=len(files),
        bytes=sum(file.size_bytes or 0 for file in files),
        notes=notes,
    )


def _claims(candidates: list[Candidate], large: LargeFiles, group_bytes: int) -> list[Claim]:
    """Claims with their groups: each part of a divided file is a group, and its claim has the first of them."""
    whole = [c for c in candidates if c.file.path not in large.divisions and c.file.path not in large.left_out]
    groups = into_groups([candidate.file.size_bytes for candidate in whole], group_bytes=group_bytes)
    in_order = iter(sorted(str(ULID()) for _ in candidates))  # ids grow in the order of reading
    claims = [_new_claim(next(in_order), candidate, group) for candidate, group in zip(whole, groups, strict=True)]
    group = max(groups, default=-1) + 1
    for candidate in candidates:
        if (division := large.divisions.get(candidate.file.path)) is not None:
            claims.append(_new_claim(next(in_order), candidate, group))
            group += len(division.parts)
    return claims


def _new_claim(file_id: str, candidate: Candidate, group: int) -> Claim:
    return Claim(
        id=file_id,
        file=candidate.file,
        group=group,
        supersedes=candidate.supersedes,
        expected=candidate.expected,
    )


def _claim(
    workspace: Workspace, context: RunContext, claims: list[Claim], large: LargeFiles
) -> tuple[str | None, list[SourceFile], list[int]]:
    """Enter the claims and open the batch together.

    An attempt that was taken for dead may have done so already: then this one goes on with that batch.

    Returns:
        The batch's id, or None, the run's files, and their groups.
    """
    run_id = context.run.id
    with workspace.catalog.transaction() as stores:
        stores.flow_runs.require_open(run_id)
        batch_id = stores.flow_runs.get(run_id).batch_id or _open_batch(stores, context, claims, large)
        files = stores.ledger.of_run(run_id)
        parts = stores.parts.groups(run_id)
    return batch_id, files, sorted({group for file in files for group in parts.get(file.id, [file.group])})


def _open_batch(stores: Stores, context: RunContext, claims: list[Claim], large: LargeFiles) -> str | None:
    """Claim the files and open a batch for those that were got; None if none was."""
    state = FileState.CLAIMED if context.request.loads else FileState.CHECKED
    supersedes = context.source.changed_files == "supersede"
    got = set(stores.ledger.claim(context.flow.name, context.run.id, claims, state=state, one_of_a_path=supersedes))
    if not got:
        return None
    batch_id = str(ULID())
    stores.batches.create(
        batch_id=batch_id,
        dataset=context.dataset.name,
        flow_run_id=context.run.id,
        created_at=utc_now(),
        replaces=context.request.replaces if context.request.loads else (),
    )
    stores.flow_runs.set_batch(context.run.id, batch_id)
    for claim in claims:
        division = large.divisions.get(claim.file.path)
        if claim.id in got and division is not None:
            enter_parts(stores, context, claim, division)
    return batch_id
