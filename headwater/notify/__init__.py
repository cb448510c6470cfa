"""Notifications: what receivers are told (`events`), which may be told (`targets`), and telling them (`webhook`).

Start with `batch_event`, `flow_run_event`, `file_event` and `WebhookChannel`. The outbox, where events wait, is the
catalog's.
"""

from headwater.notify.delivery import Channel, SendResult, next_attempt
from headwater.notify.events import Sender, batch_event, file_event, flow_run_event
from headwater.notify.states import judge
from headwater.notify.targets import check_target
from headwater.notify.webhook import WebhookChannel, signature

__all__ = [
    "Channel",
    "SendResult",
    "Sender",
    "WebhookChannel",
    "batch_event",
    "check_target",
    "file_event",
    "flow_run_event",
    "judge",
    "next_attempt",
    "signature",
]
