"""One attempt to deliver one event, and what becomes of it."""

import logging
from collections.abc import Callable
from typing import cast

from headwater.catalog.base import utc_now
from headwater.errors import DeliveryError, DocumentError, NotFoundError
from headwater.flows.messages import Messenger
from headwater.flows.receivers import challenge_if_new, enter_outcome, secret_of
from headwater.flows.workspace import Workspace
from headwater.model.documents import Notifier, Webhook
from headwater.model.runs import Delivery
from headwater.notify import SendResult, WebhookChannel, next_attempt
from headwater.notify.delivery import GIVE_UP_AFTER
from headwater.notify.messages import write_message

log = logging.getLogger(__name__)


Send = Callable[[Delivery], SendResult]
"""Makes one attempt; never raises for what the receiver or the network does."""


def attempt(workspace: Workspace, send: Send, delivery: Delivery) -> SendResult:
    """Send one event to one receiver and enter the outcome. Never raises for what `send` meets."""
    result = _result(send, delivery)
    outbox = workspace.catalog.outbox
    if result.ok:
        outbox.delivered(delivery)
        return result
    now = utc_now()
    if result.retryable:
        outbox.give_up_all(delivery.webhook, reason=result.detail, queued_before=now - GIVE_UP_AFTER)
    tried = delivery.attempts + 1
    again = next_attempt(tried, now, created_at=delivery.queued_at) if result.retryable else None
    if again is None:
        log.error("event %s for %r is given up: %s", delivery.event.id, delivery.webhook, result.detail)
        outbox.give_up(delivery, reason=result.detail)
    else:
        outbox.retry(delivery, reason=result.detail, next_attempt_at=again)
    return result


def _result(send: Send, delivery: Delivery) -> SendResult:
    """What came of it; what nobody foresaw is tried again later, and keeps no other receiver from being told."""
    try:
        return send(delivery)
    except Exception as error:
        log.exception("event %s for %r", delivery.event.id, delivery.webhook)
        detail = f"unexpected {type(error).__name__}; the log has the details"
        return SendResult(ok=False, retryable=True, status=None, detail=detail)


def send_to_webhook(workspace: Workspace, channel: WebhookChannel, delivery: Delivery) -> SendResult:
    """Challenge the receiver if its document is new or changed, then send."""
    try:
        stored = workspace.catalog.resources.stored("webhook", delivery.webhook)
    except NotFoundError as error:
        return SendResult(ok=False, retryable=False, status=None, detail=str(error))
    try:
        challenge_if_new(workspace, channel, stored)
        secret = secret_of(stored.document)
    except (DocumentError, NotFoundError) as error:  # its secret, which may be put where it belongs
        return SendResult(ok=False, retryable=True, status=None, detail=str(error))
    except DeliveryError as error:
        return SendResult(ok=False, retryable=error.retryable, status=None, detail=str(error))
    webhook = cast(Webhook, stored.document)
    result = channel.send(delivery.event, webhook, secret, attempts=delivery.attempts)
    enter_outcome(workspace, delivery.webhook, ok=result.ok)
    return result


def send_message(workspace: Workspace, messenger: Messenger, delivery: Delivery) -> SendResult:
    """Write an e-mail or a Slack message about the event, and send it."""
    try:
        notifier = workspace.catalog.resources.typed(Notifier, delivery.webhook)
    except NotFoundError as error:
        return SendResult(ok=False, retryable=False, status=None, detail=str(error))
    return messenger.send(notifier, write_message(delivery.event, public_url=workspace.settings.public_url))
