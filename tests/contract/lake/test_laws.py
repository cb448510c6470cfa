"""A law: whatever is loaded, removed, replaced and maintained, the lake has the rows that a list would have."""

import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.lake import SYSTEM_COLUMN, Lake
from headwater.model.runs import StagedFile
from tests.contract.lake.rows import COLUMNS, maintain, stage_events

START = datetime(2026, 10, 31, 12, tzinfo=UTC)
BATCHES = [f"01JBKD0000000000000000{i:04d}" for i in range(4)]

batches = st.integers(0, len(BATCHES) - 1)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("load"), batches),
        st.tuples(st.just("remove"), batches),
        st.tuples(st.just("supersede"), batches),
        st.tuples(st.just("replace"), batches),
        st.tuples(st.just("maintain"), st.sampled_from((0, 10))),
    ),
    max_size=9,
)


class World:
    """The lake, and beside it the rows that it should have: key to batch."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self.rows: dict[str, str] = {}
        self.staged: dict[str, tuple[StagedFile, ...]] = {}
        self.extra = 0
        lake.ensure_table("events", COLUMNS, day_of="timestamp")

    def load(self, number: int) -> None:
        """Load a batch of three days, or load it again, which changes nothing, also if it was removed."""
        batch = BATCHES[number]
        if batch not in self.staged:
            self.staged[batch] = self._stage(batch, 6)
            self.rows |= {f"{batch}-{i}": batch for i in range(6)}
        self.lake.commit("events", batch, self.staged[batch])

    def remove(self, number: int) -> None:
        """Take a batch out, loaded or not, removed before or not."""
        self.lake.remove_batches("events", [BATCHES[number]])
        self.rows = {key: batch for key, batch in self.rows.items() if batch != BATCHES[number]}

    def supersede(self, number: int) -> None:
        """Load another batch in the place of the first one's source file."""
        self._load_extra(supersede=[f"file-{BATCHES[number]}"], gone=BATCHES[number])

    def replace(self, number: int) -> None:
        """Load another batch in the place of the first one."""
        self._load_extra(replace=[BATCHES[number]], gone=BATCHES[number])

    def maintain(self, days_later: int) -> None:
        """Compact; and some days later, expire and delete. Old batches are not repeated after that."""
        maintain(self.lake, "events", days_later=days_later)

    def check(self) -> None:
        """The lake has these rows, each once, with its batch; and every file that it names."""
        found = self.lake.scan("events", columns=["_id", SYSTEM_COLUMN]).to_pylist()
        assert sorted((row["_id"], row[SYSTEM_COLUMN]["acp_sourceBatchId"]) for row in found) == sorted(
            self.rows.items()
        )
        by_batch = {batch: list(self.rows.values()).count(batch) for batch in self.rows.values()}
        assert self.lake.rows_by_batch("events") == by_batch
        assert self.lake.missing_files("events") == ()

    def _load_extra(self, *, gone: str, supersede: Collection[str] = (), replace: Collection[str] = ()) -> None:
        self.extra += 1
        batch = f"01JBKD000000000000000X{self.extra:04d}"
        files = self._stage(batch, 2)
        self.lake.commit("events", batch, files, supersede=supersede, replace_batches=replace)
        self.rows = {key: old for key, old in self.rows.items() if old != gone}
        self.rows |= {f"{batch}-{i}": batch for i in range(2)}

    def _stage(self, batch: str, count: int) -> tuple[StagedFile, ...]:
        events = [(f"{batch}-{i}", START + timedelta(days=i % 3)) for i in range(count)]
        return stage_events(self.lake, "events", batch, *events, source_file=f"file-{batch}")


@contextmanager
def new_world() -> Iterator[World]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Lake.open(iceberg_url=f"sqlite:///{folder}/iceberg.db", warehouse=f"file://{folder}/lake") as lake:
            yield World(lake)


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(steps)
def test_any_order_of_work_leaves_the_rows_that_a_list_would_have(done: list[tuple[str, int]]) -> None:
    with new_world() as world:
        expired = False
        for step, number in done:
            if step == "load" and expired and BATCHES[number] in world.staged:
                continue  # its snapshot may have been expired: the catalog keeps it from being loaded again
            getattr(world, step)(number)
            expired = expired or (step == "maintain" and number > 0)
            world.check()
