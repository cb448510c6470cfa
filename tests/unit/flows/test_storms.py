import pytest

from headwater.flows.storms import GENEROSITY, Progress, StormWatch, text_bytes
from headwater.model.runs import FileState, SourceFile

NOTHING = Progress(read=0, failed=0, bytes=0)


def watch(
    threshold_percent: float, *, batch_bytes: int | None = 1_000_000, elsewhere: Progress = NOTHING
) -> StormWatch:
    return StormWatch(threshold_percent=threshold_percent, records=100, batch_bytes=batch_bytes, elsewhere=elsewhere)


def test_without_a_threshold_the_batch_is_lost_with_its_first_bad_record_but_enough_are_explained() -> None:
    assert not watch(0).is_lost(Progress(read=5_000, failed=99, bytes=None))
    assert watch(0).is_lost(Progress(read=5_000, failed=100, bytes=None))


def test_a_batch_whose_rest_could_bring_the_share_below_the_threshold_is_read_on() -> None:
    rubbish_first = watch(5)
    assert not rubbish_first.is_lost(Progress(read=1_000, failed=1_000, bytes=100_000))
    share = 5 * GENEROSITY / (100 - 5 + 5 * GENEROSITY)
    just_after = round(10_000 * share) + 2
    assert rubbish_first.is_lost(Progress(read=just_after, failed=just_after, bytes=100 * just_after))


def test_what_other_groups_read_counts() -> None:
    here = Progress(read=1_000, failed=1_000, bytes=100_000)
    good = Progress(read=8_000, failed=0, bytes=800_000)
    bad = Progress(read=8_000, failed=8_000, bytes=800_000)
    assert not watch(20, elsewhere=good).is_lost(here)
    assert watch(20, elsewhere=bad).is_lost(here)


@pytest.mark.parametrize(
    ("batch_bytes", "position"), [(None, 1_000), (1_000_000, None), (1_000_000, 0)], ids=["size", "place", "start"]
)
def test_where_lengths_are_not_known_everything_is_read(batch_bytes: int | None, position: int | None) -> None:
    here = Progress(read=1_000, failed=1_000, bytes=position)
    assert not watch(5, batch_bytes=batch_bytes).is_lost(here)


@pytest.mark.parametrize(
    ("path", "size", "total"),
    [
        ("/out/b.json", 5, 15),
        ("/out/b.CSV", 5, 15),
        ("/out/b.json", None, None),
        ("/out/b.json.gz", 5, None),
        ("/out/b.parquet", 5, None),
        ("/out.csv/b", 5, None),
    ],
)
def test_only_plain_text_is_estimated(path: str, size: int | None, total: int | None) -> None:
    assert text_bytes([source_file("/out/a.ndjson", 10), source_file(path, size)]) == total


def source_file(path: str, size_bytes: int | None) -> SourceFile:
    return SourceFile(
        id=path,
        flow="f",
        path=path,
        size_bytes=size_bytes,
        modified_at=None,
        version=None,
        sha256=None,
        state=FileState.CLAIMED,
        flow_run_id="r",
        group=0,
    )


def test_it_can_be_switched_off() -> None:
    off = StormWatch(threshold_percent=0, records=0, batch_bytes=None, elsewhere=NOTHING)
    assert not off.is_lost(Progress(read=10**9, failed=10**9, bytes=None))


def test_the_message_says_how_much_was_read_and_what_would_have_been_allowed() -> None:
    here = Progress(read=2_000, failed=1_000, bytes=None)
    assert watch(5).explain(here, "at record 2,000 of 'a.json'") == (
        "reading was stopped at record 2,000 of 'a.json': 1,000 of the 2,000 records read until then were rejected and "
        "at most 5 % may fail, so the batch cannot load whatever follows (`HEADWATER_STORM_RECORDS`)"
    )
    assert "and none may fail" in watch(0).explain(here, "")
