import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.timestamps.options import TimestampOptions
from headwater.timestamps.parse import (
    MAX_MICROS,
    MIN_MICROS,
    TimestampRule,
    UnreadableTimestampError,
    format_micros,
    from_micros,
    read_date,
    read_timestamp,
)


def read(value: str | int, **declared: object) -> datetime:
    return from_micros(read_timestamp(value, TimestampOptions.model_validate(declared)).micros)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2018-07-10T15:05:59.000-08:00", datetime(2018, 7, 10, 23, 5, 59, tzinfo=UTC)),
        ("2019-02-23T22:07:01Z", datetime(2019, 2, 23, 22, 7, 1, tzinfo=UTC)),
        ("2019-05-15T20:20:39+00:00", datetime(2019, 5, 15, 20, 20, 39, tzinfo=UTC)),
        ("2019-05-15t20:20:39z", datetime(2019, 5, 15, 20, 20, 39, tzinfo=UTC)),
        ("2019-05-15T20:20:39-00:00", datetime(2019, 5, 15, 20, 20, 39, tzinfo=UTC)),
        ("2019-05-15T20:20:39.1234567899Z", datetime(2019, 5, 15, 20, 20, 39, 123456, tzinfo=UTC)),
        ("2019-05-15T23:59:59+05:30", datetime(2019, 5, 15, 18, 29, 59, tzinfo=UTC)),
        ("2000-05-15", datetime(2000, 5, 15, tzinfo=UTC)),
        (1531263959000, datetime(2018, 7, 10, 23, 5, 59, tzinfo=UTC)),
        ("1531263959000", datetime(2018, 7, 10, 23, 5, 59, tzinfo=UTC)),
        (-1531263959000, datetime(1921, 6, 24, 0, 54, 1, tzinfo=UTC)),
    ],
)
def test_reads_what_aep_takes(value: str | int, expected: datetime) -> None:
    assert read(value) == expected


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("2018-00-10T22:07:56Z", "month 00 does not exist"),
        ("2018-02-30T22:07:56Z", "day 30 does not exist in month 2018-02"),
        ("2018-02-30", "day 30 does not exist in month 2018-02"),
        ("2018-07-10T24:00:00Z", "hour 24 does not exist"),
        ("2016-12-31T23:59:60Z", "leap seconds (:60) cannot be stored"),
        ("2018-07-10T10:61:00Z", "time 10:61:00 does not exist"),
        ("2018-07-10T10:00:00+24:00", "its offset does not exist; the largest is +23:59"),
        ("2018-07-10T10:00:00-01:60", "its offset does not exist; the largest is -23:59"),
        ("2018-07-10T10:00:00+01:99", "its offset does not exist"),
        ("2018-07-10T10:00:00", "no zone: add Z or an offset such as +01:00, or declare `timestamps.zone`"),
        ("2018-07-10 10:00:00", "no zone"),
        ("2018-07-10T10:00:00+0100", "its offset is not written like +01:00"),
        ("2018-07-10T10:00:00+01", "its offset is not written like +01:00"),
        ("2018-07-10 10:00:00Z", "a space stands where T belongs"),
        (" 2018-07-10T10:00:00Z", "blanks stand around it"),
        ("0000-01-01T00:00:00Z", "the year 0000 does not exist"),
        ("0001-01-01T00:00:00+00:01", "outside the years 1 to 9999"),
        ("9999-12-31T23:59:59-00:01", "outside the years 1 to 9999"),
        ("yesterday 10:00", "not a timestamp: expected RFC 3339"),
        ("07/10/2018", "other forms need `timestamps.patterns`"),
        (1531263959, "looks like seconds"),
        ("1531263959", "looks like seconds"),
        (20180710, "looks like seconds, or a date without separators"),
        (0, "looks like seconds"),
        (1531263959000000, "beyond the year 9999 as epoch milliseconds; if it is micro- or nanoseconds"),
        (-(10**17), "beyond the year 9999"),
        ("٢٠١٨-07-10T10:00:00Z", "not a timestamp"),
        ("2018-07-10T10:00:00Z\n", "blanks stand around it"),
        ("", "not a timestamp"),
    ],
)
def test_refuses_with_a_reason(value: str | int, reason: str) -> None:
    with pytest.raises(UnreadableTimestampError, match=re.escape(reason)):
        read_timestamp(value)


