"""Columns of texts against single values: the same conversions, the same refusals."""

from collections import Counter

import pyarrow as pa
import pytest

from headwater.ingest.leaves import NumberColumn, TimestampColumn
from headwater.ingest.shape import Kind, Shape
from headwater.ingest.values import ConversionError
from headwater.timestamps.options import TimestampOptions

TIMES = [
    "2018-07-10T15:05:59Z", "1531263959000", "1531263959", "20180710", "20180710150559", "-1531263959000", "0", "5",
    "253402300800000", "999999999999999999", "9999999999999999999", "99999999999999999999999", "٣٣٣٣٣٣٣٣٣٣٣٣٣", "",
    "2018-07-10", "+1531263959000", "1531263959000.0", "n/a", None, "015312639590",
]  # fmt: skip
NUMBERS = ["12", "007", "+7", "-3", "3.0", "1e3", "", None, "32767", "32768", "2147483648", "9" * 19, "0x10", "٣", "x"]


@pytest.mark.parametrize(
    "options",
    [
        TimestampOptions(),
        TimestampOptions(unit="seconds"),
        TimestampOptions(unit="nanoseconds"),
        TimestampOptions(patterns=("yyyyMMdd",), zone="UTC"),
        TimestampOptions(patterns=("yyyyMMddHHmmss",), zone="UTC"),
    ],
    ids=["plain", "seconds", "nanoseconds", "days", "moments"],
)
def test_a_column_of_times_is_read_as_its_values_are(options: TimestampOptions) -> None:
    shape = Shape(kind=Kind.DATE_TIME, schema={}, pointer="/t")
    column = TimestampColumn(shape, element=False, options=options)
    array, misfits = column.parse(pa.array(TIMES), Counter())
    assert (array.cast(pa.int64()).to_pylist(), sorted(misfits)) == read_singly(column, TIMES)


@pytest.mark.parametrize("kind", [Kind.BYTE, Kind.SHORT, Kind.INTEGER, Kind.LONG, Kind.DOUBLE])
def test_a_column_of_numbers_is_read_as_its_values_are(kind: Kind) -> None:
    column = NumberColumn(Shape(kind=kind, schema={}, pointer="/n"), element=False)
    for texts in (NUMBERS, ["12", "007", "", None], ["12", "9" * 19], ["12", "3276800000"], [], ["", None]):
        array, misfits = column.parse(pa.array(texts, pa.string()), Counter())
        assert (array.to_pylist(), misfits) == read_singly(column, texts), texts


def read_singly(
    column: TimestampColumn | NumberColumn, texts: list[str] | list[str | None]
) -> tuple[list[object], list[int]]:
    values: list[object] = []
    misfits = []
    for position, text in enumerate(texts):
        values.append(None)
        try:
            values[-1] = column.read_value(text) if text else None
        except ConversionError:
            misfits.append(position)
    return values, misfits
