"""A small installation for tests: purchase events in a local folder, with a rule that can be mended."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from headwater.flows import Workspace, open_workspace
from headwater.flows.resources import apply_documents, read_documents
from headwater.flows.run import run_dataflow
from headwater.model.documents import Dataflow, Dataset, RunRequest
from headwater.model.runs import Batch, FlowRun
from headwater.settings import Settings

DATASET = "shop_events"
FLOW = "shop"
_OLD = datetime(2026, 11, 1, tzinfo=UTC).timestamp()

_DOCUMENTS = """
kind: account
name: shop_folder
type: local
params: {{root_path: "{folder}"}}
---
kind: field_group
name: shop_fields
extends: [https://ns.adobe.com/xdm/context/experienceevent]
properties:
  _shop:
    type: object
    properties:
      loyaltyId: {{type: string}}
      coupon: {{type: string, maxLength: {coupon_length}}}
---
kind: identity_namespace
name: shopLoyalty
type: Cross_device
---
kind: descriptor
name: shop_loyalty_id
type: identity
schema: shop_schema
property: /_shop/loyaltyId
namespace: shopLoyalty
primary: true
---
kind: schema
name: shop_schema
class: https://ns.adobe.com/xdm/context/experienceevent
field_groups: [shop_fields]
enabled_for_profile: true
---
kind: dataset
name: shop_events
schema: shop_schema
enabled_for_profile: {profile}
---
kind: dataflow
name: shop
source: {{account: shop_folder, path: /, files: "*.json"}}
target: {{dataset: shop_events}}
schedule: {{frequency: once}}
partial_ingestion: {{threshold_percent: 50}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """What a test works with."""

    workspace: Workspace
    folder: Path
    profile: bool

    def apply(self, *, coupon_length: int = 5) -> None:
        """Apply the documents, with this rule for coupons."""
        folder = self.folder.parent / "documents"
        folder.mkdir(exist_ok=True)
        text = _DOCUMENTS.format(
            folder=self.folder, coupon_length=coupon_length, profile="true" if self.profile else "false"
        )
        for number, document in enumerate(text.split("---\n")):
            (folder / f"{number}.yaml").write_text(document)
        apply_documents(self.workspace.catalog, read_documents([folder]), tenant="shop")

    def put(self, name: str, *events: tuple[str, str]) -> None:
        """Put a file of events into the folder, each with a key and a coupon; one a day, from November the first."""
        records = [
            {"_id": key, "timestamp": f"2026-11-{day:02d}T12:00:00Z", "_shop": {"loyaltyId": key, "coupon": coupon}}
            for day, (key, coupon) in enumerate(events, start=1)
        ]
        self.write(name, "".join(json.dumps(record) + "\n" for record in records).encode())

    def write(self, name: str, content: bytes) -> None:
        """Write a file into the folder, at rest for a while."""
        path = self.folder / name
        path.write_bytes(content)
        os.utime(path, (_OLD, _OLD))

    def declare(self, format_options: dict[str, str]) -> None:
        """Files are written so, until the documents are applied again."""
        resources = self.workspace.catalog.resources
        flow = resources.typed(Dataflow, FLOW)
        source = flow.source.model_copy(update={"format_options": format_options})
        resources.put(flow.model_copy(update={"source": source}))

    def run(self, **request: object) -> FlowRun:
        """Run the dataflow."""
        flow = self.workspace.catalog.resources.typed(Dataflow, FLOW)
        return run_dataflow(self.workspace, flow, RunRequest.from_json(request))

    def supersede_changed_files(self) -> None:
        """From now on a changed file takes the place of its earlier version."""
        resources = self.workspace.catalog.resources
        flow = resources.typed(Dataflow, FLOW)
        source = flow.source.model_copy(update={"changed_files": "supersede"})
        resources.put(flow.model_copy(update={"source": source}))

    def batch_of(self, run: FlowRun) -> Batch:
        """The run's batch as it is now."""
        return self.workspace.catalog.batches.get(str(run.batch_id))

    def keys(self) -> list[str]:
        """The keys of all rows in the lake, sorted."""
        if DATASET not in self.workspace.lake.datasets():
            return []
        return sorted(self.workspace.lake.scan(DATASET, columns=["_id"]).column("_id").to_pylist())

    def dataset(self) -> Dataset:
        """The dataset's document."""
        return self.workspace.catalog.resources.typed(Dataset, DATASET)


@contextmanager
def open_shop(folder: Path, *, profile: bool = False, **settings: object) -> Iterator[Shop]:
    """An installation in the folder, on SQLite and local files."""
    inbox = folder / "inbox"
    inbox.mkdir(parents=True, exist_ok=True)
    with open_workspace(Settings.load(home=folder / "home", tenant="shop", **settings)) as workspace:
        shop = Shop(workspace=workspace, folder=inbox, profile=profile)
        shop.apply()
        yield shop