def test_a_reason_never_repeats_the_value() -> None:
    with pytest.raises(UnreadableTimestampError) as caught:
        read_timestamp("daniel@example.com")
    assert "daniel" not in str(caught.value)


@given(
    st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29)),  # noqa: DTZ001  (hypothesis wants them naive)
    st.integers(min_value=-23 * 60 - 59, max_value=23 * 60 + 59),
)
def test_reading_what_was_written_gives_the_same_instant(local: datetime, offset_minutes: int) -> None:
    moment = local.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))
    assert read(moment.isoformat()) == moment


@given(st.integers(min_value=MIN_MICROS, max_value=MAX_MICROS))
def test_formatting_and_reading_are_inverse(micros: int) -> None:
    assert read_timestamp(format_micros(micros)).micros == micros


@pytest.mark.parametrize(
    ("unit", "number"),
    [
        ("seconds", 1531263959),
        ("milliseconds", 1531263959000),
        ("microseconds", 1531263959000000),
        ("nanoseconds", 1531263959000000000),
    ],
)
def test_a_declared_unit_decides(unit: str, number: int) -> None:
    assert read(number, unit=unit) == datetime(2018, 7, 10, 23, 5, 59, tzinfo=UTC)
    assert read(str(number), unit=unit) == datetime(2018, 7, 10, 23, 5, 59, tzinfo=UTC)


def test_declared_milliseconds_may_be_small() -> None:
    assert read(86_400_000, unit="milliseconds") == datetime(1970, 1, 2, tzinfo=UTC)


def test_a_declared_zone_reads_local_times() -> None:
    assert read("2024-07-01T12:00:00", zone="Europe/Berlin") == datetime(2024, 7, 1, 10, tzinfo=UTC)
    assert read("2024-01-01 12:00:00.5", zone="Europe/Berlin") == datetime(2024, 1, 1, 11, 0, 0, 500_000, tzinfo=UTC)
    assert read("2024-07-01T12:00:00Z", zone="Europe/Berlin") == datetime(2024, 7, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("2024-10-27T02:30:00", "this local time happened twice in the declared zone Europe/Berlin; add an offset"),
        ("2024-03-31T02:30:00", "this local time never happened: the clocks were set forward over it"),
        ("2024-02-31T02:30:00", "day 31 does not exist in month 2024-02"),
    ],
)
def test_a_local_time_that_is_not_one_instant_is_refused(value: str, reason: str) -> None:
    with pytest.raises(UnreadableTimestampError, match=re.escape(reason)):
        read_timestamp(value, TimestampOptions(zone="Europe/Berlin"))


def test_the_rule_that_decided_is_told() -> None:
    berlin = TimestampOptions(zone="Europe/Berlin", patterns=("dd.MM.yyyy",))
    assert read_timestamp("2024-07-01T12:00:00Z").rule is TimestampRule.RFC_3339
    assert read_timestamp("2024-07-01").rule is TimestampRule.BARE_DATE
    assert read_timestamp(1531263959000).rule is TimestampRule.EPOCH
    assert read_timestamp("2024-07-01T12:00:00", berlin).rule is TimestampRule.ZONE
    assert read_timestamp("01.07.2024", berlin).rule is TimestampRule.PATTERN


@pytest.mark.parametrize(
    ("value", "expected"),
    [("2024-02-29", "2024-02-29"), (1531263959000, "2018-07-10"), ("1531263959000", "2018-07-10")],
)
def test_reads_dates(value: str | int, expected: str) -> None:
    assert read_date(value).isoformat() == expected


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("2024-02-30", "day 30 does not exist"),
        ("2024-02-29T00:00:00Z", "a time of day in a date field; a date is written YYYY-MM-DD"),
        ("29.02.2024", "not a date; it is written YYYY-MM-DD"),
        (20240229, "a date without separators"),
        ("0000-01-01", "the year 0000 does not exist"),
    ],
)
def test_refuses_dates(value: str | int, reason: str) -> None:
    with pytest.raises(UnreadableTimestampError, match=re.escape(reason)):
        read_date(value)
