"""Columns of objects, arrays and maps. A record is an object too."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import chain, repeat
from operator import attrgetter
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from msgspec.structs import astuple

from headwater.ingest.column import Column, LeafColumn, Scalar, Tally
from headwater.ingest.rules import find_broken, nulls_in
from headwater.ingest.shape import Shape, escape

Offsets = npt.NDArray[np.int32]
_FEW_FIELDS: Final = 4

Doubts = dict[str, list[int]]
"""Positions of records by the name of the field that is in doubt; at "" where it is the record as a whole."""


class ObjectColumn(Column):
    """An object with named fields.

    Attributes:
        fields: Column of each field, in the schema's order.
        row_class: What msgspec decodes an object into: `f0`, `f1` … are its fields, None where absent or null.
        members: Of each field the name, the name as a step of a JSON Pointer, the column if it is a leaf, the column.
    """

    def __init__(self, shape: Shape, fields: dict[str, Column]) -> None:
        gathered = [pa.field(name, column.gathered_type) for name, column in fields.items()]
        super().__init__(shape, gathered_type=pa.struct(gathered))
        self.fields = fields
        self.row_class = _make_row_class(shape, fields)
        self.decoded_type = self.row_class | Scalar
        self.members = tuple(
            (name, f"/{escape(name)}", column if isinstance(column, LeafColumn) else None, column)
            for name, column in fields.items()
        )
        self._absent = self.row_class()
        self._required = shape.required
        self._getters = [attrgetter(f"f{position}") for position in range(len(fields))]
        self._gathered_fields = gathered
        self._fields = list(self.type)

    def gather_records(self, rows: Sequence[Any], tally: Tally) -> tuple[pa.StructArray, Doubts]:
        """Decoded records to an array of `gathered_type`, and by field the positions of what fits no such array."""
        arrays, found = self._gather_fields(rows, tally)
        return pa.StructArray.from_arrays(arrays, fields=self._gathered_fields), found

    def convert_records(self, gathered: pa.StructArray, tally: Tally) -> tuple[pa.StructArray, Doubts]:
        """What was gathered to an array of `type`, and by field the positions of what does not convert."""
        found: Doubts = {}
        arrays = []
        for place, (name, column) in enumerate(self.fields.items()):
            array, found[name] = column.convert(gathered.field(place), tally)
            arrays.append(array)
        mask = pc.is_null(gathered) if gathered.null_count else None
        return pa.StructArray.from_arrays(arrays, fields=self._fields, mask=mask), found

    def check_records(self, records: pa.StructArray) -> Doubts:
        """The positions of records that lack a field or may break a rule, by field; at "" where it is their own."""
        found: Doubts = {"": find_broken(self._rules, records)}
        for place, (name, column) in enumerate(self.fields.items()):
            array = records.field(place)
            found[name] = column.check(array)
            if name in self._required and array.null_count:
                found[name] += set(nulls_in(array)).difference(nulls_in(records))
        return found

    def convert(self, gathered: pa.Array, tally: Tally) -> tuple[pa.Array, list[int]]:
        """The same for an object below a record."""
        if self._is_final:
            return gathered, []
        array, found = self.convert_records(gathered, tally)
        return array, list(chain.from_iterable(found.values()))

    def check(self, array: pa.Array) -> list[int]:
        """The same for an object below a record."""
        if array.null_count == len(array):
            return []
        return list(chain.from_iterable(self.check_records(array).values()))

    def _gather(self, values: Sequence[Any], tally: Tally) -> tuple[pa.Array, list[int]]:
        mask, misfits = None, []
        if set(map(type, values)) != {self.row_class}:
            misfits = [i for i, value in enumerate(values) if isinstance(value, str | int | float)]
            absent = [type(value) is not self.row_class for value in values]
            values = [self._absent if gone else value for value, gone in zip(values, absent, strict=True)]
            mask = pa.array(absent, pa.bool_())
        arrays, found = self._gather_fields(values, tally)
        struct = pa.StructArray.from_arrays(arrays, fields=self._gathered_fields, mask=mask)
        return struct, misfits + list(chain.from_iterable(found.values()))

    def _gather_fields(self, values: Sequence[Any], tally: Tally) -> tuple[list[pa.Array], Doubts]:
        arrays = []
        misfits: Doubts = {}
        for (name, column), member_values in zip(self.fields.items(), self._members(values), strict=False):
            array, found = column.gather(member_values, tally)
            if found:
                misfits[name] = found
            arrays.append(array)
        return arrays, misfits

    def _members(self, values: Sequence[Any]) -> Iterable[Sequence[Any]]:
        """The values of each field in turn. Where fields are few, to get one by one costs less than a tuple of all."""
        if len(self._getters) <= _FEW_FIELDS:
            return (list(map(getter, values)) for getter in self._getters)
        return zip(*map(astuple, values), strict=True) if values else repeat(())


class ArrayColumn(Column):
    """An array of one kind of element. A null element is a suspect: arrays have no holes.

    Attributes:
        element: Column of the elements.
    """

    def __init__(self, shape: Shape, element: Column) -> None:
        super().__init__(shape, gathered_type=pa.list_(element.gathered_type))
        self.element = element
        self.decoded_type = list[element.decoded_type] | Scalar  # type: ignore[name-defined]

    def convert(self, gathered: pa.Array, tally: Tally) -> tuple[pa.Array, list[int]]:
        """The elements converted."""
        if self._is_final:
            return gathered, []
        elements, found = self.element.convert(gathered.values, tally)
        mask = pc.is_null(gathered) if gathered.null_count else None
        array = pa.ListArray.from_arrays(gathered.offsets, elements, type=self.type, mask=mask)
        return array, _owners(found, gathered)

    def _check_below(self, array: pa.Array) -> list[int]:
        return _owners(self.element.check(array.values) + nulls_in(array.values), array)

    def _gather(self, values: Sequence[Any], tally: Tally) -> tuple[pa.Array, list[int]]:
        values, mask, misfits = _present(values, list)
        elements, found = self.element.gather(list(chain.from_iterable(values)), tally)
        array = pa.ListArray.from_arrays(pa.array(_offsets(values)), elements, type=self.gathered_type, mask=mask)
        return array, misfits + _owners(found, array)


class MapColumn(Column):
    """A map with free keys. A key without a value is left out.

    Attributes:
        value: Column of the values.
    """

    def __init__(self, shape: Shape, value: Column) -> None:
        super().__init__(shape, gathered_type=pa.map_(pa.string(), value.gathered_type))
        self.value = value
        self.decoded_type = dict[str, value.decoded_type] | Scalar  # type: ignore[name-defined]

    def convert(self, gathered: pa.Array, tally: Tally) -> tuple[pa.Array, list[int]]:
        """The values converted."""
        if self._is_final:
            return gathered, []
        items, found = self.value.convert(gathered.items, tally)
        mask = pc.is_null(gathered) if gathered.null_count else None
        array = pa.MapArray.from_arrays(gathered.offsets, gathered.keys, items, type=self.type, mask=mask)
        return array, _owners(found, gathered)

    def _check_below(self, array: pa.Array) -> list[int]:
        return _owners(self.value.check(array.items), array)

    def _gather(self, values: Sequence[Any], tally: Tally) -> tuple[pa.Array, list[int]]:
        values, mask, misfits = _present(values, dict)
        offsets = _offsets(values)
        keys = pa.array(list(chain.from_iterable(values)), pa.string())
        items, found = self.value.gather(list(chain.from_iterable(map(dict.values, values))), tally)
        misfits += (np.searchsorted(offsets, found, side="right") - 1).tolist()
        if items.null_count:
            kept = items.is_valid()
            offsets = _ends(kept.to_numpy(zero_copy_only=False), len(kept))[offsets]
            keys, items = keys.filter(kept), items.filter(kept)
        array = pa.MapArray.from_arrays(pa.array(offsets), keys, items, type=self.gathered_type, mask=mask)
        return array, misfits


def _make_row_class(shape: Shape, fields: dict[str, Column]) -> type[msgspec.Struct]:
    members: list[tuple[str, Any, Any]] = [
        (f"f{position}", column.decoded_type, None) for position, column in enumerate(fields.values())
    ]
    return msgspec.defstruct(
        "Row",
        members,
        rename={f"f{position}": name for position, name in enumerate(fields)},
        forbid_unknown_fields=shape.closed,
        gc=False,
    )


def _present(values: Sequence[Any], container: type) -> tuple[Sequence[Any], pa.BooleanArray | None, list[int]]:
    """The containers among the values, empty ones in place of others; which are absent; positions of other values."""
    if {container}.issuperset(map(type, values)):
        return values, None, []
    suspects = [i for i, value in enumerate(values) if value is not None and not isinstance(value, container)]
    absent = pa.array([not isinstance(value, container) for value in values], pa.bool_())
    empty = container()
    return [value if isinstance(value, container) else empty for value in values], absent, suspects


def _offsets(containers: Sequence[Any]) -> Offsets:
    """Where each container's first element stands among the elements of all, and where the last one's end."""
    return _ends(np.fromiter(map(len, containers), np.int32, len(containers)), len(containers))


def _ends(lengths: npt.NDArray[Any], count: int) -> Offsets:
    offsets = np.zeros(count + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def _owners(positions: list[int], containers: pa.Array) -> list[int]:
    """Which container each element belongs to."""
    if not positions:
        return []
    offsets = containers.offsets.to_pylist()
    return [bisect_right(offsets, position) - 1 for position in positions]
