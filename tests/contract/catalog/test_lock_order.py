"""Transactions that lock the same rows of a PostgreSQL catalog take them in one order: nobody waits in a circle."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
import sqlalchemy as sa

from headwater.catalog.catalog import Catalog
from headwater.catalog.ledger import Claim
from headwater.catalog.tables import batch, source_file
from headwater.database.engine import open_engine
from headwater.errors import ConflictError
from headwater.flows.accounts import DocumentAccounts
from headwater.flows.finish import close_run
from headwater.flows.workspace import Workspace
from headwater.model.runs import BatchStatus, FileState, FlowRunState
from headwater.settings import Settings
from tests.contract.catalog.test_runs import FILE, START, bring, claim, start_run, states
from tests.servers.postgres import PostgresServer

pytestmark = pytest.mark.postgres
DEADLINE_SECONDS = 60


@pytest.fixture
def url(postgres: PostgresServer) -> Iterator[str]:
    with postgres.database() as database:
        yield database


_Result = TypeVar("_Result")
_WAITING = sa.text(
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


class Waiting:
    """Starts calls that come to wait for a lock, one after the other."""

    def __init__(self, engine: sa.Engine, pool: ThreadPoolExecutor) -> None:
        self._engine = engine
        self._pool = pool
        self._started = 0

    def start(self, call: Callable[[], _Result]) -> "Future[_Result]":
        """Start it, and come back when it waits."""
        begun = self._pool.submit(call)
        self._started += 1
        deadline = time.monotonic() + DEADLINE_SECONDS
        while self._waiting() < self._started:
            assert time.monotonic() < deadline, "the call does not wait for a lock"
            assert not begun.done(), begun.result()
        return begun

    def _waiting(self) -> int:
        with self._engine.connect() as connection:
            return int(connection.execute(_WAITING).scalar_one())


@contextmanager
def holding(url: str, rows: sa.Select[tuple[str]]) -> Iterator[Waiting]:
    """While the block runs, nobody else gets these rows; what was started in it goes on after it."""
    engine = open_engine(url)
    with ThreadPoolExecutor(2) as pool, engine.begin() as gate:
        gate.execute(rows.with_for_update()).all()
        yield Waiting(engine, pool)
    engine.dispose()


def test_a_file_that_is_judged_while_its_run_is_closed(catalog: Catalog, url: str, tmp_path: Path) -> None:
    run_id = start_run(catalog)
    [file_id] = claim(catalog, run_id, FILE)
    workspace = Workspace(Settings.load(home=tmp_path, tenant="t"), catalog, DocumentAccounts(catalog.resources))

    with holding(url, sa.select(source_file.c.id).where(source_file.c.id == file_id)) as waiting:
        closing = waiting.start(partial(close_run, workspace, run_id, failure="taken for dead"))
        judging = waiting.start(partial(bring, catalog, file_id))

    assert closing.result().state is FlowRunState.FAILED
    with pytest.raises(ConflictError, match=f"flow run {run_id} was closed; what it held was given back"):
        judging.result()


def batches_in_a_row(catalog: Catalog) -> list[str]:
    """A batch, one that replayed it, and one that is about to replay that one."""
    ids = ["01A", "01B", "01C"]
    for batch_id, before in zip(ids, [None, *ids], strict=False):
        catalog.batches.create(
            batch_id=batch_id, dataset="d", flow_run_id=start_run(catalog), created_at=START, replay_of=before
        )
        if batch_id != ids[-1]:
            catalog.batches.settle(batch_id, BatchStatus.SUCCESS, completed_at=START)
    return ids


def test_a_batch_that_is_reverted_while_a_replay_of_its_replay_begins(catalog: Catalog, url: str) -> None:
    first, second, third = batches_in_a_row(catalog)
    replay = catalog.batches.get(third)

    with holding(url, sa.select(batch.c.id).where(batch.c.id == second)) as waiting:
        replaying = waiting.start(partial(catalog.batches.require_original, replay))
        reverting = waiting.start(partial(catalog.batches.begin_removal, first, release_files=False))

    replaying.result()
    reverting.result()
    assert [catalog.batches.get(each).status for each in (first, second)] == [BatchStatus.INACTIVE] * 2


def take(catalog: Catalog, run_id: str, file_id: str, path: str, *supersedes: str, content: str) -> FileState:
    """A run takes a version of a file and reads it."""
    file = replace(FILE, path=path, size_bytes=int(file_id[1:]))
    assert catalog.ledger.claim("f", run_id, [Claim(id=file_id, file=file, group=0, supersedes=supersedes)])
    return bring(catalog, file_id, content)


def put_original_with_copies(catalog: Catalog) -> str:
    """A loaded file f3, and copies of it, f2 and f1; the copies' run. The table has them in the order 2, 1, 3."""
    original, copies = start_run(catalog), start_run(catalog)
    assert take(catalog, original, "f3", "/out/3", content="old") is FileState.CLAIMED
    catalog.ledger.settle(original)
    for number in (2, 1):
        assert take(catalog, copies, f"f{number}", f"/out/{number}", content="old") is FileState.DUPLICATE
    catalog.ledger.settle(copies)
    with catalog._begin() as connection:
        connection.execute(sa.update(source_file).where(source_file.c.id == "f3").values(changed_at=START))
    return copies


def test_two_runs_that_supersede_the_same_file_are_settled_at_once(catalog: Catalog, url: str) -> None:
    copies = put_original_with_copies(catalog)
    first, second = start_run(catalog), start_run(catalog)
    take(catalog, first, "f4", "/out/3", "f3", content="new")
    take(catalog, second, "f5", "/out/3", "f3", content="newer")
    with catalog._begin() as connection:
        connection.execute(sa.update(source_file).where(source_file.c.id == "f5").values(supersedes=["f2", "f3"]))

    with holding(url, sa.select(source_file.c.id).where(source_file.c.id == "f3")) as waiting:
        settling = waiting.start(partial(catalog.ledger.settle, first))
        beside = waiting.start(partial(catalog.ledger.settle, second))

    settling.result()
    beside.result()
    assert states(catalog, first) == states(catalog, second) == [FileState.LOADED]
    assert states(catalog, copies) == [FileState.RELEASED, FileState.SUPERSEDED]


def test_a_runs_files_are_taken_in_one_order_whatever_the_plan(catalog: Catalog, url: str) -> None:
    copies = put_original_with_copies(catalog)

    with holding(url, sa.select(source_file.c.id).where(source_file.c.id == "f1")) as waiting:
        releasing = waiting.start(partial(catalog.ledger.release, copies))
        others = sa.select(source_file.c.id).where(source_file.c.id == "f2").with_for_update(nowait=True)
        with catalog._begin() as connection:
            assert connection.execute(others).scalar_one() == "f2", "the first one is waited for, and nothing held"

    assert releasing.result() == 2
