"""The pages over a real installation: the Luma example, loaded from a local folder."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import httpx
from fastapi import FastAPI, Request

from demo.data import file_contents, purchases_with_broken_line, write_files
from headwater.flows import Workspace, open_workspace
from headwater.flows.resources import apply_documents, read_documents
from headwater.flows.run import run_dataflow
from headwater.model.documents import Account, Dataflow, RunRequest
from headwater.model.runs import FlowRun, FlowRunState
from headwater.settings import Settings
from headwater.ui.access import NotAllowedError, NotSignedInError, Viewer
from headwater.ui.app import create_app
from tests.samples import sample_of_few_days

EXAMPLES = Path(__file__).parents[3] / "examples" / "luma"
TENANT = "techmarketingdemos"
LOGIN = "/auth/login?next=here"
PEOPLE = {
    "ada": Viewer(name="ada", may_see_records=True),
    "vera": Viewer(name="vera", may_see_records=False),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The app and what was loaded before: one flow run of each dataflow."""

    app: FastAPI
    settings: Settings
    runs: Mapping[str, FlowRun]

    def open(self) -> Workspace:
        """The installation behind the pages."""
        return open_workspace(self.settings)

    def get(self, path: str, *, user: str | None = "ada", accept: str = "text/html") -> httpx.Response:
        """Ask for a page."""
        return self.ask("GET", path, user=user, accept=accept)

    def ask(
        self,
        method: str,
        path: str,
        *,
        user: str | None = "ada",
        accept: str = "text/html",
        form: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Make one request."""
        headers = {"Accept": accept} | ({"X-User": user} if user is not None else {})

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://pages.test") as client:
                return await client.request(method, path, headers=headers, data=form)

        return asyncio.run(send())


@contextmanager
def luma_site(folder: Path) -> Iterator[Site]:
    """Apply the example's documents and run two of its dataflows over local files, one with a broken record."""
    source = folder / "source"
    (source / "outbox").mkdir(parents=True)
    data = sample_of_few_days()
    files = file_contents(data)
    write_files(source / "outbox", files | {"luma-offline-purchases.json": purchases_with_broken_line(data)})
    settings = Settings.load(home=folder / "home", tenant=TENANT)
    with open_workspace(settings) as workspace:
        apply_documents(workspace.catalog, read_documents([EXAMPLES]), tenant=TENANT)
        workspace.catalog.resources.put(Account(name="luma_sftp", type="local", params={"root_path": str(source)}))
        runs = {name: _run(workspace, name) for name in ("luma-loyalty", "luma-offline-purchases")}
    yield Site(
        app=create_app(authorise=authorise, open_workspace=lambda: open_workspace(settings)),
        settings=settings,
        runs=runs,
    )


def _run(workspace: Workspace, name: str) -> FlowRun:
    run = run_dataflow(workspace, workspace.catalog.resources.typed(Dataflow, name), RunRequest())
    assert run.state is FlowRunState.SUCCESS, run.errors
    return run


async def authorise(request: Request) -> Viewer:
    """Who asks says so in a header; nobody else does that, and the pages only see the answer."""
    name = request.headers.get("X-User")
    if name is None:
        raise NotSignedInError("Sign in first.", LOGIN)
    if name not in PEOPLE:
        raise NotAllowedError(f"{name} may not see these pages.")
    return PEOPLE[name]


class Outline(HTMLParser):
    """What accessibility hangs on: headings, labels, table headers, scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every such element."""
        return [attributes for found, attributes in self.tags if found == tag]
