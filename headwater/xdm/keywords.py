"""Rules of JSON Schema as `jsonschema` has them, but in bounded time: the values come from anywhere."""

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator

from headwater.xdm.patterns import TOO_LONG, compile_pattern

_LARGEST_WHOLE = 2**64


def unique_items(_: Validator, asked: object, value: object, __: object) -> Iterator[ValidationError]:
    """The keyword `uniqueItems`; in `jsonschema`, its time grows with the square of an array's length."""
    if asked and isinstance(value, list) and not are_unique(value):
        yield ValidationError("the array has an element twice")


def pattern(_: Validator, asked: str, value: object, __: object) -> Iterator[ValidationError]:
    """The keyword `pattern`, for which some texts are too long."""
    if isinstance(value, str) and not compile_pattern(asked).accepts(value):
        yield ValidationError(TOO_LONG if compile_pattern(asked).is_too_long(value) else "the text does not match")


def are_unique(elements: list[Any]) -> bool:
    """Whether no element of an array is there twice: 1 is 1.0, and neither is true.

    By sorting, since a hostile file can choose numbers that all have one hash.
    """
    types = set(map(type, elements))
    is_plain = types <= {str} or types <= {int, float}
    in_order = sorted(elements if is_plain else map(_canonical, elements))
    return all(one != other for one, other in pairwise(in_order))


def _canonical(value: object) -> str:
    """The same text for all ways to write a JSON value, and for no other."""
    return json.dumps(_restated(value), sort_keys=True, ensure_ascii=False, default=str)


def _restated(value: object) -> object:
    """The value with each number in one of its forms, a short one."""
    match value:
        case dict():
            return {name: _restated(member) for name, member in value.items()}
        case list():
            return [_restated(element) for element in value]
        case float() if value.is_integer() and abs(value) < _LARGEST_WHOLE:
            return int(value)
        case int() if abs(value) >= _LARGEST_WHOLE:
            return _as_float(value)
    return value


def _as_float(number: int) -> int | float:
    try:
        return float(number) if float(number) == number else number
    except OverflowError:
        return number
