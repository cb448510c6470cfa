"""Steps that are repeated, marked as done, or go on after their run was closed: what Airflow lets an operator do."""

from collections.abc import Callable
from pathlib import Path

import pytest

from headwater.errors import ConflictError, HeadwaterError, LakeError, ThresholdExceededError
from headwater.flows import steps
from headwater.flows.finish import close_run
from headwater.model.documents import Dataset, RunRequest
from headwater.model.runs import BatchStatus, FileState, FlowRunState
from tests.integration.installation import LOYALTY, PURCHASES, Installation

DATASET = "luma_loyalty_dataset"


def discover(luma: Installation, dag_run_id: str = "manual__1", **request: object) -> str:
    asked = RunRequest.from_json({"dag_run_id": dag_run_id, **request})
    return steps.discover(luma.workspace, luma.flow(LOYALTY), asked).flow_run_id


def finish(luma: Installation, run_id: str, failure: str | None = None) -> FlowRunState:
    return steps.finish(luma.workspace, run_id, flow=LOYALTY, failure=failure).state


def rows(luma: Installation) -> int:
    return luma.workspace.lake.count(DATASET)


@pytest.fixture
def loaded_run(luma: Installation) -> str:
    luma.put_samples()
    run_id = discover(luma)
    steps.ingest_group(luma.workspace, run_id, 0)
    steps.load_lake(luma.workspace, run_id)
    steps.load_identities(luma.workspace, run_id)
    steps.load_profiles(luma.workspace, run_id)
    assert finish(luma, run_id) is FlowRunState.SUCCESS
    return run_id


REPEATED: list[Callable[..., object]] = [
    lambda workspace, run_id: steps.ingest_group(workspace, run_id, 0),
    steps.load_lake,
    steps.load_identities,
    steps.load_profiles,
]


@pytest.mark.parametrize("step", REPEATED, ids=["ingest", "load_lake", "load_identities", "load_profiles"])
def test_a_step_of_a_finished_run_that_is_cleared_changes_nothing(
    luma: Installation, loaded_run: str, step: Callable[..., object]
) -> None:
    step(luma.workspace, loaded_run)
    assert finish(luma, loaded_run) is FlowRunState.SUCCESS
    assert rows(luma) == 1000
    assert luma.workspace.lake.scan(DATASET).num_rows == 1000
    run = luma.workspace.catalog.flow_runs.get(loaded_run)
    assert run.counts.loaded == 1000
    assert luma.workspace.profile_store.counts().fragments == 1000


def test_load_lake_of_a_failed_run_is_refused(luma: Installation) -> None:
    luma.put("luma-loyalty.json", b"{\n" * 10)
    run_id = discover(luma)
    steps.ingest_group(luma.workspace, run_id, 0)
    with pytest.raises(ThresholdExceededError, match="10 of 10 records"):
        steps.load_lake(luma.workspace, run_id)
    assert finish(luma, run_id) is FlowRunState.FAILED
    with pytest.raises(HeadwaterError):
        steps.load_lake(luma.workspace, run_id)
    with pytest.raises(ConflictError, match=r"was closed at .* clear its task `discover`"):
        steps.ingest_group(luma.workspace, run_id, 0)
    assert finish(luma, run_id) is FlowRunState.FAILED
    batch = luma.workspace.catalog.batches.latest()[0]
    assert (batch.status, rows(luma)) == (BatchStatus.FAILED, 0)


def test_a_group_that_was_only_marked_as_done_does_not_look_loaded(luma: Installation) -> None:
    luma.put_samples()
    run_id = discover(luma)
    with pytest.raises(HeadwaterError, match="was not read: group 0 was not ingested to its end"):
        steps.load_lake(luma.workspace, run_id)
    assert finish(luma, run_id) is FlowRunState.FAILED
    assert luma.run(LOYALTY).counts.loaded == 1000


def test_a_zombie_that_goes_on_after_its_run_was_closed_loads_nothing(luma: Installation) -> None:
    luma.put_samples()
    zombie = discover(luma)
    steps.ingest_group(luma.workspace, zombie, 0)
    close_run(luma.workspace, zombie, failure="taken for dead")
    for step in (steps.load_lake, steps.load_identities):
        with pytest.raises(HeadwaterError):
            step(luma.workspace, zombie)
    assert luma.run(LOYALTY).counts.loaded == 1000
    assert rows(luma) == 1000


def test_a_run_that_is_closed_while_it_commits_is_given_up_in_the_lake(luma: Installation) -> None:
    luma.put_samples()
    run_id = discover(luma)
    steps.ingest_group(luma.workspace, run_id, 0)
    catalog, lake = luma.workspace.catalog, luma.workspace.lake
    batch_id = str(catalog.flow_runs.get(run_id).batch_id)
    staged = catalog.batches.staged_files(batch_id)
    catalog.batches.stage(batch_id)
    close_run(luma.workspace, run_id, failure="taken for dead")
    with pytest.raises(LakeError, match=f"batch {batch_id} was given up while it was being committed"):
        lake.commit(DATASET, batch_id, staged)
    assert lake.find_commit(DATASET, batch_id) is None
    assert luma.run(LOYALTY).counts.loaded == 1000
    assert rows(luma) == 1000


