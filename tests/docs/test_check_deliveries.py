"""The receiver's code in the how-to guide, run against deliveries as they are sent."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from headwater.model.documents import Webhook
from headwater.model.runs import Event
from headwater.notify import WebhookChannel
from headwater.notify.signing import rotate_signing_keys
from tests.servers.webhook import Answer, ReceivedRequest, webhook_receiver

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "check-deliveries.md"
BY_SECRET, BY_KEYS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
EVENT = Event(
    id="1", code="ing_load_success", subject="b", dataset="d", flow="f",
    created_at=datetime(2026, 11, 22, tzinfo=UTC), body={"event_id": "1", "event": {}},
)  # fmt: skip


def run(code: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {}
    exec(code, namespace)  # noqa: S102 - the guide's own code
    return namespace


@pytest.fixture(scope="module")
def delivery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ReceivedRequest, list[bytes]]]:
    """A delivery as it arrives, and the public keys, the newer first."""
    keys = rotate_signing_keys(tmp_path_factory.mktemp("keys"))
    channel = WebhookChannel(allow_private=True, signing_keys=keys)
    with webhook_receiver() as receiver:
        webhook = Webhook.from_json({"name": "w", "url": receiver.url(), "events": ["ing_load_success"]})
        assert channel.send(EVENT, webhook, SecretStr("key")).ok
        yield receiver.requests[0], [key.public_pem for key in keys]


def test_a_delivery_is_checked_by_the_secret(delivery: tuple[ReceivedRequest, list[bytes]]) -> None:
    request, _ = delivery
    is_genuine = run(BY_SECRET)["is_genuine"]

    assert is_genuine(request.body, request.headers, "key")
    assert not is_genuine(request.body, request.headers, "another")
    assert not is_genuine(request.body + b" ", request.headers, "key")
    assert not is_genuine(request.body, {}, "key")


@pytest.mark.parametrize("still_served", [(0, 1), (0,), (1,)], ids=["both", "newer", "older"])
def test_a_delivery_is_checked_by_either_public_key(
    delivery: tuple[ReceivedRequest, list[bytes]], still_served: tuple[int, ...]
) -> None:
    request, pems = delivery
    with webhook_receiver() as host:
        code = BY_KEYS.replace("https://headwater.example.com", f"http://127.0.0.1:{host.port}")
        assert code != BY_KEYS
        host.answers += [Answer(body=pems[n]) if n in still_served else Answer(status=404) for n in (0, 1)]
        if 0 in still_served:
            host.answers.pop()
        host.default = Answer(status=404)
        is_genuine = run(code)["is_genuine"]
        assert is_genuine(request.body, request.headers)
        assert not is_genuine(request.body + b" ", request.headers)
        assert not is_genuine(request.body, {})
        asked = len(host.requests)
        evil = request.headers | {f"x-adobe-public-key{n}-path": "@evil.example.com/x" for n in (1, 2)}
        assert not is_genuine(request.body, evil)
        assert len(host.requests) == asked, "keys are fetched from the one place only"
