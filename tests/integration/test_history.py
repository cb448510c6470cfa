"""What newer records replaced leaves the profile store with time."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from headwater.cli.app import app
from headwater.flows.doctor import examine
from headwater.flows.expiry import forget_history
from headwater.flows.removal import revert_batch
from tests.integration.installation import LOYALTY, TENANT, Installation, luma_installation

DATASET = "luma_loyalty_dataset"
LATER = datetime.now(UTC) + timedelta(days=8)


def load_night(luma: Installation, number: int) -> str:
    """One member again, with other points each night; the batch."""
    record = json.loads(json.dumps(luma.data.loyalty[0]))
    record["loyalty"]["points"] = number
    luma.put(f"luma-loyalty-{number}.json", json.dumps(record).encode())
    return str(luma.run(LOYALTY).batch_id)


def points(luma: Installation) -> int:
    profile = luma.look_up("lumaLoyaltyId", luma.data.loyalty[0][f"_{TENANT}"]["systemIdentifier"]["loyaltyId"])
    assert profile is not None
    return int(profile.attributes["loyalty"]["points"])


def command(luma: Installation, **variables: str) -> Any:  # noqa: ANN401 - JSON
    environment = {"HEADWATER_HOME": str(luma.workspace.settings.home), "HEADWATER_TENANT": TENANT, **variables}
    result = CliRunner().invoke(app, ["profile", "forget-history", "--json"], env=environment)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_replaced_records_are_forgotten_once_they_are_old_enough(tmp_path: Path) -> None:
    with luma_installation(tmp_path, history_days=7) as luma:
        assert forget_history(luma.workspace) == [], "nothing was loaded"
        assert not (luma.workspace.settings.home / "profile.db").exists()
        batches = [load_night(luma, number) for number in (1, 2, 3)]

        [young] = forget_history(luma.workspace)
        assert (young.dataset, young.records, points(luma)) == (DATASET, 0, 3)
        [old] = forget_history(luma.workspace, now=LATER)
        assert (old.dataset, old.records, points(luma)) == (DATASET, 2, 3)
        assert old.before == LATER - timedelta(days=7)
        [again] = forget_history(luma.workspace, now=LATER)
        assert again.records == 0

        revert_batch(luma.workspace, batches[0])
        assert points(luma) == 3
        assert luma.workspace.lake.count(DATASET) == 2, "the lake keeps what the profiles forgot"
        assert examine(luma.workspace) == []


def test_an_installation_may_keep_everything(luma: Installation) -> None:
    batches = [load_night(luma, number) for number in (1, 2)]
    assert [each["records"] for each in command(luma)] == [0], "it has been less than thirty days"
    assert command(luma, HEADWATER_HISTORY_DAYS="0") == []
    revert_batch(luma.workspace, batches[1])
    assert points(luma) == 1
