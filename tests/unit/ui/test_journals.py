import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request

from headwater.flows import open_workspace
from headwater.model.documents import Webhook
from headwater.model.runs import Event
from headwater.settings import Settings
from headwater.ui.access import NotSignedInError, Viewer
from headwater.ui.app import create_app

IDS = [str(number) for number in range(5)]
NEXT = r"^<(/headwater/notifications/hook/journal\?since=\d+&limit=2)>; rel=\"next\"$"


async def by_header(request: Request) -> Viewer:
    if "x-user" not in request.headers:
        raise NotSignedInError("Sign in first.")
    return Viewer(name=request.headers["x-user"], may_see_records=False)


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    settings = Settings.load(home=tmp_path)
    with open_workspace(settings) as workspace:
        webhook = {"name": "hook", "url": "https://x.example.com/", "events": ["ing_load_success"]}
        workspace.catalog.resources.put(Webhook.from_json(webhook))
        for event_id in IDS:
            event = Event(
                id=event_id, code="ing_load_success", subject=event_id, dataset="d", flow="f",
                created_at=datetime.now(UTC), body={"event_id": event_id, "event": {}},
            )  # fmt: skip
            workspace.catalog.outbox.add(event, ["hook"])
    return create_app(authorise=by_header, open_workspace=lambda: open_workspace(settings))


def get(app: FastAPI, path: str, user: str | None = "ada") -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=app, root_path="/headwater")
        async with httpx.AsyncClient(transport=transport, base_url="http://pages.test") as client:
            return await client.get(path, headers={"X-User": user} if user is not None else {})

    return asyncio.run(send())


def test_the_links_lead_through_the_journal_to_its_end(app: FastAPI) -> None:
    seen: list[str] = []
    path = "/headwater/notifications/hook/journal?limit=2"
    while (answer := get(app, path)).status_code == 200:
        body = answer.json()
        assert body["_page"] == {"last": body["events"][-1]["position"], "count": len(body["events"])}
        seen += [entry["event"]["event_id"] for entry in body["events"]]
        assert len(seen) <= len(IDS)
        [path] = re.findall(NEXT, answer.headers["Link"])

    assert seen == IDS
    assert (answer.status_code, answer.headers["Retry-After"], answer.content) == (204, "10", b"")
    assert answer.headers["Link"] == f'<{path}>; rel="next"'


def test_it_begins_some_time_ago(app: FastAPI) -> None:
    assert get(app, "/headwater/notifications/hook/journal?seek=-PT1H").json()["_page"]["count"] == 5
    end = get(app, "/headwater/notifications/hook/journal?seek=PT0S")
    newest = get(app, "/headwater/notifications/hook/journal").json()["_page"]["last"]
    assert (end.status_code, end.headers["Link"]) == (
        204,
        f'</headwater/notifications/hook/journal?since={newest}&limit=100>; rel="next"',
    ), "nothing that comes later is passed over"


@pytest.mark.parametrize(
    ("path", "status"),
    [("hook/journal?since=x", 400), ("hook/journal?seek=2h", 400), ("hook/journal?limit=0", 422), ("no/journal", 404)],
)
def test_a_wrong_question_is_refused(app: FastAPI, path: str, status: int) -> None:
    assert get(app, f"/headwater/notifications/{path}").status_code == status


def test_nobody_reads_it_without_signing_in(app: FastAPI) -> None:
    assert get(app, "/headwater/notifications/hook/journal", user=None).status_code == 401
