"""The doctor finds what is wrong, says so with a code, and mends what is safe."""

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from pyarrow import fs

from headwater.catalog.base import utc_now
from headwater.catalog.tables import batch as batch_table
from headwater.catalog.tables import delivery, flow_run, source_file
from headwater.errors import HeadwaterError
from headwater.flows import steps
from headwater.flows.doctor import Code, Finding, examine
from headwater.flows.removal import revert_batch
from headwater.lake.orphans import TableFolder, find_missing
from headwater.model.documents import Dataflow, Notifier, RunRequest
from headwater.model.runs import BatchStatus, Event, FileState, FlowRunState
from tests.integration.shop import DATASET, FLOW, Shop, open_shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path) as opened:
        opened.put("a.json", ("a1", "X"), ("a2", "X"))
        opened.run()
        yield opened


def codes(findings: list[Finding]) -> list[Code]:
    return [finding.code for finding in findings]


def change(shop: Shop, statement: sa.Update) -> None:
    """What no code of Headwater does: change the catalog behind its back."""
    engine = sa.create_engine(shop.workspace.settings.catalog_database)
    with engine.begin() as connection:
        connection.execute(statement)
    engine.dispose()


def mended(shop: Shop, code: Code) -> Finding:
    """The one finding of that code, after it was mended; and nothing is found any more."""
    [found] = [finding for finding in examine(shop.workspace) if finding.code is code]
    assert found.mendable
    assert code in codes([finding for finding in examine(shop.workspace, mend=True) if finding.mended])
    assert examine(shop.workspace) == []
    return found


def start_run(shop: Shop, name: str = "b.json") -> str:
    """A run that has ingested its file and goes no further."""
    shop.put(name, ("b1", "X"))
    flow = shop.workspace.catalog.resources.typed(Dataflow, FLOW)
    run_id = steps.discover(shop.workspace, flow, RunRequest(dag_run_id="killed")).flow_run_id
    steps.ingest_group(shop.workspace, run_id, 0)
    return run_id


def test_nothing_is_found_where_all_is_well(shop: Shop) -> None:
    shop.put("b.json", ("b1", "X"))
    shop.run(reprocess=True)
    shop.put("c.json", ("c1", "much too long"))
    assert shop.run().state is FlowRunState.FAILED
    assert examine(shop.workspace) == []


def test_a_run_that_is_at_work_is_no_finding_and_a_dead_one_is_closed(shop: Shop) -> None:
    run_id = start_run(shop)
    assert examine(shop.workspace, mend=True) == []
    change(shop, sa.update(flow_run).where(flow_run.c.id == run_id).values(lease_until=utc_now() - timedelta(days=1)))

    found = mended(shop, Code.DEAD_RUN)

    assert (found.subject, "nobody works on it" in found.problem) == (run_id, True)
    assert shop.run().counts.loaded == 1
    assert shop.keys() == ["a1", "a2", "b1"]


def test_a_committed_batch_of_a_dead_run_is_settled(shop: Shop) -> None:
    run_id = start_run(shop)
    catalog = shop.workspace.catalog
    batch_id = str(catalog.flow_runs.get(run_id).batch_id)
    catalog.batches.stage(batch_id)
    shop.workspace.lake.commit(DATASET, batch_id, catalog.batches.staged_files(batch_id))
    change(shop, sa.update(flow_run).where(flow_run.c.id == run_id).values(lease_until=utc_now() - timedelta(days=1)))

    mended(shop, Code.DEAD_RUN)

    assert catalog.batches.get(batch_id).status is BatchStatus.SUCCESS
    assert shop.run().state is FlowRunState.NO_NEW_DATA


def test_files_and_batches_of_closed_runs_are_brought_to_their_end(shop: Shop) -> None:
    run_id = start_run(shop)
    now = utc_now()
    change(shop, sa.update(flow_run).where(flow_run.c.id == run_id).values(completed_at=now, state="failed"))

    found = examine(shop.workspace)
    assert codes(found) == [Code.STUCK_FILES, Code.ABANDONED_BATCH]
    assert f"1 files are held by flow run {run_id}, which is closed" in found[0].problem
    assert all(finding.mended for finding in examine(shop.workspace, mend=True))

    assert examine(shop.workspace) == []
    assert [file.state for file in shop.workspace.catalog.ledger.of_run(run_id)] == [FileState.RELEASED]
    assert shop.run().counts.loaded == 1


def test_a_removal_that_was_interrupted_is_ended(shop: Shop) -> None:
    [batch] = shop.workspace.catalog.batches.latest()
    shop.workspace.catalog.batches.begin_removal(batch.id, release_files=False)
    assert mended(shop, Code.INTERRUPTED_REMOVAL).subject == batch.id
    assert shop.keys() == []


