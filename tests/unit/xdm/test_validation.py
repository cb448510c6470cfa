from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.xdm.validation import is_date, is_date_time, make_validator


@pytest.mark.parametrize(
    "text",
    [
        "2020-08-11T00:00:00Z",
        "2020-08-11t00:00:00z",
        "2017-09-26T15:52:25+00:00",
        "2017-09-26T15:52:25.123456789-23:59",
        "2024-02-29T23:59:59.5Z",
        "0001-01-01T00:00:00Z",
    ],
)
def test_date_times(text: str) -> None:
    assert is_date_time(text)


@pytest.mark.parametrize(
    "text",
    [
        "2020-08-11",
        "2020-08-11T00:00:00",
        "2020-08-11 00:00:00Z",
        "2020-08-11T24:00:00Z",
        "2020-08-11T00:60:00Z",
        "2016-12-31T23:59:60Z",
        "2020-08-11T00:00Z",
        "2020-08-11T00:00:00+0100",
        "2020-08-11T00:00:00+24:00",
        "2020-08-11T00:00:00.Z",
        "2023-02-29T00:00:00Z",
        "2020-13-01T00:00:00Z",
        "2020-08-11T00:00:00Z\n",
        "２020-08-11T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "",
    ],
)
def test_not_date_times(text: str) -> None:
    assert not is_date_time(text)


@pytest.mark.parametrize(
    "text", ["2023-02-29", "2020-1-01", "2020-00-10", "20200101", "2020-04-31", "2020-04-30\n", ""]
)
def test_not_dates(text: str) -> None:
    assert not is_date(text)


@settings(deadline=None)
@given(st.dates())
def test_every_date_is_one_in_its_iso_form(value: date) -> None:
    assert is_date(value.isoformat())


@settings(deadline=None)
@given(st.datetimes(timezones=st.just(UTC)))
def test_every_moment_is_one_in_its_iso_form(value: datetime) -> None:
    assert is_date_time(value.isoformat())


def test_formats_check_strings_only() -> None:
    assert is_date(20200811)
    assert is_date_time(None)


def test_dates_are_enforced_and_other_formats_are_not() -> None:
    validator = make_validator(
        {
            "type": "object",
            "properties": {
                "at": {"type": "string", "format": "date-time"},
                "on": {"type": "string", "format": "date"},
                "mail": {"type": "string", "format": "email"},
                "ip": {"type": "string", "format": "ipv4"},
                "page": {"type": "string", "format": "uri"},
            },
        }
    )
    record = {"at": "yesterday", "on": "30 May", "mail": "nobody", "ip": "here", "page": "a b"}
    assert sorted(error.message for error in validator.iter_errors(record)) == [
        "'30 May' is not a 'date'",
        "'yesterday' is not a 'date-time'",
    ]


def test_every_error_of_a_record_is_found_with_its_place() -> None:
    validator = make_validator(
        {
            "type": "object",
            "properties": {"items": {"type": "array", "items": {"type": "object", "required": ["sku"]}}},
            "required": ["id"],
        }
    )
    found = {tuple(error.absolute_path): error.message for error in validator.iter_errors({"items": [{}, {"sku": 1}]})}
    assert found == {(): "'id' is a required property", ("items", 0): "'sku' is a required property"}
