import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.timestamps.columns import read_dates, read_epochs, read_timestamps, read_typed_timestamps
from headwater.timestamps.options import TimestampOptions
from headwater.timestamps.parse import UnreadableTimestampError, read_date, read_timestamp

TEXTS = [
    "2018-07-10T15:05:59.000-08:00",
    "2018-07-10T15:05:59Z",
    "2018-02-31T15:05:59Z",
    "2018-07-10t15:05:59z",
    "2018-07-10",
    "2018-02-30",
    "1531263959000",
    "1531263959",
    "2018-07-10 15:05:59Z",
    "2018-07-10T15:05Z",
    "2018-07-10T15:05:59.123456789Z",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59-01:00",
    "0001-01-01T00:00:00+01:00",
    "2018-07-10T15:05:59+0800",
    "2018-07-10T24:00:00Z",
    "2016-12-31T23:59:60Z",
    "2018-07-10T15:05:59",
    "x",
    "29.02.2024",
    "2018-07-10T15:05:59Z\n",
]
OPTIONS = [
    TimestampOptions(),
    TimestampOptions(unit="seconds"),
    TimestampOptions(zone="Europe/Berlin"),
    TimestampOptions(patterns="aep"),
]


def singly(value: str | int | None, options: TimestampOptions) -> int | None:
    try:
        return None if value is None else read_timestamp(value, options).micros
    except UnreadableTimestampError:
        return None


@pytest.mark.parametrize("options", OPTIONS)
@given(data=st.data())
def test_a_column_reads_as_single_values_do(options: TimestampOptions, data: st.DataObject) -> None:
    texts = data.draw(st.lists(st.none() | st.sampled_from(TEXTS)))
    read = read_timestamps(pa.array(texts, pa.string()), options)
    expected = [singly(text, options) for text in texts]
    assert read.array.cast(pa.int64()).to_pylist() == expected
    assert read.array.type == pa.timestamp("us", "UTC")
    assert read.unread == [i for i, text in enumerate(texts) if text is not None and expected[i] is None]
    assert read.rules.total() == sum(micros is not None for micros in expected)


@pytest.mark.parametrize("options", OPTIONS)
@given(
    numbers=st.lists(
        st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(10**11 - 2, 10**11 + 2) | st.integers(10**12, 10**13)
    )
)
def test_a_column_of_numbers_reads_as_single_values_do(options: TimestampOptions, numbers: list[int | None]) -> None:
    read = read_epochs(pa.array(numbers, pa.int64()), options)
    expected = [singly(number, options) for number in numbers]
    assert read.array.cast(pa.int64()).to_pylist() == expected
    assert read.unread == [i for i, number in enumerate(numbers) if number is not None and expected[i] is None]


@given(texts=st.lists(st.none() | st.sampled_from(TEXTS) | st.dates().map(str)))
def test_a_column_of_dates_reads_as_single_values_do(texts: list[str | None]) -> None:
    expected = []
    for text in texts:
        try:
            expected.append(None if text is None else read_date(text))
        except UnreadableTimestampError:
            expected.append(None)
    read = read_dates(pa.array(texts, pa.string()))
    assert read.array.to_pylist() == expected
    assert read.unread == [i for i, text in enumerate(texts) if text is not None and expected[i] is None]


def test_the_rules_are_counted() -> None:
    texts = pa.array(["2018-07-10T15:05:59Z", "2018-07-11T15:05:59Z", "2018-07-10", "x", None])
    assert read_timestamps(texts).rules == {"rfc3339": 2, "date at midnight UTC": 1}


def test_nanoseconds_are_cut_before_1970_too() -> None:
    nanoseconds = [-1, -1000, -1001, 1, 1999, -(2**63), None]
    read = read_typed_timestamps(pa.array(nanoseconds, pa.timestamp("ns", "UTC")))
    assert read.array.cast(pa.int64()).to_pylist() == [-1, -1, -2, 0, 1, -(2**63) // 1000, None]
