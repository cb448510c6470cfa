import asyncio
import base64
import hashlib
import hmac
import json
import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import SecretStr

from headwater.errors import DeliveryError
from headwater.model.documents import Webhook
from headwater.model.runs import Event
from headwater.notify import WebhookChannel, signature
from headwater.notify.signing import rotate_signing_keys
from headwater.notify.targets import Target
from headwater.notify.webhook import MAX_ANSWER_BYTES, PinnedTransport
from tests.servers.webhook import Answer, WebhookReceiver, webhook_receiver

SECRET = SecretStr("an-ünlikely-secret")
EVENT = Event(
    id="93a5b11a-b0e6-4b29-ad82-81b1499cb4f2",
    code="ing_load_success",
    subject="b",
    dataset="d",
    flow="f",
    created_at=datetime(2026, 11, 1, tzinfo=UTC),
    body={"event_id": "93a5b11a-b0e6-4b29-ad82-81b1499cb4f2", "event": {"xdm:datasetId": "käufe"}},
)


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with webhook_receiver() as running:
        yield running


@pytest.fixture
def channel() -> WebhookChannel:
    return WebhookChannel(allow_private=True)


def hook(url: str) -> Webhook:
    return Webhook.from_json({"name": "luma", "url": url, "events": ["ing_load_success"]})


def test_a_delivery_carries_the_event_and_a_signature_over_its_raw_bytes(
    receiver: WebhookReceiver, channel: WebhookChannel
) -> None:
    result = channel.send(EVENT, hook(receiver.url()), SECRET)

    assert (result.ok, result.retryable, result.status) == (True, False, 200)
    (request,) = receiver.requests
    assert (request.method, request.path) == ("POST", "/hooks/headwater")
    assert json.loads(request.body) == EVENT.body
    digest = hmac.new(SECRET.get_secret_value().encode(), request.body, hashlib.sha256).digest()
    assert request.headers["x-adobe-signature"] == base64.b64encode(digest).decode()
    assert request.headers["x-adobe-event-id"] == EVENT.id
    assert request.headers["x-adobe-event-code"] == "platform_event"
    assert request.headers["x-adobe-provider"] == "aep_observability_catalog_events"
    assert request.headers["content-type"] == "application/json; charset=utf-8"
    assert request.headers["user-agent"] == "Adobe/1.0"
    assert request.headers["host"] == f"localhost:{receiver.port}"
    assert UUID(request.headers["x-adobe-delivery-id"]).version == 4
    assert "x-adobe-retry-count" not in request.headers


def test_a_repeated_delivery_counts_and_has_its_own_delivery_id(
    receiver: WebhookReceiver, channel: WebhookChannel
) -> None:
    channel.send(EVENT, hook(receiver.url()), attempts=0)
    channel.send(EVENT, hook(receiver.url()), attempts=3)

    first, second = (request.headers for request in receiver.requests)
    assert second["x-adobe-retry-count"] == "3"
    assert first["x-adobe-delivery-id"] != second["x-adobe-delivery-id"]
    assert first["x-adobe-event-id"] == second["x-adobe-event-id"]
    assert "x-adobe-signature" not in first


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_success(receiver: WebhookReceiver, channel: WebhookChannel, status: int) -> None:
    receiver.default = Answer(status=status)

    assert channel.send(EVENT, hook(receiver.url())).ok


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(429, True), (500, True), (502, True), (503, True), (504, True), (505, False), (301, False), (302, False),
     (307, False), (400, False), (401, False), (404, False), (410, False)],
)  # fmt: skip
def test_other_statuses_are_retried_or_not(
    receiver: WebhookReceiver, channel: WebhookChannel, status: int, retryable: bool
) -> None:
    receiver.default = Answer(status=status, headers={"Location": receiver.url() + "/elsewhere"})

    result = channel.send(EVENT, hook(receiver.url()))

    assert (result.ok, result.retryable, result.status) == (False, retryable, status)
    assert result.detail.startswith(f"localhost answered {status}; it is {'tried' if retryable else 'not tried'} again")
    assert len(receiver.requests) == 1, "redirects are not followed"


@pytest.mark.parametrize("answer", [Answer(hang=True), Answer(drip=True)], ids=["silent", "endless"])
def test_the_time_limit_covers_the_whole_exchange(receiver: WebhookReceiver, answer: Answer) -> None:
    receiver.default = answer

    result = WebhookChannel(allow_private=True, timeout_seconds=0.5).send(EVENT, hook(receiver.url()))

    assert (result.ok, result.retryable, result.status) == (False, True, None)
    assert result.detail == "the receiver took longer than 0.5 s"


def test_an_answer_is_read_no_further_than_needed(receiver: WebhookReceiver, channel: WebhookChannel) -> None:
    receiver.default = Answer(status=200, body=b"x" * (MAX_ANSWER_BYTES * 50))

    assert channel.send(EVENT, hook(receiver.url())).ok


