"""One value to the type of its field: AEP's conversion table (spec: batch-ingestion.md, section 9.1).

Columns use these functions where a whole-column cast will not do, the row-by-row path uses nothing else: so both agree.
"""

import math
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Final

import msgspec

from headwater.formats.parquet_rows import DateText, DecimalText, TimeText
from headwater.ingest.shape import INTEGER_RANGES, Kind
from headwater.timestamps.options import TimestampOptions
from headwater.timestamps.parse import UnreadableTimestampError, read_date, read_timestamp

_WHOLE = re.compile(r"[+-]?[0-9]{1,40}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
_MAX_DIGITS = 400
_MAX_LONG_TEXT = 40
TRUE_WORDS: Final = ("y", "yes", "Y", "YES", "on", "ON", "true", "TRUE")
"""What a mapping reads as true (spec: data-prep.md, section 5.1)."""
FALSE_WORDS: Final = ("n", "N", "no", "NO", "off", "OFF", "false", "FALSE")
"""What a mapping reads as false."""


class ConversionError(ValueError):
    """A value does not convert. The message says what was expected, without the value.

    Attributes:
        rule: `type` if no value of this kind ever converts, `conversion` if another one would.
    """

    def __init__(self, message: str, *, rule: str = "conversion") -> None:
        super().__init__(message)
        self.rule = rule


Reader = Callable[[object], object]
"""Takes a decoded JSON value that is not None, returns the converted one, or raises ConversionError."""


def describe(value: object) -> str:
    """What kind of JSON value something is, for messages."""
    match value:
        case bool():
            return "a boolean"
        case int():
            return "a whole number"
        case float():
            return "a number with a fraction" if math.isfinite(value) else "a number out of range"
        case DateText():
            return "a date"
        case TimeText():
            return "a time"
        case DecimalText():
            return "a decimal number"
        case str():
            return "text"
        case list():
            return "an array"
        case None:
            return "null"
        case _:
            return "an object"


def _wrong_type(value: object, expected: str) -> ConversionError:
    return ConversionError(f"expected {expected}, found {describe(value)}", rule="type")


def to_text(value: object) -> str:
    """Text as it is; numbers in the shortest form that reads back to the same number."""
    if isinstance(value, DateText | TimeText):
        raise _wrong_type(value, "text")
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong_type(value, "text")
    if isinstance(value, float) and not math.isfinite(value):
        raise ConversionError("the number is out of range")
    return str(value)


def to_double(value: object) -> float:
    """Numbers, and texts that are one."""
    if isinstance(value, DateText | TimeText):
        raise _wrong_type(value, "a number")
    if isinstance(value, str):
        if len(value) > _MAX_DIGITS or not _NUMBER.fullmatch(value):
            raise ConversionError("expected a number, found text that is not one")
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong_type(value, "a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ConversionError("the number is out of range")
    return number


def integer_reader(kind: Kind) -> Callable[[object], int]:
    """Whole numbers within the range of the type, with or without a fraction of zero, and texts that are one."""
    low, high = INTEGER_RANGES[kind]

    def to_integer(value: object) -> int:
        number = _whole(value)
        if not low <= number <= high:
            raise ConversionError(f"the number is outside the range of the type, {low:,} to {high:,}")
        return number

    return to_integer


def _whole(value: object) -> int:
    if isinstance(value, DateText | TimeText):
        raise _wrong_type(value, "a whole number")
    if isinstance(value, str):
        if _WHOLE.fullmatch(value):
            return int(value)
        if len(value) > _MAX_LONG_TEXT or not _NUMBER.fullmatch(value):
            raise ConversionError("expected a whole number, found text that is not one")
        exact = Decimal(value)
        if abs(exact.adjusted()) > _MAX_LONG_TEXT:
            raise ConversionError("expected a whole number, found one out of range or with a fraction")
        value = int(exact) if exact == exact.to_integral_value() else float(exact)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong_type(value, "a whole number")
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ConversionError("the number is out of range")
        if not value.is_integer():
            raise ConversionError("expected a whole number, found one with a fraction")
    return int(value)


def to_boolean(value: object) -> bool:
    """Booleans only."""
    if isinstance(value, bool):
        return value
    raise _wrong_type(value, "true or false")


def word_to_boolean(value: object) -> bool:
    """Booleans, and the words for them that a mapping knows."""
    if isinstance(value, str) and not isinstance(value, DateText | TimeText):
        if value in TRUE_WORDS:
            return True
        if value in FALSE_WORDS:
            return False
        raise ConversionError(
            f"expected one of the words for true ({' '.join(TRUE_WORDS)}) or false ({' '.join(FALSE_WORDS)})"
        )
    return to_boolean(value)


def timestamp_reader(options: TimestampOptions) -> Callable[[object], int]:
    """Microseconds since 1970 in UTC, from RFC 3339, a date, epoch numbers, and what the dataflow declares."""

    def to_micros(value: object) -> int:
        if isinstance(value, bool | DateText | DecimalText) or not isinstance(value, str | int):
            raise _wrong_type(value, "a timestamp")
        try:
            return read_timestamp(value, options).micros
        except UnreadableTimestampError as refusal:
            raise ConversionError(f"the timestamp is refused: {refusal}") from None

    return to_micros


def date_reader(options: TimestampOptions) -> Callable[[object], date]:
    """Dates, from `YYYY-MM-DD`, epoch numbers (their day in UTC), and what the dataflow declares."""

    def to_date(value: object) -> date:
        if isinstance(value, bool | TimeText | DecimalText) or not isinstance(value, str | int):
            raise _wrong_type(value, "a date")
        try:
            return read_date(value, options)
        except UnreadableTimestampError as refusal:
            raise ConversionError(f"the date is refused: {refusal}") from None

    return to_date


def to_json_text(value: object) -> str:
    """Any decoded JSON value as compact JSON text."""
    try:
        if not _is_finite(value):
            raise ConversionError("a number in it is out of range")
        return msgspec.json.encode(value, enc_hook=str).decode()
    except RecursionError:
        raise ConversionError("the value is nested too deeply") from None


def _is_finite(value: object) -> bool:
    match value:
        case float():
            return math.isfinite(value)
        case dict():
            return all(map(_is_finite, value.values()))
        case list():
            return all(map(_is_finite, value))
        case _:
            return True
