"""The commands that undo, repair and look after what was loaded."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from headwater.cli.app import app
from tests.integration.shop import Shop, open_shop


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
