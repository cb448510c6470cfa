"""Files that are not complete wait, and say why; what is incomplete for too long is an error; changed files."""

import gzip
import hashlib
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from demo.data import ndjson
from headwater.catalog.tables import observation
from headwater.flows.discover import discover
from headwater.model.documents import Dataflow, RunRequest, Schedule
from headwater.model.runs import FlowRun, FlowRunState
from tests.integration.installation import LOYALTY, Installation, luma_installation

NAME = "luma-loyalty.json"
PATH = f"/outbox/{NAME}"
TAIL = "; a later run takes what is complete then"


@pytest.fixture
def luma(tmp_path: Path) -> Iterator[Installation]:
    with luma_installation(tmp_path) as installation:
        yield installation


def flow(
    luma: Installation, *, changed_files: str = "append", files: str = "luma-loyalty*.json*", **ready: object
) -> Dataflow:
    document = luma.flow(LOYALTY).to_authored()
    source = document["source"] | {"files": files, "ready": ready, "changed_files": changed_files}
    return Dataflow.from_json(document | {"source": source})


def run(luma: Installation, document: Dataflow) -> FlowRun:
    return luma.run(LOYALTY, document, trigger="scheduled")


def assert_waits(found: FlowRun, *notes: str) -> None:
    assert (found.state, found.files, found.notes) == (FlowRunState.NO_NEW_DATA, 0, notes)


def people(luma: Installation, count: int) -> bytes:
    return ndjson(luma.data.loyalty[:count])


def put_manifest(luma: Installation, name: str, content: bytes, *, days_old: int = 1) -> None:
    """Put a manifest, as old as told."""
    luma.put(name, content)
    modified = (datetime.now(UTC) - timedelta(days=days_old)).timestamp()
    os.utime(luma.outbox / name, (modified, modified))


def ids(luma: Installation) -> list[str]:
    table = luma.workspace.lake.scan(luma.flow(LOYALTY).target.dataset, columns=["_id"])
    return sorted(table["_id"].to_pylist()) if "_id" in table.column_names else []


def test_a_file_waits_for_its_marker(luma: Installation) -> None:
    document = flow(luma, marker="{file}.ok")
    luma.put(NAME, people(luma, 1))
    assert_waits(run(luma, document), f"1 file is without its marker, such as {PATH!r}{TAIL}")
    luma.put(f"{NAME}.ok", b"")
    assert run(luma, document).files == 1


def test_a_marker_without_its_file_is_told_and_not_waited_for(luma: Installation) -> None:
    document = flow(luma, files="*", marker="{file}.ok", deadline_seconds=60)
    luma.put("luma-loyalty-1.json.ok", b"")
    luma.put(NAME, people(luma, 1))
    luma.put(f"{NAME}.ok", b"")
    alone = "1 marker is without a file, such as '/outbox/luma-loyalty-1.json.ok'; nothing waits for it"
    first = run(luma, document)
    assert (first.state, first.files, first.notes) == (FlowRunState.SUCCESS, 1, (alone,))
    assert luma.workspace.catalog.observations.paths(LOYALTY) == set()
    luma.put("luma-loyalty-1.json", people(luma, 2))
    assert run(luma, document).counts.loaded == 2


def test_a_marker_that_a_loaded_file_left_behind_is_passed_over(luma: Installation) -> None:
    document = flow(luma, files="*", marker="{file}.ok")
    luma.put(NAME, people(luma, 1))
    luma.put(f"{NAME}.ok", b"")
    assert run(luma, document).files == 1
    (luma.outbox / NAME).unlink()
    assert_waits(run(luma, document))


def test_a_file_that_was_cut_off_waits_until_it_has_changed(luma: Installation) -> None:
    whole = people(luma, 3)
    luma.put(NAME, whole[:-20])
    document = flow(luma)
    first = run(luma, document)
    assert first.notes == (
        f"{PATH!r} is not complete: the last JSON object is cut off; it is taken when it has changed",
    )
    assert (first.state, first.counts.loaded) == (FlowRunState.NO_NEW_DATA, 0)
    second = run(luma, document)
    assert_waits(second, f"1 file is cut off at the end, such as {PATH!r} (the last JSON object is cut off){TAIL}")
    assert second.batch_id is None, "the same bytes are not fetched again"
    luma.put(NAME, whole)
    third = run(luma, document)
    assert (third.state, third.counts.loaded) == (FlowRunState.SUCCESS, 3)
    assert_waits(run(luma, document))
    assert luma.workspace.catalog.observations.paths(LOYALTY) == set()


