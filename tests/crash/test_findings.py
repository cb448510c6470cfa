"""What seeds have found, each in a test of its own that needs no luck."""

from pathlib import Path

from headwater.flows.begin import begin_run
from headwater.flows.discover import discover_files
from headwater.flows.doctor import examine
from headwater.flows.finish import finish
from headwater.flows.ingest import ingest_group
from headwater.flows.load import load_lake
from headwater.model.documents import Dataflow, RunRequest
from tests.integration.shop import FLOW, open_shop


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
