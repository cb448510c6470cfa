"""Rules of a schema, checked on whole columns. Each may reject too much, never too little: the oracle decides after it.

A rule takes a converted column and gives the positions that break it. Nearly always there are none, and a call into
Arrow costs more than what it does with a few hundred values: so a rule ends as soon as it is clear that all hold.
"""

import math
import operator
import re
import sys
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headwater.errors import SchemaError
from headwater.ingest.shape import INTEGER_RANGES, Kind, Shape
from headwater.xdm.patterns import compile_pattern

Rule = Callable[[pa.Array], list[int]]
Mask = Callable[[pa.Array], pa.BooleanArray]


def compile_rules(shape: Shape) -> tuple[Rule, ...]:
    """The rules of a field's own values; what is below it has its own."""
    if shape.undecided:
        return (_always_broken,)
    rules: list[Rule] = []
    schema = shape.schema
    if "enum" in schema or "const" in schema:
        rules.append(_one_of(shape))
    if shape.kind is Kind.STRING:
        rules += _text_rules(shape)
    elif shape.kind in INTEGER_RANGES or shape.kind is Kind.DOUBLE:
        rules += _bounds(shape)
    elif shape.kind is Kind.ARRAY and ("minItems" in schema or "maxItems" in schema):
        rules.append(_length(pc.list_value_length, schema.get("minItems", 0), schema.get("maxItems")))
    return tuple(rules)


def find_broken(rules: tuple[Rule, ...], column: pa.Array) -> list[int]:
    """Positions that break a rule; one that breaks several may come several times."""
    return [position for rule in rules for position in rule(column)]


def nulls_in(column: pa.Array) -> list[int]:
    """Positions without a value."""
    return _where(pc.is_null(column)) if column.null_count else []


def _always_broken(column: pa.Array) -> list[int]:
    """Every position that has a value."""
    return _where(pc.is_valid(column))


def _unless(holds: Mask) -> Rule:
    """The rule that breaks where a mask is false."""

    def broken(column: pa.Array) -> list[int]:
        held = holds(column)
        return _where(pc.invert(held)) if held.false_count else []

    return broken


def _where(mask: pa.BooleanArray) -> list[int]:
    positions: list[int] = pc.indices_nonzero(mask).to_pylist()
    return positions


def _one_of(shape: Shape) -> Rule:
    allowed = list(shape.schema.get("enum", [shape.schema.get("const")]))
    if "enum" in shape.schema and "const" in shape.schema:
        allowed = [value for value in allowed if value == shape.schema["const"]]
    fitting = [value for value in allowed if _fits(value, shape.kind)]
    values = pa.array([*fitting, None], shape.arrow_type())
    return _unless(lambda column: pc.is_in(column, value_set=values))


def _fits(value: object, kind: Kind) -> bool:
    """Whether a column of the kind can hold the value exactly."""
    if kind is Kind.STRING:
        return isinstance(value, str)
    if kind is Kind.BOOLEAN:
        return isinstance(value, bool)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if kind is Kind.DOUBLE:
        return abs(value) <= sys.float_info.max and float(value) == value
    low, high = INTEGER_RANGES[kind]
    return value == int(value) and low <= value <= high


def _text_rules(shape: Shape) -> list[Rule]:
    schema = shape.schema
    rules: list[Rule] = []
    if "pattern" in schema:
        rules.append(_pattern(schema["pattern"], shape.pointer))
    if schema.get("minLength", 0) > 0 or "maxLength" in schema:
        rules.append(_length(pc.utf8_length, schema.get("minLength", 0), schema.get("maxLength")))
    return rules


def _pattern(pattern: str, pointer: str) -> Rule:
    try:
        compiled = compile_pattern(pattern)
    except re.error as error:
        raise SchemaError(f"the pattern of {pointer} is no regular expression: {error}") from None
    if compiled.is_in_re2:
        return _unless(lambda column: pc.match_substring_regex(column, pattern))

    def broken(column: pa.Array) -> list[int]:
        texts = enumerate(column.to_pylist())
        return [position for position, text in texts if text is not None and not compiled.accepts(text)]

    return broken


def _length(measure: Callable[[pa.Array], pa.Array], low: int, high: int | None) -> Rule:
    limits = {"minimum": low} if high is None else {"minimum": low, "maximum": high}
    within = _within({name: pa.scalar(limit) for name, limit in limits.items()})
    return lambda column: within(measure(column))


def _bounds(shape: Shape) -> list[Rule]:
    stated = {name: shape.schema[name] for name in _BOUNDS if name in shape.schema}
    if shape.kind is Kind.DOUBLE:
        if not all(_fits(bound, Kind.DOUBLE) for bound in stated.values()):
            return [_always_broken]
    else:
        least, most = INTEGER_RANGES[shape.kind]
        stated = {name: _whole(name, bound) for name, bound in stated.items()}
        if stated.get("minimum", most) <= least:
            del stated["minimum"]
        if stated.get("maximum", least) >= most:
            del stated["maximum"]
        if not all(least <= bound <= most for bound in stated.values()):
            return [_always_broken]
    limits = {name: pa.scalar(bound, shape.arrow_type()) for name, bound in stated.items()}
    return [_within(limits)] if limits else []


def _whole(name: str, bound: float) -> int:
    """The bound that means the same to whole numbers: above 0.5 is above 0, at least 0.5 is at least 1."""
    return (math.ceil if name in ("minimum", "exclusiveMaximum") else math.floor)(bound)


def _within(limits: dict[str, pa.Scalar]) -> Rule:
    """Numbers within limits; if the least and the greatest are, all are."""
    tests = [(*_BOUNDS[name], limit.as_py(), limit) for name, limit in limits.items()]

    def broken(column: pa.Array) -> list[int]:
        extremes = pc.min_max(column).as_py()
        found: list[int] = []
        for extreme, holds, mask, bound, limit in tests:
            if extremes[extreme] is not None and not holds(extremes[extreme], bound):
                found += _where(pc.invert(mask(column, limit)))
        return found

    return broken


_BOUNDS: dict[str, tuple[str, Callable[[Any, Any], bool], Callable[[pa.Array, pa.Scalar], pa.BooleanArray]]] = {
    "minimum": ("min", operator.ge, pc.greater_equal),
    "maximum": ("max", operator.le, pc.less_equal),
    "exclusiveMinimum": ("min", operator.gt, pc.greater),
    "exclusiveMaximum": ("max", operator.lt, pc.less),
}
"""For each bound: the extreme that says whether all hold, how a number is compared with it, and how a column is."""
