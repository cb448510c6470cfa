"""What goes from a batch into identity graph and profiles: its rows as the lake has them, and what they mean."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from headwater.errors import ConflictError, HeadwaterError
from headwater.flows.context import RunContext
from headwater.flows.schemas import identity_settings, identity_types
from headwater.flows.workspace import Workspace
from headwater.model.documents import Dataset
from headwater.model.runs import Batch, BatchStatus
from headwater.xdm import ResolvedSchema

if TYPE_CHECKING:
    import pyarrow as pa

    from headwater.profile_store import BatchLoad


def goes_to_profile(context: RunContext) -> bool:
    """Whether the run's records go to identity graph and profile store: dataset and schema are enabled for it."""
    return context.request.loads and context.dataset.enabled_for_profile and context.schema.enabled_for_profile


def batch_load(workspace: Workspace, batch: Batch, dataset: Dataset, schema: ResolvedSchema) -> "BatchLoad":
    """What the profile store is to know of a batch, by dataset and schema as they are now.

    A batch that replays another one's records counts as ingested when that one was: what came since is newer.

    Raises:
        HeadwaterError: the batch is not in the lake.
    """
    from headwater.profile_store import BatchLoad

    if batch.status is not BatchStatus.SUCCESS or batch.completed_at is None:
        raise HeadwaterError(
            f"batch {batch.id} is {batch.status.value}, not in the lake; identities and profiles follow the lake"
        )
    first = first_batch(workspace, batch)
    return BatchLoad(
        batch_id=batch.id,
        dataset=dataset.name,
        ingested_at=first.completed_at or batch.completed_at,
        behavior=schema.behavior,
        identities=schema.identities,
        primary_in_identity_map=schema.primary_in_identity_map,
        upsert=dataset.upsert,
        namespaces=identity_types(workspace.catalog.resources),
        settings=identity_settings(workspace.catalog.resources),
        source_files=tuple(sorted(file.id for file in workspace.catalog.ledger.of_run(first.flow_run_id))),
        event_expiration_days=dataset.event_expiration_days,
    )


def current_rows(workspace: Workspace, batch_id: str) -> "Iterator[pa.RecordBatch]":
    """The rows that the lake has of the batch when the first of them is asked for.

    The profile store asks when nobody else can write to it. So whoever takes the batch out, or supersedes one of its
    files, either was seen here, or comes to the profile store after this load and sees what it left.

    Raises:
        ConflictError: the batch was taken out of the lake meanwhile.
    """
    catalog = workspace.catalog
    batch = catalog.batches.get(batch_id)
    if batch.status is not BatchStatus.SUCCESS:
        raise ConflictError(
            f"batch {batch_id} is {batch.status.value} by now: it was taken out of the lake while its identities or "
            "profiles were about to be loaded. Nothing was loaded."
        )
    if is_partly_superseded(workspace, batch):
        yield from workspace.lake.read_remaining(batch.dataset, batch_id)
    else:
        yield from workspace.lake.read_batch(batch.dataset, batch_id, catalog.batches.staged_files(batch_id))


def is_partly_superseded(workspace: Workspace, batch: Batch) -> bool:
    """Whether a newer version of one of its files, or of the files of the batch that it replays, was loaded."""
    return workspace.catalog.ledger.has_superseded(first_batch(workspace, batch).flow_run_id)


def first_batch(workspace: Workspace, batch: Batch) -> Batch:
    """The batch that read the files, at the beginning of a chain of replays."""
    while batch.replay_of is not None:
        batch = workspace.catalog.batches.get(batch.replay_of)
    return batch
