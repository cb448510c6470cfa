import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from airflow.triggers.base import TriggerEvent

from connectors.base import RemoteFile
from headwater.flows.arrivals import list_source
from headwater.model.documents import Dataflow
from headwater.orchestration.arrivals import FAILURES_UNTIL_RUN, ArrivalTrigger, Look, arrival_asset
from tests.integration.installation import environment
from tests.integration.shop import FLOW, Shop, open_shop
from tests.servers.processes import free_port


def events(shop: Shop, *looks: Look, **variables: str) -> list[dict[str, Any]]:
    """What a trigger that begins now fires for these looks."""
    flow = shop.workspace.catalog.resources.typed(Dataflow, FLOW)
    arriving = Dataflow.from_json(flow.to_authored() | {"schedule": {"on_arrival": True}})
    [watcher] = arrival_asset(arriving).watchers
    _, arguments = watcher.trigger.serialize()
    settings = shop.workspace.settings
    with environment({"HEADWATER_HOME": str(settings.home), "HEADWATER_TENANT": settings.tenant, **variables}):
        fired = asyncio.run(_collect(ArrivalTrigger(**arguments), looks))
    return [event.payload for event in fired]


async def _collect(trigger: ArrivalTrigger, looks: tuple[Look, ...]) -> list[TriggerEvent]:
    async def stream() -> AsyncIterator[Look]:
        for look in looks:
            yield look

    return [event async for event in trigger.filter_shared_stream(stream())]


def listed(shop: Shop) -> Look:
    files: list[RemoteFile] = list_source(shop.workspace, "shop_folder", "/", recursive=False)
    return Look(files=files)


def test_an_event_that_was_lost_is_fired_by_the_next_trigger_until_the_file_is_loaded(tmp_path: Path) -> None:
    with open_shop(tmp_path) as shop:
        shop.put("a.json", ("a1", "X"))
        shop.put("b.json", ("b1", "X"))
        for _ in ("lost with the triggerer", "fired again"):
            [event] = events(shop, listed(shop), listed(shop))
            assert event["arrived"] == 2
        shop.run()
        assert events(shop, listed(shop)) == []


def test_a_source_that_cannot_be_listed_fires_once(tmp_path: Path) -> None:
    with open_shop(tmp_path) as shop:
        failures = [Look(files=None, failures=number) for number in range(1, 3 * FAILURES_UNTIL_RUN)]
        [event] = events(shop, *failures)
        assert (event["arrived"], event["failed_looks"]) == (0, FAILURES_UNTIL_RUN)


def test_a_catalog_that_cannot_be_asked_ends_no_trigger(tmp_path: Path) -> None:
    with open_shop(tmp_path) as shop:
        shop.put("a.json", ("a1", "X"))
        nowhere = f"postgresql+psycopg://127.0.0.1:{free_port()}/none"
        assert events(shop, listed(shop), HEADWATER_CATALOG_URL=nowhere) == []
