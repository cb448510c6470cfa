from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from headwater.model.runs import WebhookState, WebhookStatus
from headwater.notify import judge

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ACTIVE = WebhookStatus(webhook="hook", etag="1", state=WebhookState.ACTIVE, since=NOW - timedelta(days=9))
UNSTABLE = replace(ACTIVE, state=WebhookState.UNSTABLE, since=NOW, reason="9 of 10 attempts within a day failed")


@pytest.mark.parametrize(("attempts", "failures"), [(9, 9), (10, 8), (100, 80), (1000, 0)])
def test_few_failures_change_nothing(attempts: int, failures: int) -> None:
    assert judge(ACTIVE, attempts=attempts, failures=failures, now=NOW) == ACTIVE


def test_most_of_ten_attempts_make_it_unstable() -> None:
    assert judge(ACTIVE, attempts=10, failures=9, now=NOW) == UNSTABLE


@pytest.mark.parametrize("failures", [0, 100])
def test_it_stays_unstable_for_a_day(failures: int) -> None:
    later = NOW + timedelta(hours=23, minutes=59)

    assert judge(UNSTABLE, attempts=100, failures=failures, now=later) == UNSTABLE


def test_after_a_day_it_is_disabled_or_active_again() -> None:
    later = NOW + timedelta(hours=24)

    assert judge(UNSTABLE, attempts=100, failures=81, now=later) == replace(
        UNSTABLE, state=WebhookState.DISABLED, since=later, reason="81 of 100 attempts within a day failed"
    )
    assert judge(UNSTABLE, attempts=100, failures=80, now=later) == replace(ACTIVE, since=later)


def test_a_disabled_one_stays_so() -> None:
    disabled = replace(UNSTABLE, state=WebhookState.DISABLED)

    assert judge(disabled, attempts=100, failures=0, now=NOW + timedelta(days=9)) == disabled
