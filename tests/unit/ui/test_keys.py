import asyncio
from pathlib import Path

import httpx
import pytest
from fastapi import Request

from headwater.flows import Workspace
from headwater.notify.signing import rotate_signing_keys
from headwater.ui.access import NotSignedInError, Viewer
from headwater.ui.app import create_app


async def nobody(_request: Request) -> Viewer:
    raise NotSignedInError("Sign in first.")


def no_workspace() -> Workspace:
    raise AssertionError("a public key needs no catalog")


def fetch(folder: Path | None, path: str) -> httpx.Response:
    app = create_app(authorise=nobody, open_workspace=no_workspace, signing_keys=folder)

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://pages.test") as client:
            return await client.get(path, headers={"Accept": "application/json"})

    return asyncio.run(send())


def test_everybody_may_fetch_a_public_key(tmp_path: Path) -> None:
    for key in rotate_signing_keys(tmp_path):
        answer = fetch(tmp_path, key.path.removeprefix("/headwater"))

        assert (answer.status_code, answer.content) == (200, key.public_pem)
        assert answer.headers["Cache-Control"] == "public, max-age=86400"
        assert answer.headers["Content-Type"] == "application/x-pem-file"


@pytest.mark.parametrize("name", ["1.pem", "../1.pem", "%2e%2e%2f1.pem", "0" * 32 + ".pem"])
def test_nothing_else_is_served_from_there(tmp_path: Path, name: str) -> None:
    rotate_signing_keys(tmp_path)

    for folder in (tmp_path, None):
        answer = fetch(folder, f"/signing-keys/{name}")
        assert answer.status_code in (401, 404)
        assert "PRIVATE" not in answer.text
