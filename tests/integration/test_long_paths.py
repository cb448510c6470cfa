"""A path that does not fit into the ledger."""

import json
from pathlib import Path

from headwater.catalog.ledger import MAX_PATH_BYTES
from headwater.model.documents import Dataflow
from headwater.model.runs import FlowRunState
from tests.integration.shop import FLOW, open_shop


def test_a_path_that_is_too_long_is_left_out_and_holds_nothing_up(tmp_path: Path) -> None:
    with open_shop(tmp_path) as shop:
        resources = shop.workspace.catalog.resources
        flow = resources.typed(Dataflow, FLOW)
        resources.put(flow.model_copy(update={"source": flow.source.model_copy(update={"recursive": True})}))
        folder = shop.folder.joinpath(*["d" * 200] * (MAX_PATH_BYTES // 201))
        folder.mkdir(parents=True)
        shop.put("a.json", ("a", "X"))
        (folder / f"{'n' * 200}.json").write_text(json.dumps({"_id": "b"}))

        run = shop.run()

        assert (run.state, run.counts.loaded) == (FlowRunState.SUCCESS, 1)
        [note] = [note for note in run.notes if "left out" in note]
        assert note.startswith(
            "1 files were left out: their paths have more than 2,000 bytes, which the ledger does not hold. Rename "
            "them or their folders; one begins with '"
        )
