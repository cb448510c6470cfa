"""A large file is ingested in parts: the same rows, once, and a part that fails is read again alone."""

import hashlib
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import FileChangedError
from headwater.errors import HeadwaterError
from headwater.flows import steps
from headwater.flows.begin import begin_run
from headwater.flows.context import open_context
from headwater.flows.dividing import divide_large_files
from headwater.flows.listing import look
from headwater.model.documents import RunRequest
from headwater.model.records import RecordCounts
from headwater.model.runs import FileState, FlowRun, FlowRunState
from tests.forks import run_apart
from tests.integration import killed_run
from tests.integration.installation import PRODUCTS, PURCHASES, TENANT, Installation, luma_installation

SPLIT_BYTES = 250_000
FILE = "luma-offline-purchases-large.json"
EVENTS = "luma_offline_purchase_events_dataset"


@pytest.fixture
def luma(tmp_path: Path) -> Iterator[Installation]:
    with luma_installation(tmp_path, split_bytes=SPLIT_BYTES) as installation:
        yield installation


def purchases(luma: Installation, times: int = 4) -> tuple[bytes, set[int]]:
    """A file of the sample's purchases, several times over and in few days, and which records are bad."""
    lines = [
        json.dumps({**record, "_id": f"{record['_id']}-{copy}", "timestamp": f"2020-02-0{1 + copy}T00:00:00Z"})
        for copy in range(times)
        for record in luma.data.purchases
    ]
    bad = set(range(98, len(lines), 100))
    for number in bad:
        lines[number] = '{"_id": "broken'
    return "\n".join(lines).encode(), {number + 1 for number in bad}


def provenance(luma: Installation, run: FlowRun) -> list[dict[str, Any]]:
    """The batch's rows in the lake: their ids, and where they came from."""
    rows = luma.workspace.lake.scan(run.dataset, ["_id", "_acp_system_metadata"]).to_pylist()
    return [{"_id": row["_id"], **row["_acp_system_metadata"]} for row in rows]


def part_groups(luma: Installation, run_id: str) -> list[int]:
    [groups] = luma.workspace.catalog.parts.groups(run_id).values()
    return groups


def test_a_large_file_is_loaded_in_parts_as_if_it_had_been_read_whole(luma: Installation) -> None:
    content, bad = purchases(luma)
    luma.put(FILE, content)
    run = luma.run(PURCHASES)

    assert (run.state, run.files, run.input_bytes) == (FlowRunState.SUCCESS, 1, len(content)), run.errors
    assert run.counts == RecordCounts(read=4000, loaded=4000 - len(bad), failed=len(bad))
    assert len(part_groups(luma, run.id)) >= 5
    [file] = luma.workspace.catalog.ledger.of_run(run.id)
    rows = provenance(luma, run)
    assert {row["sourceFileId"] for row in rows} == {file.id}
    assert {row["acp_sourceBatchId"] for row in rows} == {run.batch_id}
    assert {row["rowNumber"] for row in rows} == set(range(1, 4001)) - bad
    lines = content.split(b"\n")
    for row in rows:
        line = content[row["byteOffset"] :].split(b"\n", 1)[0]
        assert line == lines[row["rowNumber"] - 1]
        assert json.loads(line)["_id"] == row["_id"]
    rejected = luma.workspace.diagnostics.read(str(run.batch_id))
    assert {error["_row"] for error in rejected} == {error["_line"] for error in rejected} == bad
    assert all(content[error["_offset"] :].startswith(error["_raw"].encode()) for error in rejected)
    assert luma.run(PURCHASES).state is FlowRunState.NO_NEW_DATA


def test_the_same_bytes_are_known_whether_they_came_in_parts_or_whole(luma: Installation) -> None:
    content, _ = purchases(luma)
    luma.put(FILE, content)
    first = luma.run(PURCHASES)
    luma.put(f"again-{FILE}", content)
    again = luma.run(PURCHASES, None, files=f"again-{FILE}")
    assert (again.state, again.counts.read) == (FlowRunState.NO_NEW_DATA, 0)
    assert again.notes == (f"'/outbox/again-{FILE}' has the same bytes as '/outbox/{FILE}'",)
    reprocessed = luma.run(PURCHASES, None, files=FILE, reprocess=True)
    assert reprocessed.counts == first.counts
    assert luma.workspace.lake.count(EVENTS) == first.counts.loaded


