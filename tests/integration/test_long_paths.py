"""A path that does not fit into the ledger."""

import json
from pathlib import Path

from headwater.catalog.ledger import MAX_PATH_BYTES
from headwater.model.documents import Dataflow
from headwater.model.runs import FlowRunState
from tests.integration.shop import FLOW, open_shop


def test_a_path_that_is_too_long_fails_the_run_and_says_so(tmp_path: Path) -> None:
    with open_shop(tmp_path) as shop:
        resources = shop.workspace.catalog.resources
        flow = resources.typed(Dataflow, FLOW)
        resources.put(flow.model_copy(update={"source": flow.source.model_copy(update={"recursive": True})}))
        folder = shop.folder.joinpath(*["d" * 200] * (MAX_PATH_BYTES // 201))
        folder.mkdir(parents=True)
        shop.put("a.json", ("a", "X"))
        (folder / f"{'n' * 200}.json").write_text(json.dumps({"_id": "b"}))

        run = shop.run()

        assert run.state is FlowRunState.FAILED
        [error] = run.errors
        assert error.message.startswith(
            "the path of a file has 2,014 bytes, and the ledger holds paths of 2,000 at most"
        )
        assert (
            "Nothing was taken. Rename the file or its folders, or leave it out with `source.files`." in error.message
        )

        resources.put(flow)
        assert shop.run().counts.loaded == 1