def test_a_committed_batch_is_settled_although_its_schema_is_gone(luma: Installation) -> None:
    luma.put_samples()
    run_id = discover(luma)
    steps.ingest_group(luma.workspace, run_id, 0)
    catalog = luma.workspace.catalog
    batch_id = str(catalog.flow_runs.get(run_id).batch_id)
    catalog.batches.stage(batch_id)
    luma.workspace.lake.commit(DATASET, batch_id, catalog.batches.staged_files(batch_id))
    dataset = catalog.resources.typed(Dataset, DATASET)
    catalog.resources.put(dataset.model_copy(update={"xdm_schema": "gone"}))
    assert finish(luma, run_id, failure="killed") is FlowRunState.FAILED
    assert catalog.batches.get(batch_id).status is BatchStatus.SUCCESS
    catalog.resources.put(dataset)
    assert luma.run(LOYALTY).state is FlowRunState.NO_NEW_DATA
    steps.load_identities(luma.workspace, run_id)
    steps.load_profiles(luma.workspace, run_id)
    assert finish(luma, run_id) is FlowRunState.SUCCESS
    assert (rows(luma), luma.workspace.profile_store.counts().fragments) == (1000, 1000)


def test_a_discovery_that_is_tried_again_goes_on_with_its_flow_run(luma: Installation) -> None:
    luma.put_samples()
    with luma.sftp.faults.denying("/outbox"), pytest.raises(Exception, match="denies access"):
        discover(luma)
    run_id = discover(luma)
    assert [run.id for run in luma.workspace.catalog.flow_runs.latest(flow=LOYALTY)] == [run_id]
    assert luma.workspace.catalog.flow_runs.get(run_id).errors == ()
    assert luma.workspace.catalog.outbox.events() == []


def test_the_same_bytes_in_two_runs_at_once_load_once(luma: Installation) -> None:
    luma.put_samples()
    luma.put("luma-loyalty-copy.json", (luma.outbox / "luma-loyalty.json").read_bytes())
    first = discover(luma, "backfill__1", files="luma-loyalty.json")
    second = discover(luma, "backfill__2", files="luma-loyalty-copy.json")
    assert steps.ingest_group(luma.workspace, second, 0).read == 1000
    assert steps.ingest_group(luma.workspace, first, 0).read == 0
    for run_id in (second, first):
        steps.load_lake(luma.workspace, run_id)
        finish(luma, run_id)
    assert rows(luma) == 1000
    assert luma.run(LOYALTY).state is FlowRunState.NO_NEW_DATA
    assert rows(luma) == 1000


def test_what_ingestion_noticed_is_told_with_the_run(luma: Installation) -> None:
    luma.put("luma-loyalty.json", b'[{"_techmarketingdemos":{"systemIdentifier":{"loyaltyId":"1"}},"shoeSize":43}]')
    run = luma.run(LOYALTY)
    assert run.counts.loaded == 1
    assert any("shoeSize" in note for note in run.notes), run.notes


def test_without_diagnostics_rejected_records_are_counted_and_not_kept(luma: Installation) -> None:
    lines = b'{"_id":1}\n' * 3
    luma.put("luma-offline-purchases.json", lines)
    flow = luma.flow(PURCHASES).model_copy(update={"partial_ingestion": None, "error_diagnostics": False})
    run = luma.run(PURCHASES, flow)
    assert run.counts.failed == 3
    batch = luma.workspace.catalog.batches.get(str(run.batch_id))
    assert batch.errors[0].code == "INGEST-1211-400"
    assert luma.workspace.diagnostics.read(batch.id) == []


def test_what_a_killed_attempt_had_staged_goes_with_its_batch(luma: Installation) -> None:
    luma.put_samples()
    run_id = discover(luma)
    steps.ingest_group(luma.workspace, run_id, 0)
    batch = luma.workspace.catalog.batches.latest()[0]
    [entered] = luma.workspace.catalog.batches.staged_files(batch.id)
    forgotten = entered.uri.replace(".parquet", "-forgotten.parquet").removeprefix("file://")
    Path(forgotten).write_bytes(b"what a killed attempt left")
    close_run(luma.workspace, run_id, failure="killed")
    assert list(Path(forgotten).parent.glob("*.parquet")) == []


def test_a_closed_runs_files_are_free(luma: Installation) -> None:
    luma.put_samples()
    run_id = discover(luma)
    close_run(luma.workspace, run_id, failure="taken for dead")
    states = {file.state for file in luma.workspace.catalog.ledger.of_run(run_id)}
    assert states == {FileState.RELEASED}
