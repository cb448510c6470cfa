"""Removing rows opens the data files that may have some, and no others: all others are out of reach meanwhile."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from headwater.errors import LakeError
from headwater.lake import Lake
from headwater.model.runs import StagedFile
from tests.contract.lake.rows import COLUMNS, keys_in, load, maintain, stage
from tests.contract.lake.test_concurrency import batch_id

BATCHES, FILES = 4, 10
NEW = batch_id(9, 0)


@pytest.fixture(autouse=True)
def sales(lake: Lake) -> None:
    lake.ensure_table("sales", COLUMNS)


def source_file(number: int) -> str:
    return f"01JBKD{number:020d}"


def load_files(lake: Lake, batch: int, files: int = FILES) -> list[StagedFile]:
    """A batch of so many source files, each with a row and in a data file of its own."""
    first = batch * FILES
    staged = [
        file
        for number in range(first, first + files)
        for file in stage(
            lake, "sales", batch_id(1, batch), f"k{number}", source_file=source_file(number), group=number
        )
    ]
    lake.commit("sales", batch_id(1, batch), staged)
    return staged


@contextmanager
def only_readable(lake: Lake, readable: Collection[str]) -> Iterator[None]:
    """All other data files of the table cannot be opened for a while."""
    hidden = [Path(uri.removeprefix("file://")) for uri in lake.data_files("sales") if uri not in readable]
    for path in hidden:
        path.rename(path.with_suffix(".hidden"))
    try:
        yield
    finally:
        for path in hidden:
            path.with_suffix(".hidden").rename(path)


def test_superseding_one_of_many_files_opens_it_alone(lake: Lake) -> None:
    staged = [load_files(lake, batch) for batch in range(BATCHES)]
    number = 2 * FILES + 7

    with only_readable(lake, [staged[2][7].uri]):
        load(lake, "sales", NEW, "new", source_file="new", supersede={source_file(number)})

    assert keys_in(lake, "sales") == sorted({f"k{each}" for each in range(BATCHES * FILES)} - {f"k{number}"} | {"new"})


def test_a_file_that_is_needed_and_cannot_be_opened_fails_the_commit(lake: Lake) -> None:
    staged = load_files(lake, 0)
    with only_readable(lake, [file.uri for file in staged[1:]]), pytest.raises(LakeError, match="committing batch"):
        load(lake, "sales", NEW, "new", source_file="new", supersede={source_file(0)})


def test_so_does_superseding_more_files_than_are_compared_at_once(lake: Lake) -> None:
    staged = [load_files(lake, batch) for batch in range(2)]
    gone = {source_file(number) for number in range(FILES, 1_000)}

    with only_readable(lake, [file.uri for file in staged[1]]):
        load(lake, "sales", NEW, "new", source_file="new", supersede=gone)

    assert keys_in(lake, "sales") == sorted({f"k{number}" for number in range(FILES)} | {"new"})


def test_taking_a_batch_out_opens_none_of_the_files_that_were_staged(lake: Lake) -> None:
    for batch in range(BATCHES):
        load_files(lake, batch)

    with only_readable(lake, ()):
        assert lake.remove_batches("sales", [batch_id(1, 3)]) is not None

    assert lake.rows_by_batch("sales") == {batch_id(1, batch): FILES for batch in range(BATCHES) if batch != 3}


def test_a_compacted_file_is_opened_only_for_what_it_may_hold(lake: Lake) -> None:
    load_files(lake, 0)
    assert maintain(lake, "sales", days_later=0).files_written == 1
    [compacted] = lake.data_files("sales")
    later = load_files(lake, 1, files=2)

    with only_readable(lake, [later[0].uri]):
        load(lake, "sales", NEW, "new", source_file="new", supersede={source_file(FILES)})
    with only_readable(lake, [later[1].uri]):
        remaining = [batch.column("_id").to_pylist() for batch in lake.read_remaining("sales", batch_id(1, 1))]
    assert remaining == [[f"k{FILES + 1}"]]
    with only_readable(lake, [compacted]):
        load(lake, "sales", batch_id(9, 1), "newer", source_file="newer", supersede={source_file(3)})

    kept = {f"k{number}" for number in range(FILES + 2)} - {"k3", f"k{FILES}"}
    assert keys_in(lake, "sales") == sorted(kept | {"new", "newer"})
