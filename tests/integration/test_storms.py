"""Files of rubbish: reading stops as soon as the batch cannot load, and enough of the bad records are explained."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from headwater.flows import steps
from headwater.formats.blocks import Limits
from headwater.model.documents import Dataflow, PartialIngestion, RunRequest
from headwater.model.runs import BatchStatus, FileState, FlowRunState
from tests.integration.installation import PURCHASES, Installation, luma_installation

STORM_RECORDS = 500
FILE = "luma-offline-purchases-storm.json"
RUBBISH = b'{"_id": "x", "timestamp": "yesterday", "productListItems": [{"SKU": "a", "quantity": "many"}]}\n'
RECORDS_OF_A_BLOCK = min(Limits().block_bytes // len(RUBBISH) + 1, Limits().block_records)


@pytest.fixture
def luma(tmp_path: Path) -> Iterator[Installation]:
    with luma_installation(tmp_path, storm_records=STORM_RECORDS, group_bytes=1) as installation:
        yield installation


def flow(luma: Installation, threshold_percent: float) -> Dataflow:
    partial = PartialIngestion(threshold_percent=threshold_percent) if threshold_percent else None
    return luma.flow(PURCHASES).model_copy(update={"partial_ingestion": partial})


@pytest.mark.parametrize("threshold_percent", [0, 5], ids=["none may fail", "5 % may fail"])
def test_rubbish_is_not_read_to_its_end(luma: Installation, threshold_percent: float) -> None:
    luma.put(FILE, RUBBISH * 30_000)
    run = luma.run(PURCHASES, flow(luma, threshold_percent))

    assert run.state is FlowRunState.FAILED
    assert STORM_RECORDS <= run.counts.read <= RECORDS_OF_A_BLOCK
    assert run.counts.failed == run.counts.read
    [error] = run.errors
    where = (
        f"at record {run.counts.read:,} of '/outbox/{FILE}': {run.counts.failed:,} of the {run.counts.read:,} records"
    )
    assert f"reading was stopped {where}" in error.message
    assert "Nothing was loaded" in error.message
    assert any(where in note for note in run.notes)
    batch = luma.workspace.catalog.batches.get(str(run.batch_id))
    assert batch.status is BatchStatus.FAILED
    assert "reading was stopped before the end" in batch.errors[0].message
    explained = luma.workspace.diagnostics.read(batch.id, limit=100_000)
    assert len(explained) >= STORM_RECORDS
    assert explained[0]["_errors"][0]["column"] == "/timestamp"
    assert luma.workspace.lake.count(run.dataset) == 0
    [file] = luma.workspace.catalog.ledger.of_run(run.id)
    assert file.state is FileState.RELEASED


def test_bad_records_at_the_beginning_stop_nothing_that_could_still_load(luma: Installation) -> None:
    good = "".join(
        json.dumps({**record, "_id": f"{record['_id']}-{n}"}) + "\n"
        for n in range(13)
        for record in luma.data.purchases
    )
    luma.put(FILE, RUBBISH * (STORM_RECORDS + 100) + good.encode())
    run = luma.run(PURCHASES, flow(luma, 5))
    assert (run.state, run.counts.failed, run.counts.loaded) == (FlowRunState.SUCCESS, STORM_RECORDS + 100, 13_000)


def test_a_small_compressed_file_may_still_make_up_for_the_rubbish(luma: Installation) -> None:
    good = "".join(json.dumps({**luma.data.purchases[0], "_id": f"order-{n}"}) + "\n" for n in range(13_000))
    luma.put(FILE, RUBBISH * (STORM_RECORDS + 100))
    luma.put(FILE.replace("storm", "zipped") + ".gz", gzip.compress(good.encode()))
    run = luma.run(PURCHASES, flow(luma, 5))
    assert (run.state, run.counts.failed, run.counts.loaded) == (FlowRunState.SUCCESS, STORM_RECORDS + 100, 13_000)


def test_the_other_groups_of_a_lost_batch_read_nothing(luma: Installation) -> None:
    luma.put(FILE, RUBBISH * 10_000)
    luma.put_samples()
    workspace = luma.workspace
    discovery = steps.discover(workspace, flow(luma, 0), RunRequest())
    lost, other = discovery.groups
    assert steps.ingest_group(workspace, discovery.flow_run_id, lost).read
    result = steps.ingest_group(workspace, discovery.flow_run_id, other)
    assert (result.stopped, result.read) == (True, 0)
    [report] = [r for r in workspace.catalog.batches.group_reports(str(discovery.batch_id)) if r.group == other]
    assert report.stopped == f"nothing was read: the batch cannot load since group {lost} was stopped"
    again = steps.ingest_group(workspace, discovery.flow_run_id, lost)
    assert again.failed >= STORM_RECORDS, "the group that was stopped was repeated, and blamed the one that it stopped"


def test_a_check_stops_too(luma: Installation) -> None:
    luma.put(FILE, RUBBISH * 30_000)
    run = luma.run(PURCHASES, flow(luma, 0), dry_run=True)
    assert run.state is FlowRunState.SUCCESS
    assert STORM_RECORDS <= run.counts.failed <= RECORDS_OF_A_BLOCK
    assert any("reading was stopped at record" in note for note in run.notes)
