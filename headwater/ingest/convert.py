"""One record at a time: every value to its field's type, everything that does not convert with its reason."""

from collections import Counter
from typing import Any, Final

from headwater.ingest.column import Column, LeafColumn
from headwater.ingest.nested import ArrayColumn, MapColumn, ObjectColumn
from headwater.ingest.shape import escape
from headwater.ingest.values import ConversionError, describe
from headwater.model.records import CODE_CONVERSION, CODE_MAPPING, Problem

MAX_PROBLEMS: Final = 100
"""How many problems of one record are reported."""
_ABSENT = object()


class HopelessError(ValueError):
    """A record has so many values that do not convert that no more are looked for."""


class Conversion:
    """Converts one record, and collects what does not convert.

    Args:
        dropping: Whether a value that does not convert is left out, as after a mapping, instead of failing the record.

    Attributes:
        problems: What did not convert.
        left_out: What was left out, by field: pointer with `*` for elements -> count.
    """

    def __init__(self, *, dropping: bool = False) -> None:
        self.problems: list[Problem] = []
        self.left_out: Counter[str] = Counter()
        self._dropping = dropping

    def record(self, column: ObjectColumn, record: dict[str, Any]) -> dict[str, Any]:
        """The record with its values converted, without nulls, empty texts and fields that the schema does not know.

        What does not convert stays as it is; with `dropping`, it is left out, and so is an object left empty.

        Raises:
            HopelessError: there are `MAX_PROBLEMS` problems, and perhaps more; not with `dropping`.
        """
        return self._object(column, record, "")

    def _object(self, column: ObjectColumn, value: dict[str, Any], pointer: str) -> dict[str, Any]:
        converted = {}
        for name, step, leaf, field in column.members:
            found = value.get(name)
            if not found and (found is None or found == ""):
                continue
            if leaf is None:
                found = self._value(field, found, pointer + step)
            else:
                try:
                    found = leaf.restate(found)
                except ConversionError as error:
                    found = self._fail(leaf, found, pointer + step, error)
            if found is not _ABSENT and (found or not self._dropping or found != {}):
                converted[name] = found
        if (column.shape.closed or column.shape.undecided) and not self._dropping:
            # Fields that no column is made of: the oracle judges them.
            unknown = ((name, found) for name, found in value.items() if name not in column.fields)
            converted |= {name: found for name, found in unknown if found is not None and found != ""}
        return converted

    def _member(self, column: Column, value: object, pointer: str) -> object:
        if value is None or value == "":
            return _ABSENT
        converted = self._value(column, value, pointer)
        return _ABSENT if self._dropping and converted == {} else converted

    def _value(self, column: Column, value: object, pointer: str) -> object:
        match value, column:
            case dict(), ObjectColumn():
                return self._object(column, value, pointer)
            case list(), ArrayColumn():
                elements = [self._value(column.element, item, f"{pointer}/{i}") for i, item in enumerate(value)]
                return [element for element in elements if element is not _ABSENT]
            case dict(), MapColumn():
                members = ((key, self._member(column.value, v, f"{pointer}/{escape(key)}")) for key, v in value.items())
                return {key: member for key, member in members if member is not _ABSENT}
            case _, LeafColumn() if value is not None:
                try:
                    return column.restate(value)
                except ConversionError as error:
                    return self._fail(column, value, pointer, error)
            case _:
                wrong = ConversionError(f"expected {_expected(column)}, found {describe(value)}", rule="type")
                return self._fail(column, value, pointer, wrong)

    def _fail(self, column: Column, value: object, pointer: str, error: ConversionError) -> object:
        if not self._dropping:
            self.problems.append(Problem(pointer=pointer, rule=error.rule, code=CODE_CONVERSION, message=str(error)))
            if len(self.problems) == MAX_PROBLEMS:
                raise HopelessError
            return value
        message = f"{error}; the field is left out"
        self.problems.append(Problem(pointer=pointer, rule="mapping", code=CODE_MAPPING, message=message))
        self.left_out[column.shape.pointer] += 1
        return _ABSENT


def _expected(column: Column) -> str:
    if isinstance(column, LeafColumn):
        return f"a value of type {column.shape.kind}"
    return "a map" if isinstance(column, MapColumn) else f"an {column.shape.kind}"
