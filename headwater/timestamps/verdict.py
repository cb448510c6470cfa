"""What a sample of a column says about time: how it is written, its unit and zone, and what to declare."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Final

from headwater.timestamps.options import TimestampOptions, Unit
from headwater.timestamps.parse import UnreadableTimestampError, read_timestamp

EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
"""Times before `EARLIEST` or from `LATEST` on are out of range, and so is the very start of 1970: most are slips, or
defaults that stand for no time."""
_UNITS: Final[dict[Unit, int]] = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}
_LEAST_SECONDS, _MOST_SECONDS = 10**8, 10**10
_NUMBER = re.compile(r"-?\d{1,19}", re.ASCII)
_ZONED = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_LOCAL = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_NAME = re.compile(r"time|date|stamp|epoch|created|modified|updated|(?:^|[._])ts$|_at$|[a-z]At$")
"""A column of numbers holds times only if its name says so: ids and telephone numbers look the same."""
_AEP = TimestampOptions(patterns="aep")
_MOST = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeVerdict:
    """What a column's values are, judged by a sample.

    Attributes:
        form: `ISO 8601`, `local time`, `date`, `epoch number`, `pattern` or `typed`.
        unit: Of an epoch number; None for texts.
        zone: `UTC`, an offset, `several offsets`, or None where the values state none.
        values: How many there are in the sample, without empty ones.
        unreadable: How many of them are of another form, or no time at all.
        out_of_range: How many are before 1900, in 2100 or later, or 1970-01-01T00:00:00Z.
        declare: The format option `timestamps` with which the column is read; empty if none is needed, or if there is
            something that only people know, which `advice` then asks for.
        advice: What to do, for people; empty if nothing.
    """

    form: str
    unit: Unit | None = None
    zone: str | None = None
    values: int
    unreadable: int
    out_of_range: int
    declare: dict[str, object] = field(default_factory=dict)
    advice: str = ""

    @property
    def out_of_range_share(self) -> float:
        """The share of values out of range, 0 to 1."""
        return self.out_of_range / self.values if self.values else 0.0


def judge_times(name: str, values: Iterable[object]) -> TimeVerdict | None:
    """Say how the column writes times; None if it does not hold times.

    Args:
        name: The column's name.
        values: A sample; texts, whole numbers, dates and datetimes. None and empty texts count for nothing.
    """
    sample = [value for value in values if value is not None and value != ""]
    forms = Counter(_form(value) for value in sample)
    form, count = forms.most_common(1)[0] if forms else ("", 0)
    if not form or count <= _MOST * len(sample):
        return None
    of_form = [value for value in sample if _form(value) == form]
    if form == "epoch number":
        return _judge_numbers(name, [int(str(value)) for value in of_form], total=len(sample))
    if form == "typed":
        return _judge_typed(of_form, total=len(sample))
    return _judge_texts(form, [str(value) for value in of_form], total=len(sample))


def _form(value: object) -> str:
    """How a value is written; empty if it is nothing like a time."""
    if isinstance(value, date):
        return "typed"
    if isinstance(value, bool) or not isinstance(value, int | str):
        return ""
    text = str(value)
    for form, pattern in (("epoch number", _NUMBER), ("ISO 8601", _ZONED), ("local time", _LOCAL), ("date", _DATE)):
        if pattern.fullmatch(text):
            return form
    return "pattern" if _seconds(text, _AEP) is not None else ""


def _judge_numbers(name: str, numbers: Sequence[int], *, total: int) -> TimeVerdict | None:
    if not _NAME.search(name):
        return None
    units: Counter[Unit] = Counter(unit for unit in map(_unit, numbers) if unit)
    if not units:
        return None
    [(unit, _)] = units.most_common(1)
    instants = [number / _UNITS[unit] for number in numbers]
    told = unit != "milliseconds"
    return TimeVerdict(
        form="epoch number",
        unit=unit,
        zone="UTC",
        values=total,
        unreadable=total - len(numbers),
        out_of_range=_out_of_range(instants),
        declare={"unit": unit} if told else {},
        advice=f"numbers are read as milliseconds unless `timestamps` has `unit: {unit}`" if told else "",
    )


def _unit(number: int) -> Unit | None:
    """The unit in which a number is a time between 1973 and 2286."""
    for unit, per_second in _UNITS.items():
        if _LEAST_SECONDS * per_second <= number < _MOST_SECONDS * per_second:
            return unit
    return None


def _judge_typed(values: Sequence[object], *, total: int) -> TimeVerdict:
    times = [value for value in values if isinstance(value, datetime)]
    local = any(time.tzinfo is None for time in times)
    years = [value.year for value in values if isinstance(value, date)]
    return TimeVerdict(
        form="typed",
        zone=None if local or not times else "UTC",
        values=total,
        unreadable=total - len(values),
        out_of_range=sum(not EARLIEST.year <= year < LATEST.year for year in years),
        advice=_ASK_FOR_ZONE if local else "",
    )


def _judge_texts(form: str, texts: Sequence[str], *, total: int) -> TimeVerdict:
    options = _AEP if form == "pattern" else TimestampOptions(zone="UTC")
    instants = [seconds for text in texts if (seconds := _seconds(text, options)) is not None]
    declare, advice = _ADVICE.get(form, ({}, ""))
    return TimeVerdict(
        form=form,
        zone=_zone(form, texts),
        values=total,
        unreadable=total - len(instants),
        out_of_range=_out_of_range(instants),
        declare=dict(declare),
        advice=advice,
    )


def _zone(form: str, texts: Sequence[str]) -> str | None:
    if form == "date":
        return "UTC"
    if form != "ISO 8601":
        return None
    found = {match[1].upper() for text in texts if (match := _ZONED.fullmatch(text))}
    offsets = {"UTC" if zone in ("Z", "+00:00", "-00:00") else zone for zone in found}
    return offsets.pop() if len(offsets) == 1 else "several offsets"


def _seconds(text: str, options: TimestampOptions) -> float | None:
    try:
        return read_timestamp(text, options).micros / 1_000_000
    except UnreadableTimestampError:
        return None


def _out_of_range(instants: Iterable[float]) -> int:
    first, last = EARLIEST.timestamp(), LATEST.timestamp()
    return sum(not first <= instant < last or instant == 0 for instant in instants)


_ASK_FOR_ZONE = "the values state no zone; ask the sender for it, and declare it as `timestamps: {zone: Europe/Berlin}`"
_ADVICE: Final[dict[str, tuple[dict[str, object], str]]] = {
    "local time": ({}, _ASK_FOR_ZONE),
    "pattern": (
        {"patterns": "aep"},
        "such texts are refused unless `timestamps` has `patterns`; `aep` reads 03/04 as 4 March, in UTC: if the "
        "sender means something else, write the pattern and the zone",
    ),
}
