"""The third to fifth step: make the batch visible in the lake, then link its identities and write its profiles."""

import logging
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from headwater.catalog.base import utc_now
from headwater.catalog.batch_rows import Remover
from headwater.catalog.catalog import Stores
from headwater.errors import ConflictError, HeadwaterError, ThresholdExceededError
from headwater.flows.context import RunContext, open_context, recorded
from headwater.flows.events import batch_event
from headwater.flows.heartbeat import this_remover
from headwater.flows.notifications import enqueue
from headwater.flows.profile_rows import batch_load, current_rows, goes_to_profile
from headwater.flows.reloading import finish_reloads, request_reloads
from headwater.flows.removal import finish_removals
from headwater.flows.workspace import Workspace
from headwater.model.documents import BatchEventCode, Dataflow
from headwater.model.records import RecordCounts
from headwater.model.runs import Batch, BatchStatus, ErrorSummary, FileState

log = logging.getLogger(__name__)

ROWS_REJECTED = "INGEST-1212-400"
"""AEP: rows were rejected; the diagnostics have them."""

ROWS_REJECTED_UNSEEN = "INGEST-1211-400"
"""AEP: rows were rejected while diagnostics were off."""


_DONE = (FileState.LOADED, FileState.DUPLICATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class LakeLoad:
    """A batch in the lake. `snapshot_id` is None where there was nothing to commit."""

    batch_id: str
    dataset: str
    snapshot_id: int | None
    read: int
    loaded: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreLoad:
    """What a load into the identity graph or the profile store came to; empty where the dataset is not enabled."""

    batch_id: str
    counts: dict[str, int]


def load_lake(workspace: Workspace, flow_run_id: str) -> LakeLoad:
    """Commit the batch to the lake: all of it in one snapshot, or nothing.

    The batch is `staged` in the catalog before the commit and settled after it. Repeating is safe: a batch that the
    lake has already is only settled.

    Raises:
        ConflictError: the run was closed, or its batch was given up.
        ThresholdExceededError: more records failed than the dataflow tolerates; nothing was loaded.
        LakeError: the lake refused or could not be reached.
    """
    with recorded(workspace, flow_run_id, "load_lake"):
        context = open_context(workspace, flow_run_id)
        batch = workspace.catalog.batches.get(context.batch_id)
        if not context.request.loads:
            with workspace.catalog.transaction() as stores:
                settle_dry_run(stores, flow_run_id)
            batch = workspace.catalog.batches.get(batch.id)
        elif batch.status is not BatchStatus.SUCCESS:
            batch = _commit(workspace, context, batch)
    counts = batch.counts
    log.info(
        "batch %s in dataset %s: %d read, %d loaded, %d failed, snapshot %s",
        batch.id, batch.dataset, counts.read, counts.loaded, counts.failed, batch.snapshot_id,
    )  # fmt: skip
    return LakeLoad(
        batch_id=batch.id,
        dataset=batch.dataset,
        snapshot_id=batch.snapshot_id,
        read=counts.read,
        loaded=counts.loaded,
        failed=counts.failed,
    )


def _commit(workspace: Workspace, context: RunContext, batch: Batch) -> Batch:
    catalog = workspace.catalog
    _check_stopped(workspace, context)
    _check_groups(workspace, context)
    _check_threshold(context, batch.counts)
    snapshot_id = None
    with catalog.transaction() as stores:
        stores.flow_runs.require_open(context.run.id)
        stores.batches.stage(batch.id)
        staged = stores.batches.staged_files(batch.id)
        if batch.status is BatchStatus.LOADING:
            stores.batches.require_replaceable(batch)
            superseded = stores.ledger.superseded_by(context.run.id)
            stores.batches.require_supersedable(stores.ledger.batches_of(superseded))
            _require_original(stores, batch)
            stores.ledger.confirm_superseded(context.run.id)
        supersede = stores.ledger.superseded_by(context.run.id)
        replaced = stores.batches.with_replays(batch.replaces)
    if staged or supersede or batch.replaces:
        snapshot_id = workspace.lake.commit(
            batch.dataset,
            batch.id,
            staged,
            flow_run_id=context.run.id,
            counts=batch.counts,
            supersede=supersede,
            replace_batches=replaced,
        )
    with catalog.transaction() as stores:
        settle_success(workspace, stores, context.run.id, snapshot_id, remover=this_remover(workspace))
    finish_removals(workspace, batch.replaces)
    return catalog.batches.get(batch.id)


def _require_original(stores: Stores, batch: Batch) -> None:
    """What a replay read is still in the lake, and stays there until the end of the transaction."""
    stores.batches.require_original(batch)
    first = batch
    while first.replay_of is not None:
        first = stores.batches.get(first.replay_of)
    if first is batch:
        return
    replaying = f"while batch {batch.id} replayed its records. Nothing was loaded; replay batch {batch.replay_of} again"
    if stores.ledger.has_superseded(first.flow_run_id, since=batch.created_at):
        raise ConflictError(f"a newer version of a file of batch {first.id} was loaded {replaying}.")
    for other in stores.batches.staged(batch.dataset):
        if first.id in stores.ledger.batches_of(stores.ledger.superseded_by(other.flow_run_id)):
            raise ConflictError(
                f"a newer version of a file of batch {first.id} was about to be loaded by batch {other.id} {replaying} "
                "after that."
            )


def _check_stopped(workspace: Workspace, context: RunContext) -> None:
    """No group was given up as lost."""
    reports = workspace.catalog.batches.group_reports(context.batch_id)
    stopped = [report for report in reports if report.stopped is not None]
    if stopped:
        cause = max(stopped, key=lambda report: report.counts.failed)
        raise ThresholdExceededError(
            f"batch {context.batch_id}: {cause.stopped}. Nothing was loaded; the files will be taken again. See why "
            f"with `headwater batch errors {context.batch_id}`, then mend the files, the mapping or the schema."
        )


def _check_groups(workspace: Workspace, context: RunContext) -> None:
    """Every file that the run holds was read: a group whose task was only marked as done must not look loaded."""
    reported = {report.group for report in workspace.catalog.batches.group_reports(context.batch_id)}
    divided = workspace.catalog.parts.groups(context.run.id)
    for file in workspace.catalog.ledger.of_run(context.run.id):
        if file.state is not FileState.CLAIMED:
            continue
        missing = [group for group in divided.get(file.id, [file.group]) if group not in reported]
        if missing or file.sha256 is None:
            group = min(missing, default=file.group)
            raise HeadwaterError(
                f"{file.path!r} of batch {context.batch_id} was not read: group {group} was not ingested to its "
                f"end. Nothing was loaded. Clear the task `ingest` of group {group}, and what follows it."
            )


def _check_threshold(context: RunContext, counts: RecordCounts) -> None:
    threshold = context.flow.threshold_percent
    if context.request.replay_of is not None:
        _check_replay(context, counts)
        return
    if not counts.failed or counts.failed * 100 <= threshold * counts.read:
        return
    share = counts.failed * 100 / counts.read
    allowed = f"at most {threshold:g} %" if threshold else "none (partial ingestion is off)"
    raise ThresholdExceededError(
        f"{counts.failed} of {counts.read} records of batch {context.batch_id} failed ({share:.3g} %), "
        f"{context.flow.name} tolerates {allowed}. Nothing was loaded; the files will be taken again. "
        f"See why with `headwater batch errors {context.batch_id}`, then mend the files, the mapping or the schema."
    )


def _check_replay(context: RunContext, counts: RecordCounts) -> None:
    if counts.loaded == 0:
        original = context.request.replay_of
        raise ThresholdExceededError(
            f"none of the {counts.failed} rejected records of batch {original} is accepted now. Nothing was loaded. "
            f"See why with `headwater batch errors {context.batch_id}`, mend the mapping or the schema, and replay "
            f"{original} again."
        )


def settle_success(
    workspace: Workspace,
    stores: Stores,
    flow_run_id: str,
    snapshot_id: int | None,
    *,
    remover: Remover | None = None,
) -> None:
    """In the caller's transaction: the batch is done, its files are loaded, and the event says so.

    `remover` goes on with the removal of what it replaces. Needs nothing but the flow run: what is in the lake is
    settled also if its schema no longer composes.
    """
    now = utc_now()
    run = stores.flow_runs.get(flow_run_id)
    flow, _ = stores.flow_runs.document(flow_run_id)
    batch = stores.batches.get(str(run.batch_id))
    errors = rejected_summary(stores, batch, flow)
    completed_at = _in_order(stores, batch.dataset, now)
    stores.batches.settle(
        batch.id, BatchStatus.SUCCESS, completed_at=completed_at, snapshot_id=snapshot_id, errors=errors
    )
    for replaced in batch.replaces:
        if stores.batches.get(replaced).status is BatchStatus.SUCCESS:
            stores.batches.begin_removal(replaced, release_files=False, replaced=True, remover=remover)
    request_reloads(stores, flow_run_id, batch.id)
    stores.ledger.settle(flow_run_id)
    taken = {file.path for file in stores.ledger.of_run(flow_run_id) if file.state in _DONE}
    stores.observations.forget(run.flow, taken)
    enqueue(
        stores, batch_event(workspace.settings, "ing_load_success", stores.batches.get(batch.id), flow, now=now), flow
    )


def _in_order(stores: Stores, dataset: str, now: datetime) -> datetime:
    """The time at which a batch is ingested: later than the dataset's others, also after the clock was set back.

    By it profiles know which data is newer.
    """
    last = stores.batches.last_completed_at(dataset)
    return now if last is None else max(now, last + timedelta(microseconds=1))


def rejected_summary(stores: Stores, batch: Batch, flow: Dataflow) -> tuple[ErrorSummary, ...]:
    """AEP's summary line and one line per code, where records were rejected."""
    if not batch.counts.failed:
        return ()
    if not flow.keeps_diagnostics:
        message = f"{batch.counts.failed} records were rejected; run again with `error_diagnostics` on to see why"
        return (ErrorSummary(code=ROWS_REJECTED_UNSEEN, message=message, record_count=batch.counts.failed),)
    by_code: dict[str, int] = {}
    reports = stores.batches.group_reports(batch.id)
    for report in reports:
        for code, count in report.failed_by_code.items():
            by_code[code] = by_code.get(code, 0) + count
    summary = f"{batch.counts.failed} of {batch.counts.read} records were rejected; the batch's diagnostics say why"
    if any(report.stopped is not None for report in reports):
        summary += "; reading was stopped before the end, as the notes say"
    lines = [ErrorSummary(code=ROWS_REJECTED, message=summary, record_count=batch.counts.failed)]
    for code, count in sorted(by_code.items()):
        lines.append(
            ErrorSummary(code=f"INGEST-{code}-400", message=_MEANINGS.get(code, "rejected"), record_count=count)
        )
    return tuple(lines)


_MEANINGS = {
    "1401": "the record could not be read",
    "1501": "a value could not be converted to its field's type",
    "1502": "a value breaks a rule of the schema",
    "1555": "a required field is missing",
    "3700": "a mapping failed",
}


def settle_dry_run(stores: Stores, flow_run_id: str) -> None:
    """In the caller's transaction: close a dry run's batch, `aborted`, with its findings, and nothing loaded."""
    batch = stores.batches.get(str(stores.flow_runs.get(flow_run_id).batch_id))
    flow, _ = stores.flow_runs.document(flow_run_id)
    if batch.status is BatchStatus.LOADING:
        errors = rejected_summary(stores, batch, flow)
        stores.batches.settle(batch.id, BatchStatus.ABORTED, completed_at=utc_now(), errors=errors)


def load_identities(workspace: Workspace, flow_run_id: str) -> StoreLoad:
    """Link the identities of each of the batch's records, in one transaction. Repeating changes nothing.

    Raises:
        HeadwaterError: the batch is not in the lake.
    """
    with recorded(workspace, flow_run_id, "load_identities"):
        context = open_context(workspace, flow_run_id)
        if not goes_to_profile(context):
            return StoreLoad(batch_id=context.batch_id, counts={})
        batch = workspace.catalog.batches.get(context.batch_id)
        load = batch_load(workspace, batch, context.dataset, context.schema)
        finish_removals(workspace, batch.replaces)
        result = workspace.profile_store.load_identities(load, current_rows(workspace, batch.id))
        notes = [f"{count} identities were left out: {reason}" for reason, count in sorted(result.skipped.items())]
        if result.placeholders:
            notes.append(f"{result.placeholders} identities look like placeholders and were taken")
        counts = {"identities": result.identities, "links": result.links}
        return _tell(workspace, context, "ig_load_success", counts, notes)


def load_profiles(workspace: Workspace, flow_run_id: str) -> StoreLoad:
    """Write the batch's profile fragments and events, in one transaction. Repeating changes nothing.

    Then those of batches that lost rows to this one follow the lake.

    Raises:
        HeadwaterError: the batch is not in the lake.
    """
    with recorded(workspace, flow_run_id, "load_profiles"):
        context = open_context(workspace, flow_run_id)
        if not goes_to_profile(context):
            return StoreLoad(batch_id=context.batch_id, counts={})
        batch = workspace.catalog.batches.get(context.batch_id)
        load = batch_load(workspace, batch, context.dataset, context.schema)
        finish_removals(workspace, batch.replaces)
        result = workspace.profile_store.load_profiles(load, current_rows(workspace, batch.id))
        finish_reloads(workspace, batch.dataset)
        notes = [f"{count} records made no profile: {reason}" for reason, count in sorted(result.skipped.items())]
        counts = {key: value for key, value in asdict(result).items() if isinstance(value, int) and key != "received"}
        return _tell(workspace, context, "ps_load_success", counts, notes)


def _tell(
    workspace: Workspace, context: RunContext, code: BatchEventCode, counts: dict[str, int], notes: list[str]
) -> StoreLoad:
    with workspace.catalog.transaction() as stores:
        stores.flow_runs.set_profiles(context.run.id, counts)
        stores.flow_runs.add_notes(context.run.id, notes)
        batch = stores.batches.get(context.batch_id)
        enqueue(stores, batch_event(workspace.settings, code, batch, context.flow, now=utc_now()), context.flow)
    log.info("batch %s, %s: %s", context.batch_id, code, counts)
    return StoreLoad(batch_id=context.batch_id, counts=counts)
