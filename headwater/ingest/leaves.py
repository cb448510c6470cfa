"""Columns of single values, one class for each kind."""

import sys
from collections.abc import Sequence
from types import NoneType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headwater.ingest.column import LeafColumn, Tally, without_empty
from headwater.ingest.shape import INTEGER_RANGES, Kind, Shape
from headwater.ingest.values import (
    FALSE_WORDS,
    TRUE_WORDS,
    date_reader,
    integer_reader,
    timestamp_reader,
    to_boolean,
    to_double,
    to_json_text,
    to_text,
    word_to_boolean,
)
from headwater.timestamps.columns import ReadColumn, read_dates, read_epochs, read_timestamps
from headwater.timestamps.options import TimestampOptions
from headwater.timestamps.parse import format_micros

_WHOLE = r"^[+-]?[0-9]{1,18}$"
_MOST_DIGITS = 18
_NUMBER = r"^[+-]?([0-9]{1,40}\.?[0-9]{0,40}|\.[0-9]{1,40})([eE][+-]?[0-9]{1,2})?$"


class TextColumn(LeafColumn):
    """Texts. An empty one outside an array means that there is no value."""

    storage = pa.string()
    native = (str,)
    as_it_is = str

    def __init__(self, shape: Shape, *, element: bool) -> None:
        super().__init__(shape, element=element, read=to_text)

    def restate(self, value: object) -> object:
        """Text as it is, a number as text."""
        return value if type(value) is str else to_text(value)

    def _parse(self, texts: pa.StringArray, tally: Tally) -> tuple[pa.Array, list[int]]:
        return without_empty(texts), []

    def _gather_whole(self, values: Sequence[Any]) -> pa.Array:
        array = pa.array(values, pa.string())
        return without_empty(array) if "" in values and not self._element else array


class NumberColumn(LeafColumn):
    """Numbers of one type."""

    def __init__(self, shape: Shape, *, element: bool) -> None:
        whole = shape.kind is not Kind.DOUBLE
        super().__init__(shape, element=element, read=integer_reader(shape.kind) if whole else to_double)
        self.native = (int,) if whole else (int, float)
        self.as_it_is = None if whole else float
        self.storage = self.type
        self._native_types = frozenset({*self.native, type(None)})
        self._numbers = self.type.to_pandas_dtype()
        self._plain = _WHOLE if whole else _NUMBER
        self._usual = (int, *INTEGER_RANGES[shape.kind]) if whole else (float, -sys.float_info.max, sys.float_info.max)

    def restate(self, value: object) -> object:
        """The number; at once if it is of the usual type and within the range of the column."""
        number: Any = value
        usual, low, high = self._usual
        return number if type(number) is usual and low <= number <= high else self.read_value(value)

    def _parse(self, texts: pa.StringArray, tally: Tally) -> tuple[pa.Array, list[int]]:
        texts = without_empty(texts)
        digits_only = self.shape.kind is not Kind.DOUBLE and pc.ascii_is_decimal(texts).false_count == 0
        plain = None if digits_only else pc.match_substring_regex(texts, self._plain)
        if plain is not None and plain.false_count:
            return self._parse_odd(texts, pc.fill_null(plain, True), tally)
        try:
            array = pc.ascii_ltrim(texts, "+").cast(self.type)
        except pa.ArrowInvalid:
            return self._gather_singly(texts.to_pylist(), tally)
        return (array, []) if self._fits(array) else self._gather_singly(texts.to_pylist(), tally)

    def _parse_odd(self, texts: pa.StringArray, plain: pa.BooleanArray, tally: Tally) -> tuple[pa.Array, list[int]]:
        """A column some of whose texts are written in another way than usual, or are no numbers: these one by one."""
        array, misfits = self._parse(pc.if_else(plain, texts, None), tally)
        odd = pc.invert(plain)
        places = pc.indices_nonzero(odd).to_pylist()
        numbers, found = self._gather_singly(texts.filter(odd).to_pylist(), tally)
        return pc.replace_with_mask(array, odd, numbers), sorted(misfits + [places[position] for position in found])

    def _gather_whole(self, values: Sequence[Any]) -> pa.Array:
        kinds = set(map(type, values))
        if not kinds <= self._native_types:
            raise pa.ArrowTypeError("not all of the native type")
        whole = NoneType not in kinds
        array = pa.array(np.fromiter(values, self._numbers, len(values)) if whole else values, self.type)
        if self.shape.kind is not Kind.DOUBLE and not self._fits(array):
            raise pa.ArrowInvalid("out of range")
        return array

    def _fits(self, array: pa.Array) -> bool:
        """Whether all values are within the range of the type, where the column's own type is wider."""
        if self.shape.kind is Kind.DOUBLE:
            return int(pc.is_finite(array).false_count) == 0
        if self.shape.kind not in (Kind.SHORT, Kind.BYTE):
            return True
        low, high = INTEGER_RANGES[self.shape.kind]
        return int(pc.or_(pc.less(array, low), pc.greater(array, high)).true_count) == 0


class BooleanColumn(LeafColumn):
    """Booleans; with `words`, also the texts that a mapping reads as one."""

    storage = pa.bool_()
    native = (bool,)

    def __init__(self, shape: Shape, *, element: bool, words: bool) -> None:
        super().__init__(shape, element=element, read=word_to_boolean if words else to_boolean)

    def _parse(self, texts: pa.StringArray, tally: Tally) -> tuple[pa.Array, list[int]]:
        texts = without_empty(texts)
        true = pc.is_in(texts, value_set=pa.array(TRUE_WORDS))
        false = pc.is_in(texts, value_set=pa.array(FALSE_WORDS))
        known = pc.or_(true, false)
        misfits = pc.indices_nonzero(pc.and_(pc.is_valid(texts), pc.invert(known))).to_pylist()
        return pc.if_else(known, true, pa.scalar(None, pa.bool_())), misfits


