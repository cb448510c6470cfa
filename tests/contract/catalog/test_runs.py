from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from threading import Barrier

import pytest
from ulid import ULID

from headwater.catalog.batches import GroupReport
from headwater.catalog.catalog import Catalog
from headwater.catalog.ledger import MAX_PATH_BYTES, Claim, FileVersion, Verdict
from headwater.errors import ConflictError, NotFoundError
from headwater.model.documents import Dataflow, RunRequest
from headwater.model.paths import stored_path
from headwater.model.records import RecordCounts
from headwater.model.runs import (
    BatchStatus,
    ErrorSummary,
    FileState,
    FlowRun,
    FlowRunState,
    StagedFile,
)

START = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
FLOW = Dataflow.from_json(
    {"name": "f", "source": {"account": "a"}, "target": {"dataset": "d"}, "schedule": {"frequency": "once"}}
)
FILE = FileVersion(path="/out/a.json", size_bytes=10, modified_at=START, version=None)


def start_run(catalog: Catalog, dag_run_id: str | None = None) -> str:
    run = FlowRun(
        id=str(ULID()), flow="f", dataset="d", state=FlowRunState.IN_PROGRESS, trigger="manual", dag_run_id=dag_run_id,
        batch_id=None, window_start=None, window_end=None, started_at=START, completed_at=None,
    )  # fmt: skip
    catalog.flow_runs.start(run, FLOW, RunRequest(), holder="process:h:1:1.0", lease=timedelta(minutes=5))
    return run.id


def claim(
    catalog: Catalog, run_id: str, *files: FileVersion, supersedes: tuple[str, ...] = (), one_of_a_path: bool = False
) -> list[str]:
    claims = [Claim(id=str(ULID()), file=file, group=0, supersedes=supersedes) for file in files]
    return catalog.ledger.claim("f", run_id, claims, one_of_a_path=one_of_a_path)


def load(catalog: Catalog, file: FileVersion, sha256: str = "00") -> str:
    run_id = start_run(catalog)
    [file_id] = claim(catalog, run_id, file)
    assert bring(catalog, file_id, sha256) is FileState.CLAIMED
    catalog.ledger.settle(run_id)
    catalog.flow_runs.complete(run_id, FlowRunState.SUCCESS, completed_at=START)
    return file_id


def bring(catalog: Catalog, file_id: str, sha256: str = "00", *, reprocess: bool = False) -> FileState:
    return catalog.ledger.record_content(file_id, sha256=sha256, size_bytes=10, reprocess=reprocess).state


def states(catalog: Catalog, run_id: str) -> list[FileState]:
    return [file.state for file in catalog.ledger.of_run(run_id)]


def test_a_run_keeps_the_dataflow_as_it_was(catalog: Catalog) -> None:
    run_id = start_run(catalog)
    assert catalog.flow_runs.document(run_id) == (FLOW, RunRequest())
    assert catalog.flow_runs.first_started_at("f") == START
    assert catalog.flow_runs.first_started_at("other") is None


def test_an_open_run_is_listed_until_it_is_complete(catalog: Catalog) -> None:
    run_id = start_run(catalog, "manual__1")
    assert [open_id for open_id, _, _ in catalog.flow_runs.open_runs("f")] == [run_id]
    catalog.flow_runs.complete(run_id, FlowRunState.NO_NEW_DATA, completed_at=START + timedelta(seconds=3))
    assert catalog.flow_runs.open_runs("f") == []
    found = catalog.flow_runs.of_dag_run("f", "manual__1")
    assert found is not None
    assert (found.id, found.state) == (run_id, FlowRunState.NO_NEW_DATA)
    assert catalog.flow_runs.of_dag_run("f", "manual__2") is None


def test_a_version_of_any_length_is_kept_whole_and_told_from_others(catalog: Catalog) -> None:
    first, second = (
        FileVersion(path="a", size_bytes=1, modified_at=START, version="v" * 1023 + end) for end in ("1", "2")
    )
    run_id = start_run(catalog)
    catalog.ledger.claim("f", run_id, [Claim(id=str(ULID()), file=first, group=0)])
    [file] = catalog.ledger.of_run(run_id)
    assert file.version == first.version
    assert catalog.ledger.known("f", ["a"])["a"].keys() == {first.signature}
    assert first.signature != second.signature


