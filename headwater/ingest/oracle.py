"""The oracle, asked only where there is doubt: the errors of `jsonschema`, without its walk over what is plainly right.

A schema is taken apart into the validators of its fields, compiled once. Quick tests pass over the fields that hold;
only for the others, `jsonschema` itself is asked. So its errors come out, all of them and in its order. What cannot be
taken apart safely is left to it whole.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Protocol

from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator

from headwater.ingest.quick import Test, all_of, always, never, quick_test, sole_type
from headwater.ingest.shape import escape
from headwater.xdm.validation import make_validator


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """An error of the oracle, and where the part of the record begins that it was shown: a JSON Pointer."""

    pointer: str
    error: ValidationError


class Oracle:
    """Says of a record what `jsonschema` says of it.

    Attributes:
        is_divisible: Whether fields of a record can be shown to it without the others.
    """

    def __init__(self, json_schema: Mapping[str, Any]) -> None:
        schema = {keyword: asked for keyword, asked in json_schema.items() if keyword != "$schema"}
        validator = make_validator(schema)
        self._root: _Part = _Rules(validator, never) if _is_linked(schema) else _compile(validator, schema)
        self.is_divisible = isinstance(self._root, _Field)
        self._in_part = self._root.in_part(validator) if isinstance(self._root, _Field) else self._root

    def find_faults(
        self,
        record: dict[str, Any],
        limit: int,
        *,
        part: Collection[str] | None = None,
        blamed: Collection[str] = frozenset(),
    ) -> list[Fault]:
        """The first errors of a record, at most `limit`, in the order of `jsonschema`.

        The values of a map come in the record's order; `jsonschema` has none for them.

        Args:
            record: A record.
            limit: How many errors.
            part: Names of the only fields that are judged, and that the record has; the others, and the record as a
                whole, are known to be right. None for all of them.
            blamed: Pointers of values that are in the wrong already: of their own rules no more is said.
        """
        findings = _Findings(limit, part or (), blamed)
        root = self._root if part is None or not isinstance(self._root, _Field) else self._in_part
        root.collect(record, "", findings)
        return findings.faults


class _Findings:
    """Faults, up to a limit; and what the search is told of the record."""

    def __init__(self, limit: int, part: Collection[str], blamed: Collection[str]) -> None:
        self.faults: list[Fault] = []
        self.part = part
        self.blamed = blamed
        self._limit = limit

    @property
    def full(self) -> bool:
        return len(self.faults) >= self._limit

    def add(self, pointer: str, errors: Iterable[ValidationError]) -> None:
        for error in islice(errors, self._limit - len(self.faults)):
            self.faults.append(Fault(pointer=pointer, error=error))


class _Part(Protocol):
    """Some rules of a field, or what is below it."""

    @property
    def holds(self) -> Test: ...

    def collect(self, value: Any, pointer: str, findings: _Findings) -> None:  # noqa: ANN401  (JSON)
        """Everything that is wrong with a value."""


class _Rules:
    """Rules that `jsonschema` checks, unless a quick test shows that they hold."""

    def __init__(self, validator: Validator, holds: Test, required: tuple[str, ...] = ()) -> None:
        self.required = required
        self.holds = holds
        self._validator = validator
        asked = validator.schema
        self._are_own = isinstance(asked, dict) and _OF_THE_VALUE_ALONE.issuperset(asked)

    def collect(self, value: Any, pointer: str, findings: _Findings) -> None:  # noqa: ANN401  (JSON)
        if not self.holds(value) and not (self._are_own and pointer in findings.blamed):
            findings.add(pointer, self._validator.iter_errors(value))


class _Required:
    """Which fields a record must have, if only a part of it is shown."""

    holds = staticmethod(never)

    def __init__(self, validator: Validator, names: tuple[str, ...]) -> None:
        self._validator = validator
        self._names = names

    def collect(self, value: Any, pointer: str, findings: _Findings) -> None:  # noqa: ANN401  (JSON)
        missing = [name for name in self._names if name in findings.part and name not in value]
        if missing:
            findings.add(pointer, self._validator.evolve(schema={"required": missing}).iter_errors(value))


class _Field:
    """Rules of a value and of what is below it, in the schema's order."""

    def __init__(self, parts: list[_Part]) -> None:
        self._parts = parts
        self.holds = all_of([part.holds for part in parts])

    def in_part(self, validator: Validator) -> "_Field":
        """What can be said of some fields without the others: what is below it, and whether they are there."""
        parts: list[_Part] = []
        for part in self._parts:
            if not isinstance(part, _Rules):
                parts.append(part)
            elif part.required:
                parts.append(_Required(validator, part.required))
        return _Field(parts)

    def collect(self, value: Any, pointer: str, findings: _Findings) -> None:  # noqa: ANN401  (JSON)
        for part in self._parts:
            part.collect(value, pointer, findings)