def test_a_dropped_connection_is_retried(receiver: WebhookReceiver, channel: WebhookChannel) -> None:
    receiver.default = Answer(drop=True)

    result = channel.send(EVENT, hook(receiver.url()))

    assert (result.ok, result.retryable, result.status) == (False, True, None)
    assert result.detail.startswith(f"localhost:{receiver.port} broke the connection off")


def test_nobody_listening_is_retried(channel: WebhookChannel) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    result = channel.send(EVENT, hook(f"http://127.0.0.1:{port}/hook?token=t0ken"))

    assert (result.retryable, result.status) == (True, None)
    assert f"127.0.0.1:{port} could not be reached" in result.detail
    assert "t0ken" not in result.detail


def test_a_private_receiver_is_not_contacted_unless_allowed(receiver: WebhookReceiver) -> None:
    result = WebhookChannel().send(EVENT, hook(receiver.url()))

    assert (result.ok, result.retryable, result.status) == (False, False, None)
    assert "is addressed by plain HTTP" in result.detail
    assert receiver.requests == []


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["127.0.0.9", "127.0.0.1"]], ids=["one", "the-first-is-dead"])
def test_the_connection_goes_to_the_checked_addresses_and_not_to_what_the_name_means_now(
    receiver: WebhookReceiver, addresses: list[str]
) -> None:
    target = Target(host="hooks.invalid", port=receiver.port, addresses=tuple(map(IPv4Address, addresses)))

    async def post() -> int:
        async with PinnedTransport(target, ssl.create_default_context()) as transport:
            answer = await transport.handle_async_request(
                httpx.Request("POST", f"http://hooks.invalid:{receiver.port}/")
            )
            await answer.aclose()
            return answer.status_code

    assert asyncio.run(post()) == 200
    assert receiver.requests[0].headers["host"] == f"hooks.invalid:{receiver.port}"