def test_a_large_csv_file_is_divided_between_records_and_knows_its_header(luma: Installation) -> None:
    rows = [f'SKU-{n},"Name, ""{n}""\nin two lines",men,blue,s,{n}' for n in range(20_000)]
    content = ("SKU,Name,Category,Color,Size,Price\n" + "\n".join(rows)).encode()
    luma.put("luma-products-large.csv", content)
    run = luma.run(PRODUCTS)
    assert run.counts == RecordCounts(read=20_000, loaded=20_000), (run.errors, run.notes)
    assert len(part_groups(luma, run.id)) >= 3
    found = luma.workspace.lake.scan(run.dataset).to_pylist()
    names = {row[f"_{TENANT}"]["productName"] for row in found}
    assert names == {f'Name, "{n}"\nin two lines' for n in range(20_000)}
    assert {row["_acp_system_metadata"]["rowNumber"] for row in found} == set(range(1, 20_001))


def test_a_part_is_read_again_alone(luma: Installation) -> None:
    content, bad = purchases(luma)
    luma.put(FILE, content)
    workspace = luma.workspace
    discovery = steps.discover(workspace, luma.flow(PURCHASES), RunRequest())
    assert discovery.groups == part_groups(luma, discovery.flow_run_id)
    results = [steps.ingest_group(workspace, discovery.flow_run_id, group) for group in discovery.groups]
    told: list[int] = []

    again = steps.ingest_group(
        workspace,
        discovery.flow_run_id,
        2,
        progress=lambda what, count: told.append(count if what == "bytes" else 0),
    )

    assert again == results[2]
    assert again.part == 3
    assert 0 < sum(told) < SPLIT_BYTES + 300_000
    assert steps.load_lake(workspace, discovery.flow_run_id).loaded == 4000 - len(bad)
    assert workspace.lake.count(EVENTS) == 4000 - len(bad)


def test_a_part_that_was_not_read_keeps_the_batch_out_of_the_lake(luma: Installation) -> None:
    content, _ = purchases(luma)
    luma.put(FILE, content)
    discovery = steps.discover(luma.workspace, luma.flow(PURCHASES), RunRequest())
    for group in discovery.groups[:-1]:
        steps.ingest_group(luma.workspace, discovery.flow_run_id, group)
    last = discovery.groups[-1]
    with pytest.raises(HeadwaterError, match=f"was not read: group {last} was not ingested to its end"):
        steps.load_lake(luma.workspace, discovery.flow_run_id)


def test_a_file_that_is_replaced_after_it_was_divided_fails_its_parts(luma: Installation) -> None:
    content, _ = purchases(luma)
    luma.put(FILE, content)
    discovery = steps.discover(luma.workspace, luma.flow(PURCHASES), RunRequest())
    luma.put(FILE, content.replace(b"techmarketingdemos", b"TECHMARKETINGDEMOS"))
    with pytest.raises(FileChangedError, match="was changed after it was divided into parts: bytes 0 to"):
        steps.ingest_group(luma.workspace, discovery.flow_run_id, 0)
    run = steps.finish(luma.workspace, discovery.flow_run_id, flow=PURCHASES)
    assert run.state is FlowRunState.FAILED
    assert luma.workspace.lake.count(EVENTS) == 0


