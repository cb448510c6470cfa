"""The clock may be set back: what was loaded later is newer all the same."""

from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from headwater.catalog.base import utc_now
from headwater.catalog.tables import batch
from headwater.flows import steps
from headwater.flows.finish import close_run
from headwater.model.documents import Dataflow, MergePolicy, RunRequest
from tests.integration.shop import FLOW, Shop, open_shop


def load_an_hour_ahead(shop: Shop) -> None:
    """A whole run whose batch was settled while the clock was an hour ahead."""
    flow = shop.workspace.catalog.resources.typed(Dataflow, FLOW)
    run_id = steps.discover(shop.workspace, flow, RunRequest()).flow_run_id
    steps.ingest_group(shop.workspace, run_id, 0)
    steps.load_lake(shop.workspace, run_id)
    engine = sa.create_engine(shop.workspace.settings.catalog_database)
    with engine.begin() as connection:
        connection.execute(sa.update(batch).values(completed_at=utc_now() + timedelta(hours=1)))
    engine.dispose()
    steps.load_identities(shop.workspace, run_id)
    steps.load_profiles(shop.workspace, run_id)
    close_run(shop.workspace, run_id)


def test_what_is_loaded_after_the_clock_was_set_back_is_newer(tmp_path: Path) -> None:
    with open_shop(tmp_path, profile=True) as shop:
        shop.put("a.json", ("a1", "old"))
        load_an_hour_ahead(shop)
        shop.put("b.json", ("a1", "new"))

        shop.run()

        newer, older = shop.workspace.catalog.batches.latest()
        assert newer.completed_at is not None
        assert older.completed_at is not None
        assert newer.completed_at > older.completed_at
        found = shop.workspace.profile_store.look_up("shopLoyalty", "a1", MergePolicy(name="default", default=True))
        assert found is not None
        assert [event.body["_shop"]["coupon"] for event in found.events] == ["new"]
