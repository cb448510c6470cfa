"""Delivers events to webhooks over HTTP (spec: notifications.md, sections 5.1 to 7)."""

import asyncio
import base64
import hashlib
import hmac
import ssl
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import uuid4

import httpx
import orjson
from pydantic import SecretStr

from headwater.errors import DeliveryError
from headwater.model.documents import EventCode, Webhook
from headwater.model.runs import Event
from headwater.notify.delivery import SendResult
from headwater.notify.events import PROVIDER, topic_of
from headwater.notify.signing import SigningKey
from headwater.notify.targets import LookUp, Target, resolve_target, system_look_up

TIMEOUT_SECONDS: Final = 10.0
"""From resolving the name to the end of the answer."""
MAX_ANSWER_BYTES: Final = 64 * 1024
_USER_AGENT: Final = "Adobe/1.0"
_RETRIED: Final = frozenset({429})
_NOT_RETRIED_5XX: Final = frozenset({505})


def signature(body: bytes, secret: SecretStr) -> str:
    """The value of `x-adobe-signature`: Base64 of the HMAC-SHA256, under the secret, of the body as it is sent."""
    digest = hmac.new(secret.get_secret_value().encode(), body, hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: int
    content_type: str
    body: bytes


class WebhookChannel:
    """Sends events as HTTP POST requests. Holds no connections; its methods block, so call them outside event loops.

    The receiver's name is resolved and checked once per attempt, and the connection goes to the checked address; its
    certificate must fit the name. Redirects are not followed, proxies not used, and an answer is read no further than
    `MAX_ANSWER_BYTES`.
    """

    def __init__(
        self,
        *,
        allow_private: bool = False,
        timeout_seconds: float = TIMEOUT_SECONDS,
        trust: ssl.SSLContext | None = None,
        signing_keys: Sequence[SigningKey] = (),
        look_up: LookUp = system_look_up,
    ) -> None:
        """Configure the channel.

        Args:
            allow_private: Whether receivers may be on private networks or use plain HTTP.
            timeout_seconds: The time that one attempt may take in all.
            trust: Whose certificates count; by default those that the operating system trusts.
            signing_keys: Our key pairs, at most two; each signs every request.
            look_up: What turns a receiver's name into addresses.
        """
        self._allow_private = allow_private
        self._timeout_seconds = timeout_seconds
        self._trust = trust or ssl.create_default_context()
        self._signing_keys = tuple(signing_keys)
        self._look_up = look_up

    def send(self, event: Event, webhook: Webhook, secret: SecretStr | None = None, *, attempts: int = 0) -> SendResult:
        """Make one attempt; see `Channel.send`."""
        body = orjson.dumps(event.body)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "x-adobe-event-id": event.id,
            "x-adobe-event-code": topic_of(cast("EventCode", event.code)),
            "x-adobe-provider": PROVIDER,
            "x-adobe-delivery-id": str(uuid4()),
        }
        if attempts:
            headers["x-adobe-retry-count"] = str(attempts)
        try:
            answer = self._run(self._request("POST", str(webhook.url), headers, body, secret))
        except DeliveryError as error:
            return SendResult(ok=False, retryable=error.retryable, status=None, detail=str(error))
        return _judge(answer.status, str(webhook.url.host))

    def verify(self, webhook: Webhook, secret: SecretStr | None = None) -> None:
        """Ask the receiver to prove that it wants events: it must repeat a random challenge.

        The request is `GET {url}?challenge={uuid}`; the answer is 200 with the value as `text/plain`, or in
        `{"challenge": …}` as `application/json`. AEP's asynchronous form (a `validationUrl` to visit) is not offered.

        Raises:
            DeliveryError: it did not, with what it did instead; `retryable` if it gave no answer, or one that asks to
                come again.
        """
        challenge = str(uuid4())
        url = str(httpx.URL(str(webhook.url)).copy_merge_params({"challenge": challenge}))
        answer = self._run(self._request("GET", url, {}, b"", secret))
        judged = _judge(answer.status, str(webhook.url.host))
        if judged.retryable:
            raise DeliveryError(f"webhook {webhook.name!r} was not challenged: {judged.detail}", retryable=True)
        if answer.status != 200 or _echoed(answer) != challenge:
            raise DeliveryError(
                f"webhook {webhook.name!r} did not repeat the challenge (its answer had status {answer.status} and "
                f"type {answer.content_type or 'none'}). It has to answer GET ?challenge=… by 200 and the value, as "
                'text/plain or as application/json {"challenge": …}.'
            )

    def _run(self, request: Coroutine[Any, Any, _Answer]) -> _Answer:
        async def within_time() -> _Answer:
            async with asyncio.timeout(self._timeout_seconds):
                return await request

        try:
            return asyncio.run(within_time())
        except TimeoutError:
            raise DeliveryError(f"the receiver took longer than {self._timeout_seconds:g} s", retryable=True) from None

    async def _request(
        self, method: str, url: str, headers: dict[str, str], body: bytes, secret: SecretStr | None
    ) -> _Answer:
        target = await resolve_target(url, allow_private=self._allow_private, look_up=self._look_up)
        headers |= {"User-Agent": _USER_AGENT, "Accept-Encoding": "identity"}
        if secret is not None:
            headers["x-adobe-signature"] = signature(body, secret)
        for number, key in enumerate(self._signing_keys, start=1):
            headers[f"x-adobe-digital-signature-{number}"] = key.sign(body)
            headers[f"x-adobe-public-key{number}-path"] = key.path
        limit = httpx.Timeout(self._timeout_seconds, connect=self._timeout_seconds / len(target.addresses))
        request = httpx.Request(method, url, headers=headers, content=body, extensions={"timeout": limit.as_dict()})
        try:
            async with PinnedTransport(target, self._trust) as transport:
                return await _exchange(transport, request)
        except httpx.HTTPError as error:
            raise DeliveryError(_explain(error, target), retryable=True) from error


