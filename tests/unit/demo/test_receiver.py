import base64
import hmac
import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from demo.receiver import Notification, Receiver

SECRET = "a secret of this test"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(SECRET) as listening:
        yield listening


def body(event_id: str, code: str, batch_id: str = "01BATCH") -> bytes:
    event = {"xdm:eventCode": code, "xdm:ingestionId": batch_id, "xdm:datasetId": "luma_crm_dataset"}
    return json.dumps({"event_id": event_id, "event": event}).encode()


def sign(content: bytes, secret: str = SECRET) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), content, "sha256")).decode()


def post(receiver: Receiver, content: bytes, signature: str) -> tuple[int, str]:
    request = urllib.request.Request(receiver.url, data=content, headers={"x-adobe-signature": signature})  # noqa: S310
    return answer(request)


def answer(request: urllib.request.Request | str) -> tuple[int, str]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_challenge_is_answered_with_itself(receiver: Receiver) -> None:
    challenge = "8ec8d794-e0ab-42df-9017-e3dada8e84f7"
    assert answer(f"{receiver.url}?challenge={challenge}") == (200, challenge)


@pytest.mark.parametrize("query", ["", "?challenge=", "?challenge=%3Cscript%3E"])
def test_anything_else_is_not_echoed(receiver: Receiver, query: str) -> None:
    assert answer(receiver.url + query) == (400, "give a challenge")


def test_notifications_are_kept_in_their_order(receiver: Receiver) -> None:
    for event_id, code in (("1", "ing_load_success"), ("2", "ig_load_success"), ("3", "ps_load_success")):
        content = body(event_id, code)
        assert post(receiver, content, sign(content)) == (200, "thank you")
    assert [each.code for each in receiver.notifications] == ["ing_load_success", "ig_load_success", "ps_load_success"]
    assert receiver.notifications[0] == Notification(
        event_id="1", code="ing_load_success", batch_id="01BATCH", dataset="luma_crm_dataset", genuine=True
    )


def test_a_notification_that_comes_again_is_kept_once(receiver: Receiver) -> None:
    content = body("1", "ing_load_success")
    for _ in range(2):
        assert post(receiver, content, sign(content)) == (200, "thank you")
    assert len(receiver.notifications) == 1


@pytest.mark.parametrize("signature", ["", "nonsense", sign(body("1", "ing_load_success"), "another secret")])
def test_a_wrong_signature_is_refused_and_remembered(receiver: Receiver, signature: str) -> None:
    assert post(receiver, body("1", "ing_load_success"), signature) == (401, "the signature is wrong")
    assert [each.genuine for each in receiver.notifications] == [False]


@pytest.mark.parametrize("content", [b"no JSON", b"[]", b'{"event_id": "1"}', b'{"event_id": "1", "event": {}}'])
def test_what_is_no_notification_is_refused(receiver: Receiver, content: bytes) -> None:
    assert post(receiver, content, sign(content)) == (400, "this is no notification")
    assert receiver.notifications == ()


def test_a_body_that_is_too_long_is_not_read(receiver: Receiver) -> None:
    request = urllib.request.Request(receiver.url, data=b"", headers={"content-length": "1000001"})  # noqa: S310
    assert answer(request) == (413, "give a content-length of at most 1000000 bytes")


def test_the_port_is_closed_afterwards() -> None:
    with Receiver(SECRET) as receiver:
        url = receiver.url
    with pytest.raises(urllib.error.URLError, match="refused"):
        answer(url)