def test_the_url_is_not_logged(
    receiver: WebhookReceiver, channel: WebhookChannel, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        assert channel.send(EVENT, hook(receiver.url() + "?token=t0ken"), SECRET).ok

    assert receiver.requests[0].path.endswith("?token=t0ken")
    assert "t0ken" not in caplog.text
    assert SECRET.get_secret_value() not in caplog.text


class TestTls:
    @pytest.fixture
    def secure(self, tmp_path: Path) -> Iterator[WebhookReceiver]:
        with webhook_receiver(certificate_folder=tmp_path) as running:
            yield running

    @pytest.fixture
    def trusting(self, secure: WebhookReceiver) -> WebhookChannel:
        trust = ssl.create_default_context(cafile=str(secure.certificate))
        return WebhookChannel(allow_private=True, trust=trust)

    def test_a_trusted_certificate_for_the_name_is_accepted(
        self, secure: WebhookReceiver, trusting: WebhookChannel
    ) -> None:
        assert trusting.send(EVENT, hook(secure.url()), SECRET).ok
        assert secure.requests[0].headers["host"] == f"localhost:{secure.port}"

    def test_an_untrusted_certificate_is_refused(self, secure: WebhookReceiver, channel: WebhookChannel) -> None:
        result = channel.send(EVENT, hook(secure.url()))

        assert (result.ok, result.retryable) == (False, True)
        assert result.detail.startswith(f"the certificate of localhost:{secure.port} is not trusted (")
        assert secure.requests == []

    def test_a_certificate_for_another_name_is_refused(self, secure: WebhookReceiver, trusting: WebhookChannel) -> None:
        result = trusting.send(EVENT, hook(secure.url("127.0.0.2")))

        assert not result.ok
        assert "is not trusted (IP address mismatch" in result.detail or "could not be reached" in result.detail
        assert secure.requests == []


class TestChallenge:
    @pytest.mark.parametrize(
        ("content_type", "echo"),
        [
            ("text/plain", "CHALLENGE"),
            ("text/plain; charset=utf-8", "CHALLENGE\n"),
            ("application/json", '{"challenge": "CHALLENGE"}'),
        ],
    )
    def test_a_receiver_that_repeats_it_is_accepted(
        self, receiver: WebhookReceiver, channel: WebhookChannel, content_type: str, echo: str
    ) -> None:
        receiver.default = Answer(headers={"Content-Type": content_type}, echo=echo)

        channel.verify(hook(receiver.url() + "?key=1"), SECRET)

        (request,) = receiver.requests
        assert request.method == "GET"
        assert request.path.startswith("/hooks/headwater?key=1&challenge=")
        assert request.headers["x-adobe-signature"] == signature(b"", SECRET)

    @pytest.mark.parametrize(
        "answer",
        [
            Answer(body=b"hello", headers={"Content-Type": "text/plain"}),
            Answer(echo="CHALLENGE", headers={"Content-Type": "application/json"}),
            Answer(echo='{"challenge": "CHALLENGE"}', headers={"Content-Type": "text/plain"}),
            Answer(echo="CHALLENGE"),
            Answer(echo="CHALLENGE", status=201, headers={"Content-Type": "text/plain"}),
            Answer(echo='["CHALLENGE"]', headers={"Content-Type": "application/json"}),
            Answer(status=404),
        ],
        ids=["other", "text-as-json", "json-as-text", "no-type", "201", "list", "404"],
    )
    def test_any_other_answer_is_refused(
        self, receiver: WebhookReceiver, channel: WebhookChannel, answer: Answer
    ) -> None:
        receiver.default = answer

        with pytest.raises(DeliveryError, match=r"webhook 'luma' did not repeat the challenge \(its answer had status"):
            channel.verify(hook(receiver.url()))

    def test_a_receiver_that_is_not_there_is_said_to_be_so(self, channel: WebhookChannel) -> None:
        with pytest.raises(DeliveryError, match=r"'nowhere\.invalid' could not be resolved"):
            channel.verify(hook("http://nowhere.invalid/"))


class TestSignatures:
    def test_both_key_pairs_sign_the_raw_bytes_and_say_where_their_public_keys_are(
        self, receiver: WebhookReceiver, tmp_path: Path
    ) -> None:
        keys = rotate_signing_keys(tmp_path)
        assert WebhookChannel(allow_private=True, signing_keys=keys).send(EVENT, hook(receiver.url())).ok

        (request,) = receiver.requests
        for number, key in enumerate(keys, start=1):
            public = load_pem_public_key(key.public_pem)
            assert isinstance(public, RSAPublicKey)
            sent = base64.b64decode(request.headers[f"x-adobe-digital-signature-{number}"])
            public.verify(sent, request.body, PKCS1v15(), SHA256())
            assert request.headers[f"x-adobe-public-key{number}-path"] == key.path

    def test_without_keys_there_are_no_such_headers(self, receiver: WebhookReceiver, channel: WebhookChannel) -> None:
        channel.send(EVENT, hook(receiver.url()), SECRET)

        assert not [name for name in receiver.requests[0].headers if "digital" in name or "public-key" in name]


class TestNames:
    def test_a_name_that_changes_its_meaning_is_asked_for_once_and_cannot_lead_elsewhere(
        self, receiver: WebhookReceiver
    ) -> None:
        asked: list[str] = []

        def rebinding(host: str, _port: int) -> list[str]:
            asked.append(host)
            return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

        channel = WebhookChannel(allow_private=True, look_up=rebinding)
        url = receiver.url("hooks.example.com")

        assert channel.send(EVENT, hook(url)).ok
        assert asked == ["hooks.example.com"]
        refused = channel.send(EVENT, hook(url))
        assert (refused.ok, refused.retryable) == (False, False)
        assert "169.254.169.254, which is a cloud's metadata service; nothing is ever sent there" in refused.detail
        assert len(receiver.requests) == 1

    def test_one_private_address_among_public_ones_is_enough_to_refuse(self) -> None:
        channel = WebhookChannel(look_up=lambda _host, _port: ["93.184.215.14", "10.0.0.7"])

        refused = channel.send(EVENT, hook("https://hooks.example.com/"))

        assert (refused.ok, refused.retryable) == (False, False)
        assert refused.detail.startswith(
            "webhook host 'hooks.example.com' has the address 10.0.0.7, which is not public"
        )

    def test_a_resolver_that_hangs_takes_no_longer_than_a_receiver_may(self, receiver: WebhookReceiver) -> None:
        released, answered = threading.Event(), threading.Event()

        def hanging(_host: str, _port: int) -> list[str]:
            released.wait(60)
            answered.set()
            return ["127.0.0.1"]

        channel = WebhookChannel(allow_private=True, timeout_seconds=0.5, look_up=hanging)
        try:
            result = channel.send(EVENT, hook(receiver.url()))
            assert not answered.is_set(), "nobody waited for the resolver"
        finally:
            released.set()

        assert (result.retryable, result.detail) == (True, "the receiver took longer than 0.5 s")
        assert receiver.requests == []

    def test_an_address_that_does_not_answer_leaves_time_for_the_next(self, receiver: WebhookReceiver) -> None:
        with socket.create_server(("127.0.0.2", receiver.port), backlog=0) as full:
            fillers = [socket.socket() for _ in range(4)]
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(full.getsockname())
            addresses = ["127.0.0.2", "127.0.0.1"]
            channel = WebhookChannel(allow_private=True, timeout_seconds=4, look_up=lambda _host, _port: addresses)
            try:
                assert channel.send(EVENT, hook(receiver.url())).ok
            finally:
                for filler in fillers:
                    filler.close()
