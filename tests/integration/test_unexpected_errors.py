"""What nobody foresaw fails one run, one dataset, one finding: it holds up nothing else, and can be put right."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from headwater.catalog.tables import resource
from headwater.errors import HeadwaterError
from headwater.flows import steps
from headwater.flows.doctor import Code, examine
from headwater.flows.expiry import expire_events
from headwater.flows.finish import close_run
from headwater.flows.maintenance import maintain_lake
from headwater.model.documents import Dataflow, Dataset, RunRequest
from headwater.model.runs import FlowRunState
from tests.integration.shop import DATASET, FLOW, Shop, open_shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path, profile=True) as opened:
        opened.supersede_changed_files()
        yield opened


def spoil(shop: Shop, kind: str) -> None:
    """Leave a document in the catalog that nobody can read: what a restored copy or another version may leave."""
    engine = sa.create_engine(shop.workspace.settings.catalog_database)
    with engine.begin() as connection:
        rows = connection.execute(sa.select(resource.c.name, resource.c.body).where(resource.c.kind == kind)).all()
        body: dict[str, Any] = {**rows[0].body, "spoilt": True}
        connection.execute(sa.update(resource).where(resource.c.kind == kind).values(body=body))
    engine.dispose()


def restore(shop: Shop, kind: str) -> None:
    """Take back what `spoil` did."""
    engine = sa.create_engine(shop.workspace.settings.catalog_database)
    with engine.begin() as connection:
        body = dict(connection.execute(sa.select(resource.c.body).where(resource.c.kind == kind)).scalars().one())
        del body["spoilt"]
        connection.execute(sa.update(resource).where(resource.c.kind == kind).values(body=body))
    engine.dispose()


def superseding_run(shop: Shop) -> str:
    """A run whose batch is in the lake, took rows from an earlier one, and is in no profile yet."""
    shop.put("a.json", ("a1", "X"))
    shop.run()
    shop.put("a.json", ("a2", "LONG"))
    flow = shop.workspace.catalog.resources.typed(Dataflow, FLOW)
    run_id = steps.discover(shop.workspace, flow, RunRequest(dag_run_id="killed")).flow_run_id
    steps.ingest_group(shop.workspace, run_id, 0)
    steps.load_lake(shop.workspace, run_id)
    return run_id


@pytest.mark.parametrize("kind", ["dataset", "identity_namespace"])
def test_a_run_comes_to_its_end_whatever_its_loads_meet(shop: Shop, kind: str) -> None:
    run_id = superseding_run(shop)
    spoil(shop, kind)

    closed = close_run(shop.workspace, run_id, failure="killed")

    assert closed.state is FlowRunState.FAILED
    assert {error.message for error in closed.errors} == {
        f"unexpected ValidationError in step '{error.step}'; the task's log has the details" for error in closed.errors
    }
    assert "load_identities" in {error.step for error in closed.errors}
    restore(shop, kind)
    steps.load_identities(shop.workspace, run_id)
    steps.load_profiles(shop.workspace, run_id)
    assert close_run(shop.workspace, run_id).state is FlowRunState.SUCCESS
    shop.put("b.json", ("b1", "X"))
    assert shop.run().state is FlowRunState.SUCCESS
    assert examine(shop.workspace) == []
    assert shop.workspace.profile_store.counts().profiles == 2


def test_the_doctor_mends_the_rest_where_one_thing_cannot_be_mended(shop: Shop) -> None:
    run_id = superseding_run(shop)
    spoil(shop, "identity_namespace")
    close_run(shop.workspace, run_id, failure="killed")

    findings = examine(shop.workspace, mend=True)

    [found] = [each for each in findings if each.code is Code.INTERRUPTED_RELOAD]
    assert not found.mended
    assert found.problem.endswith("Mending failed: unexpected ValidationError")


def test_maintenance_does_the_rest_where_one_thing_fails(shop: Shop) -> None:
    run_id = superseding_run(shop)
    spoil(shop, "identity_namespace")
    close_run(shop.workspace, run_id, failure="killed")
    with pytest.raises(HeadwaterError) as caught:
        maintain_lake(shop.workspace)
    assert "1 of 4 parts of the maintenance failed; 1 tables were maintained" in str(caught.value)
    assert f"profiles of dataset {DATASET!r}: unexpected ValidationError" in str(caught.value)
    assert not caught.value.retryable


def test_events_of_one_dataset_expire_though_another_one_fails(shop: Shop) -> None:
    shop.put("a.json", ("a1", "X"))
    shop.run()
    resources = shop.workspace.catalog.resources
    resources.put(shop.dataset().model_copy(update={"event_expiration_days": 1}))
    resources.put(shop.dataset().model_copy(update={"name": "ancient", "event_expiration_days": 36_500}))
    with pytest.raises(HeadwaterError, match="could not be expired for 1 datasets; for 1 others they were") as caught:
        expire_events(shop.workspace, now=datetime(50, 1, 1, tzinfo=UTC))
    assert "\nancient: OverflowError: " in str(caught.value)


def test_a_dataset_keeps_events_for_a_century_at_most(shop: Shop) -> None:
    with pytest.raises(ValidationError, match="less than or equal to 36500"):
        Dataset.from_json(shop.dataset().to_json() | {"eventExpirationDays": 1_000_000})
