"""Identities and profiles of batches that lost rows: where a file's newer version takes the place of its older one.

The lake drops the older version's rows in the commit that brings the newer ones. When that commit is settled, each
batch that lost rows is entered in the catalog, in the same transaction. Its identities and profiles are then loaded
anew from what the table has of it, in one transaction of the profile store, and the entry is deleted last. A kill in
between leaves the entry, and whoever finds it goes on: the same run's next step, the next run into the dataset,
maintenance, `headwater doctor --mend`.
"""

import logging
from functools import partial

from headwater.catalog.base import utc_now
from headwater.catalog.catalog import Stores
from headwater.errors import ConflictError, NotFoundError
from headwater.flows.expiry import oldest_event
from headwater.flows.profile_rows import batch_load, current_rows
from headwater.flows.schemas import resolve_schema
from headwater.flows.workspace import Workspace
from headwater.model.documents import Dataset
from headwater.model.runs import Batch, BatchStatus

log = logging.getLogger(__name__)


def request_reloads(stores: Stores, flow_run_id: str, batch_id: str) -> None:
    """In the transaction that settles a batch, before its files are settled: enter the batches that lost rows to it."""
    losing = stores.ledger.batches_of(stores.ledger.superseded_by(flow_run_id)) - {batch_id}
    stores.reloads.request(stores.batches.loaded(stores.batches.with_replays(losing)), superseded_by=batch_id)


def finish_reloads(workspace: Workspace, dataset: str | None = None) -> list[str]:
    """Make identities and profiles follow the lake, where batches lost rows.

    Args:
        workspace: The installation.
        dataset: Whose batches; None for all.

    Returns:
        The batches that were looked at.

    Raises:
        NotFoundError: a batch's dataset or schema document is gone, and the profiles have the batch.
        HeadwaterError: lake or profile store refused, or could not be reached; what was begun can be repeated.
    """
    pending = workspace.catalog.reloads.pending(dataset)
    batch_ids = sorted({each.batch_id for each in pending})
    for batch_id in batch_ids:
        reload_profiles(workspace, batch_id)
        workspace.catalog.reloads.done([each for each in pending if each.batch_id == batch_id])
    return batch_ids


def reload_profiles(workspace: Workspace, batch_id: str) -> None:
    """Make what graph and profiles have of a batch what the lake's rows of it give. Repeating changes nothing.

    A batch that is not in the lake any more is left to its removal.
    """
    batch = workspace.catalog.batches.get(batch_id)
    if batch.status is not BatchStatus.SUCCESS or not may_have_profiles(workspace, batch):
        return
    dataset = workspace.catalog.resources.typed(Dataset, batch.dataset)
    schema = resolve_schema(workspace.catalog.resources, dataset.xdm_schema, tenant=workspace.settings.tenant)
    load = batch_load(workspace, batch, dataset, schema)
    try:
        known = workspace.profile_store.reload_batch(
            load, partial(current_rows, workspace, batch_id), events_since=oldest_event(dataset, utc_now())
        )
    except ConflictError:
        if workspace.catalog.batches.get(batch_id).status is BatchStatus.SUCCESS:
            raise
        return
    if known:
        log.info("batch %s: identities and profiles follow what dataset %s has of it", batch_id, batch.dataset)


def may_have_profiles(workspace: Workspace, batch: Batch) -> bool:
    """Whether identities or profiles were loaded from the batch, or may be. Others need no profile store."""
    if workspace.catalog.flow_runs.get(batch.flow_run_id).profiles:
        return True
    try:
        return workspace.catalog.resources.typed(Dataset, batch.dataset).enabled_for_profile
    except NotFoundError:
        return True
