"""What the catalog says of files that a dataflow watches."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from headwater.catalog.base import utc_now
from headwater.catalog.ledger import FileVersion
from headwater.catalog.tables import flow_run
from headwater.flows import steps
from headwater.flows.arrivals import ArrivalWatch, Standing, list_source, standing
from headwater.model.documents import Dataflow, RunRequest
from headwater.model.paths import stored_path
from tests.integration.shop import FLOW, Shop, open_shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path) as shop:
        yield shop


def flow(shop: Shop) -> Dataflow:
    return shop.workspace.catalog.resources.typed(Dataflow, FLOW)


def ask(shop: Shop) -> Standing:
    """How the files in the folder stand."""
    versions = [
        FileVersion(
            path=stored_path(file.path), size_bytes=file.size_bytes, modified_at=file.modified_at, version=file.version
        )
        for file in list_source(shop.workspace, "shop_folder", "/", recursive=False)
    ]
    return standing(shop.workspace, FLOW, versions)


def test_what_is_loaded_needs_no_run_until_it_changes_or_is_given_back(shop: Shop) -> None:
    shop.put("a.json", ("a1", "X"))
    assert ask(shop) == Standing()
    run = shop.run()
    assert ask(shop) == Standing(loaded=frozenset({"a.json"}))
    shop.workspace.catalog.ledger.release_loaded(run.id)
    assert ask(shop) == Standing()
    shop.run()
    shop.put("a.json", ("a1", "X"), ("a2", "X"))
    assert ask(shop) == Standing()


def test_a_copy_of_loaded_bytes_needs_no_run_once_a_run_has_seen_it(shop: Shop) -> None:
    shop.put("a.json", ("a1", "X"))
    shop.run()
    shop.put("copy.json", ("a1", "X"))
    shop.run()
    assert ask(shop).loaded == {"a.json", "copy.json"}


def test_what_a_run_holds_needs_no_other_run_while_it_lives(shop: Shop) -> None:
    shop.put("a.json", ("a1", "X"))
    steps.discover(shop.workspace, flow(shop), RunRequest(dag_run_id="one"))
    assert ask(shop) == Standing(held=frozenset({"a.json"}))
    engine = sa.create_engine(shop.workspace.settings.catalog_database)
    with engine.begin() as connection:
        connection.execute(sa.update(flow_run).values(lease_until=utc_now() - timedelta(seconds=1)))
    engine.dispose()
    assert ask(shop) == Standing()


def test_a_file_of_a_batch_that_failed_needs_a_run(shop: Shop) -> None:
    shop.put("a.json", ("a1", "much too long"))
    shop.run()
    assert ask(shop) == Standing()


def test_a_file_without_its_marker_waits_and_a_run_judges_it_once_it_is_overdue(shop: Shop) -> None:
    source = flow(shop).source
    ready = source.ready.model_copy(update={"marker": "{file}.ok", "deadline_seconds": 60})
    marked = flow(shop).model_copy(update={"source": source.model_copy(update={"ready": ready})})
    shop.workspace.catalog.resources.put(marked)
    shop.put("a.json", ("a1", "X"))
    watch = ArrivalWatch(marked.source)
    files = list_source(shop.workspace, "shop_folder", "/", recursive=False)
    start = utc_now()

    def look(minutes: int) -> int:
        return watch.look(files, now=start + timedelta(minutes=minutes), ask=lambda _: ask(shop))

    assert look(0) == 1
    assert shop.run(trigger="asset").errors == ()
    assert ask(shop).waiting.keys() == {"a.json"}
    assert (look(0), look(1), look(2)) == (0, 0, 1), "the deadline of a minute has passed"
