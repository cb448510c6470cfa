"""What every channel promises, and when a delivery is tried again (spec: notifications.md, section 7)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from pydantic import SecretStr

from headwater.model.documents import Webhook
from headwater.model.runs import Event

GIVE_UP_AFTER: Final = timedelta(hours=24)
_FIRST_WAITS: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 4, 8))
_LATER_WAIT: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendResult:
    """What became of one attempt.

    Attributes:
        ok: The receiver took the event.
        retryable: Another attempt may succeed. False where `ok`.
        status: The HTTP status, None if there was no answer.
        detail: What happened, in one sentence without secrets or the receiver's own words.
    """

    ok: bool
    retryable: bool
    status: int | None
    detail: str


class Channel(Protocol):
    """A way to tell somebody of an event."""

    def send(self, event: Event, webhook: Webhook, secret: SecretStr | None = None, *, attempts: int = 0) -> SendResult:
        """Make one attempt. Never raises for what the receiver or the network does.

        Args:
            event: What to tell.
            webhook: Whom to tell.
            secret: Key of the signature, None to send none.
            attempts: How many attempts were made before this one.
        """
        ...


def next_attempt(attempts: int, now: datetime, *, created_at: datetime) -> datetime | None:
    """When to try again: after 1, 2, 4 and 8 minutes, then every 15 minutes, for 24 hours.

    Args:
        attempts: Attempts made so far, at least 1.
        now: The time of the last one.
        created_at: When the event came to be.

    Returns:
        The time of the next attempt, or None to give up.
    """
    wait = _FIRST_WAITS[attempts - 1] if attempts <= len(_FIRST_WAITS) else _LATER_WAIT
    return at if (at := now + wait) < created_at + GIVE_UP_AFTER else None
