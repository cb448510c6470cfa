"""Batches that lost rows are remembered until their profiles have lost them too."""

from ulid import ULID

from headwater.catalog.catalog import Catalog
from headwater.catalog.reloads import Reload
from headwater.model.runs import BatchStatus, FlowRunState
from tests.contract.catalog.test_runs import FILE, START, bring, claim, start_run


def open_batch(catalog: Catalog, dataset: str = "d") -> tuple[str, str]:
    """A run and its batch."""
    run_id, batch_id = start_run(catalog), str(ULID())
    catalog.batches.create(batch_id=batch_id, dataset=dataset, flow_run_id=run_id, created_at=START)
    catalog.flow_runs.set_batch(run_id, batch_id)
    return run_id, batch_id


def loaded_batch(catalog: Catalog, dataset: str = "d") -> str:
    _, batch_id = open_batch(catalog, dataset)
    catalog.batches.settle(batch_id, BatchStatus.SUCCESS, completed_at=START)
    return batch_id


def test_each_loss_is_entered_once_and_ends_alone(catalog: Catalog) -> None:
    old, other = loaded_batch(catalog), loaded_batch(catalog, "e")
    (_, first), (_, second) = open_batch(catalog), open_batch(catalog)
    for _ in range(2):
        catalog.reloads.request([old, other], superseded_by=first)
    seen = catalog.reloads.pending("d")
    catalog.reloads.request([old], superseded_by=second)

    assert seen == [Reload(batch_id=old, superseded_by=first, dataset="d")]
    assert len(catalog.reloads.pending()) == 3
    catalog.reloads.done(seen)

    assert catalog.reloads.pending("d") == [Reload(batch_id=old, superseded_by=second, dataset="d")]
    assert [each.batch_id for each in catalog.reloads.pending("e")] == [other]
    catalog.reloads.done(seen)
    assert len(catalog.reloads.pending()) == 2


def test_what_an_open_run_is_about_to_do_is_not_interrupted(catalog: Catalog) -> None:
    old = loaded_batch(catalog)
    run_id, batch_id = open_batch(catalog)
    catalog.reloads.request([old], superseded_by=batch_id)
    assert catalog.reloads.interrupted() == []

    catalog.flow_runs.complete(run_id, FlowRunState.FAILED, completed_at=START)

    assert [each.superseded_by for each in catalog.reloads.interrupted()] == [batch_id]


def test_the_batches_of_files_and_those_with_profiles_are_found(catalog: Catalog) -> None:
    run_id, batch_id = open_batch(catalog)
    [file_id] = claim(catalog, run_id, FILE)
    bring(catalog, file_id)
    catalog.ledger.settle(run_id)
    without = loaded_batch(catalog)

    assert catalog.ledger.batches_of([file_id, "none"]) == {batch_id}
    assert catalog.ledger.batches_of([]) == set()
    assert catalog.batches.loaded({batch_id, without}) == {without}
    assert catalog.flow_runs.with_profiles() == {}
    catalog.flow_runs.set_profiles(run_id, {"events": 0})
    assert catalog.flow_runs.with_profiles() == {batch_id: run_id}

    assert not catalog.ledger.has_superseded(run_id)
    newer = start_run(catalog)
    [newer_id] = claim(catalog, newer, FILE, supersedes=(file_id,))
    bring(catalog, newer_id, "01")
    catalog.ledger.settle(newer)
    assert catalog.ledger.has_superseded(run_id)