def test_the_longest_path_can_be_claimed_and_waited_for(catalog: Catalog) -> None:
    def longest(character: str) -> FileVersion:
        path = "".join(sha256(str(number).encode()).hexdigest() for number in range(50))
        path = (character + path)[: MAX_PATH_BYTES - len(character.encode()) + 1]
        return FileVersion(path=path, size_bytes=10**18, modified_at=START, version="v" * 300)

    files = [longest("a"), longest("ü")]
    assert {len(file.path.encode()) for file in files} == {MAX_PATH_BYTES}
    flow, paths = "f" * 128, {file.path for file in files}
    catalog.ledger.claim(flow, start_run(catalog), [Claim(id=str(ULID()), file=file, group=0) for file in files])
    assert catalog.ledger.known(flow, sorted(paths)).keys() == paths
    catalog.observations.note(flow, files, now=START)
    assert catalog.observations.paths(flow) == paths


def test_paths_are_found_whatever_is_in_them(catalog: Catalog) -> None:
    names = [
        '"',
        "\\",
        "\\u0041",
        "{a,b}",
        "NULL",
        "",
        "\x01\n\x7f",
        "ü",
        "日",
        "\U0001f600",
        stored_path("\udcff"),
        "\u2028",
    ]
    files = [FileVersion(path=name, size_bytes=10, modified_at=START, version=None) for name in names]
    claim(catalog, start_run(catalog), *files[::2])
    catalog.observations.note("f", files[::2], now=START)
    assert sorted(catalog.ledger.known("f", names)) == sorted(names[::2])
    assert sorted(catalog.observations.get("f", names)) == sorted(names[::2])


def test_a_steps_error_goes_when_the_step_succeeds(catalog: Catalog) -> None:
    run_id = start_run(catalog)
    lake = ErrorSummary(code="X", message="no lake", step="load_lake")
    catalog.flow_runs.set_step_error(run_id, "load_lake", lake)
    catalog.flow_runs.set_step_error(run_id, "discover", ErrorSummary(code="Y", message="no host", step="discover"))
    catalog.flow_runs.set_step_error(run_id, "discover", None)
    assert catalog.flow_runs.get(run_id).errors == (lake,)


def test_a_batch_adds_up_its_groups_and_a_repeated_group_replaces_itself(catalog: Catalog) -> None:
    run_id = start_run(catalog)
    catalog.batches.create(batch_id="b", dataset="d", flow_run_id=run_id, created_at=START)
    catalog.flow_runs.set_batch(run_id, "b")
    first = GroupReport(
        group=0, files=1, input_bytes=10, counts=RecordCounts(read=3, loaded=2, failed=1), failed_by_code={"1401": 1},
        notes=("n",), staged=(StagedFile(uri="file:///x", rows=2, size_bytes=7, group=0),),
    )  # fmt: skip
    second = replace(first, group=1, staged=(StagedFile(uri="file:///y", rows=2, size_bytes=5, group=1),))
    assert catalog.batches.put_group("b", first) == ()
    assert catalog.batches.put_group("b", second) == ()
    again = replace(first, staged=(StagedFile(uri="file:///z", rows=2, size_bytes=1, group=0),))
    assert catalog.batches.put_group("b", again) == first.staged

    batch = catalog.batches.get("b")
    assert batch.counts == RecordCounts(read=6, loaded=4, failed=2)
    assert (batch.files, batch.input_bytes, batch.output_bytes) == (2, 20, 6)
    assert [file.uri for file in catalog.batches.staged_files("b")] == ["file:///z", "file:///y"]
    assert catalog.flow_runs.get(run_id).counts == batch.counts
    assert [report.failed_by_code for report in catalog.batches.group_reports("b")] == [{"1401": 1}, {"1401": 1}]


def test_a_settled_batch_keeps_its_snapshot_and_errors(catalog: Catalog) -> None:
    run_id = start_run(catalog)
    catalog.batches.create(batch_id="b", dataset="d", flow_run_id=run_id, created_at=START)
    errors = (ErrorSummary(code="INGEST-1212-400", message="1 of 3", record_count=1),)
    catalog.batches.settle("b", BatchStatus.SUCCESS, completed_at=START, snapshot_id=2**62, errors=errors)
    batch = catalog.batches.get("b")
    assert (batch.status, batch.snapshot_id, batch.errors) == (BatchStatus.SUCCESS, 2**62, errors)
    with pytest.raises(NotFoundError, match="no batch 'c'"):
        catalog.batches.get("c")


def test_a_version_that_a_run_holds_is_not_given_to_another(catalog: Catalog) -> None:
    first, second = start_run(catalog), start_run(catalog)
    assert len(claim(catalog, first, FILE)) == 1
    assert claim(catalog, second, FILE) == []
    catalog.ledger.release(first)
    assert len(claim(catalog, second, FILE)) == 1