def test_a_cut_gzip_holds_no_other_file_up(luma: Installation) -> None:
    luma.put("luma-loyalty-1.json.gz", gzip.compress(people(luma, 5), mtime=0)[:-9])
    luma.put("luma-loyalty-2.json", people(luma, 2))
    found = run(luma, flow(luma))
    assert (found.state, found.files, found.counts.loaded) == (FlowRunState.SUCCESS, 1, 2)
    assert "'/outbox/luma-loyalty-1.json.gz' is not complete: the gzip data ends too early" in found.notes[0]


def test_the_look_at_the_end_can_be_switched_off(luma: Installation) -> None:
    luma.put(NAME, people(luma, 3)[:-20])
    found = run(luma, flow(luma, check_tail=False))
    assert (found.counts.read, found.counts.failed) == (3, 1)


def test_a_file_that_looked_cut_off_is_taken_once_its_end_is_not_looked_at(luma: Installation) -> None:
    luma.put(NAME, people(luma, 3)[:-20])
    assert run(luma, flow(luma)).files == 0
    assert_waits(
        run(luma, flow(luma)), f"1 file is cut off at the end, such as {PATH!r} (the last JSON object is cut off){TAIL}"
    )
    assert run(luma, flow(luma, check_tail=False)).counts.read == 3


def test_a_file_that_is_incomplete_for_too_long_fails_the_run_and_not_the_others(luma: Installation) -> None:
    document = flow(luma, marker="{file}.ok", deadline_seconds=3600)
    luma.put(NAME, people(luma, 1))
    assert run(luma, document).state is FlowRunState.NO_NEW_DATA
    two_hours_ago = datetime.now(UTC) - timedelta(hours=2)
    luma.workspace.catalog.observations._execute(observation.update().values(waiting_since=two_hours_ago))
    luma.put("luma-loyalty-2.json", people(luma, 2))
    luma.put("luma-loyalty-2.json.ok", b"")
    late = run(luma, document)
    assert (late.state, late.counts.loaded) == (FlowRunState.FAILED, 2)
    (error,) = late.errors
    assert error.message == (
        "1 of the source's files have been incomplete for longer than `ready.deadline_seconds` (3600) allows. The "
        f"first is {PATH!r}: without its marker, for 2.0 hours now. Nothing of them was taken. Have them completed or "
        "removed, or let `ready.ignore` leave them out."
    )
    (luma.outbox / NAME).unlink()
    assert run(luma, document).state is FlowRunState.NO_NEW_DATA


def test_a_new_version_of_a_loaded_file_is_not_late_for_the_wait_of_the_old_one(luma: Installation) -> None:
    document = flow(luma, marker="{file}.ok", deadline_seconds=3600)
    luma.put(NAME, people(luma, 1))
    assert run(luma, document).files == 0
    luma.put(f"{NAME}.ok", b"")
    two_hours_ago = datetime.now(UTC) - timedelta(hours=2)
    luma.workspace.catalog.observations._execute(observation.update().values(waiting_since=two_hours_ago))
    assert run(luma, document).counts.loaded == 1
    assert luma.workspace.catalog.observations.paths(LOYALTY) == set()
    (luma.outbox / f"{NAME}.ok").unlink()
    luma.put(NAME, people(luma, 2))
    assert_waits(run(luma, document), f"1 file is without its marker, such as {PATH!r}{TAIL}")


def test_the_wait_for_a_file_that_a_run_holds_is_remembered(luma: Installation) -> None:
    document = flow(luma, marker="{file}.ok")
    luma.put(NAME, people(luma, 1))
    assert run(luma, document).files == 0
    luma.put(f"{NAME}.ok", b"")
    request = RunRequest(trigger="scheduled")
    holder = discover(luma.workspace, document, request)
    assert holder.files == 1
    discover(luma.workspace, document, request)
    assert luma.workspace.catalog.observations.paths(LOYALTY) == {PATH}


