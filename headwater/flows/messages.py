"""Who writes to people: what the flows need of it, without knowing how it is done."""

from typing import Protocol

from headwater.model.documents import Notifier
from headwater.notify.delivery import SendResult
from headwater.notify.messages import Message


class Messenger(Protocol):
    """Sends e-mails and Slack messages."""

    def send(self, notifier: Notifier, message: Message) -> SendResult:
        """Make one attempt. Never raises for what a server or the network does."""
        ...
