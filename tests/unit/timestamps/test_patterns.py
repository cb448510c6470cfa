from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from headwater.timestamps.options import TimestampOptions
from headwater.timestamps.parse import UnreadableTimestampError, from_micros, read_date, read_timestamp
from headwater.timestamps.patterns import AEP_PATTERNS, compile_pattern


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("yyyy-MM-dd HH:mm:ssZ", "2024-02-29 08:30:00+0100", datetime(2024, 2, 29, 7, 30, tzinfo=UTC)),
        ("yyyy-MM-dd'T'HH:mm:ss.SSSX", "2024-02-29T08:30:00.250-08", datetime(2024, 2, 29, 16, 30, 0, 250000, UTC)),
        ("yyyy-MM-dd'T'HH:mm:ss'Z'", "2024-02-29T08:30:00Z", datetime(2024, 2, 29, 8, 30, tzinfo=UTC)),
        ("yyyy-MM-dd'T'HH:mmXXX", "2024-02-29T08:30+05:30", datetime(2024, 2, 29, 3, 0, tzinfo=UTC)),
        ("yyyy-MMM-dd", "2024-Feb-29", datetime(2024, 2, 29, tzinfo=UTC)),
        ("d MMMM yyyy", "29 February 2024", datetime(2024, 2, 29, tzinfo=UTC)),
        ("M/dd/yyyy", "2/29/2024", datetime(2024, 2, 29, tzinfo=UTC)),
        ("dd.M.yyyy", "29.2.2024", datetime(2024, 2, 29, tzinfo=UTC)),
        ("yyyyMMdd", "20240229", datetime(2024, 2, 29, tzinfo=UTC)),
        ("dd/MM/yyyy 'at' HH''mm", "29/02/2024 at 08'30", datetime(2024, 2, 29, 8, 30)),  # noqa: DTZ001
        ("M/dd/yyyy hh:mm:ss a", "2/29/2024 12:30:00 am", datetime(2024, 2, 29, 0, 30)),  # noqa: DTZ001
        ("M/dd/yyyy hh:mm:ss a", "2/29/2024 12:30:00 PM", datetime(2024, 2, 29, 12, 30)),  # noqa: DTZ001
    ],
)
def test_reads_by_pattern(pattern: str, text: str, expected: datetime) -> None:
    assert compile_pattern(pattern).read(text) == expected


def test_an_offset_is_kept() -> None:
    read = compile_pattern("yyyy-MM-dd HH:mmX").read("2024-02-29 08:30-0330")
    assert read is not None
    assert read.tzinfo == timezone(-timedelta(hours=3, minutes=30))


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("yyyy-MM-dd", "2024-02-30"),
        ("yyyy-MM-dd", "2024-2-3"),
        ("yyyy-MM-dd", "2024-02-03x"),
        ("M/dd/yyyy hh:mm:ss a", "2/29/2024 13:30:00 PM"),
        ("yyyy-MM-dd HH:mmX", "2024-02-29 08:30+2500"),
        ("yyyy-MM-dd HH:mmX", "2024-02-29 08:30+0160"),
        ("yyyy-MM-dd HH:mmXXX", "2024-02-29 08:30-01:99"),
        ("yyyy-MM-dd HH:mmZ", "2024-02-29 08:30+2400"),
        ("d MMMM yyyy", "29 Febfoo 2024"),
        ("d MMMM yyyy", "29 Feb 2024"),
        ("yyyyMMdd", "12312024"),
    ],
)
def test_does_not_read_what_does_not_fit(pattern: str, text: str) -> None:
    assert compile_pattern(pattern).read(text) is None


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("yyyy-MM-dd QQ", "'QQ' is not supported; known are y M d H h m s S a X Z"),
        ("yy-MM-dd", "'yy' is not supported"),
        ("yyyy-dd", "has no year (yyyy) or no month (MM)"),
        ("yyyy-MM-dd MM", "has 'M' twice"),
        ("yyyy-MM-dd'T", "has a quote that is not closed"),
        ("yyyy-MM-dd HH:mm a", "has AM or PM (a) beside hours from 0 to 23 (H); write h for hours from 1 to 12"),
        ("dd.MM.yyyy hh:mm", "has hours from 1 to 12 (h) without AM or PM (a); write H for hours from 0 to 23"),
        ("yyyy-MM-dd HH hh a", "has H and h; one of them tells the hour"),
        ("yyyy-MM-ddXXX", "has X but no hour (HH); a date without a time of day is midnight UTC"),
        ("yyyy-MM-dd mm:ss", "has m, s but no hour (HH)"),
    ],
)
def test_refuses_patterns(pattern: str, message: str) -> None:
    with pytest.raises(ValueError, match="date pattern") as caught:
        compile_pattern(pattern)
    assert message in str(caught.value)


def test_every_pattern_of_aep_compiles() -> None:
    assert [compile_pattern(text).text for text in AEP_PATTERNS] == list(AEP_PATTERNS)


def test_the_preset_reads_as_aeps_mapper_does() -> None:
    aep = TimestampOptions(patterns="aep")
    texts = {
        "12/31/2024": datetime(2024, 12, 31, tzinfo=UTC),
        "31.12.2024": datetime(2024, 12, 31, tzinfo=UTC),
        "2024-12-31 10:00:00.250": datetime(2024, 12, 31, 10, 0, 0, 250_000, tzinfo=UTC),
        "20241231": datetime(2024, 12, 31, tzinfo=UTC),
        "12312024": datetime(2024, 12, 31, tzinfo=UTC),
    }
    assert {text: from_micros(read_timestamp(text, aep).micros) for text in texts} == texts
    assert read_date("31-Dec-2024", aep).isoformat() == "2024-12-31"
    with pytest.raises(UnreadableTimestampError):
        read_timestamp("31/12/2024", aep)


def test_a_pattern_with_local_time_needs_a_zone() -> None:
    with pytest.raises(ValidationError, match="has a time of day but no offset; declare `zone` with it"):
        TimestampOptions(patterns=("dd.MM.yyyy HH:mm",))
    declared = TimestampOptions(patterns=("dd.MM.yyyy HH:mm",), zone="Europe/Berlin")
    assert from_micros(read_timestamp("01.07.2024 12:00", declared).micros) == datetime(2024, 7, 1, 10, tzinfo=UTC)


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(ValidationError, match="'Mars/Base' is no IANA time zone; write it like 'Europe/Berlin'"):
        TimestampOptions(zone="Mars/Base")
