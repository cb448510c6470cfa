"""Whole Arrow columns of timestamps and dates; the same verdicts as `parse`, at column speed."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from headwater.timestamps.options import TimestampOptions
from headwater.timestamps.parse import (
    DEFAULT,
    LEAST_PLAUSIBLE_MILLIS,
    MAX_MICROS,
    MIN_MICROS,
    TimestampRule,
    UnreadableTimestampError,
    read_date,
    read_timestamp,
)

TIMESTAMP: Final = pa.timestamp("us", "UTC")
DATE: Final = pa.date32()
_STRICT = (
    r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?"
    r"(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$"
)
_STRICT_DATE = r"^\d{4}-\d\d-\d\d$"
_PER_SECOND = {"s": 1, "ms": 1000, "us": 1_000_000, "ns": 1_000_000_000}
_FIRST_DAY, _LAST_DAY = MIN_MICROS // 86_400_000_000, MAX_MICROS // 86_400_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadColumn:
    """A column after reading.

    Attributes:
        array: The values; null where there was none, or where it was refused.
        unread: Positions of refused values.
        rules: How many values each rule decided.
    """

    array: pa.Array
    unread: list[int]
    rules: Counter[str]


def read_timestamps(texts: pa.StringArray, options: TimestampOptions = DEFAULT) -> ReadColumn:
    """Texts to `timestamp[us, UTC]`."""
    strict = pc.fill_null(pc.match_substring_regex(texts, _STRICT), False)
    rest = pc.indices_nonzero(pc.and_(pc.is_valid(texts), pc.invert(strict))).to_pylist()
    try:
        array = (pc.if_else(strict, texts, None) if rest else texts).cast(TIMESTAMP).cast(pa.int64())
    except pa.ArrowInvalid:
        # The 31st of February: one impossible day fails the cast of the whole column.
        rest, array = list(range(len(texts))), pa.nulls(len(texts), pa.int64())
    array, out_of_range = _within(array, MIN_MICROS, MAX_MICROS)
    rules = Counter({TimestampRule.RFC_3339.value: len(array) - array.null_count})
    replaced, unread = _one_by_one(texts, rest, options, rules)
    return ReadColumn(
        array=_replace(array, rest, replaced).cast(TIMESTAMP), unread=sorted(unread + out_of_range), rules=+rules
    )


def read_epochs(numbers: pa.Int64Array, options: TimestampOptions = DEFAULT) -> ReadColumn:
    """Epoch numbers to `timestamp[us, UTC]`."""
    if options.unit is not None:
        rules: Counter[str] = Counter()
        positions = pc.indices_nonzero(pc.is_valid(numbers)).to_pylist()
        read, unread = _one_by_one(numbers, positions, options, rules)
        empty = pa.nulls(len(numbers), pa.int64())
        return ReadColumn(array=_replace(empty, positions, read).cast(TIMESTAMP), unread=unread, rules=+rules)
    small = pc.less(pc.abs(numbers), LEAST_PLAUSIBLE_MILLIS)
    unread = pc.indices_nonzero(small).to_pylist()
    plausible, beyond = _within(pc.if_else(small, None, numbers), MIN_MICROS // 1000, MAX_MICROS // 1000)
    counted = Counter({TimestampRule.EPOCH.value: len(plausible) - plausible.null_count})
    return ReadColumn(
        array=pc.multiply(plausible, 1000).cast(TIMESTAMP), unread=sorted(set(unread + beyond)), rules=+counted
    )


def read_dates(texts: pa.StringArray, options: TimestampOptions = DEFAULT) -> ReadColumn:
    """Texts to `date32`."""
    strict = pc.fill_null(pc.match_substring_regex(texts, _STRICT_DATE), False)
    rest = pc.indices_nonzero(pc.and_(pc.is_valid(texts), pc.invert(strict))).to_pylist()
    try:
        array = pc.if_else(strict, texts, None).cast(DATE).cast(pa.int32())
    except pa.ArrowInvalid:
        rest, array = pc.indices_nonzero(pc.is_valid(texts)).to_pylist(), pa.nulls(len(texts), pa.int32())
    array, out_of_range = _within(array, _FIRST_DAY, _LAST_DAY)
    replaced: list[int | None] = []
    unread = list(out_of_range)
    for position in rest:
        try:
            replaced.append(read_date(texts[position].as_py(), options).toordinal() - 719_163)
        except UnreadableTimestampError:
            replaced.append(None)
            unread.append(position)
    return ReadColumn(array=_replace(array, rest, replaced).cast(DATE), unread=sorted(unread), rules=Counter())


def read_typed_timestamps(instants: pa.TimestampArray, options: TimestampOptions = DEFAULT) -> ReadColumn:
    """Arrow timestamps of any unit; those without a zone are local times of the declared one, and refused without it.

    Nanoseconds are cut.
    """
    kind = instants.type
    factor = _PER_SECOND[kind.unit]
    low, high = MIN_MICROS * factor // 1_000_000, MAX_MICROS * factor // 1_000_000
    least, most = max(low, -(2**63)), min(high, 2**63 - 1)
    numbers, unread = _within(instants.cast(pa.int64()), least, most)
    micros = whole_micros(numbers) if kind.unit == "ns" else pc.multiply(numbers, 1_000_000 // factor)
    if kind.tz is not None:
        rules = Counter({TimestampRule.TYPED.value: len(micros) - micros.null_count})
        return ReadColumn(array=micros.cast(TIMESTAMP), unread=unread, rules=+rules)
    zone = options.local_zone()
    if zone is None:
        refused = pc.indices_nonzero(pc.is_valid(instants)).to_pylist()
        return ReadColumn(array=pa.nulls(len(instants), TIMESTAMP), unread=refused, rules=Counter())
    return _localized(micros.cast(pa.timestamp("us")), zone.key, unread)


def whole_micros(nanoseconds: pa.Int64Array) -> pa.Int64Array:
    """Nanoseconds to microseconds; digits beyond are cut, so that instants before 1970 do not move forward."""
    towards_1970 = pc.divide(nanoseconds, 1000)
    is_later = pc.greater(pc.multiply(towards_1970, 1000), nanoseconds)
    return pc.subtract(towards_1970, is_later.cast(pa.int64()))


def read_typed_dates(dates: pa.Array) -> ReadColumn:
    """Arrow dates of any unit to `date32`."""
    days, unread = _within(dates.cast(DATE).cast(pa.int32()), _FIRST_DAY, _LAST_DAY)
    return ReadColumn(array=days.cast(DATE), unread=unread, rules=Counter())


def _localized(local: pa.TimestampArray, zone: str, unread: list[int]) -> ReadColumn:
    """Local times in a zone; those that the clocks passed twice, or went over, are refused."""
    earliest, latest = (
        pc.assume_timezone(local, zone, ambiguous=side, nonexistent=side).cast(TIMESTAMP)
        for side in ("earliest", "latest")
    )
    unclear = pc.fill_null(pc.not_equal(earliest, latest), False)
    micros, beyond = _within(pc.if_else(unclear, None, earliest.cast(pa.int64())), MIN_MICROS, MAX_MICROS)
    rules = Counter({TimestampRule.ZONE.value: len(micros) - micros.null_count})
    unread = sorted({*unread, *beyond, *pc.indices_nonzero(unclear).to_pylist()})
    return ReadColumn(array=micros.cast(TIMESTAMP), unread=unread, rules=+rules)


def _one_by_one(
    values: pa.Array, positions: list[int], options: TimestampOptions, rules: Counter[str]
) -> tuple[list[int | None], list[int]]:
    """Read single values; the microseconds of each, None where refused, and the positions refused."""
    micros: list[int | None] = []
    unread: list[int] = []
    for position, value in zip(positions, values.take(pa.array(positions, pa.int64())).to_pylist(), strict=True):
        if value is None:
            micros.append(None)
            continue
        try:
            read = read_timestamp(value, options)
        except UnreadableTimestampError:
            micros.append(None)
            unread.append(position)
        else:
            micros.append(read.micros)
            rules[read.rule.value] += 1
    return micros, unread


def _within(array: pa.Array, low: int, high: int) -> tuple[pa.Array, list[int]]:
    """The array with what lies outside the bounds made null, and where that was."""
    outside = pc.or_(pc.less(array, low), pc.greater(array, high))
    if not outside.true_count:
        return array, []
    return pc.if_else(outside, None, array), pc.indices_nonzero(outside).to_pylist()


def _replace(array: pa.Array, positions: list[int], values: list[int | None]) -> pa.Array:
    if not positions:
        return array
    mask = [False] * len(array)
    for position in positions:
        mask[position] = True
    return pc.replace_with_mask(array, pa.array(mask), pa.array(values, array.type))
