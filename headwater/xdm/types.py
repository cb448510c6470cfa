"""The XDM types: which one a JSON Schema has, and the bounds that integers bring along (spec: xdm.md, section 2)."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

INTEGER_BOUNDS: Final[dict[str, tuple[int, int]]] = {
    "byte": (-(2**7), 2**7 - 1),
    "short": (-(2**15), 2**15 - 1),
    "int": (-(2**31), 2**31 - 1),
    "long": (-(2**53) + 1, 2**53 - 1),
}
"""XDM's integer types with their least and greatest value, smallest first."""

OPEN: Final = "any"
"""The `meta:xdmType` of a field whose type an imported resource leaves open."""

_TEMPORAL = ("date", "date-time")
_SIMPLE: Final[dict[type, str]] = {str: "string", bool: "boolean", int: "integer", float: "number"}


def xdm_type(schema: Mapping[str, Any], *, is_map: bool = False) -> str:
    """The `meta:xdmType` of a property: the one it states if that fits its `type`, else the one that follows from it.

    One of `string`, `date`, `date-time`, `number` (Double), `byte`, `short`, `int` (Integer), `long`, `boolean`,
    `array`, `object` and `map`.

    Args:
        schema: Has a `type` that is one of JSON Schema's names.
        is_map: Whether an object holds free keys instead of properties.
    """
    stated = schema.get("meta:xdmType")
    json_type: str = schema["type"]
    if json_type == "object":
        return "map" if is_map else "object"
    if json_type == "string":
        return next((name for name in (stated, schema.get("format")) if name in _TEMPORAL), "string")
    if json_type == "integer":
        return stated if stated in INTEGER_BOUNDS else _smallest_integer(schema)
    return json_type


def type_of_values(values: Iterable[object]) -> str | None:
    """The JSON Schema type that all these values have; None if they differ, or are not simple values."""
    kinds = {type(value) for value in values}
    if kinds == {int, float}:
        return "number"
    return _SIMPLE.get(kinds.pop()) if len(kinds) == 1 else None


def _smallest_integer(schema: Mapping[str, Any]) -> str:
    """The smallest integer type that holds both bounds; a missing bound means Long."""
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is None or high is None:
        return "long"
    return next((name for name, (least, most) in INTEGER_BOUNDS.items() if least <= low and high <= most), "long")
