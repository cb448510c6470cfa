"""Notifications: written with the change they tell of, delivered from the outbox afterwards."""

import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Literal, cast

from pydantic import SecretStr

from headwater.catalog.base import utc_now
from headwater.catalog.catalog import Stores
from headwater.catalog.outbox import EVERYTHING, Selection
from headwater.errors import DeliveryError, NotFoundError
from headwater.flows.accounts import read_secret
from headwater.flows.workspace import Workspace
from headwater.model.documents import Dataflow, Webhook
from headwater.model.runs import Delivery, Event
from headwater.notify import SendResult, WebhookChannel, next_attempt
from headwater.notify.delivery import GIVE_UP_AFTER

log = logging.getLogger(__name__)

Step = Literal["lake", "identities", "profiles"]
_ATTEMPT_TAKES: Final = timedelta(minutes=1)
"""Longer than any attempt: for so long nobody else tries the same delivery."""
_PREFIXES: dict[Step, str] = {"lake": "ing_", "identities": "ig_", "profiles": "ps_"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReport:
    """How many deliveries were made, how many wait for another attempt, and why."""

    delivered: int
    pending: int
    notes: list[str]


def enqueue(stores: Stores, event: Event, flow: Dataflow) -> bool:
    """Write the event, and a delivery for each webhook that is to get it, in the caller's transaction.

    Returns whether it was new: an event is written once for each subject and code.
    """
    webhooks = [document for document in stores.resources.list("webhook") if isinstance(document, Webhook)]
    names = [webhook.name for webhook in webhooks if _subscribes(webhook, event, flow)]
    added = stores.outbox.add(event, names)
    if added:
        log.info("event %s for %s, to %d webhooks", event.code, event.subject, len(names))
    return added


def _subscribes(webhook: Webhook, event: Event, flow: Dataflow) -> bool:
    concerned = webhook.name in flow.notify or event.dataset in webhook.datasets
    return webhook.enabled and concerned and event.code in webhook.events


def deliver(workspace: Workspace, flow_run_id: str, step: Step) -> DeliveryReport:
    """Deliver what the run has to tell of one of its loads. A dead receiver never raises: the outbox keeps it."""
    run = workspace.catalog.flow_runs.get(flow_run_id)
    subjects = [subject for subject in (run.batch_id, run.id) if subject is not None]
    return deliver_due(workspace, Selection(subjects=subjects, code_prefix=_PREFIXES[step]))


def deliver_due(workspace: Workspace, selection: Selection = EVERYTHING) -> DeliveryReport:
    """Deliver what is due. A dead receiver never raises, and is asked once only, so that it delays nobody for long."""
    outbox = workspace.catalog.outbox
    delivered = 0
    failing: frozenset[str] = frozenset()
    while due := outbox.due(replace(selection, without=failing), now=utc_now()):
        for delivery in due:
            if delivery.webhook in failing or not outbox.take(delivery, until=utc_now() + _ATTEMPT_TAKES):
                continue
            if _attempt(workspace, delivery):
                delivered += 1
            else:
                failing |= {delivery.webhook}
    waiting = outbox.waiting(selection)
    notes = [
        f"{delivery.event.code} of {delivery.event.subject} has not reached webhook {delivery.webhook!r} "
        f"({delivery.last_error}); next attempt at {delivery.next_attempt_at:%Y-%m-%d %H:%M:%S} UTC"
        for delivery in waiting
        if delivery.last_error is not None
    ]
    for note in notes:
        log.warning("%s", note)
    return DeliveryReport(delivered=delivered, pending=len(waiting), notes=notes)


def _attempt(workspace: Workspace, delivery: Delivery) -> bool:
    """Send one event to one webhook and enter the outcome; True if it was taken."""
    outbox = workspace.catalog.outbox
    event = delivery.event
    result = _send(workspace, delivery)
    if result.ok:
        outbox.delivered(event.id, delivery.webhook)
        return True
    now = utc_now()
    if result.retryable:
        outbox.expire(delivery.webhook, created_before=now - GIVE_UP_AFTER, reason=result.detail)
    again = next_attempt(delivery.attempts + 1, now, created_at=event.created_at) if result.retryable else None
    if again is None:
        log.error("event %s for webhook %r is given up: %s", event.id, delivery.webhook, result.detail)
        outbox.give_up(event.id, delivery.webhook, reason=result.detail)
    else:
        outbox.retry(event.id, delivery.webhook, reason=result.detail, next_attempt_at=again)
    return False


def _send(workspace: Workspace, delivery: Delivery) -> SendResult:
    resources, outbox = workspace.catalog.resources, workspace.catalog.outbox
    try:
        stored = resources.stored("webhook", delivery.webhook)
        webhook = cast(Webhook, stored.document)
        secret = _secret(webhook)
        channel = WebhookChannel(allow_private=workspace.settings.allow_private_webhooks)
        if outbox.verified_etag(webhook.name) != stored.etag:
            channel.verify(webhook, secret)
            outbox.set_verified(webhook.name, stored.etag)
    except (NotFoundError, DeliveryError) as error:
        return SendResult(ok=False, retryable=True, status=None, detail=str(error))
    return channel.send(delivery.event, webhook, secret, attempts=delivery.attempts)


def _secret(webhook: Webhook) -> SecretStr | None:
    if webhook.secret is None:
        return None
    return SecretStr(read_secret(webhook.secret, of=f"webhook {webhook.name!r}, `secret`"))
