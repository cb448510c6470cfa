"""Changed files that take the places of their earlier versions, where the same bytes come by several names."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from headwater.flows.begin import begin_run
from headwater.flows.context import open_context
from headwater.flows.discover import _take, discover
from headwater.flows.finish import close_run, finish
from headwater.flows.ingest import ingest_group
from headwater.flows.listing import look
from headwater.flows.load import load_lake
from headwater.model.documents import Dataflow, RunRequest
from headwater.model.runs import FlowRunState
from tests.integration.shop import FLOW, Shop, open_shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path) as opened:
        opened.supersede_changed_files()
        yield opened


def run_to_the_end(shop: Shop) -> list[str]:
    """The keys in the lake once the dataflow finds nothing new."""
    for _ in range(4):
        if shop.run().state is FlowRunState.NO_NEW_DATA:
            return shop.keys()
    raise AssertionError("the dataflow comes to no rest")


def test_a_duplicate_is_loaded_once_its_original_is_superseded(shop: Shop) -> None:
    shop.put("a.json", ("x", "X"))
    shop.run()
    shop.put("b.json", ("x", "X"))
    assert shop.run().counts.loaded == 0
    shop.put("a.json", ("changed", "LONG"))
    shop.run()
    assert shop.keys() == ["changed"]

    assert shop.run().counts.loaded == 1

    assert shop.keys() == ["changed", "x"]
    assert shop.run().state is FlowRunState.NO_NEW_DATA


def test_a_file_that_becomes_a_duplicate_leaves_nothing_of_its_earlier_version(shop: Shop) -> None:
    shop.put("a.json", ("x", "X"))
    shop.put("b.json", ("y", "YY"))
    shop.run()
    shop.put("b.json", ("x", "X"))

    shop.run()

    assert shop.keys() == ["x"]
    assert run_to_the_end(shop) == ["x"]


def test_two_files_that_become_the_same_replace_both_their_earlier_versions(shop: Shop) -> None:
    shop.put("a.json", ("x", "X"))
    shop.put("b.json", ("y", "YY"))
    shop.run()
    shop.put("a.json", ("z", "ZZZ"))
    shop.put("b.json", ("z", "ZZZ"))

    shop.run()

    assert shop.keys() == ["z"]
    assert run_to_the_end(shop) == ["z"]


def test_files_that_change_places_keep_their_rows(shop: Shop) -> None:
    shop.put("a.json", ("x", "X"))
    shop.put("b.json", ("y", "YY"))
    shop.run()
    shop.put("a.json", ("y", "YY"))
    shop.put("b.json", ("x", "X"))

    shop.run()

    assert shop.keys() == ["x", "y"]
    assert run_to_the_end(shop) == ["x", "y"]


def test_files_that_move_up_by_one_come_to_rest_with_what_the_folder_holds(shop: Shop) -> None:
    shop.put("a.json", ("x", "X"))
    shop.put("b.json", ("y", "YY"))
    shop.put("c.json", ("z", "ZZZ"))
    shop.run()
    shop.put("a.json", ("y", "YY"))
    shop.put("b.json", ("z", "ZZZ"))
    shop.put("c.json", ("new", "NNNN"))

    assert run_to_the_end(shop) == ["new", "y", "z"]


def test_a_changed_file_waits_while_another_run_loads_its_earlier_version(shop: Shop) -> None:
    shop.put("a.json", ("old", "X"), ("common", "X"))
    flow = shop.workspace.catalog.resources.typed(Dataflow, FLOW)
    slow = discover(shop.workspace, flow, RunRequest())
    for group in slow.groups:
        ingest_group(shop.workspace, slow.flow_run_id, group)
    shop.put("a.json", ("new", "YYY"), ("common", "Y"))

    assert shop.run().state is FlowRunState.NO_NEW_DATA
    load_lake(shop.workspace, slow.flow_run_id)
    finish(shop.workspace, slow.flow_run_id, flow=FLOW)
    shop.run()

    assert shop.keys() == ["common", "new"]


def test_a_version_that_was_listed_before_a_newer_one_was_loaded_is_not_taken(shop: Shop) -> None:
    shop.put("a.json", ("x", "X"))
    shop.run()
    flow = shop.workspace.catalog.resources.typed(Dataflow, FLOW)
    slower = begin_run(shop.workspace, flow, RunRequest(dag_run_id="slower"))
    context = open_context(shop.workspace, slower)
    shop.put("a.json", ("y", "YY"))
    listing = look(shop.workspace, context)
    assert [candidate.file.path for candidate in listing.ready] == ["a.json"]
    shop.put("a.json", ("z", "ZZZ"))
    shop.run()

    discovery = _take(shop.workspace, context, listing)

    assert (discovery.files, discovery.batch_id) == (0, None)
    assert discovery.notes == ["1 files were taken by another run at the same moment, or another version of them"]
    assert shop.keys() == ["z"]
    close_run(shop.workspace, slower)
    assert run_to_the_end(shop) == ["z"]
