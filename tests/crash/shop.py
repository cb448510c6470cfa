"""The installation that is crashed: two dataflows from a local folder into one dataset with profiles."""

import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from headwater.catalog.base import utc_now
from headwater.catalog.tables import delivery, flow_run
from headwater.flows import open_workspace
from headwater.flows.resources import apply_documents, read_documents
from headwater.model.documents import MergePolicy
from headwater.model.runs import WebhookState, WebhookStatus
from headwater.settings import Settings

DATASET: Final = "visits"
TILL: Final = "till"
WEB: Final = "web"
POLICY: Final = MergePolicy(name="default", identity_graph="pdg")
LOYALTY: Final = "crashLoyalty"
_START: Final = datetime(2026, 11, 1, tzinfo=UTC)

_DOCUMENTS: Final = """
kind: account
name: folder
type: local
params: {{root_path: "{inbox}"}}
---
kind: webhook
name: listener
url: {url}
datasets: [visits]
events:
  - ing_load_success
  - ing_load_failure
  - ig_load_success
  - ig_load_failure
  - ps_load_success
  - ps_load_failure
---
kind: field_group
name: visit_fields
extends: [https://ns.adobe.com/xdm/context/experienceevent]
properties:
  _crash:
    type: object
    properties:
      loyaltyId: {{type: string}}
      email: {{type: string}}
      coupon: {{type: string, maxLength: 8}}
---
kind: identity_namespace
name: crashLoyalty
type: Cross_device
---
kind: descriptor
name: visit_loyalty_id
type: identity
schema: visit
property: /_crash/loyaltyId
namespace: crashLoyalty
primary: true
---
kind: descriptor
name: visit_email
type: identity
schema: visit
property: /_crash/email
namespace: Email
---
kind: schema
name: visit
class: https://ns.adobe.com/xdm/context/experienceevent
field_groups: [visit_fields]
enabled_for_profile: true
---
kind: dataset
name: visits
schema: visit
enabled_for_profile: true
"""
_DATAFLOWS: Final = """
kind: dataflow
name: till
source: {account: folder, path: /till, files: "*.json", ready: {settle_seconds: 0}}
target: {dataset: visits}
schedule: {frequency: once}
partial_ingestion: {threshold_percent: 20}
---
kind: dataflow
name: web
source:
  {account: folder, path: /web, files: "*.json", ready: {settle_seconds: 0}, changed_files: supersede}
target: {dataset: visits}
schedule: {frequency: once}
partial_ingestion: {threshold_percent: 20}
"""


def set_up(settings: Mapping[str, object], inbox: Path, url: str) -> None:
    """Apply the documents; the listener counts as verified."""
    folder = inbox.parent / "documents"
    for path in (inbox / TILL, inbox / WEB, folder, spool_folder(settings)):
        path.mkdir(parents=True)
    for number, document in enumerate(_DOCUMENTS.format(inbox=inbox, url=url).split("---\n")):
        (folder / f"{number}.yaml").write_text(document)
    write_dataflows(folder)
    with open_workspace(Settings.load(**settings)) as workspace:
        apply_documents(workspace.catalog, read_documents([folder]), tenant="crash")
        etag = workspace.catalog.resources.stored("webhook", "listener").etag
        known = WebhookStatus(webhook="listener", etag=etag, state=WebhookState.ACTIVE, since=utc_now())
        workspace.catalog.receivers.set_status(known)


def write_dataflows(folder: Path) -> None:
    """Write the documents of the two dataflows."""
    for name, document in zip((TILL, WEB), _DATAFLOWS.split("---\n"), strict=True):
        (folder / f"{name}.yaml").write_text(document)


def put(path: Path, content: bytes, tick: int) -> None:
    """Put a file there in one step, as a source that renames does; later ticks are later times."""
    hidden = path.with_name(f".{path.name}.part")
    hidden.write_bytes(content)
    moment = (_START + timedelta(minutes=tick)).timestamp()
    os.utime(hidden, (moment, moment))
    hidden.rename(path)


def to_bytes(records: Sequence[Mapping[str, Any]]) -> bytes:
    """The records as lines of JSON."""
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def let_time_pass(settings: Mapping[str, object]) -> None:
    """What waiting would do: leases run out, and deliveries that wait for another attempt are due."""
    past = utc_now() - timedelta(days=1)
    engine = sa.create_engine(Settings.load(**settings).catalog_database)
    with engine.begin() as connection:
        connection.execute(sa.update(flow_run).where(flow_run.c.completed_at.is_(None)).values(lease_until=past))
        connection.execute(sa.update(delivery).where(delivery.c.delivered_at.is_(None)).values(next_attempt_at=past))
    engine.dispose()


def spool_folder(settings: Mapping[str, object]) -> Path:
    """Where fetched files lie while they are read."""
    return Path(str(settings["home"])) / "spool"
