"""The documents that differ from machine to machine: accounts, dataflows that read from them, and the webhook.

The example reads everything from one SFTP server. The demo has a source of each kind, so its dataflows are the
example's with another account.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from pydantic import HttpUrl

from demo.errors import DemoError
from demo.sources import RunningSource, Source
from demo.state import EXAMPLES, OUTLETS
from headwater.model.documents import Account, Dataflow, Resource, Webhook
from headwater.model.yaml import dump_document, parse_document

R = TypeVar("R", bound=Resource)

ACCOUNTS = "accounts"
DATAFLOWS = "dataflows"
WEBHOOKS = "webhooks"


def render_documents(folder: Path, *, sources: Iterable[RunningSource], webhook_url: str) -> None:
    """Write the documents below a folder, as the example's are below theirs."""
    for running in sources:
        source = running.source
        _write(folder / ACCOUNTS / f"luma-{source.kind}.yaml", account_document(running))
        _write(folder / DATAFLOWS / f"{source.flow}.yaml", dataflow_document(source))
    _write(folder / WEBHOOKS / "luma-webhook.yaml", webhook_document(webhook_url))


def account_document(running: RunningSource) -> Account:
    """Return the account of a source; it names the secret and does not tell it."""
    source = running.source
    title = f"Luma's {source.kind.upper()} {'server' if source.has_times else 'bucket'}"
    return Account(name=source.account, title=title, type=source.kind, params=running.account_params())


def dataflow_document(source: Source) -> Dataflow:
    """Return the dataflow that reads from a source: the example's, pointed there.

    In a bucket a file appears whole, so that there is nothing to wait for; its time is that of its upload.
    """
    flow = next(flow for flow in _example_flows() if flow.name == source.flow)
    ready = flow.source.ready if source.has_times else flow.source.ready.model_copy(update={"settle_seconds": 0})
    changed = flow.source.model_copy(update={"account": source.account, "ready": ready})
    return flow.model_copy(update={"source": changed})


def webhook_document(url: str) -> Webhook:
    """Return the example's webhook with the address at which the demo listens."""
    webhook = _read(Webhook, EXAMPLES / WEBHOOKS / "luma-webhook.yaml")
    return webhook.model_copy(update={"url": HttpUrl(url)})


def documents_to_apply(rendered: Path) -> list[Path]:
    """Return the folders of the example, with the rendered documents in place of its own."""
    folders = sorted(folder for example in (EXAMPLES, OUTLETS) for folder in example.iterdir() if folder.is_dir())
    return [*(folder for folder in folders if folder.name not in (ACCOUNTS, DATAFLOWS, WEBHOOKS)), rendered]


def _example_flows() -> Iterable[Dataflow]:
    for example in (EXAMPLES, OUTLETS):
        for path in sorted((example / DATAFLOWS).glob("*.yaml")):
            yield _read(Dataflow, path)


def _read(kind: type[R], path: Path) -> R:
    document = parse_document(path.read_text(encoding="utf-8"), file=str(path))
    if not isinstance(document, kind):
        raise DemoError(f"{path} is no {kind.__name__.lower()}; the checkout is damaged.")
    return document


def _write(path: Path, document: Resource) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dump_document(document), encoding="utf-8")
