"""One timestamp or date: text or number to UTC, with the rule that decided, or a refusal that says why.

Rules: RFC 3339 section 5.6; AEP's epoch milliseconds and bare dates (spec: batch-ingestion.md, section 9.3).
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from headwater.timestamps.options import TimestampOptions

DEFAULT: Final = TimestampOptions()
"""What holds where a dataflow declares nothing."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
MIN_MICROS: Final = (datetime(1, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND
"""Start of the year 1, the earliest that every reader of the lake can hold."""
MAX_MICROS: Final = (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC) - _EPOCH) // _MICROSECOND
"""End of the year 9999."""
LEAST_PLAUSIBLE_MILLIS: Final = 10**11
"""Numbers below it (3 March 1973 as milliseconds, the year 5138 as seconds) are more likely seconds: refused."""
_PER_MICROSECOND = {"seconds": 1_000_000, "milliseconds": 1000, "microseconds": 1}

_RFC_3339 = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)[Tt](?P<time>\d\d:\d\d:\d\d)(?:\.(?P<fraction>\d+))?(?P<zone>[Zz]|[+-]\d\d:\d\d)",
    re.ASCII,
)
_LOCAL = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_OFFSET = re.compile(r"[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d", re.ASCII)
_WHOLE = re.compile(r"-?\d{1,19}", re.ASCII)


class TimestampRule(StrEnum):
    """Which rule decided what a value stands for."""

    RFC_3339 = "rfc3339"
    BARE_DATE = "date at midnight UTC"
    EPOCH = "epoch number"
    ZONE = "declared zone"
    PATTERN = "declared pattern"
    TYPED = "timestamp with a zone"


class UnreadableTimestampError(ValueError):
    """The value is refused; the message says why, without the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timestamp:
    """An instant: microseconds since 1970-01-01T00:00:00Z, and the rule that decided."""

    micros: int
    rule: TimestampRule


def read_timestamp(value: str | int, options: TimestampOptions = DEFAULT) -> Timestamp:
    """Read one timestamp. Digits beyond microseconds are cut.

    Raises:
        UnreadableTimestampError: the value is no timestamp, does not exist, or could mean more than one instant.
    """
    if isinstance(value, int):
        return Timestamp(micros=_epoch_micros(value, options), rule=TimestampRule.EPOCH)
    match = _RFC_3339.fullmatch(value)
    if match:
        return Timestamp(micros=_rfc_3339_micros(match), rule=TimestampRule.RFC_3339)
    if _DATE.fullmatch(value):
        return Timestamp(micros=_days(value) * 86_400_000_000, rule=TimestampRule.BARE_DATE)
    declared = _declared(value, options)
    if declared is not None:
        return declared
    if _WHOLE.fullmatch(value):
        return Timestamp(micros=_epoch_micros(int(value), options), rule=TimestampRule.EPOCH)
    raise UnreadableTimestampError(_why_refused(value))


def read_date(value: str | int, options: TimestampOptions = DEFAULT) -> date:
    """Read one date: `YYYY-MM-DD`, a declared pattern, or the UTC day of an epoch number.

    Raises:
        UnreadableTimestampError: the value is no date, does not exist, or carries a time of day.
    """
    if isinstance(value, str) and _DATE.fullmatch(value):
        return (_EPOCH + timedelta(days=_days(value))).date()
    if isinstance(value, str) and not _WHOLE.fullmatch(value):
        if _RFC_3339.fullmatch(value):
            raise UnreadableTimestampError("a time of day in a date field; a date is written YYYY-MM-DD")
        for pattern in options.compiled_patterns():
            read = pattern.read(value)
            if read is not None:
                return read.date()
        raise UnreadableTimestampError("not a date; it is written YYYY-MM-DD")
    return from_micros(read_timestamp(value, options).micros).date()


def from_micros(micros: int) -> datetime:
    """The aware UTC time of an instant between `MIN_MICROS` and `MAX_MICROS`."""
    return _EPOCH + micros * _MICROSECOND


def format_micros(micros: int) -> str:
    """RFC 3339 in UTC with microseconds: `2020-08-11T00:00:00.000000Z`."""
    return from_micros(micros).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _rfc_3339_micros(match: re.Match[str]) -> int:
    zone = match["zone"].upper()
    if not _OFFSET.fullmatch(zone):
        raise UnreadableTimestampError(f"its offset does not exist; the largest is {zone[0]}23:59")
    text = f"{match['date']}T{match['time']}.{(match['fraction'] or '0')[:6]:0<6}{'+00:00' if zone == 'Z' else zone}"
    try:
        return _in_range((datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND)
    except (ValueError, OverflowError):
        raise UnreadableTimestampError(_why_impossible(match["date"], match["time"])) from None


def _days(text: str) -> int:
    try:
        return date.fromisoformat(text).toordinal() - _EPOCH.toordinal()
    except ValueError:
        raise UnreadableTimestampError(_why_impossible(text, "00:00:00")) from None


def _epoch_micros(number: int, options: TimestampOptions) -> int:
    unit = options.unit or "milliseconds"
    micros = number // 1000 if unit == "nanoseconds" else number * _PER_MICROSECOND[unit]
    if options.unit is None and abs(number) < LEAST_PLAUSIBLE_MILLIS:
        raise UnreadableTimestampError(
            "a number this small looks like seconds, or a date without separators; numbers are epoch milliseconds "
            "unless the dataflow declares `timestamps.unit`"
        )
    if options.unit is None and not MIN_MICROS <= micros <= MAX_MICROS:
        raise UnreadableTimestampError(
            "a number this large is beyond the year 9999 as epoch milliseconds; if it is micro- or nanoseconds, "
            "declare `timestamps.unit`"
        )
    return _in_range(micros)


def _in_range(micros: int) -> int:
    if not MIN_MICROS <= micros <= MAX_MICROS:
        raise UnreadableTimestampError("outside the years 1 to 9999 in UTC")
    return micros


def _declared(value: str, options: TimestampOptions) -> Timestamp | None:
    """What the dataflow's own declarations make of a text; None if none of them fits."""
    zone = options.local_zone()
    match = _LOCAL.fullmatch(value) if zone else None
    if match and zone:
        try:
            local = datetime.fromisoformat(f"{match[1]}T{match[2]}.{(match[3] or '0')[:6]:0<6}")
        except ValueError:
            raise UnreadableTimestampError(_why_impossible(match[1], match[2])) from None
        return Timestamp(micros=_local_micros(local, zone), rule=TimestampRule.ZONE)
    for pattern in options.compiled_patterns():
        read = pattern.read(value)
        if read is not None:
            micros = _local_micros(read, zone) if read.tzinfo is None and zone else (read - _EPOCH) // _MICROSECOND
            return Timestamp(micros=_in_range(micros), rule=TimestampRule.PATTERN)
    return None


