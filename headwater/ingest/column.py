"""What a column is: a field of a schema, as a builder of checked Arrow arrays.

A column converts what AEP's table converts (`values`) and checks its rules. What it cannot convert becomes null, and
its position is reported; the row-by-row path then says what is wrong, or finds that nothing is.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headwater.ingest.rules import compile_rules, find_broken
from headwater.ingest.shape import Shape
from headwater.ingest.values import ConversionError

Tally = Counter[tuple[str, str]]
"""How values were read: (pointer of the field, rule) -> count. Grows while a file is read."""

Scalar = str | int | float | bool | None
"""What the typed decode takes in a single value's place; which of them fits is decided here."""

CONVERTED = "converted"
"""The rule's name in a tally for a value that came as another JSON type than its field's."""


class Column(ABC):
    """A field of a schema, as a builder of arrays.

    Attributes:
        shape: The field.
        type: Type of its arrays.
        decoded_type: What msgspec decodes its JSON into.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.type = shape.arrow_type()
        self.decoded_type: Any = Scalar
        self._rules = compile_rules(shape)

    def build(self, values: Sequence[Any], tally: Tally) -> tuple[pa.Array, list[int]]:
        """Decoded values to an array, and the positions of suspects: what does not convert or may break a rule."""
        if len(values) and values[0] is None and values.count(None) == len(values):
            return pa.nulls(len(values), self.type), []
        array, suspects = self._gather(values, tally)
        return array, suspects + self.check(array)

    def check(self, array: pa.Array) -> list[int]:
        """Positions that may break a rule of the field itself."""
        return find_broken(self._rules, array)

    @abstractmethod
    def _gather(self, values: Sequence[Any], tally: Tally) -> tuple[pa.Array, list[int]]:
        """Decoded values to an array, and the positions of suspects; rules of the field itself aside."""


class LeafColumn(Column):
    """A field of single values.

    Args:
        shape: The field.
        element: Whether it is an array's element: there an empty text is a value, elsewhere it means that there is
            none.
        read: Converts one value, or raises ConversionError.

    Attributes:
        storage: What converted values make an array of, before the cast to `type`.
        native: Types of JSON values that count as not converted.
        read_value: As `read`.
    """

    storage: pa.DataType
    native: tuple[type, ...] = ()

    def __init__(self, shape: Shape, *, element: bool, read: Callable[[object], object]) -> None:
        super().__init__(shape)
        self.read_value = read
        self._element = element

    def parse(self, texts: pa.StringArray, tally: Tally) -> tuple[pa.Array, list[int]]:
        """A column of texts to an array, and the positions that do not convert; rules are not checked."""
        return self._parse(texts, tally)

    def _gather(self, values: Sequence[Any], tally: Tally) -> tuple[pa.Array, list[int]]:
        try:
            return self._gather_whole(values), []
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            return self._gather_singly(values, tally)

    def restate(self, value: object) -> object:
        """One value, converted, as the oracle and the typed decode take it: JSON in its plainest form.

        Raises:
            ConversionError: it does not convert.
        """
        return self.read_value(value)

    @abstractmethod
    def _parse(self, texts: pa.StringArray, tally: Tally) -> tuple[pa.Array, list[int]]:
        """What `parse` promises."""

    def _gather_whole(self, values: Sequence[Any]) -> pa.Array:
        """The array if all values are of the native type; otherwise one of Arrow's errors, or OverflowError."""
        return pa.array(values, self.storage)

    def _gather_singly(self, values: Sequence[Any], tally: Tally) -> tuple[pa.Array, list[int]]:
        converted: list[object] = []
        misfits: list[int] = []
        foreign = 0
        for position, value in enumerate(values):
            if value is None or (value == "" and not self._element):
                converted.append(None)
                continue
            try:
                converted.append(self.read_value(value))
                foreign += type(value) not in self.native
            except ConversionError:
                converted.append(None)
                misfits.append(position)
        if foreign:
            tally[self.shape.pointer, CONVERTED] += foreign
        return pa.array(converted, self.storage).cast(self.type), misfits


def without_empty(array: pa.StringArray) -> pa.StringArray:
    """The array with empty texts made null."""
    if pc.min_max(pc.binary_length(array))["min"].as_py() != 0:
        return array
    return pc.if_else(pc.equal(array, ""), pa.scalar(None, pa.string()), array)
