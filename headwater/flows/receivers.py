"""How webhooks stand: challenged before they are told anything, called unstable or disabled when they fail."""

import logging
from dataclasses import dataclass, replace
from typing import cast

from pydantic import SecretStr

from headwater.catalog.base import utc_now
from headwater.catalog.catalog import Stores
from headwater.catalog.outbox import Selection
from headwater.catalog.resources import StoredResource
from headwater.errors import ConflictError, DeliveryError
from headwater.flows.accounts import read_secret
from headwater.flows.workspace import Workspace
from headwater.model.documents import Notifier, Webhook
from headwater.model.runs import WebhookState, WebhookStatus
from headwater.notify import WebhookChannel, judge
from headwater.notify.signing import load_signing_keys
from headwater.notify.states import UNSTABLE_FOR
from headwater.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookReport:
    """A webhook for people to look at.

    Attributes:
        name: Its name.
        state: `active`, `unstable` or `disabled`; `new` if this version of it was not challenged yet.
        reason: Why it is so, None where nothing is wrong.
        waiting: Deliveries that wait for an attempt.
    """

    name: str
    state: str
    reason: str | None
    waiting: int


def webhook_reports(workspace: Workspace) -> list[WebhookReport]:
    """Every webhook and how it stands, by name."""
    catalog = workspace.catalog
    reports = []
    for document in catalog.resources.list("webhook"):
        stored = catalog.resources.stored("webhook", document.name)
        status = catalog.receivers.status(document.name)
        current = status if status is not None and status.etag == stored.etag else None
        state = current.state.value if current is not None else "new"
        reason = current.reason if current is not None else None
        if not cast(Webhook, document).enabled:
            state, reason = "disabled", "its document says `enabled: false`"
        waiting, _ = catalog.outbox.backlog(Selection(webhook=document.name))
        reports.append(WebhookReport(name=document.name, state=state, reason=reason, waiting=waiting))
    return reports


def enable(workspace: Workspace, name: str) -> None:
    """Challenge a webhook anew and push events to it again. What it missed meanwhile is in its journal.

    Raises:
        NotFoundError: there is no such webhook, or its secret is not there.
        ConflictError: its document says that it is disabled.
        DeliveryError: it did not answer the challenge; it stays as it was, or becomes disabled.
    """
    stored = workspace.catalog.resources.stored("webhook", name)
    if not cast(Webhook, stored.document).enabled:
        raise ConflictError(f"webhook {name!r} is disabled by its document; set `enabled: true` there and apply it")
    _challenge(workspace, open_channel(workspace.settings), stored)


def challenge_if_new(workspace: Workspace, channel: WebhookChannel, stored: StoredResource) -> None:
    """Challenge a webhook whose document is new or has changed since it answered.

    Raises:
        NotFoundError: its secret is not there.
        DeliveryError: it did not answer, or has failed before; unless that is `retryable`, it is disabled.
    """
    status = workspace.catalog.receivers.status(stored.document.name)
    if status is not None and status.etag == stored.etag:
        if status.verified:
            return
        if status.state is WebhookState.DISABLED:
            raise DeliveryError(status.reason or f"webhook {status.webhook!r} has not answered its challenge")
    else:
        status = None
    try:
        _challenge(workspace, channel, stored)
    except DeliveryError as error:
        if error.retryable:
            _wait_for_answer(workspace, stored, status, error)
        raise


def is_disabled(stores: Stores, webhook: Webhook | Notifier) -> bool:
    """Whether this version of the webhook failed its challenge, or failed for too long; a notifier never does."""
    status = stores.receivers.disabled().get(webhook.name)
    return status is not None and stores.resources.stored("webhook", webhook.name).etag == status.etag


def enter_outcome(workspace: Workspace, name: str, *, ok: bool) -> None:
    """Count an attempt, and say so if the webhook stands differently from now on."""
    receivers = workspace.catalog.receivers
    now = utc_now()
    attempts, failures = receivers.count_attempt(name, ok=ok, now=now)
    before = receivers.status(name)
    if before is None:
        return
    after = judge(before, attempts=attempts, failures=failures, now=now)
    if after is not before:
        receivers.set_status(after)
        log.warning("webhook %r is %s now: %s", name, after.state.value, after.reason or "it answers again")


def open_channel(settings: Settings) -> WebhookChannel:
    """The way to webhooks, as the settings allow it, with this installation's signing keys.

    Raises:
        SettingsError: a signing key cannot be read.
    """
    keys = load_signing_keys(settings.signing_keys)
    return WebhookChannel(allow_private=settings.allow_private_webhooks, signing_keys=keys)


def secret_of(document: object) -> SecretStr | None:
    """The key of a webhook's signature, None if it has none.

    Raises:
        NotFoundError: it is not where the document says.
    """
    webhook = cast(Webhook, document)
    if webhook.secret is None:
        return None
    return SecretStr(read_secret(webhook.secret, of=f"webhook {webhook.name!r}, `secret`"))


def _challenge(workspace: Workspace, channel: WebhookChannel, stored: StoredResource) -> None:
    webhook = cast(Webhook, stored.document)
    status = WebhookStatus(webhook=webhook.name, etag=stored.etag, state=WebhookState.ACTIVE, since=utc_now())
    secret = secret_of(webhook)
    try:
        channel.verify(webhook, secret)
    except DeliveryError as error:
        if not error.retryable:
            _disable(workspace, status, reason=str(error))
        raise
    workspace.catalog.receivers.forget_attempts(webhook.name)
    workspace.catalog.receivers.set_status(status)


def _wait_for_answer(
    workspace: Workspace, stored: StoredResource, before: WebhookStatus | None, error: DeliveryError
) -> None:
    """Give the receiver a day to answer its challenge, since the first one that failed.

    Raises:
        DeliveryError: the day is over; the webhook is disabled.
    """
    now = utc_now()
    unanswered = WebhookStatus(
        webhook=stored.document.name,
        etag=stored.etag,
        state=WebhookState.UNSTABLE,
        verified=False,
        since=before.since if before is not None else now,
        reason=str(error),
    )
    if now - unanswered.since >= UNSTABLE_FOR:
        reason = f"it has not answered its challenge for {UNSTABLE_FOR.total_seconds() / 3600:.0f} hours: {error}"
        _disable(workspace, replace(unanswered, since=now), reason=reason)
        raise DeliveryError(reason) from error
    workspace.catalog.receivers.set_status(unanswered)


def _disable(workspace: Workspace, status: WebhookStatus, *, reason: str) -> None:
    """Nothing more is sent to a receiver that has not proved that it wants events; its journal keeps them."""
    disabled = replace(status, state=WebhookState.DISABLED, verified=False, reason=reason)
    with workspace.catalog.transaction() as stores:
        stores.receivers.set_status(disabled)
        stores.outbox.give_up_all(status.webhook, reason=reason)
    log.error("webhook %r is disabled: %s", status.webhook, reason)