def _local_micros(local: datetime, zone: ZoneInfo) -> int:
    """A wall-clock time in a zone, unless the clocks went over it twice or not at all."""
    earlier, later = local.replace(tzinfo=zone), local.replace(tzinfo=zone, fold=1)
    if earlier.utcoffset() != later.utcoffset():
        skipped = (earlier.utcoffset() or timedelta()) < (later.utcoffset() or timedelta())
        happened = "never happened: the clocks were set forward over it" if skipped else "happened twice"
        raise UnreadableTimestampError(f"this local time {happened} in the declared zone {zone.key}; add an offset")
    try:
        return _in_range((earlier - _EPOCH) // _MICROSECOND)
    except OverflowError:
        raise UnreadableTimestampError("outside the years 1 to 9999 in UTC") from None


def _why_impossible(day: str, time: str) -> str:
    """Why a text of the right shape is no instant."""
    year, month, number = (int(part) for part in day.split("-"))
    hour, minute, second = (int(part) for part in time.split(":"))
    if year == 0:
        return "the year 0000 does not exist"
    if not 1 <= month <= 12:
        return f"month {month:02} does not exist"
    try:
        date(year, month, number)
    except ValueError:
        return f"day {number:02} does not exist in month {year:04}-{month:02}"
    if hour == 24:
        return "hour 24 does not exist; the end of a day is 00:00:00 of the next"
    if second == 60:
        return "leap seconds (:60) cannot be stored"
    if hour > 23 or minute > 59 or second > 59:
        return f"time {time} does not exist"
    return "it is outside the years 1 to 9999 in UTC"


def _why_refused(value: str) -> str:
    """Why a text of no accepted shape is refused, with the fix where one is likely."""
    if _LOCAL.fullmatch(value):
        return "no zone: add Z or an offset such as +01:00, or declare `timestamps.zone`"
    if re.fullmatch(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(:\d\d(\.\d+)?)?[+-]\d\d(\d\d)?", value, re.ASCII):
        return "its offset is not written like +01:00"
    if re.fullmatch(r"\d{4}-\d\d-\d\d +\d\d:\d\d.*", value, re.ASCII):
        return "a space stands where T belongs; write 2024-02-29T08:30:00Z, or declare `timestamps.patterns`"
    if value != value.strip():
        return "blanks stand around it"
    return (
        "not a timestamp: expected RFC 3339 such as 2024-02-29T08:30:00Z, a date, or epoch milliseconds; other forms "
        "need `timestamps.patterns`"
    )
