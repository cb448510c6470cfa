from dataclasses import replace
from datetime import UTC, datetime

from headwater.model.records import RecordCounts
from headwater.model.runs import ErrorSummary, FlowRun, FlowRunState
from headwater.orchestration.summary import MAX_NOTE, Links, is_summary, summarise

LINKS = Links(public_url="https://headwater.example.com/")


RUN = FlowRun(
    id="01RUN",
    flow="purchases",
    dataset="purchases_dataset",
    state=FlowRunState.SUCCESS,
    trigger="scheduled",
    dag_run_id="scheduled__1",
    batch_id="01BATCH",
    window_start=None,
    window_end=None,
    started_at=datetime(2026, 11, 1, tzinfo=UTC),
    completed_at=None,
    files=3,
    counts=RecordCounts(read=1003, loaded=1000, failed=3),
)


def test_a_run_is_told_in_counts_and_links() -> None:
    assert summarise(replace(RUN, notes=("2 files are still being written",)), LINKS) == (
        "**Success**: 3 files, 1,003 records in, 1,000 loaded, 3 failed\n"
        "- 2 files are still being written\n\n"
        "[batch 01BATCH](https://headwater.example.com/headwater/batches/01BATCH) · "
        "[dataset purchases_dataset](https://headwater.example.com/headwater/datasets/purchases_dataset) · "
        "[flow run](https://headwater.example.com/headwater/flow-runs/01RUN)"
    )


def test_a_run_without_files_has_no_batch() -> None:
    note = summarise(replace(RUN, state=FlowRunState.NO_NEW_DATA, batch_id=None, files=0, counts=RecordCounts()), LINKS)

    assert note.startswith("**No new files**: 0 files, 0 records in, 0 loaded, 0 failed")
    assert "/batches/" not in note


def test_long_errors_are_cut_and_the_links_stay() -> None:
    errors = (ErrorSummary(code="CONNECTOR-2001-500", message="x" * 5000),)

    note = summarise(replace(RUN, state=FlowRunState.FAILED, errors=errors), LINKS)

    assert len(note) == MAX_NOTE
    assert note.startswith("**Failed**")
    assert note.endswith("/flow-runs/01RUN)")
    assert is_summary(note)
    assert not is_summary("Ada: I stopped this one by hand")


def test_names_from_a_source_make_no_links() -> None:
    note = "'[Session expired](http://evil.example.com)' and <b>"
    errors = (ErrorSummary(code="X", message=note),)
    text = summarise(replace(RUN, notes=(note,), errors=errors), LINKS)
    assert text.count(r"'\[Session expired\](http://evil.example.com)' and \<b\>") == 2
