"""An installation of Headwater for one test: the Luma example over a real SFTP server, told to a real receiver."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import HttpUrl

from demo.data import SampleData, file_contents, write_files
from headwater.flows import Workspace, open_workspace
from headwater.flows.resources import apply_documents, read_documents
from headwater.flows.run import run_dataflow
from headwater.model.documents import Account, Dataflow, MergePolicy, RunRequest, SecretRef, Webhook
from headwater.model.runs import FlowRun
from headwater.profile import MergedProfile
from headwater.settings import Settings
from tests.samples import sample_of_few_days
from tests.servers.asyncssh_sftp import AsyncsshServer, asyncssh_server
from tests.servers.webhook import Answer, WebhookReceiver, webhook_receiver

EXAMPLES = Path(__file__).parents[2] / "examples" / "luma"
TENANT = "techmarketingdemos"
KEY_VARIABLE = "TEST_LUMA_SFTP_KEY"
SECRET_VARIABLE = "LUMA_WEBHOOK_SECRET"
SECRET = "a secret of one test"
OLD = datetime(2026, 11, 1, tzinfo=UTC).timestamp()

LOYALTY, CRM, PRODUCTS, PURCHASES = "luma-loyalty", "luma-crm", "luma-products", "luma-offline-purchases"
ALL_FLOWS = (LOYALTY, CRM, PRODUCTS, PURCHASES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What a test works with. `outbox` is the server's folder that the dataflows read."""

    workspace: Workspace
    sftp: AsyncsshServer
    outbox: Path
    receiver: WebhookReceiver
    data: SampleData

    def flow(self, name: str) -> Dataflow:
        """The dataflow as applied."""
        return self.workspace.catalog.resources.typed(Dataflow, name)

    def run(self, name: str, flow: Dataflow | None = None, **request: object) -> FlowRun:
        """Run a dataflow in this process."""
        return run_dataflow(self.workspace, flow or self.flow(name), RunRequest.from_json(request))

    def put(self, name: str, content: bytes) -> None:
        """Put a settled file into the outbox."""
        path = self.outbox / name
        path.write_bytes(content)
        os.utime(path, (OLD, OLD))

    def put_samples(self) -> None:
        """Put the four sample files there."""
        write_files(self.outbox, file_contents(self.data))

    def look_up(self, namespace: str, value: str, policy: str = "default") -> MergedProfile | None:
        """Look a profile up under a merge policy of the example."""
        merge_policy = self.workspace.catalog.resources.typed(MergePolicy, policy)
        return self.workspace.profile_store.look_up(namespace, value, merge_policy)


@contextmanager
def luma_installation(folder: Path, *, data: SampleData | None = None, **settings: object) -> Iterator[Installation]:
    """Start the servers, apply the example's documents, and stop everything at the end.

    Without `data`, the samples' purchases are of a few days.
    """
    root = folder / "sftp"
    outbox = root / "outbox"
    outbox.mkdir(parents=True)
    with ExitStack() as stack:
        sftp = stack.enter_context(asyncssh_server(root))
        receiver = stack.enter_context(webhook_receiver())
        receiver.answers.append(Answer(headers={"Content-Type": "text/plain"}, echo="CHALLENGE"))
        stack.enter_context(environment({KEY_VARIABLE: sftp.private_key, SECRET_VARIABLE: SECRET}))
        loaded = Settings.load(home=folder / "home", tenant=TENANT, allow_private_webhooks=True, **settings)
        workspace = stack.enter_context(open_workspace(loaded))
        apply_documents(workspace.catalog, read_documents([EXAMPLES]), tenant=TENANT)
        workspace.catalog.resources.put(sftp_account(sftp))
        webhook = workspace.catalog.resources.typed(Webhook, "luma_webhook")
        workspace.catalog.resources.put(webhook.model_copy(update={"url": HttpUrl(receiver.url())}))
        data = data or sample_of_few_days()
        yield Installation(workspace=workspace, sftp=sftp, outbox=outbox, receiver=receiver, data=data)


def sftp_account(sftp: AsyncsshServer, **changes: object) -> Account:
    """The example's account, for a running server."""
    usual: dict[str, object] = {"private_key": SecretRef(env=KEY_VARIABLE).to_json(), "timeout_seconds": 5}
    params = sftp.config(**usual | changes)
    return Account(name="luma_sftp", type="sftp", params=params)


@contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """Environment variables for a while."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