def test_a_manifest_for_each_file(luma: Installation) -> None:
    content = people(luma, 3)
    document = flow(luma, manifest="{file}.manifest")
    luma.put(NAME, content)
    assert_waits(run(luma, document), f"1 file is not named by a manifest, such as {PATH!r}{TAIL}")
    luma.put(f"{NAME}.manifest", json.dumps({"size": len(content) + 1}).encode())
    assert_waits(run(luma, document), f"1 file is not of the size that the manifest names, such as {PATH!r}{TAIL}")
    luma.put(f"{NAME}.manifest", json.dumps({"size": len(content), "sha256": "0" * 64}).encode())
    assert "its SHA-256 is not the one that its manifest names" in run(luma, document).notes[0]
    assert "cut off at the end" in run(luma, document).notes[0], "the same bytes are not fetched again"
    right = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest(), "records": 3}
    luma.put(f"{NAME}.manifest", json.dumps(right).encode())
    assert run(luma, document).counts.loaded == 3


def test_json_data_with_json_manifests(luma: Installation) -> None:
    document = flow(luma, manifest="{file}.json")
    luma.put(NAME, people(luma, 2))
    assert_waits(run(luma, document), f"1 file is not named by a manifest, such as {PATH!r}{TAIL}")
    luma.put(f"{NAME}.json", b'{"records": 2}')
    assert run(luma, document).counts.loaded == 2


def test_a_count_of_records_that_does_not_fit_loads_nothing(luma: Installation) -> None:
    luma.put(NAME, people(luma, 3))
    luma.put(f"{NAME}.manifest", b'{"records": 4}')
    found = run(luma, flow(luma, manifest="{file}.manifest"))
    assert (found.state, luma.workspace.lake.count(found.dataset)) == (FlowRunState.FAILED, 0)
    assert "3 records were read, its manifest says 4. Nothing was loaded." in found.errors[0].message


def test_a_set_waits_until_all_of_it_is_there(luma: Installation) -> None:
    first, second = people(luma, 1), ndjson(luma.data.loyalty[1:3])
    names = ("luma-loyalty-1.json", "luma-loyalty-2.json")
    sums = "".join(
        f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in zip(names, (first, second), strict=True)
    )
    document = flow(luma, manifest="SHA256SUMS")
    luma.put("SHA256SUMS", sums.encode())
    luma.put(names[0], first)
    expected = f"1 file is part of a set that is not all there, such as '/outbox/{names[0]}'{TAIL}"
    assert_waits(run(luma, document), expected)
    luma.put(names[1], second)
    found = run(luma, document)
    assert (found.files, found.counts.loaded) == (2, 3)
    (luma.outbox / names[0]).unlink()
    third = ndjson(luma.data.loyalty[3:4])
    luma.put("luma-loyalty-3.json", third)
    luma.put("SHA256SUMS", (sums + f"{hashlib.sha256(third).hexdigest()}  luma-loyalty-3.json\n").encode())
    assert run(luma, document).counts.loaded == 1, "what was loaded before is not missed when it is gone"


@pytest.mark.parametrize(
    ("pattern", "manifest"),
    [("{file}.manifest", f"{NAME}.manifest"), ("SHA256SUMS", "SHA256SUMS")],
    ids=["of-one-file", "of-a-set"],
)
def test_a_manifest_whose_files_never_come_is_an_error_past_the_deadline(
    luma: Installation, pattern: str, manifest: str
) -> None:
    document = flow(luma, files="luma-loyalty*.json", manifest=pattern, deadline_seconds=3600)
    content = people(luma, 2)
    put_manifest(luma, manifest, f"{hashlib.sha256(content).hexdigest()}  {NAME}\n".encode())
    remark = f"1 file is a manifest of what is not there, such as '/outbox/{manifest}' (it is for {PATH!r}){TAIL}"
    assert_waits(run(luma, document), remark)
    two_hours_ago = datetime.now(UTC) - timedelta(hours=2)
    luma.workspace.catalog.observations._execute(observation.update().values(waiting_since=two_hours_ago))
    late = run(luma, document)
    assert late.state is FlowRunState.FAILED
    assert (
        f"The first is '/outbox/{manifest}': a manifest of what is not there (it is for {PATH!r}), for 2.0 hours now."
    ) in late.errors[0].message
    luma.put(NAME, content)
    assert run(luma, document).counts.loaded == 2
    (luma.outbox / NAME).unlink()
    assert_waits(run(luma, document))  # it is left behind by what was taken, and waits for nothing