@pytest.mark.parametrize("earlier", [True, False], ids=["of-an-earlier-one", "new"])
@pytest.mark.parametrize("settled", [True, False], ids=["loaded", "held"])
def test_of_two_versions_of_a_file_one_is_taken_where_each_replaces_all_others(
    catalog: Catalog, *, earlier: bool, settled: bool
) -> None:
    replaced = (load(catalog, FILE),) if earlier else ()
    second, third = replace(FILE, size_bytes=20), replace(FILE, size_bytes=30)
    faster, slower = start_run(catalog), start_run(catalog)
    assert len(claim(catalog, faster, third, supersedes=replaced, one_of_a_path=True)) == 1
    if settled:
        catalog.ledger.settle(faster)

    assert claim(catalog, slower, second, supersedes=replaced, one_of_a_path=True) == []

    assert states(catalog, slower) == []
    assert len(claim(catalog, slower, second)) == 1


def test_two_runs_that_claim_versions_of_a_file_at_once_do_not_both_get_one(catalog: Catalog) -> None:
    versions = [replace(FILE, size_bytes=size) for size in range(8)]
    runs = [start_run(catalog) for _ in versions]
    together = Barrier(len(versions))

    def take(number: int) -> list[str]:
        together.wait()
        return claim(catalog, runs[number], versions[number], one_of_a_path=True)

    with ThreadPoolExecutor(len(versions)) as pool:
        got = list(pool.map(take, range(len(versions))))

    assert sum(map(len, got)) == 1


def test_a_version_is_not_reprocessed_twice_at_once(catalog: Catalog) -> None:
    loaded = load(catalog, FILE)
    first, second = start_run(catalog), start_run(catalog)
    claim(catalog, first, FILE, supersedes=(loaded,))
    catalog.ledger.settle(first)
    assert claim(catalog, second, FILE, supersedes=(loaded,)) == []


def test_a_loaded_version_is_known_and_a_changed_one_is_not(catalog: Catalog) -> None:
    file_id = load(catalog, FILE)
    known = catalog.ledger.known("f", [FILE.path, "/out/b.json"])
    assert known == {FILE.path: {FILE.signature: [(file_id, FileState.LOADED)]}}
    assert replace(FILE, size_bytes=11).signature not in known[FILE.path]
    assert catalog.ledger.known("another", [FILE.path]) == {}


def test_the_same_bytes_under_another_name_are_a_duplicate(catalog: Catalog) -> None:
    load(catalog, FILE)
    run_id = start_run(catalog)
    [file_id] = claim(catalog, run_id, replace(FILE, path="/out/b.json"))
    verdict = catalog.ledger.record_content(file_id, sha256="00", size_bytes=10, reprocess=False)
    assert verdict == Verdict(state=FileState.DUPLICATE, original=FILE.path)
    assert states(catalog, run_id) == [FileState.DUPLICATE]


def test_of_two_files_with_the_same_bytes_in_one_run_one_loads(catalog: Catalog) -> None:
    run_id = start_run(catalog)
    first, second = claim(catalog, run_id, FILE, replace(FILE, path="/out/b.json"))
    assert bring(catalog, first) is FileState.CLAIMED
    assert bring(catalog, second) is FileState.DUPLICATE
    assert bring(catalog, first) is FileState.CLAIMED
    catalog.ledger.settle(run_id)
    assert states(catalog, run_id) == [FileState.LOADED, FileState.DUPLICATE]


def test_reprocessing_supersedes_the_loaded_version(catalog: Catalog) -> None:
    old = load(catalog, FILE)
    run_id = start_run(catalog)
    [new] = claim(catalog, run_id, FILE, supersedes=(old,))
    assert bring(catalog, new, reprocess=True) is FileState.CLAIMED
    assert catalog.ledger.superseded_by(run_id) == [old]
    catalog.ledger.settle(run_id)
    assert states(catalog, run_id) == [FileState.LOADED]
    assert catalog.ledger.known("f", [FILE.path])[FILE.path][FILE.signature] == [(new, FileState.LOADED)]


def test_what_a_failed_run_took_is_free_again_duplicates_too(catalog: Catalog) -> None:
    run_id = start_run(catalog)
    first, second = claim(catalog, run_id, FILE, replace(FILE, path="/out/b.json"))
    bring(catalog, first)
    bring(catalog, second)
    assert catalog.ledger.release(run_id) == 2
    assert catalog.ledger.known("f", [FILE.path]) == {}


