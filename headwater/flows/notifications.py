"""Notifications: written with the change they tell of, delivered from the outbox afterwards."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Final, Literal

from headwater.catalog.base import utc_now
from headwater.catalog.catalog import Stores
from headwater.catalog.outbox import EVERYTHING, Selection
from headwater.errors import SettingsError
from headwater.flows.attempts import Send, attempt, send_message, send_to_webhook
from headwater.flows.receivers import is_disabled, open_channel
from headwater.flows.workspace import Workspace
from headwater.model.documents import Dataflow, Notifier, Webhook
from headwater.model.runs import Event
from headwater.notify import WebhookChannel

log = logging.getLogger(__name__)

Step = Literal["lake", "identities", "profiles"]
_PREFIXES: dict[Step, str] = {"lake": "ing_", "identities": "ig_", "profiles": "ps_"}
_ATTEMPT_TAKES: Final = timedelta(minutes=1)
"""Longer than any attempt: for so long nobody else tries the same delivery."""
_PATIENCE: Final = 5
"""After so many answers that ask to come again, a webhook is left alone for this time."""
_AT_ONCE: Final = 8
"""How many webhooks are told at the same time; each hears of one event at a time."""
LOAD_WAITS: Final = timedelta(seconds=20)
"""A flow run begins no attempt after that; what is left is for the deliveries' own Dag."""
MAX_NOTES: Final = 50
"""How many of the deliveries that failed a report names."""
ROUND_TAKES: Final = timedelta(minutes=4)
"""The same for the deliveries' own Dag."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReport:
    """How many deliveries were made, how many wait for another attempt, and why: of `MAX_NOTES` of them."""

    delivered: int
    pending: int
    notes: list[str]


def enqueue(stores: Stores, event: Event, flow: Dataflow) -> bool:
    """Write the event, and a delivery for each webhook and notifier that is to get it, in the caller's transaction.

    A disabled one finds it in its journal. Returns whether it was new: an event is written once for each subject
    and code.
    """
    known = [*stores.resources.list("webhook"), *stores.resources.list("notifier")]
    receivers = [receiver for receiver in known if isinstance(receiver, Webhook | Notifier)]
    concerned = [receiver for receiver in receivers if _subscribes(receiver, event, flow)]
    pushed = [receiver.name for receiver in concerned if receiver.enabled and not is_disabled(stores, receiver)]
    silent = [receiver.name for receiver in concerned if receiver.name not in pushed]
    added = stores.outbox.add(event, pushed, journal_only=silent, reason="it was disabled")
    if added:
        log.info("event %s for %s, to %d receivers", event.code, event.subject, len(pushed))
    return added


def _subscribes(webhook: Webhook | Notifier, event: Event, flow: Dataflow) -> bool:
    concerned = webhook.name in flow.notify or event.dataset in webhook.datasets
    return concerned and event.code in webhook.events


def deliver(workspace: Workspace, flow_run_id: str, step: Step) -> DeliveryReport:
    """Deliver what the run has to tell of one of its loads. A dead receiver never raises: the outbox keeps it."""
    run = workspace.catalog.flow_runs.get(flow_run_id)
    subjects = [subject for subject in (run.batch_id, run.id) if subject is not None]
    return deliver_due(workspace, Selection(subjects=subjects, code_prefix=_PREFIXES[step]), within=LOAD_WAITS)


def deliver_due(
    workspace: Workspace, selection: Selection = EVERYTHING, *, within: timedelta = ROUND_TAKES
) -> DeliveryReport:
    """Deliver what is due. A dead or slow receiver never raises, and delays no other.

    Each webhook hears of its events in turn, several webhooks at once. Who does not answer is not asked again in this
    call, and no attempt begins later than `within`; one takes at most 10 seconds, with the challenge before it 20.
    E-mails and Slack messages are sent afterwards, where the workspace has a messenger; flow runs have none.
    """
    outbox = workspace.catalog.outbox
    deadline = time.monotonic() + within.total_seconds()
    names = outbox.webhooks_due(selection, now=utc_now())
    notifiers = {notifier.name for notifier in workspace.catalog.resources.list("notifier")}
    webhooks = [name for name in names if name not in notifiers]
    delivered = 0
    if webhooks and (channel := _channel(workspace)) is not None:
        send = partial(send_to_webhook, workspace, channel)
        serve = partial(_serve, workspace, send, selection, deadline)
        with ThreadPoolExecutor(min(_AT_ONCE, len(webhooks)), thread_name_prefix="webhook") as threads:
            delivered = sum(threads.map(serve, webhooks))
    if workspace.messenger is not None:
        send = partial(send_message, workspace, workspace.messenger)
        delivered += sum(_serve(workspace, send, selection, deadline, name) for name in names if name in notifiers)
    waiting, tried = outbox.backlog(selection)
    notes = [
        f"{delivery.event.code} of {delivery.event.subject} has not reached {delivery.webhook!r} "
        f"({delivery.last_error}); next attempt at {delivery.next_attempt_at:%Y-%m-%d %H:%M:%S} UTC"
        for delivery in outbox.failing(selection, limit=MAX_NOTES)
    ]
    if tried > len(notes):
        notes.append(f"{tried - len(notes)} more were tried and have not reached their receivers")
    for note in notes:
        log.warning("%s", note)
    return DeliveryReport(delivered=delivered, pending=waiting, notes=notes)


def _channel(workspace: Workspace) -> WebhookChannel | None:
    """The way to webhooks; None, and a line in the log, while the installation's signing keys cannot be read."""
    try:
        return open_channel(workspace.settings)
    except SettingsError as error:
        log.error("no notification is delivered until this is mended: %s", error)  # noqa: TRY400 - the message is enough
        return None


def _serve(workspace: Workspace, send: Send, selection: Selection, deadline: float, webhook: str) -> int:
    """Deliver what is due to one webhook, until it does not answer; returns how many events it took."""
    outbox = workspace.catalog.outbox
    delivered = failed = 0
    while due := outbox.due(replace(selection, webhook=webhook), now=utc_now()):
        for delivery in due:
            if time.monotonic() >= deadline:
                return delivered
            if not outbox.take(delivery, until=utc_now() + _ATTEMPT_TAKES):
                continue
            result = attempt(workspace, send, delivery)
            delivered += result.ok
            failed += result.retryable
            if failed >= _PATIENCE or (result.retryable and result.status is None):
                return delivered
    return delivered