def test_a_manifest_of_a_set_that_cannot_be_used_and_has_no_files_is_told(luma: Installation) -> None:
    document = flow(luma, files="luma-loyalty*.json", manifest="SHA256SUMS")
    put_manifest(luma, "SHA256SUMS", b"soon")
    (note,) = run(luma, document).notes
    assert note.startswith(
        "1 file is a manifest of what is not there, such as '/outbox/SHA256SUMS' (manifest '/outbox/"
    )


def test_an_old_manifest_that_nobody_waited_for_is_passed_over(luma: Installation) -> None:
    document = flow(luma, files="luma-loyalty*.json", manifest="SHA256SUMS")
    put_manifest(luma, "SHA256SUMS", b"soon", days_old=31)
    assert_waits(run(luma, document))


def test_a_manifest_from_before_the_dataflow_began_waits_for_nothing(luma: Installation) -> None:
    document = flow(luma, files="luma-loyalty*.json", manifest="{file}.manifest")
    starts_later = Schedule(frequency="day", start=datetime.now(UTC) - timedelta(days=1), backfill=False)
    put_manifest(luma, f"{NAME}.manifest", b'{"records": 2}', days_old=2)
    assert_waits(run(luma, document.model_copy(update={"schedule": starts_later})))


def test_a_set_does_not_wait_for_what_the_source_does_not_take(luma: Installation) -> None:
    content = people(luma, 2)
    names = (NAME, "read-me.txt", "luma-loyalty-3.json.part")
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name in names)
    luma.put("SHA256SUMS", sums.encode())
    luma.put(NAME, content)
    assert run(luma, flow(luma, manifest="SHA256SUMS")).counts.loaded == 2


def test_a_manifest_that_cannot_be_read_holds_up_its_file_alone(luma: Installation) -> None:
    document = flow(luma, manifest="{file}.manifest", deadline_seconds=3600)
    luma.put(NAME, people(luma, 1))
    luma.put(f"{NAME}.manifest", b"soon")
    luma.put("luma-loyalty-2.json", people(luma, 2))
    luma.put("luma-loyalty-2.json.manifest", b'{"records": 2}')
    found = run(luma, document)
    assert (found.state, found.counts.loaded) == (FlowRunState.SUCCESS, 2)
    reason = (
        f"beside a manifest that cannot be used, such as {PATH!r} (manifest '{PATH}.manifest' cannot be used: 'soon'"
    )
    assert reason in found.notes[0]
    two_hours_ago = datetime.now(UTC) - timedelta(hours=2)
    luma.workspace.catalog.observations._execute(observation.update().values(waiting_since=two_hours_ago))
    late = run(luma, document)
    assert late.state is FlowRunState.FAILED
    assert f"{PATH!r}: beside a manifest that cannot be used (manifest" in late.errors[0].message
    luma.put(f"{NAME}.manifest", b'{"records": 1}')
    assert run(luma, document).files == 1


@pytest.mark.parametrize(("changed_files", "rows"), [("append", 5), ("supersede", 3)])
def test_a_changed_file_is_added_or_supersedes(luma: Installation, changed_files: str, rows: int) -> None:
    document = flow(luma, changed_files=changed_files)
    luma.put(NAME, people(luma, 2))
    first = run(luma, document)
    luma.put(NAME, people(luma, 3))
    second = run(luma, document)
    assert (first.counts.loaded, second.counts.loaded) == (2, 3)
    assert luma.workspace.lake.count(first.dataset) == rows


def test_the_same_bytes_under_another_name_or_time_load_once(luma: Installation) -> None:
    luma.put(NAME, people(luma, 2))
    assert run(luma, flow(luma)).counts.loaded == 2
    os.utime(luma.outbox / NAME, (1_700_000_000, 1_700_000_000))
    luma.put("luma-loyalty-copy.json", people(luma, 2))
    again = run(luma, flow(luma, changed_files="supersede"))
    assert (again.state, again.counts.loaded) == (FlowRunState.NO_NEW_DATA, 0)
    assert luma.workspace.lake.count(again.dataset) == 2
