"""The commands that undo, repair and look after what was loaded."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from headwater.cli.app import app
from headwater.flows.doctor import examine
from headwater.flows.expiry import expire_events
from headwater.flows.reloading import reload_profiles
from tests.integration.shop import DATASET, Shop, open_shop

LONG_AGO = datetime(2026, 11, 1, tzinfo=UTC).timestamp()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path) as opened:
        yield opened


def command(shop: Shop, *arguments: str) -> Result:
    environment = {"HEADWATER_HOME": str(shop.workspace.settings.home), "HEADWATER_TENANT": "shop"}
    return CliRunner().invoke(app, arguments, env=environment)


def as_json(shop: Shop, *arguments: str) -> Any:  # noqa: ANN401 - JSON
    result = command(shop, *arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_people_are_removed_and_events_expire(tmp_path: Path) -> None:
    with open_shop(tmp_path, profile=True) as shop:
        old = {"_id": "1", "timestamp": "2001-11-01T12:00:00Z", "_shop": {"loyaltyId": "old", "coupon": "X"}}
        (shop.folder / "old.json").write_text(json.dumps(old) + "\n")
        os.utime(shop.folder / "old.json", (LONG_AGO, LONG_AGO))
        shop.put("a.json", ("ann", "X"), ("bob", "X"))
        shop.run()
        store = shop.workspace.profile_store
        assert store.counts().events == 3
        assert "no dataset has `event_expiration_days`" in command(shop, "profile", "expire").stdout
        resources = shop.workspace.catalog.resources
        resources.put(shop.dataset().model_copy(update={"event_expiration_days": 3650}))

        [expired] = as_json(shop, "profile", "expire")

        assert (expired["dataset"], expired["events"]) == (DATASET, 1)
        assert store.counts().events == 2
        assert as_json(shop, "profile", "expire")[0]["events"] == 0
        assert expire_events(shop.workspace, now=datetime(2036, 11, 1, tzinfo=UTC))[0].events == 2

        reprocessed = shop.run(reprocess=True)
        assert store.counts().events == 2, "they were ingested anew"
        removed = command(shop, "profile", "remove", "SHOPLOYALTY", "ann")
        assert removed.stdout == "removed 0 fragments, 1 events and 0 links\n"
        assert as_json(shop, "profile", "remove", "shopLoyalty", "ann")["events"] == 0
        reload_profiles(shop.workspace, str(reprocessed.batch_id))
        assert command(shop, "profile", "show", "shopLoyalty", "ann").exit_code == 1
        assert command(shop, "profile", "show", "shopLoyalty", "bob").exit_code == 0
        assert shop.keys() == ["1", "ann", "bob"], "the lake keeps its rows"
        assert examine(shop.workspace) == []


def test_a_batch_is_replaced_replayed_reverted_and_deleted(shop: Shop) -> None:
    shop.put("a.json", ("a1", "X"), ("a2", "much too long"))
    first = as_json(shop, "run", "shop")["batchId"]
    shop.put("b.json", ("b1", "X"), ("b2", "much too long"))
    second = as_json(shop, "run", "shop", "--replace-batch", first)["batchId"]
    assert shop.keys() == ["b1"]
    assert as_json(shop, "batch", "show", first)["status"] == "inactive"
    assert as_json(shop, "batch", "show", second)["replaces"] == [first]

    refused = command(shop, "batch", "replay", second)
    assert refused.exit_code == 1
    assert "none of the 1 rejected records" in refused.stderr
    shop.apply(coupon_length=20)
    third = as_json(shop, "batch", "replay", second)["batchId"]
    assert as_json(shop, "batch", "show", third)["replayOf"] == second
    assert shop.keys() == ["b1", "b2"]

    assert "no longer has its rows" in command(shop, "batch", "revert", third).stdout
    assert as_json(shop, "batch", "delete", second, "--release-files")["status"] == "deleted"
    assert shop.keys() == []
    assert as_json(shop, "run", "shop")["counts"]["loaded"] == 2


def test_the_doctor_and_maintenance_say_what_they_did_and_how_it_went(shop: Shop) -> None:
    shop.put("a.json", ("a1", "X"))
    batch_id = as_json(shop, "run", "shop")["batchId"]
    assert command(shop, "doctor").stdout == "all is well\n"
    [table] = as_json(shop, "lake", "maintain")
    assert (table["dataset"], table["filesCompacted"], table["orphansRemoved"]) == ("shop_events", 0, 0)

    shop.workspace.catalog.batches.begin_removal(batch_id, release_files=False)
    found = command(shop, "doctor", "--json")
    assert found.exit_code == 1
    [finding] = json.loads(found.stdout)
    assert (finding["code"], finding["subject"], finding["mendable"]) == ("HW104", batch_id, True)
    assert "`headwater doctor --mend` sees to it" in command(shop, "doctor").stdout

    mended = command(shop, "doctor", "--mend")

    assert (mended.exit_code, mended.stdout.count("mended")) == (0, 1)
    assert as_json(shop, "doctor") == []