async def _exchange(transport: httpx.AsyncBaseTransport, request: httpx.Request) -> _Answer:
    """One request, one answer. Without httpx's client, which would log the URL, and a URL may hold a token."""
    response = await transport.handle_async_request(request)
    try:
        return _Answer(
            status=response.status_code,
            content_type=response.headers.get("Content-Type", ""),
            body=await _read_bounded(response),
        )
    finally:
        await response.aclose()


class PinnedTransport(httpx.AsyncHTTPTransport):
    """Connects to checked addresses only; name checks of TLS and the `Host` header keep to the name."""

    def __init__(self, target: Target, trust: ssl.SSLContext) -> None:
        super().__init__(verify=trust, trust_env=False)
        self._target = target

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request to the first address that takes the connection."""
        request.extensions = {**request.extensions, "sni_hostname": self._target.host}
        *others, last = self._target.addresses
        for address in others:
            request.url = request.url.copy_with(host=str(address))
            try:
                return await super().handle_async_request(request)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        request.url = request.url.copy_with(host=str(last))
        return await super().handle_async_request(request)


async def _read_bounded(response: httpx.Response) -> bytes:
    received = bytearray()
    async for part in response.aiter_raw():
        received += part
        if len(received) >= MAX_ANSWER_BYTES:
            break
    return bytes(received[:MAX_ANSWER_BYTES])


def _judge(status: int, host: str) -> SendResult:
    if 200 <= status < 300:
        return SendResult(ok=True, retryable=False, status=status, detail=f"{host} answered {status}")
    retryable = status in _RETRIED or (500 <= status < 600 and status not in _NOT_RETRIED_5XX)
    outlook = "it is tried again" if retryable else "it is not tried again; any 2xx status means success"
    return SendResult(ok=False, retryable=retryable, status=status, detail=f"{host} answered {status}; {outlook}")


def _explain(error: httpx.HTTPError, target: Target) -> str:
    """What happened between here and the receiver, without the URL, which may hold a token."""
    where = f"{target.host}:{target.port}"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate of {where} is not trusted ({cause.verify_message})"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.ConnectError):
        return f"{where} could not be reached ({error})"
    if isinstance(error, httpx.TimeoutException):
        return f"{where} did not answer in time"
    return f"{where} broke the connection off ({type(error).__name__})"


def _echoed(answer: _Answer) -> str | None:
    """The challenge in the answer, if its type fits its body."""
    media_type = answer.content_type.partition(";")[0].strip().lower()
    if media_type == "text/plain":
        return answer.body.decode(errors="replace").strip()
    if media_type == "application/json":
        try:
            parsed = orjson.loads(answer.body)
        except orjson.JSONDecodeError:
            return None
        return parsed.get("challenge") if isinstance(parsed, dict) else None
    return None
