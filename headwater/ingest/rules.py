"""Rules of a schema, checked on whole columns. Each may reject too much, never too little: the oracle decides after it.

A rule takes a converted column and marks the positions that break it (true; false or null elsewhere).
"""

import math
import re
import sys
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from headwater.errors import SchemaError
from headwater.ingest.shape import INTEGER_RANGES, Kind, Shape

Rule = Callable[[pa.Array], pa.BooleanArray]

_DIFFERS_IN_RE2 = re.compile(r"\\[DWSbBpPQC]|\(\?[^:]|\[\^[^\]]*\\|\[\[:|\{,")
"""Constructs with which RE2 may match what Python's `re` does not: left to `re`, as the oracle has it."""


def compile_rules(shape: Shape) -> tuple[Rule, ...]:
    """The rules of a field's own values; what is below it has its own."""
    if shape.undecided:
        return (pc.is_valid,)
    rules: list[Rule] = []
    schema = shape.schema
    if "enum" in schema or "const" in schema:
        rules.append(_one_of(shape))
    if shape.kind is Kind.STRING:
        rules += _text_rules(shape)
    elif shape.kind in INTEGER_RANGES or shape.kind is Kind.DOUBLE:
        rules += _bounds(shape)
    elif shape.kind is Kind.ARRAY and ("minItems" in schema or "maxItems" in schema):
        rules.append(_length(pc.list_value_length, schema.get("minItems"), schema.get("maxItems")))
    return tuple(rules)


def find_broken(rules: tuple[Rule, ...], column: pa.Array) -> list[int]:
    """Positions that break a rule; one that breaks several may come several times."""
    found: list[int] = []
    for rule in rules:
        broken = rule(column)
        if broken.true_count:
            found += pc.indices_nonzero(broken).to_pylist()
    return found


def _one_of(shape: Shape) -> Rule:
    allowed = list(shape.schema.get("enum", [shape.schema.get("const")]))
    if "enum" in shape.schema and "const" in shape.schema:
        allowed = [value for value in allowed if value == shape.schema["const"]]
    fitting = [value for value in allowed if _fits(value, shape.kind)]
    values = pa.array([*fitting, None], shape.arrow_type())

    def broken(column: pa.Array) -> pa.BooleanArray:
        return pc.invert(pc.is_in(column, value_set=values))

    return broken


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
        rules.append(_length(pc.utf8_length, schema.get("minLength"), schema.get("maxLength")))
    return rules


def _pattern(pattern: str, pointer: str) -> Rule:
    try:
        search = re.compile(pattern).search
    except re.error as error:
        raise SchemaError(f"the pattern of {pointer} is no regular expression: {error}") from None
    if not _DIFFERS_IN_RE2.search(pattern):
        try:
            pc.match_substring_regex(pa.array([""]), pattern)
        except pa.ArrowInvalid:
            pass
        else:
            return lambda column: pc.invert(pc.match_substring_regex(column, pattern))

    def broken(column: pa.Array) -> pa.BooleanArray:
        return pa.array([text is not None and search(text) is None for text in column.to_pylist()], pa.bool_())

    return broken


def _length(measure: Callable[[pa.Array], pa.Array], low: int | None, high: int | None) -> Rule:
    least, most = pa.scalar(low or 0), None if high is None else pa.scalar(high)

    def broken(column: pa.Array) -> pa.BooleanArray:
        lengths = measure(column)
        if most is None:
            return pc.less(lengths, least)
        too_long = pc.greater(lengths, most)
        return pc.or_(pc.less(lengths, least), too_long) if low else too_long

    return broken


def _bounds(shape: Shape) -> list[Rule]:
    stated = {name: shape.schema[name] for name in _BOUNDS if name in shape.schema}
    if shape.kind is Kind.DOUBLE:
        if not all(_fits(bound, Kind.DOUBLE) for bound in stated.values()):
            return [pc.is_valid]
        return [_bound(_BOUNDS[name], pa.scalar(bound, shape.arrow_type())) for name, bound in stated.items()]
    least, most = INTEGER_RANGES[shape.kind]
    rules: list[Rule] = []
    for name, bound in stated.items():
        whole = (math.ceil if name in ("minimum", "exclusiveMaximum") else math.floor)(bound)
        trivial = (name == "minimum" and whole <= least) or (name == "maximum" and whole >= most)
        if not least <= whole <= most and not trivial:
            return [pc.is_valid]
        if not trivial:
            rules.append(_bound(_BOUNDS[name], pa.scalar(whole, shape.arrow_type())))
    return rules


_BOUNDS: dict[str, Callable[[pa.Array, pa.Scalar], pa.BooleanArray]] = {
    "minimum": pc.less,
    "maximum": pc.greater,
    "exclusiveMinimum": pc.less_equal,
    "exclusiveMaximum": pc.greater_equal,
}
"""What breaks each bound. Bounds of whole numbers are whole: above 0.5 is above 0, at least 0.5 is at least 1."""


def _bound(breaks: Callable[[pa.Array, pa.Scalar], pa.BooleanArray], bound: pa.Scalar) -> Rule:
    def broken(column: pa.Array) -> pa.BooleanArray:
        return breaks(column, bound)

    return broken