def test_a_removal_that_is_at_work_is_no_finding_until_its_lease_ends(tmp_path: Path) -> None:
    with open_shop(tmp_path, profile=True, claim_lease_seconds=10) as shop, ThreadPoolExecutor(1) as worker:
        shop.put("a.json", ("a1", "X"))
        batch_id = str(shop.run().batch_id)
        other = sqlite3.connect(tmp_path / "home" / "profile.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")  # the removal waits for this one
        removal = worker.submit(revert_batch, shop.workspace, batch_id)
        leases: set[datetime] = set()
        deadline = time.monotonic() + 20
        while len(leases) < 4 and time.monotonic() < deadline:  # it was renewed
            assert not removal.done(), removal.result()
            leases.update(each.lease_until for _, each in shop.workspace.catalog.batches.removals() if each is not None)
            assert examine(shop.workspace, mend=True) == []
        other.execute("ROLLBACK")
        other.close()
        assert removal.result().status is BatchStatus.INACTIVE

        assert len(leases) >= 4
        elsewhere = {"removing": True, "remover": "process:elsewhere:1:1.0", "removal_lease_until": utc_now()}
        change(shop, sa.update(batch_table).values(elsewhere))
        assert mended(shop, Code.INTERRUPTED_REMOVAL).subject == batch_id
        assert shop.workspace.catalog.batches.removals() == []


def test_a_removal_that_failed_is_a_finding_at_once(shop: Shop) -> None:
    [batch] = shop.workspace.catalog.batches.latest()
    tables = shop.workspace.settings.home / "lake"
    with moved_away(tables), pytest.raises(HeadwaterError):
        revert_batch(shop.workspace, batch.id)
    assert mended(shop, Code.INTERRUPTED_REMOVAL).subject == batch.id
    assert shop.keys() == []


@contextmanager
def moved_away(folder: Path) -> Iterator[None]:
    """The folder is not there for a while."""
    aside = folder.rename(folder.with_name("aside"))
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        aside.rename(folder)


def test_staged_files_of_a_failed_batch_are_deleted(shop: Shop, tmp_path: Path) -> None:
    run_id = start_run(shop)
    batch_id = str(shop.workspace.catalog.flow_runs.get(run_id).batch_id)
    change(shop, sa.update(batch_table).where(batch_table.c.id == batch_id).values(status="failed"))
    before = len(list((tmp_path / "home" / "lake").rglob("*.parquet")))

    [found] = [finding for finding in examine(shop.workspace) if finding.code is Code.STAGED_LEFTOVERS]
    assert found.subject == batch_id
    examine(shop.workspace, mend=True)

    assert len(list((tmp_path / "home" / "lake").rglob("*.parquet"))) == before - 1


def test_rows_that_are_missing_are_told_and_not_invented(shop: Shop) -> None:
    [batch] = shop.workspace.catalog.batches.latest()
    shop.workspace.lake.remove_batches(DATASET, [batch.id])

    [found] = examine(shop.workspace, mend=True)

    assert (found.code, found.subject, found.mendable, found.mended) == (Code.ROWS_MISSING, batch.id, False, False)
    assert "loaded 2 rows into dataset 'shop_events', which has 0 of them" in found.problem
    revert_batch(shop.workspace, batch.id, release_files=True)
    assert shop.run().counts.loaded == 2
    assert examine(shop.workspace) == []


def test_rows_of_a_batch_that_is_not_loaded_are_removed_and_unknown_ones_are_not(shop: Shop) -> None:
    [batch] = shop.workspace.catalog.batches.latest()
    change(shop, sa.update(batch_table).where(batch_table.c.id == batch.id).values(status="inactive"))
    assert "is inactive, and dataset 'shop_events' has 2 rows of it" in mended(shop, Code.ROWS_LEFT).problem
    assert shop.keys() == []

    lake = shop.workspace.lake
    with lake.stage(DATASET, "01JBKD00000000000000FOREIN", 0, ingested_at=utc_now()) as writer:
        for staged in lake.read_staged(shop.workspace.catalog.batches.staged_files(batch.id)):
            system = staged.column("_acp_system_metadata")
            rows = staged.drop_columns(["_acp_system_metadata"])
            rows = rows.append_column("row_number", system.field("rowNumber"))
            writer.write(rows.append_column("byte_offset", system.field("byteOffset")), "file")
    lake.commit(DATASET, "01JBKD00000000000000FOREIN", writer.result)
    [found] = examine(shop.workspace, mend=True)
    assert (found.code, found.mended) == (Code.UNKNOWN_ROWS, False)
    assert shop.keys() == ["a1", "a2"]


def test_a_missing_data_file_is_told(shop: Shop) -> None:
    [uri, *_] = shop.workspace.lake.data_files(DATASET)
    Path(uri.removeprefix("file://")).unlink()
    [found] = examine(shop.workspace)
    assert (found.code, found.subject) == (Code.FILES_MISSING, DATASET)
    assert uri in found.problem


