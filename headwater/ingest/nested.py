"""Columns of objects, arrays and maps. A record is an object too."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, chain, repeat
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from msgspec.structs import astuple

from headwater.ingest.column import Column, LeafColumn, Scalar, Tally
from headwater.ingest.shape import Shape, escape


class ObjectColumn(Column):
    """An object with named fields.

    Attributes:
        fields: Column of each field, in the schema's order.
        row_class: What msgspec decodes an object into: `f0`, `f1` … are its fields, None where absent or null.
        members: Of each field the name, the name as a step of a JSON Pointer, the column if it is a leaf, the column.
    """

    def __init__(self, shape: Shape, fields: dict[str, Column]) -> None:
        super().__init__(shape)
        self.fields = fields
        self.row_class = _make_row_class(shape, fields)
        self.decoded_type = self.row_class | Scalar
        self.members = tuple(
            (name, f"/{escape(name)}", column if isinstance(column, LeafColumn) else None, column)
            for name, column in fields.items()
        )
        self._absent = self.row_class()
        self._required = shape.required

    def build_records(self, rows: Sequence[Any], tally: Tally) -> tuple[pa.StructArray, dict[str, list[int]]]:
        """Decoded records to an array, and the positions of suspects by the field that is in doubt.

        Those for which the object itself is in doubt, with rules that bear on several fields, are at "".
        """
        arrays, suspects = self._build_fields(rows, tally)
        struct = pa.StructArray.from_arrays(arrays, fields=list(self.type))
        suspects.setdefault("", []).extend(self.check(struct))
        return struct, suspects

    def _gather(self, values: Sequence[Any], tally: Tally) -> tuple[pa.Array, list[int]]:
        absent, suspects = None, []
        if set(map(type, values)) != {self.row_class}:
            suspects = [i for i, value in enumerate(values) if isinstance(value, str | int | float)]
            absent = [type(value) is not self.row_class for value in values]
            values = [self._absent if gone else value for value, gone in zip(values, absent, strict=True)]
        arrays, doubts = self._build_fields(values, tally)
        found = chain.from_iterable(doubts.values())
        suspects += found if absent is None else [position for position in found if not absent[position]]
        mask = None if absent is None else pa.array(absent, pa.bool_())
        struct = pa.StructArray.from_arrays(arrays, fields=list(self.type), mask=mask)
        return struct, suspects

    def _build_fields(self, values: Sequence[Any], tally: Tally) -> tuple[list[pa.Array], dict[str, list[int]]]:
        """Arrays of the fields, and the positions of suspects by field; at "", those that lack a required one."""
        arrays = []
        suspects: dict[str, list[int]] = {}
        members = zip(*map(astuple, values), strict=True) if values else repeat(())
        for (name, column), member_values in zip(self.fields.items(), members, strict=False):
            array, found = column.build(member_values, tally)
            if name in self._required and array.null_count:
                suspects.setdefault("", []).extend(pc.indices_nonzero(pc.is_null(array)).to_pylist())
            if found:
                suspects[name] = found
            arrays.append(array)
        return arrays, suspects


class ArrayColumn(Column):
    """An array of one kind of element. A null element is a suspect: arrays have no holes.

    Attributes:
        element: Column of the elements.
    """

    def __init__(self, shape: Shape, element: Column) -> None:
        super().__init__(shape)
        self.element = element
        self.decoded_type = list[element.decoded_type] | Scalar  # type: ignore[name-defined]

    def _gather(self, values: Sequence[Any], tally: Tally) -> tuple[pa.Array, list[int]]:
        values, mask, suspects = _present(values, list)
        offsets = list(accumulate(map(len, values), initial=0))
        elements, found = self.element.build(list(chain.from_iterable(values)), tally)
        if elements.null_count:
            found += pc.indices_nonzero(pc.is_null(elements)).to_pylist()
        array = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), elements, type=self.type, mask=mask)
        return array, suspects + _owners(found, offsets)


class MapColumn(Column):
    """A map with free keys. A key without a value is left out.

    Attributes:
        value: Column of the values.
    """

    def __init__(self, shape: Shape, value: Column) -> None:
        super().__init__(shape)
        self.value = value
        self.decoded_type = dict[str, value.decoded_type] | Scalar  # type: ignore[name-defined]

    def _gather(self, values: Sequence[Any], tally: Tally) -> tuple[pa.Array, list[int]]:
        values, mask, suspects = _present(values, dict)
        offsets = list(accumulate(map(len, values), initial=0))
        keys = pa.array(list(chain.from_iterable(values)), pa.string())
        items, found = self.value.build(list(chain.from_iterable(map(dict.values, values))), tally)
        suspects += _owners(found, offsets)
        if items.null_count:
            kept = pc.is_valid(items)
            before = list(accumulate(kept.to_pylist(), initial=0))
            offsets = [before[offset] for offset in offsets]
            keys, items = keys.filter(kept), items.filter(kept)
        array = pa.MapArray.from_arrays(pa.array(offsets, pa.int32()), keys, items, type=self.type, mask=mask)
        return array, suspects


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


def _owners(positions: list[int], offsets: list[int]) -> list[int]:
    """Which container each element belongs to."""
    return [bisect_right(offsets, position) - 1 for position in positions]
