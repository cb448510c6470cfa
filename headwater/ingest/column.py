"""What a column is: a field of a schema, as a builder of checked Arrow arrays.

A column converts what AEP's table converts (`values`) and checks its rules. What it cannot convert becomes null, and
its position is reported; the row-by-row path then says what is wrong, or finds that nothing is.

It does so in three steps, because their costs differ. To gather values costs least for a few hundred records at once,
while their objects are in the processor's cache; to convert texts and to check rules, for thousands: there the calls
are what costs.
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
        gathered_type: Type of its arrays before they are converted.
        decoded_type: What msgspec decodes its JSON into.
    """

    def __init__(self, shape: Shape, *, gathered_type: pa.DataType | None = None) -> None:
        self.shape = shape
        self.type = shape.arrow_type()
        self.gathered_type = gathered_type or self.type
        self.decoded_type: Any = Scalar
        self._is_final = self.gathered_type == self.type
        self._rules = compile_rules(shape)

    def build(self, values: Sequence[Any], tally: Tally) -> tuple[pa.Array, list[int]]:
        """All three steps: decoded values to an array, and the positions of suspects."""
        gathered, misfits = self.gather(values, tally)
        array, unread = self.convert(gathered, tally)
        return array, misfits + unread + self.check(array)

    def gather(self, values: Sequence[Any], tally: Tally) -> tuple[pa.Array, list[int]]:
        """Decoded values to an array of `gathered_type`, and the positions of those that fit no such array."""
        if len(values) and values[0] is None and values.count(None) == len(values):
            return pa.nulls(len(values), self.gathered_type), []
        return self._gather(values, tally)

    def convert(self, gathered: pa.Array, tally: Tally) -> tuple[pa.Array, list[int]]:
        """What was gathered to an array of `type`, and the positions of what does not convert."""
        return gathered, []

    def check(self, array: pa.Array) -> list[int]:
        """Positions in an array of `type` that may break a rule of the field, or of what is below it."""
        if array.null_count == len(array):
            return []
        return find_broken(self._rules, array) + self._check_below(array)

    @abstractmethod
    def _gather(self, values: Sequence[Any], tally: Tally) -> tuple[pa.Array, list[int]]:
        """What `gather` promises; not all values are None."""

    def _check_below(self, array: pa.Array) -> list[int]:
        """Positions where what is below the field breaks a rule."""
        return []


class LeafColumn(Column):
    """A field of single values.

    Args:
        shape: The field.
        element: Whether it is an array's element: there an empty text is a value, elsewhere it means that there is
            none.
        read: Converts one value, or raises ConversionError.

    Attributes:
        storage: What values that were converted one by one make an array of, before the cast to `gathered_type`.
        native: Types of JSON values that count as not converted.
        as_it_is: The one of them whose values need no reading at all, if there is one.
        read_value: As `read`.
    """

    storage: pa.DataType
    native: tuple[type, ...] = ()
    as_it_is: type | None = None

    def __init__(
        self,
        shape: Shape,
        *,
        element: bool,
        read: Callable[[object], object],
        gathered_type: pa.DataType | None = None,
    ) -> None:
        super().__init__(shape, gathered_type=gathered_type)
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
            if type(value) is self.as_it_is:
                converted.append(value)
                continue
            try:
                converted.append(self.read_value(value))
                foreign += type(value) not in self.native
            except ConversionError:
                converted.append(None)
                misfits.append(position)
        if foreign:
            tally[self.shape.pointer, CONVERTED] += foreign
        return pa.array(converted, self.storage).cast(self.gathered_type), misfits


def without_empty(array: pa.StringArray) -> pa.StringArray:
    """The array with empty texts made null."""
    if pc.min_max(pc.binary_length(array))["min"].as_py() != 0:
        return array
    return pc.if_else(pc.equal(array, ""), pa.scalar(None, pa.string()), array)