def test_a_run_killed_between_two_parts_is_made_good_by_the_next(luma: Installation) -> None:
    content, bad = purchases(luma)
    luma.put(FILE, content)
    arguments = (str(luma.workspace.settings.home), TENANT, PURCHASES, "after ingest")
    killed = run_apart(killed_run.main, *arguments, variables={"HEADWATER_SPLIT_BYTES": str(SPLIT_BYTES)})
    assert killed.exitcode == -signal.SIGKILL, killed.raised
    run = luma.run(PURCHASES)
    assert run.counts.loaded == 4000 - len(bad)
    assert luma.workspace.lake.count(EVENTS) == 4000 - len(bad)
    runs = luma.workspace.catalog.flow_runs.latest(flow=PURCHASES)
    states = [file.state for run in runs for file in luma.workspace.catalog.ledger.of_run(run.id)]
    assert sorted(states) == sorted([FileState.LOADED, FileState.RELEASED])


def test_a_dry_run_divides_too_and_loads_nothing_but_a_row_limit_reads_the_beginning(luma: Installation) -> None:
    content, bad = purchases(luma)
    luma.put(FILE, content)
    checked = luma.run(PURCHASES, None, dry_run=True)
    assert checked.counts == RecordCounts(read=4000, loaded=4000 - len(bad), failed=len(bad))
    assert len(part_groups(luma, checked.id)) >= 5
    beginning = luma.run(PURCHASES, None, row_limit=10)
    assert beginning.counts.read == 10
    assert luma.workspace.catalog.parts.groups(beginning.id) == {}
    assert luma.workspace.lake.count(EVENTS) == 0


def test_a_large_file_that_cannot_be_divided_is_read_by_one_task_with_a_note(luma: Installation) -> None:
    content, bad = purchases(luma)
    lines = [line for number, line in enumerate(content.split(b"\n"), 1) if number not in bad]
    luma.put(FILE, b"[" + b",\n".join(lines) + b"]")
    run = luma.run(PURCHASES)
    assert run.counts.loaded == len(lines)
    assert run.notes == (f"'/outbox/{FILE}' was not divided: it is one JSON array",)


def test_a_file_that_changes_before_it_is_divided_is_left_for_a_later_run(luma: Installation) -> None:
    content, _ = purchases(luma)
    luma.put(FILE, content)
    run_id = begin_run(luma.workspace, luma.flow(PURCHASES), RunRequest())
    context = open_context(luma.workspace, run_id)
    listing = look(luma.workspace, context)
    luma.put(FILE, content + b"\n")
    found = divide_large_files(luma.workspace, context, listing.ready)
    assert (found.divisions, found.left_out) == ({}, {f"/outbox/{FILE}"})
    size = len(content)
    assert found.notes == [
        f"'/outbox/{FILE}' changed while it was read ({size} bytes when listed, {size + 1} when read); a later run "
        "takes it"
    ]
    (luma.outbox / FILE).unlink()
    gone = divide_large_files(luma.workspace, context, listing.ready)
    assert gone.notes == [f"'/outbox/{FILE}' was gone before it could be read"]


def test_a_large_file_that_is_cut_off_is_left_and_remembered(luma: Installation) -> None:
    content, _ = purchases(luma)
    luma.put(FILE, content[:-10])
    run = luma.run(PURCHASES)
    assert (run.state, run.batch_id) == (FlowRunState.NO_NEW_DATA, None)
    reason = "is not complete: the last JSON object is cut off; it is taken when it has changed"
    assert f"'/outbox/{FILE}' {reason}" in run.notes
    assert luma.run(PURCHASES).batch_id is None
    luma.put(FILE, content)
    assert luma.run(PURCHASES).state is FlowRunState.SUCCESS


def test_a_large_file_with_a_manifest_is_read_whole_and_checked(luma: Installation) -> None:
    content, bad = purchases(luma)
    flow = luma.flow(PURCHASES)
    ready = flow.source.ready.model_copy(update={"manifest": "{file}.sha256"})
    flow = flow.model_copy(update={"source": flow.source.model_copy(update={"ready": ready, "files": FILE})})
    luma.put(FILE, content)
    luma.put(f"{FILE}.sha256", f"{hashlib.sha256(content).hexdigest()}  {FILE}\n".encode())
    run = luma.run(PURCHASES, flow)
    assert run.counts.loaded == 4000 - len(bad), (run.errors, run.notes)
    assert f"'/outbox/{FILE}' was not divided: it has a manifest" in run.notes