def test_bytes_that_another_open_run_is_loading_are_left_to_it(catalog: Catalog) -> None:
    first, second = start_run(catalog), start_run(catalog)
    [mine] = claim(catalog, first, FILE)
    [other] = claim(catalog, second, replace(FILE, path="/out/b.json"))
    assert bring(catalog, mine) is FileState.CLAIMED
    assert bring(catalog, other) is FileState.RELEASED
    assert states(catalog, second) == [FileState.RELEASED]


def test_a_duplicate_whose_original_did_not_load_is_given_back(catalog: Catalog) -> None:
    run_id = start_run(catalog)
    first, second = claim(catalog, run_id, FILE, replace(FILE, path="/out/b.json"))
    bring(catalog, first)
    assert bring(catalog, second) is FileState.DUPLICATE
    catalog.ledger.release_files([first])
    catalog.ledger.settle(run_id)
    assert states(catalog, run_id) == [FileState.RELEASED, FileState.RELEASED]


def test_a_group_that_is_read_again_looks_at_its_duplicates_anew(catalog: Catalog) -> None:
    run_id = start_run(catalog)
    first, second = claim(catalog, run_id, FILE, replace(FILE, path="/out/b.json"))
    bring(catalog, first)
    bring(catalog, second)
    catalog.ledger.retake_duplicates(run_id, 0)
    catalog.ledger.release_files([first])
    assert bring(catalog, second) is FileState.CLAIMED


def test_nothing_is_held_for_a_run_that_was_closed(catalog: Catalog) -> None:
    run_id = start_run(catalog)
    [file_id] = claim(catalog, run_id, FILE)
    catalog.flow_runs.require_open(run_id)
    catalog.flow_runs.complete(run_id, FlowRunState.FAILED, completed_at=START)
    with pytest.raises(ConflictError, match="was closed at 2026-11-22 02:00:00 UTC, so this step changes nothing"):
        catalog.flow_runs.require_open(run_id)
    with pytest.raises(ConflictError, match="was closed"):
        bring(catalog, file_id)


def test_a_batch_that_is_being_committed_takes_no_more_groups_and_is_settled_once(catalog: Catalog) -> None:
    run_id = start_run(catalog)
    catalog.batches.create(batch_id="b", dataset="d", flow_run_id=run_id, created_at=START)
    catalog.batches.stage("b")
    report = GroupReport(
        group=0, files=0, input_bytes=0, counts=RecordCounts(), failed_by_code={}, notes=(), staged=()
    )  # fmt: skip
    with pytest.raises(ConflictError, match="batch b is staged, not loading, so this step changes nothing"):
        catalog.batches.put_group("b", report)
    catalog.batches.settle("b", BatchStatus.FAILED, completed_at=START)
    with pytest.raises(ConflictError, match="batch b is failed, not loading or staged"):
        catalog.batches.stage("b")
    with pytest.raises(ConflictError, match="batch b is failed"):
        catalog.batches.settle("b", BatchStatus.SUCCESS, completed_at=START)


def test_a_nul_character_is_kept_as_an_escape(catalog: Catalog) -> None:
    run_id = start_run(catalog)
    catalog.flow_runs.add_notes(run_id, ["field 'a\0b' is not in the schema"])
    assert catalog.flow_runs.get(run_id).notes == (r"field 'a\u0000b' is not in the schema",)


def test_errors_of_steps_that_end_at_once_are_all_kept(catalog: Catalog) -> None:
    run_id = start_run(catalog)

    def fail(number: int) -> None:
        failure = ErrorSummary(code="X", message=str(number), step=f"ingest {number}")
        catalog.flow_runs.set_step_error(run_id, f"ingest {number}", failure)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(fail, range(24)))
    assert len(catalog.flow_runs.get(run_id).errors) == 24


def test_since_when_a_file_looks_as_it_does_starts_anew_with_each_change(catalog: Catalog) -> None:
    later, latest = START + timedelta(minutes=1), START + timedelta(minutes=2)
    changed = replace(FILE, size_bytes=11)

    def note(file: FileVersion, now: datetime) -> tuple[datetime, datetime, str | None]:
        seen = catalog.observations.note("f", [file], now=now)[FILE.path]
        return seen.first_seen_at, seen.waiting_since, seen.cut

    assert note(FILE, START) == (START, START, None)
    assert note(FILE, later) == (START, START, None)
    catalog.observations.note_cut("f", FILE, "half a line", now=later)
    assert note(FILE, later) == (START, START, "half a line")
    assert note(changed, latest) == (latest, START, None)
    assert (catalog.observations.paths("f"), catalog.observations.paths("g")) == ({FILE.path}, set())
    catalog.observations.forget("f", [FILE.path])
    assert note(FILE, latest) == (latest, latest, None)
