"""The doctor's look at graph and profiles: they have the lake's batches, loaded from as many rows as it has."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from headwater.flows.findings import Code, Found, found
from headwater.flows.load import load_identities, load_profiles
from headwater.flows.profile_rows import is_partly_superseded
from headwater.flows.reloading import reload_profiles
from headwater.flows.workspace import Workspace
from headwater.model.documents import Dataset
from headwater.model.runs import Batch, BatchStatus

if TYPE_CHECKING:
    from headwater.profile_store import StoredBatch


def check_profiles(workspace: Workspace) -> Iterator[Found]:
    """What the profile store should not have, or has otherwise than the lake. Not opened where nothing was loaded."""
    runs = workspace.catalog.flow_runs.with_profiles()
    if not runs:
        return
    stored = {each.batch_id: each.dataset for each in workspace.profile_store.batches()}
    datasets = set(stored.values()) | {workspace.catalog.batches.get(each).dataset for each in runs.keys() - stored}
    for dataset in sorted(datasets):
        odd = {batch_id for batch_id, _ in _differences(workspace, dataset, runs)}
        if odd:  # a load or a removal may have ended between two looks
            again = _differences(workspace, dataset, runs)
            yield from (finding for batch_id, finding in again if batch_id in odd)


def _differences(workspace: Workspace, dataset: str, runs: dict[str, str]) -> Iterator[tuple[str, Found]]:
    catalog = workspace.catalog
    known = {batch.id: batch for batch in catalog.batches.of_dataset(dataset)}
    busy = {each.batch_id for each in catalog.reloads.pending(dataset)}
    if any(batch.status is BatchStatus.STAGED for batch in known.values()):
        busy |= known.keys()  # a commit may be under way that takes rows from any of them
    stored = {each.batch_id: each for each in workspace.profile_store.batches() if each.dataset == dataset}
    rows = workspace.lake.rows_by_batch(dataset)
    for batch_id in sorted((stored.keys() | (runs.keys() & known.keys())) - busy):
        batch, in_store = known.get(batch_id), stored.get(batch_id)
        if batch is None:
            yield batch_id, _unknown(dataset, batch_id)
        elif batch.status is not BatchStatus.SUCCESS:
            if in_store is not None and not batch.removing:
                yield batch_id, _left(workspace, batch)
        elif in_store is None:
            if _is_enabled(workspace, dataset):
                yield batch_id, _missing(workspace, batch, runs[batch_id])
        elif fits(workspace, batch, count := rows.get(batch_id, 0)) and _differs(in_store, count):
            yield batch_id, _differing(workspace, batch, in_store, count)


def _is_enabled(workspace: Workspace, dataset: str) -> bool:
    document = workspace.catalog.resources.find("dataset", dataset)
    return isinstance(document, Dataset) and document.enabled_for_profile


def _differs(in_store: "StoredBatch", rows: int) -> bool:
    return any(loaded not in (None, rows) for loaded in (in_store.identity_rows, in_store.profile_rows))


def fits(workspace: Workspace, batch: Batch, rows: int) -> bool:
    """Whether the lake may have so many rows of a batch."""
    if batch.status in (BatchStatus.LOADING, BatchStatus.STAGED) or batch.removing:
        return True  # told by other checks, where it is wrong
    if batch.status is not BatchStatus.SUCCESS:
        return rows == 0
    return rows == batch.counts.loaded or (rows < batch.counts.loaded and is_partly_superseded(workspace, batch))


def _unknown(dataset: str, batch_id: str) -> Found:
    return found(
        Code.UNKNOWN_PROFILES,
        batch_id,
        f"the profile store has batch {batch_id} of dataset {dataset!r}, which the catalog does not know. Does the "
        "catalog belong to this profile store, and is it not an old copy? Nothing is removed.",
    )


def _left(workspace: Workspace, batch: Batch) -> Found:
    return found(
        Code.PROFILES_LEFT,
        batch.id,
        f"batch {batch.id} is {batch.status.value}, and the profile store still has it. Mending removes its "
        "identities, links, fragments and events.",
        partial(workspace.profile_store.remove_batch, batch.id),
    )


def _missing(workspace: Workspace, batch: Batch, flow_run_id: str) -> Found:
    return found(
        Code.PROFILES_DIFFER,
        batch.id,
        f"batch {batch.id} was loaded into the profiles, and the profile store does not have it. Was it restored from "
        "an older copy? Mending loads the batch again.",
        partial(_load_again, workspace, flow_run_id),
    )


def _load_again(workspace: Workspace, flow_run_id: str) -> None:
    load_identities(workspace, flow_run_id)
    load_profiles(workspace, flow_run_id)


def _differing(workspace: Workspace, batch: Batch, in_store: "StoredBatch", rows: int) -> Found:
    loaded = {"identities": in_store.identity_rows, "profiles": in_store.profile_rows}
    told = " and ".join(f"{what} from {count}" for what, count in loaded.items() if count is not None)
    return found(
        Code.PROFILES_DIFFER,
        batch.id,
        f"dataset {batch.dataset!r} has {rows} rows of batch {batch.id}, which has its {told}. Mending loads them anew "
        "from the rows that are there.",
        partial(reload_profiles, workspace, batch.id),
    )