class _Properties:
    """The fields of an object."""

    def __init__(self, fields: dict[str, _Part]) -> None:
        self._fields = fields
        self._tests = {name: field.holds for name, field in fields.items() if field.holds is not always}
        self._types = {name: sole_type(field.holds) for name, field in fields.items()}

    def holds(self, value: Any) -> bool:  # noqa: ANN401  (JSON)
        if type(value) is not dict:
            return True
        types, tests = self._types, self._tests
        for name, found in value.items():
            if types.get(name) is not type(found) and name in tests and not tests[name](found):
                return False
        return True

    def collect(self, value: Any, pointer: str, findings: _Findings) -> None:  # noqa: ANN401  (JSON)
        if type(value) is not dict:
            return
        for name, field in self._fields.items():
            if name in value and not field.holds(value[name]):
                field.collect(value[name], f"{pointer}/{escape(name)}", findings)


class _Elements:
    """The elements of an array."""

    def __init__(self, element: _Part) -> None:
        self._element = element

    def holds(self, value: Any) -> bool:  # noqa: ANN401  (JSON)
        return type(value) is not list or all(map(self._element.holds, value))

    def collect(self, value: Any, pointer: str, findings: _Findings) -> None:  # noqa: ANN401  (JSON)
        if type(value) is not list:
            return
        for place, element in enumerate(value):
            if findings.full:
                return
            if not self._element.holds(element):
                self._element.collect(element, f"{pointer}/{place}", findings)


class _MapValues:
    """The values of a map."""

    def __init__(self, value: _Part) -> None:
        self._value = value

    def holds(self, value: Any) -> bool:  # noqa: ANN401  (JSON)
        return type(value) is not dict or all(map(self._value.holds, value.values()))

    def collect(self, value: Any, pointer: str, findings: _Findings) -> None:  # noqa: ANN401  (JSON)
        if type(value) is not dict:
            return
        for key, member in value.items():
            if findings.full:
                return
            if not self._value.holds(member):
                self._value.collect(member, f"{pointer}/{escape(key)}", findings)


def _compile(validator: Validator, schema: object) -> _Part:
    """The parts of a field; `validator` is one of the same draft, to make others from."""
    if not isinstance(schema, dict):
        return _Rules(validator.evolve(schema=schema), always if schema is True else never)
    validating = {keyword: asked for keyword, asked in schema.items() if keyword in validator.VALIDATORS}
    if validating.get("additionalProperties") is True:
        del validating["additionalProperties"]
    if _is_indivisible(validating):
        return _Rules(validator.evolve(schema=schema), never)
    parts: list[_Part] = []
    rules: dict[str, Any] = {}
    for keyword, asked in validating.items():
        if keyword in _BELOW:
            parts += [*_rules(validator, rules, schema), _below(validator, keyword, asked)]
            rules = {}
        else:
            rules[keyword] = asked
    return _Field([*parts, *_rules(validator, rules, schema)])


def _rules(validator: Validator, rules: dict[str, Any], schema: dict[str, Any]) -> list[_Part]:
    """The part that some rules of a schema make, if there are any."""
    if not rules:
        return []
    typed = {"type": schema["type"]} | rules if "type" in schema else rules
    return [_Rules(validator.evolve(schema=rules), quick_test(typed), tuple(rules.get("required", ())))]


def _below(validator: Validator, keyword: str, asked: Any) -> _Part:  # noqa: ANN401  (JSON)
    if keyword == "properties":
        return _Properties({name: _compile(validator, field) for name, field in asked.items()})
    return (_Elements if keyword == "items" else _MapValues)(_compile(validator, asked))


def _is_indivisible(schema: dict[str, Any]) -> bool:
    """Whether keywords bear on each other, or `jsonschema` reports what is below as the field's own error."""
    if "patternProperties" in schema or ("properties" in schema and "additionalProperties" in schema):
        return True
    below = [*schema.get("properties", {}).values(), *(schema[keyword] for keyword in _BELOW[1:] if keyword in schema)]
    return not all(isinstance(part, dict) or part is True for part in below)


_BELOW: Final = ("properties", "items", "additionalProperties")
_OF_THE_VALUE_ALONE: Final = frozenset(
    {"type", "format", "enum", "const", "pattern", "minLength", "maxLength", "multipleOf", "minItems", "maxItems"}
    | {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
)
"""Keywords whose errors are all of the value itself, and of nothing below it."""


def _is_linked(schema: object) -> bool:
    """Whether a part of the schema refers to another, or is of a draft of its own."""
    if isinstance(schema, Mapping):
        return "$ref" in schema or "$schema" in schema or any(map(_is_linked, schema.values()))
    return isinstance(schema, list) and any(map(_is_linked, schema))