def test_old_orphans_are_deleted(shop: Shop) -> None:
    [uri, *_] = shop.workspace.lake.data_files(DATASET)
    orphan = Path(uri.removeprefix("file://")).with_name("left-by-a-killed-attempt.parquet")
    orphan.write_bytes(b"half a file")
    assert examine(shop.workspace) == []
    long_ago = (utc_now() - timedelta(days=4)).timestamp()
    os.utime(orphan, (long_ago, long_ago))

    assert orphan.name in mended(shop, Code.ORPHANS).problem

    assert not orphan.exists()
    assert shop.keys() == ["a1", "a2"]


def test_loads_into_the_profiles_that_failed_are_made_good(tmp_path: Path) -> None:
    unreachable = "postgresql+psycopg://nobody@127.0.0.1:1/nothing"
    with open_shop(tmp_path, profile=True, profile_url=unreachable) as shop:
        shop.put("a.json", ("a1", "X"))
        assert shop.run().state is FlowRunState.FAILED
        assert codes(examine(shop.workspace)) == [Code.LOAD_MISSING] * 2
        [first, _] = examine(shop.workspace, mend=True)
        assert not first.mended
        assert "Mending failed: " in first.problem
    with open_shop(tmp_path, profile=True) as shop:
        found = examine(shop.workspace, mend=True)
        assert [finding.mended for finding in found] == [True, True]
        assert examine(shop.workspace) == []
        assert shop.workspace.profile_store.counts().events == 1
        [run] = shop.workspace.catalog.flow_runs.latest()
        assert (run.state, run.errors) == (FlowRunState.SUCCESS, ())
        told = [event.code for event in shop.workspace.catalog.outbox.events(subject=run.id)]
        assert "sources_flow_run_success" in told


def test_a_load_that_failed_is_told_also_when_its_events_were_forgotten(tmp_path: Path) -> None:
    unreachable = "postgresql+psycopg://nobody@127.0.0.1:1/nothing"
    with open_shop(tmp_path, profile=True, profile_url=unreachable) as shop:
        shop.put("a.json", ("a1", "X"))
        shop.run()
        shop.workspace.catalog.journal.forget(now=utc_now() + timedelta(days=31))
        assert codes(examine(shop.workspace)) == [Code.LOAD_MISSING] * 2


def test_messages_that_only_airflow_can_send_are_told_and_not_called_mended(shop: Shop) -> None:
    notifier = {"name": "chat", "type": "slack", "connection": "c", "events": ["ing_load_success"]}
    shop.workspace.catalog.resources.put(Notifier.from_json(notifier))
    event = Event(
        id="1", code="ing_load_success", subject="01B", dataset=DATASET, flow=FLOW, created_at=utc_now(), body={}
    )
    shop.workspace.catalog.outbox.add(event, ["chat"])
    change(shop, sa.update(delivery).values(next_attempt_at=utc_now() - timedelta(hours=2)))

    [found] = examine(shop.workspace, mend=True)

    assert (found.code, found.mendable, found.mended) == (Code.STUCK_NOTIFICATIONS, False, False)
    assert "It alone has the Connections that e-mails and Slack messages need" in found.problem


def test_a_load_beside_the_look_for_missing_files_is_no_loss(shop: Shop) -> None:
    folder = TableFolder(
        uri=f"{shop.workspace.settings.warehouse_uri}", file_system=fs.LocalFileSystem(),
        path=shop.workspace.settings.warehouse_uri.removeprefix("file://"),
    )  # fmt: skip

    def data_files_after_a_load() -> frozenset[str]:
        shop.put("b.json", ("b1", "X"))
        shop.run()
        return frozenset(shop.workspace.lake.data_files(DATASET))

    assert find_missing(data_files_after_a_load, folder) == ()
    assert shop.keys() == ["a1", "a2", "b1"]


def test_notifications_that_nobody_tries_are_told(shop: Shop) -> None:
    event = Event(
        id="1", code="ing_load_success", subject="01B", dataset=DATASET, flow=FLOW, created_at=utc_now(), body={}
    )
    shop.workspace.catalog.outbox.add(event, ["gone"])
    change(shop, sa.update(delivery).values(next_attempt_at=utc_now() - timedelta(hours=2)))

    [found] = examine(shop.workspace)

    assert (found.code, found.subject) == (Code.STUCK_NOTIFICATIONS, "gone")
    assert "is the dag `headwater_deliveries` paused?" in found.problem.lower()
    assert [finding.mended for finding in examine(shop.workspace, mend=True)] == [True]
    assert examine(shop.workspace) == []


def test_a_superseded_file_explains_missing_rows(shop: Shop) -> None:
    shop.run(reprocess=True)
    assert shop.keys() == ["a1", "a2"]
    assert examine(shop.workspace) == []
    change(shop, sa.update(source_file).where(source_file.c.state == "superseded").values(state="released"))
    assert codes(examine(shop.workspace)) == [Code.ROWS_MISSING]
