from datetime import UTC, datetime, timedelta

from headwater.notify import next_attempt

CREATED = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)


def test_waits_are_1_2_4_8_then_15_minutes() -> None:
    waits = []
    for attempts in range(1, 8):
        at = next_attempt(attempts, CREATED, created_at=CREATED)
        assert at is not None
        waits.append((at - CREATED) // timedelta(minutes=1))

    assert waits == [1, 2, 4, 8, 15, 15, 15]


def test_a_receiver_that_stays_dead_gets_its_last_attempt_within_24_hours() -> None:
    now, attempts = CREATED, 1
    while (at := next_attempt(attempts, now, created_at=CREATED)) is not None:
        assert at > now
        now, attempts = at, attempts + 1

    assert timedelta(hours=23, minutes=45) <= now - CREATED < timedelta(hours=24)
    assert attempts == 99


def test_an_event_older_than_24_hours_is_given_up_after_a_failed_attempt() -> None:
    assert next_attempt(1, CREATED + timedelta(hours=24), created_at=CREATED) is None
