"""Columns of files that have types of their own (Parquet), to columns of fields, whole columns at a time.

The same conversions as for JSON (`values`), and the same promise: what does not convert, or may break a rule, becomes
null, and its position is reported. Dates and timestamps convert to nothing but themselves, as AEP's table has it.
"""

from bisect import bisect_right
from collections.abc import Mapping
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc

from headwater.ingest.column import CONVERTED, Column, LeafColumn, Tally
from headwater.ingest.nested import ArrayColumn, MapColumn, ObjectColumn
from headwater.ingest.shape import INTEGER_RANGES, Kind
from headwater.timestamps.columns import read_epochs, read_typed_dates, read_typed_timestamps
from headwater.timestamps.options import TimestampOptions

Read = tuple[pa.Array, list[int]]
"""An array of the column's type, and the positions of suspects."""


class TypedReader:
    """Reads typed arrays; `timestamps` is what the dataflow declares."""

    def __init__(self, timestamps: TimestampOptions) -> None:
        self._timestamps = timestamps

    def read_object(
        self, column: ObjectColumn, members: Mapping[str, pa.Array], absent: pa.Array, tally: Tally
    ) -> Read:
        """The fields of an object from arrays of the same names; `absent` says where there is no object."""
        arrays: list[pa.Array] = []
        suspects: list[int] = []
        for name, field in column.fields.items():
            source = members.get(name)
            array, found = (
                (pa.nulls(len(absent), field.type), []) if source is None else self.read(field, source, tally)
            )
            if name in column.shape.required and array.null_count:
                found += pc.indices_nonzero(pc.and_not(pc.is_null(array), absent)).to_pylist()
            arrays.append(array)
            suspects += found
        if column.shape.closed:
            for name in members.keys() - column.fields.keys():
                suspects += _present(members[name])
        mask = absent if absent.true_count else None
        struct = pa.StructArray.from_arrays(arrays, fields=list(column.type), mask=mask)
        return struct, suspects + column.check(struct)

    def read(self, column: Column, array: pa.Array, tally: Tally, *, element: bool = False) -> Read:
        """One field's array."""
        array = _decoded(array)
        if array.null_count == len(array):
            return pa.nulls(len(array), column.type), []
        kind = array.type
        if isinstance(column, LeafColumn):
            read, suspects = self._read_leaf(column, array, tally, element=element)
        elif isinstance(column, ObjectColumn) and pa.types.is_struct(kind):
            return self.read_object(column, struct_members(array), pc.is_null(array), tally)
        elif isinstance(column, ArrayColumn) and pa.types.is_list(kind):
            read, suspects = self._read_list(column, array, tally)
        elif isinstance(column, MapColumn) and pa.types.is_map(kind) and _is_text(_decoded(array.keys).type):
            read, suspects = self._read_map(column, array, tally)
        else:
            # An object where a map is due, and the other way round, may be right: that is seen row by row.
            read, suspects = _refused(column, array)
        return read, suspects + column.check(read)

    def _read_list(self, column: ArrayColumn, array: pa.Array, tally: Tally) -> Read:
        offsets = _offsets(pc.list_value_length(array))
        elements, found = self.read(column.element, array.flatten(), tally, element=True)
        if elements.null_count:
            found += pc.indices_nonzero(pc.is_null(elements)).to_pylist()
        mask = pc.is_null(array) if array.null_count else None
        read = pa.ListArray.from_arrays(offsets, elements, type=column.type, mask=mask)
        return read, _owners(found, offsets)

    def _read_map(self, column: MapColumn, array: pa.Array, tally: Tally) -> Read:
        pairs = array.cast(pa.list_(pa.struct([("key", array.type.key_type), ("value", array.type.item_type)])))
        offsets = _offsets(pc.list_value_length(pairs))
        keys, values = pairs.flatten().flatten()
        items, found = self.read(column.value, values, tally)
        texts, unread = _texts(_decoded(keys))
        suspects = _owners(found + unread, offsets) + _with_a_key_twice(texts, offsets)
        if items.null_count:
            kept = pc.is_valid(items)
            texts, items = texts.filter(kept), items.filter(kept)
            before = pa.concat_arrays([pa.array([0], pa.int64()), pc.cumulative_sum(kept.cast(pa.int64()))])
            offsets = before.take(offsets).cast(pa.int32())
        mask = pc.is_null(array) if array.null_count else None
        texts = pc.fill_null(texts, "")
        return pa.MapArray.from_arrays(offsets, texts, items, type=column.type, mask=mask), suspects

    def _read_leaf(self, column: LeafColumn, array: pa.Array, tally: Tally, *, element: bool) -> Read:
        kind, source = column.shape.kind, array.type
        if kind is Kind.JSON:
            # Kept as text, whatever it is.
            return _refused(column, array)
        if _is_text(source):
            return self._read_texts(column, array, tally, element=element)
        if pa.types.is_integer(source):
            return self._read_integers(column, array, tally)
        if pa.types.is_floating(source):
            return _read_floats(column, array, tally)
        if pa.types.is_boolean(source) and kind is Kind.BOOLEAN:
            return array, []
        if pa.types.is_date(source) and kind is Kind.DATE:
            dates = read_typed_dates(array)
            return dates.array, dates.unread
        if pa.types.is_timestamp(source) and kind is Kind.DATE_TIME:
            instants = read_typed_timestamps(array, self._timestamps)
            for rule, count in instants.rules.items():
                tally[column.shape.pointer, rule] += count
            return instants.array, instants.unread
        if pa.types.is_decimal(source) and (kind in INTEGER_RANGES or kind in (Kind.DOUBLE, Kind.STRING)):
            return column.build([None if value is None else str(value) for value in array.to_pylist()], tally)
        return _refused(column, array)

    def _read_texts(self, column: LeafColumn, array: pa.Array, tally: Tally, *, element: bool) -> Read:
        texts, unread = _texts(array)
        if column.shape.kind is Kind.BOOLEAN:
            return _refused(column, array)
        if element:
            read, suspects = column.build(texts.to_pylist(), tally)
        else:
            read, suspects = column.parse(texts, tally)
            if column.shape.kind in INTEGER_RANGES or column.shape.kind is Kind.DOUBLE:
                _count_converted(column, read, tally)
        return read, suspects + unread

    def _read_integers(self, column: LeafColumn, array: pa.Array, tally: Tally) -> Read:
        kind = column.shape.kind
        if kind is Kind.DOUBLE:
            return array.cast(pa.float64(), safe=False), []
        if kind is Kind.STRING:
            texts = array.cast(pa.string())
            _count_converted(column, texts, tally)
            return texts, []
        bounds = pc.min_max(array).as_py()
        if (
            kind in INTEGER_RANGES
            and INTEGER_RANGES[kind][0] <= bounds["min"] <= bounds["max"] <= INTEGER_RANGES[kind][1]
        ):
            return array.cast(column.type), []
        if kind is Kind.DATE_TIME and bounds["max"] < 2**63:
            epochs = read_epochs(array.cast(pa.int64()), self._timestamps)
            for rule, count in epochs.rules.items():
                tally[column.shape.pointer, rule] += count
            return epochs.array, epochs.unread
        return column.build(array.to_pylist(), tally)


