"""Quick tests: whether a value certainly breaks none of its field's own rules, without asking the oracle."""

from collections.abc import Callable, Mapping
from functools import partial
from operator import ge, gt, le, lt
from types import NoneType
from typing import Any, Final

from headwater.xdm.keywords import are_unique
from headwater.xdm.patterns import compile_pattern
from headwater.xdm.validation import is_date, is_date_time

Test = Callable[[Any], bool]
"""True only if a decoded JSON value breaks no rule; False where that is not certain."""


def always(_: object) -> bool:
    """The test of a field without rules."""
    return True


def never(_: object) -> bool:
    """The test of rules that are not understood here."""
    return False


def all_of(tests: list[Test]) -> Test:
    """The test that several tests make together, tried in their order."""
    tests = [test for test in tests if test is not always]
    match tests:
        case []:
            return always
        case [test]:
            return test
        case [first, second]:
            return lambda value: first(value) and second(value)
        case [first, second, third]:
            return lambda value: first(value) and second(value) and third(value)
    return lambda value: all(test(value) for test in tests)


def quick_test(rules: Mapping[str, Any]) -> Test:
    """The test of a field's rules.

    Args:
        rules: Validating keywords of draft-06 with what they ask for; nothing about what is below the field.
    """
    rules = {keyword: asked for keyword, asked in rules.items() if not _is_annotation(keyword, asked)}
    if not rules:
        return always
    types = _python_types(rules.get("type"))
    if not types:
        return never
    return all_of([_type_test(types), *(_rule_test(key, rules[key], types) for key in rules if key != "type")])


def sole_type(test: Test) -> type | None:
    """The type whose values all pass, if there is one and that is all there is to the test."""
    return next((only for only, its_test in _TYPE_TESTS.items() if its_test is test), None)


def _is_annotation(keyword: str, asked: object) -> bool:
    return keyword == "format" and asked not in _FORMATS


def _python_types(asked: object) -> frozenset[type]:
    names = asked if isinstance(asked, list) else [asked]
    if not _PYTHON_TYPES.keys() >= set(names):
        return frozenset()
    return frozenset().union(*(_PYTHON_TYPES[name] for name in names))


def _type_test(types: frozenset[type]) -> Test:
    if len(types) > 1:
        return lambda value: type(value) in types
    [only] = types
    return _TYPE_TESTS[only]


def _is_exactly(only: type) -> Test:
    return lambda value: type(value) is only


def _rule_test(keyword: str, asked: Any, types: frozenset[type]) -> Test:  # noqa: ANN401  (JSON)
    """The test of one rule for values of these types."""
    if keyword in ("enum", "const"):
        return _one_of(asked if keyword == "enum" else [asked], types)
    fitting, make = _RULES.get(keyword, (frozenset(), None))
    return make(asked) if make and types <= fitting else never


def _one_of(allowed: list[Any], types: frozenset[type]) -> Test:
    """Python's equality is JSON's, if there are only texts and numbers."""
    if not types <= _TEXTS | _NUMBERS or not {type(value) for value in allowed} <= _TEXTS | _NUMBERS:
        return never
    return frozenset(allowed).__contains__


def _pattern(asked: str) -> Test:
    return compile_pattern(asked).accepts


def _format(asked: str) -> Test:
    return _FORMATS[asked]


def _required(asked: list[str]) -> Test:
    return frozenset(asked).issubset


def _unique(asked: bool) -> Test:
    return are_unique if asked else always


def _length(compare: Callable[[int, Any], bool], asked: float) -> Test:
    return lambda value: compare(len(value), asked)


def _bound(compare: Callable[[Any, Any], bool], asked: float) -> Test:
    return lambda number: compare(number, asked)


_FORMATS: Final[dict[object, Test]] = {"date": is_date, "date-time": is_date_time}
_PYTHON_TYPES: Final[dict[object, frozenset[type]]] = {
    "string": frozenset({str}),
    "number": frozenset({int, float}),
    "integer": frozenset({int}),
    "boolean": frozenset({bool}),
    "null": frozenset({NoneType}),
    "object": frozenset({dict}),
    "array": frozenset({list}),
}
"""Python's types of values that certainly have a JSON type. That 1.0 is an integer too is left to the oracle."""
_TYPE_TESTS: Final = {only: _is_exactly(only) for types in _PYTHON_TYPES.values() for only in types}
_TEXTS = _PYTHON_TYPES["string"]
_NUMBERS = _PYTHON_TYPES["number"]
_RULES: Final[dict[str, tuple[frozenset[type], Callable[[Any], Test]]]] = {
    "pattern": (_TEXTS, _pattern),
    "format": (_TEXTS, _format),
    "minLength": (_TEXTS, partial(_length, ge)),
    "maxLength": (_TEXTS, partial(_length, le)),
    "minimum": (_NUMBERS, partial(_bound, ge)),
    "maximum": (_NUMBERS, partial(_bound, le)),
    "exclusiveMinimum": (_NUMBERS, partial(_bound, gt)),
    "exclusiveMaximum": (_NUMBERS, partial(_bound, lt)),
    "minItems": (_PYTHON_TYPES["array"], partial(_length, ge)),
    "maxItems": (_PYTHON_TYPES["array"], partial(_length, le)),
    "uniqueItems": (_PYTHON_TYPES["array"], _unique),
    "required": (_PYTHON_TYPES["object"], _required),
}
"""For each rule, the types that it is understood for, and what makes its test."""
