"""A resolved schema as a tree of fields that columns can be made of.

Every field gets one column type. What no column type fits (a field without a type, an object without fields) is kept as
JSON text, so nothing is lost. A rule that columns cannot check marks its field `undecided`: records that have it are
looked at one by one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import pyarrow as pa

from headwater.errors import SchemaError
from headwater.xdm.types import xdm_type


class Kind(StrEnum):
    """What a field's column holds: an XDM type, or JSON text."""

    STRING = "string"
    DOUBLE = "number"
    LONG = "long"
    INTEGER = "int"
    SHORT = "short"
    BYTE = "byte"
    BOOLEAN = "boolean"
    DATE = "date"
    DATE_TIME = "date-time"
    OBJECT = "object"
    ARRAY = "array"
    MAP = "map"
    JSON = "json"


INTEGER_RANGES: Final = {
    Kind.LONG: (-(2**63), 2**63 - 1),
    Kind.INTEGER: (-(2**31), 2**31 - 1),
    Kind.SHORT: (-(2**15), 2**15 - 1),
    Kind.BYTE: (-(2**7), 2**7 - 1),
}
"""What the columns of the integer types hold. XDM's own bounds for Long are narrower; a schema states them as rules."""

_LEAF_TYPES: Final = {
    Kind.STRING: pa.string(),
    Kind.DOUBLE: pa.float64(),
    Kind.LONG: pa.int64(),
    Kind.INTEGER: pa.int32(),
    Kind.SHORT: pa.int32(),
    Kind.BYTE: pa.int32(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.DATE: pa.date32(),
    Kind.DATE_TIME: pa.timestamp("us", "UTC"),
    Kind.JSON: pa.string(),
}

_JSON_TYPES = ("string", "number", "integer", "boolean", "object", "array")
_VALUE_RULES = frozenset({"enum", "const"})
_TEXT_RULES = frozenset({"pattern", "minLength", "maxLength"})
_NUMBER_RULES = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
_COLUMN_RULES: Final[dict[Kind, frozenset[str]]] = {
    Kind.STRING: _VALUE_RULES | _TEXT_RULES,
    Kind.BOOLEAN: _VALUE_RULES,
    Kind.ARRAY: frozenset({"items", "minItems", "maxItems"}),
    Kind.OBJECT: frozenset({"properties", "required"}),
    Kind.MAP: frozenset({"additionalProperties"}),
} | dict.fromkeys((Kind.DOUBLE, Kind.LONG, Kind.INTEGER, Kind.SHORT, Kind.BYTE), _VALUE_RULES | _NUMBER_RULES)
"""The keywords that are checked by column, for each kind of column."""

_OTHER_RULES = frozenset(
    {"multipleOf", "additionalItems", "uniqueItems", "contains", "patternProperties", "minProperties", "maxProperties"}
    | {"dependencies", "propertyNames", "allOf", "anyOf", "oneOf", "not", "$ref"}
)
_ALL_RULES = _OTHER_RULES.union(*_COLUMN_RULES.values())
"""The validating keywords of draft-06, `type` and `format` aside; others are annotations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A field and what is below it.

    Attributes:
        kind: What its column holds.
        schema: Its own part of the JSON Schema.
        pointer: JSON Pointer of the field, with `*` for any element of an array or value of a map.
        fields: An object's fields, in the schema's order.
        element: Of an array or the values of a map.
        closed: Whether an object refuses fields that it does not list.
        undecided: Whether it has rules that are not checked by column.
    """

    kind: Kind
    schema: Mapping[str, Any]
    pointer: str
    fields: tuple[tuple[str, "Shape"], ...] = ()
    element: "Shape | None" = None
    closed: bool = False
    undecided: bool = False

    @property
    def required(self) -> frozenset[str]:
        """Names of the fields that an object must have."""
        return frozenset(self.schema.get("required", ())) if self.kind is Kind.OBJECT else frozenset()

    @property
    def inner(self) -> "Shape":
        """The shape of an array's elements or a map's values."""
        if self.element is None:
            raise TypeError(f"a field of kind {self.kind} has no elements")
        return self.element

    def arrow_type(self) -> pa.DataType:
        """The column's type."""
        match self.kind:
            case Kind.OBJECT:
                return pa.struct([pa.field(name, field.arrow_type()) for name, field in self.fields])
            case Kind.ARRAY:
                return pa.list_(self.inner.arrow_type())
            case Kind.MAP:
                return pa.map_(pa.string(), self.inner.arrow_type())
            case _:
                return _LEAF_TYPES[self.kind]

    def walk(self) -> Iterator["Shape"]:
        """This field and all below it."""
        yield self
        for _, field in self.fields:
            yield from field.walk()
        if self.element is not None:
            yield from self.element.walk()


def compile_shape(json_schema: Mapping[str, Any]) -> Shape:
    """The shape of a record.

    Raises:
        SchemaError: the schema is not an object with fields, or a field's name cannot be a column's.
    """
    root = _shape(json_schema, "")
    if root.kind is not Kind.OBJECT:
        raise SchemaError("a record's schema must be an object with at least one field in `properties`")
    return root


def escape(name: str) -> str:
    """A name as one step of a JSON Pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def _shape(schema: object, pointer: str) -> Shape:
    if not isinstance(schema, Mapping):
        return Shape(kind=Kind.JSON, schema={}, pointer=pointer, undecided=schema is False)
    kind = _kind(schema)
    fields: tuple[tuple[str, Shape], ...] = ()
    element = None
    if kind is Kind.OBJECT:
        fields = tuple(
            (_name(name, pointer), _shape(field, f"{pointer}/{escape(name)}"))
            for name, field in schema["properties"].items()
        )
    elif kind in (Kind.ARRAY, Kind.MAP):
        element = _shape(schema["items" if kind is Kind.ARRAY else "additionalProperties"], f"{pointer}/*")
    return Shape(
        kind=kind,
        schema=schema,
        pointer=pointer,
        fields=fields,
        element=element,
        closed=kind is Kind.OBJECT and schema.get("additionalProperties") is False,
        undecided=_undecided(kind, schema),
    )


def _kind(schema: Mapping[str, Any]) -> Kind:
    json_type = schema.get("type")
    if isinstance(json_type, list):
        named = [name for name in json_type if name != "null"]
        json_type = named[0] if len(named) == 1 else None
    if "$ref" in schema or json_type not in _JSON_TYPES:
        return Kind.JSON
    if json_type == "object":
        if schema.get("properties"):
            return Kind.OBJECT
        return Kind.MAP if isinstance(schema.get("additionalProperties"), Mapping) else Kind.JSON
    if json_type == "array":
        return Kind.ARRAY if isinstance(schema.get("items"), Mapping) else Kind.JSON
    return Kind(xdm_type({**schema, "type": json_type}))


def _undecided(kind: Kind, schema: Mapping[str, Any]) -> bool:
    rules = _ALL_RULES & schema.keys() - _COLUMN_RULES.get(kind, frozenset())
    if kind is Kind.OBJECT:
        if isinstance(schema.get("additionalProperties", True), bool):
            rules -= {"additionalProperties"}
        return bool(rules) or not set(schema.get("required", ())) <= schema["properties"].keys()
    if kind is Kind.JSON:
        return bool(rules) or "type" in schema or "format" in schema
    return bool(rules)


def _name(name: str, pointer: str) -> str:
    if not name or any(character in '"\\' or ord(character) < 32 for character in name):
        raise SchemaError(
            f"field {name!r} below {pointer or 'the record'} cannot be a column: its name is empty, or has a quote, a "
            "backslash or a control character. Rename it."
        )
    return name