def struct_members(array: pa.StructArray) -> dict[str, pa.Array]:
    """The fields of a struct, null where the struct is."""
    return {array.type.field(place).name: member for place, member in enumerate(array.flatten())}


def count_unknown(column: ObjectColumn, members: Mapping[str, pa.Array]) -> dict[str, int]:
    """How often there is a value in fields that an object does not have: names and counts."""
    return {name: len(array) - array.null_count for name, array in members.items() if name not in column.fields}


def _read_floats(column: LeafColumn, array: pa.Array, tally: Tally) -> Read:
    doubles = array.cast(pa.float64())
    if column.shape.kind is not Kind.DOUBLE:
        return column.build(doubles.to_pylist(), tally)
    finite = pc.is_finite(doubles)
    if not finite.false_count:
        return doubles, []
    return pc.if_else(finite, doubles, None), pc.indices_nonzero(pc.invert(finite)).to_pylist()


def _count_converted(column: LeafColumn, read: pa.Array, tally: Tally) -> None:
    if converted := len(read) - read.null_count:
        tally[column.shape.pointer, CONVERTED] += converted


def _refused(column: Column, array: pa.Array) -> Read:
    """Nothing read, and every value a suspect."""
    return pa.nulls(len(array), column.type), _present(array)


def _present(array: pa.Array) -> list[int]:
    return pc.indices_nonzero(pc.is_valid(array)).to_pylist()  # type: ignore[no-any-return]


def _decoded(array: pa.Array) -> pa.Array:
    """The array without what is only a way of storing it."""
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    kind = array.type
    if pa.types.is_dictionary(kind):
        return array.cast(kind.value_type)
    if pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return array.cast(pa.list_(kind.value_type))
    return array


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def _texts(array: pa.Array) -> tuple[pa.StringArray, list[int]]:
    """The texts, and the positions of what is not UTF-8: Parquet promises it, but nobody checks."""
    raw = array.cast(pa.binary())
    try:
        return raw.cast(pa.string()), []
    except pa.ArrowInvalid:
        read: list[str | None] = []
        unread = []
        for place, value in enumerate(raw.to_pylist()):
            try:
                read.append(None if value is None else value.decode())
            except UnicodeDecodeError:
                read.append(None)
                unread.append(place)
        return pa.array(read, pa.string()), unread


def _offsets(lengths: pa.Array) -> pa.Int32Array:
    """Where each list begins among the elements of all, and where the last one ends."""
    ends = pc.cumulative_sum(pc.fill_null(lengths, 0).cast(pa.int32()))
    return pa.concat_arrays([pa.array([0], pa.int32()), ends])


def _owners(positions: list[int], offsets: pa.Int32Array) -> list[int]:
    """Which list each element belongs to."""
    if not positions:
        return []
    begins = offsets.to_pylist()
    return [bisect_right(begins, position) - 1 for position in positions]


def _with_a_key_twice(keys: pa.StringArray, offsets: pa.Int32Array) -> list[int]:
    """Maps that have a key more than once."""
    if len(keys) < 2:
        return []
    begins = offsets.to_pylist()
    encoded = keys.dictionary_encode().indices.to_pylist()
    return [
        place
        for place, (start, end) in enumerate(pairwise(begins))
        if end - start > 1 and len(set(encoded[start:end])) < end - start
    ]
