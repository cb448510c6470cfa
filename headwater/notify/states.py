"""When a webhook is called unstable, and when it is disabled (spec: notifications.md, section 7)."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from headwater.model.runs import WebhookState, WebhookStatus

UNSTABLE_FOR: Final = timedelta(hours=24)
_ENOUGH_ATTEMPTS: Final = 10
_FAILING_SHARE: Final = 0.8


def judge(status: WebhookStatus, *, attempts: int, failures: int, now: datetime) -> WebhookStatus:
    """How a webhook stands after an attempt.

    With at least 10 attempts in a day, more than 80 % of them unsuccessful, it is unstable: still served, and looked at
    again after 24 hours. If it is no better then, it is disabled, and stays so until somebody enables it.

    Args:
        status: How it stood before.
        attempts: Attempts of the last day, this one included.
        failures: How many of them failed.
        now: The time.
    """
    failing = attempts >= _ENOUGH_ATTEMPTS and failures > attempts * _FAILING_SHARE
    if status.state is WebhookState.ACTIVE and failing:
        return replace(status, state=WebhookState.UNSTABLE, since=now, reason=_reason(attempts, failures))
    if status.state is WebhookState.UNSTABLE and now - status.since >= UNSTABLE_FOR:
        if failing:
            return replace(status, state=WebhookState.DISABLED, since=now, reason=_reason(attempts, failures))
        return replace(status, state=WebhookState.ACTIVE, since=now, reason=None)
    return status


def _reason(attempts: int, failures: int) -> str:
    return f"{failures:,} of {attempts:,} attempts within a day failed"