class TimestampColumn(LeafColumn):
    """Instants, as `timestamp[us, UTC]`; gathered as texts and numbers, of which a value is one."""

    native = (str, int)

    def __init__(self, shape: Shape, *, element: bool, options: TimestampOptions) -> None:
        self._to_micros = timestamp_reader(options)
        super().__init__(shape, element=element, read=self._to_micros, gathered_type=_TEXT_OR_NUMBER)
        self._options = options

    def restate(self, value: object) -> object:
        """RFC 3339 in UTC, with microseconds."""
        return format_micros(self._to_micros(value))

    def convert(self, gathered: pa.Array, tally: Tally) -> tuple[pa.Array, list[int]]:
        """Texts and numbers to instants."""
        texts, numbers = gathered.field(0), gathered.field(1)
        instants, unread = self._take(read_timestamps(texts, self._options), tally)
        if numbers.null_count == len(numbers):
            return instants, unread
        epochs, more = self._take(read_epochs(numbers, self._options), tally)
        return pc.coalesce(instants, epochs), unread + more

    def _gather(self, values: Sequence[Any], tally: Tally) -> tuple[pa.Array, list[int]]:
        try:
            return self._gather_whole(values), []
        except (pa.ArrowTypeError, OverflowError):
            misfits = [place for place, value in enumerate(values) if not _may_be_timestamp(value)]
            return self._gather_whole([value if _may_be_timestamp(value) else None for value in values]), misfits

    def _gather_whole(self, values: Sequence[Any]) -> pa.Array:
        kinds = set(map(type, values))
        if not kinds <= _TIMESTAMP_KINDS:
            raise pa.ArrowTypeError("not all of the native type")
        if "" in values:
            values = [None if value == "" else value for value in values]
            kinds.add(NoneType)
        texts, numbers = values, pa.nulls(len(values), pa.int64())
        if int in kinds:
            texts = [value if type(value) is str else None for value in values]
            numbers = pa.array([value if type(value) is int else None for value in values], pa.int64())
        absent = pa.array([value is None for value in values], pa.bool_()) if NoneType in kinds else None
        parts = [pa.array(texts, pa.string()), numbers]
        return pa.StructArray.from_arrays(parts, fields=list(_TEXT_OR_NUMBER), mask=absent)

    def _parse(self, texts: pa.StringArray, tally: Tally) -> tuple[pa.Array, list[int]]:
        texts = without_empty(texts)
        digits = pc.and_(pc.ascii_is_decimal(texts), pc.less_equal(pc.binary_length(texts), _MOST_DIGITS))
        if self._options.compiled_patterns() or not digits.true_count:
            return self._take(read_timestamps(texts, self._options), tally)
        numbers = pc.if_else(digits, texts, None).cast(pa.int64())
        epochs, misfits = self._take(read_epochs(numbers, self._options), tally)
        instants, more = self._take(read_timestamps(pc.if_else(digits, None, texts), self._options), tally)
        return pc.coalesce(instants, epochs), misfits + more

    def _take(self, read: ReadColumn, tally: Tally) -> tuple[pa.Array, list[int]]:
        for rule, count in read.rules.items():
            tally[self.shape.pointer, rule] += count
        return read.array, read.unread


_TEXT_OR_NUMBER = pa.struct([pa.field("text", pa.string()), pa.field("number", pa.int64())])
_TIMESTAMP_KINDS = frozenset({str, int, NoneType})
_LEAST, _MOST = INTEGER_RANGES[Kind.LONG]


def _may_be_timestamp(value: object) -> bool:
    """Whether a decoded value is a text, a whole number that a column can hold, or none at all."""
    return type(value) is str or value is None or (type(value) is int and _LEAST <= value <= _MOST)


class DateColumn(LeafColumn):
    """Dates, as `date32`; gathered as texts."""

    storage = pa.string()
    native = (str,)

    def __init__(self, shape: Shape, *, element: bool, options: TimestampOptions) -> None:
        to_date = date_reader(options)
        super().__init__(
            shape, element=element, read=lambda value: to_date(value).isoformat(), gathered_type=pa.string()
        )
        self._options = options

    def convert(self, gathered: pa.Array, tally: Tally) -> tuple[pa.Array, list[int]]:
        """Texts to dates."""
        return self._parse(gathered, tally)

    def _gather_whole(self, values: Sequence[Any]) -> pa.Array:
        return without_empty(pa.array(values, pa.string()))

    def _parse(self, texts: pa.StringArray, tally: Tally) -> tuple[pa.Array, list[int]]:
        read = read_dates(without_empty(texts), self._options)
        return read.array, read.unread


class JsonColumn(LeafColumn):
    """Any JSON value, kept as compact JSON text."""

    storage = pa.string()

    def __init__(self, shape: Shape, *, element: bool) -> None:
        super().__init__(shape, element=element, read=to_json_text)
        self.decoded_type = Any
        self.native = (dict, list, str, int, float, bool)

    def restate(self, value: object) -> object:
        """The value itself: it is only ever kept as text in its column."""
        to_json_text(value)
        return value

    def _gather(self, values: Sequence[Any], tally: Tally) -> tuple[pa.Array, list[int]]:
        return self._gather_singly(values, tally)

    def _parse(self, texts: pa.StringArray, tally: Tally) -> tuple[pa.Array, list[int]]:
        return self._gather_singly(texts.to_pylist(), tally)
