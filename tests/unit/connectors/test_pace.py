"""The least speed: what counts is what came while somebody waited."""

import pickle

import pytest

from connectors import ConfigurationError, create_connector
from connectors.pace import ANY_SPEED, LeastSpeed, Pace, TooSlowError
from connectors.sftp import SftpConfig

LEAST = LeastSpeed(bytes_per_second=1024, seconds=300)


def test_a_source_that_is_just_fast_enough() -> None:
    pace = Pace(LEAST)
    for _ in range(100):
        pace.waited(29, 29 * 1024)


def test_a_source_that_trickles_is_told_when_the_time_is_over() -> None:
    pace = Pace(LEAST)
    for _ in range(10):
        pace.waited(29, 1)
    with pytest.raises(TooSlowError) as caught:
        pace.waited(29, 1)
    error = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 (our own)
    assert (error.count, error.seconds) == (11, 319)
    assert str(error.explained("SFTP server a.example.com", "a.csv")) == (
        "SFTP server a.example.com sent 11 bytes of 'a.csv' in 319 s, less than the 1024 bytes per second that are the "
        "least. The transfer was cut off. Try again; if the source is always so slow, lower `least_bytes_per_second`."
    )


def test_a_good_period_does_not_make_up_for_a_bad_one() -> None:
    pace = Pace(LEAST)
    pace.waited(300, 2**30)
    with pytest.raises(TooSlowError):
        pace.waited(300, 1)


def test_without_a_bound() -> None:
    Pace(ANY_SPEED).waited(10**6, 0)


def test_what_an_account_may_say() -> None:
    usual = {"host": "a.example.com", "username": "u", "password": "p"}
    assert SftpConfig.model_validate(usual).least_speed == LEAST
    changed = {**usual, "least_bytes_per_second": 0, "least_speed_seconds": 60}
    assert SftpConfig.model_validate(changed).least_speed == LeastSpeed(bytes_per_second=0, seconds=60)
    with pytest.raises(ConfigurationError, match="`least_speed_seconds`: Input should be greater than 0"):
        create_connector("sftp", {**usual, "least_speed_seconds": 0})
