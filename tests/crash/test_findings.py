"""What seeds have found, each in a test of its own that needs no luck."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from headwater.flows import steps
from headwater.flows.begin import begin_run
from headwater.flows.discover import discover_files
from headwater.flows.doctor import examine
from headwater.flows.finish import finish
from headwater.flows.ingest import ingest_group
from headwater.flows.load import load_lake
from headwater.flows.workspace import open_workspace
from headwater.model.documents import Dataflow, RunRequest
from headwater.model.runs import BatchStatus, FlowRunState
from headwater.settings import Settings
from tests.crash.faults import Fault
from tests.crash.process import Processes
from tests.crash.shop import DATASET, TILL, put, set_up
from tests.integration.shop import FLOW, open_shop
from tests.servers.postgres import PostgresServer
from tests.servers.webhook import webhook_receiver

_TOLD_AND_REMEMBERED = """
CREATE FUNCTION check_told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM flow_run JOIN (VALUES ('load_identities', 'ig_load_failure'), ('load_profiles', 'ps_load_failure'))
            AS load (step, code) ON flow_run.batch_id IS NOT NULL
        WHERE (position(load.step IN flow_run.errors::text) > 0)
            <> EXISTS (SELECT FROM event WHERE subject = flow_run.batch_id AND event.code = load.code)
    ) THEN
        RAISE 'told or remembered, not both' USING ERRCODE = 'lock_not_available';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER remembered AFTER UPDATE ON flow_run
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_told();
CREATE CONSTRAINT TRIGGER told AFTER INSERT ON event
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_told();
"""
"""At the end of each transaction, PostgreSQL refuses one after which a load is told as failed and not remembered so, or
the other way round; as a locked catalog would."""


def test_a_second_attempt_to_discover_takes_the_batch_that_the_first_one_opened(tmp_path: Path) -> None:
    with open_shop(tmp_path) as shop:
        flow = shop.workspace.catalog.resources.typed(Dataflow, FLOW)
        run_id = begin_run(shop.workspace, flow, RunRequest(dag_run_id="one"))
        assert begin_run(shop.workspace, flow, RunRequest(dag_run_id="one")) == run_id
        shop.put("a.json", ("a1", "X"))
        first = discover_files(shop.workspace, run_id)
        shop.put("b.json", ("b1", "X"))

        second = discover_files(shop.workspace, run_id)

        assert (second.batch_id, second.groups, second.files) == (first.batch_id, [0], 1)
        ingest_group(shop.workspace, run_id, 0)
        load_lake(shop.workspace, run_id)
        finish(shop.workspace, run_id, flow=FLOW)
        assert examine(shop.workspace) == []
        shop.run()
        assert shop.keys() == ["a1", "b1"]


def test_files_that_a_late_attempt_to_ingest_replaces_are_not_committed(tmp_path: Path) -> None:
    settings = {"home": tmp_path / "home", "tenant": "crash", "allow_private_webhooks": True}
    with webhook_receiver() as receiver:
        set_up(settings, tmp_path / "inbox", receiver.url())
        put(tmp_path / "inbox" / TILL / "a.json", b'{"_id": "a1", "timestamp": "2026-10-01T12:00:00Z"}\n', tick=1)
        processes = Processes(settings)
        run_id, [group] = processes.run("discover", TILL, "one").value
        processes.run("ingest", run_id, group)
        sleep = Fault(kind="stop after a turning point", at=0, after="BatchStore.staged_files", passes=1)
        processes.run("load_lake", run_id, fault=sleep, asleep_seconds=5)

        processes.run("ingest", run_id, group)

        processes.join()
    with open_workspace(Settings.load(**settings)) as workspace:
        [batch] = workspace.catalog.batches.of_dataset(DATASET)
        assert batch.status is BatchStatus.SUCCESS
        assert workspace.lake.count(DATASET) == 1
        assert [file.uri for file in workspace.catalog.batches.staged_files(batch.id)] == [
            *workspace.lake.data_files(DATASET)
        ]


def test_a_run_that_is_closed_while_a_late_attempt_opens_its_batch_closes_that_too(tmp_path: Path) -> None:
    settings = {"home": tmp_path / "home", "tenant": "crash", "allow_private_webhooks": True}
    with webhook_receiver() as receiver:
        set_up(settings, tmp_path / "inbox", receiver.url())
        put(tmp_path / "inbox" / TILL / "a.json", b'{"_id": "a1", "timestamp": "2026-10-01T12:00:00Z"}\n', tick=1)
        processes = Processes(settings)
        death = Fault(kind="kill after a turning point", at=0, after="begin_run", passes=1)
        processes.run("discover", TILL, "one", fault=death)
        sleep = Fault(kind="stop after a turning point", at=0, after="FlowRunStore.get", passes=1)
        processes.run("finish", TILL, "one", None, "it died", fault=sleep, asleep_seconds=60)

        processes.run("discover", TILL, "one")

        processes.join()
        with open_workspace(Settings.load(**settings)) as workspace:
            [batch] = workspace.catalog.batches.of_dataset(DATASET)
            assert batch.status is BatchStatus.FAILED
            assert examine(workspace) == []
        processes.run("run", TILL)
        with open_workspace(Settings.load(**settings)) as workspace:
            assert workspace.lake.count(DATASET) == 1


@pytest.mark.postgres
def test_a_failed_load_is_remembered_in_the_transaction_that_tells_of_it(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    """The failed step cannot enter it: its own entry, in a transaction of its own, is refused."""
    away = {"profile_url": "postgresql+psycopg://nobody@127.0.0.1:1/away"}
    with webhook_receiver() as receiver, postgres.database() as catalog_url:
        settings = {"home": tmp_path, "tenant": "crash", "allow_private_webhooks": True, "catalog_url": catalog_url}
        set_up(settings, tmp_path / "inbox", receiver.url())
        put(tmp_path / "inbox" / TILL / "a.json", b'{"_id": "a1", "timestamp": "2026-10-01T12:00:00Z"}\n', tick=1)
        with open_workspace(Settings.load(**settings, **away)) as workspace:
            flow = workspace.catalog.resources.typed(Dataflow, TILL)
            run_id = begin_run(workspace, flow, RunRequest(dag_run_id="one"))
            discover_files(workspace, run_id)
            ingest_group(workspace, run_id, 0)
            load_lake(workspace, run_id)
            with _told_and_remembered_at_once(catalog_url):
                closed = finish(workspace, run_id, flow=TILL)

            codes = [event.code for event in workspace.catalog.outbox.events(subject=closed.batch_id)]
            assert sorted(codes) == ["ig_load_failure", "ing_load_success", "ps_load_failure"]
            assert closed.state is FlowRunState.FAILED
            assert [error.step for error in closed.errors] == ["load_identities", "load_profiles"]

        with open_workspace(Settings.load(**settings)) as workspace:
            steps.load_identities(workspace, run_id)
            steps.load_profiles(workspace, run_id)
            assert finish(workspace, run_id, flow=TILL).state is FlowRunState.SUCCESS
            assert examine(workspace) == []


@contextmanager
def _told_and_remembered_at_once(catalog_url: str) -> Iterator[None]:
    engine = sa.create_engine(catalog_url)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(_TOLD_AND_REMEMBERED)
        yield
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP FUNCTION check_told CASCADE")
    finally:
        engine.dispose()
