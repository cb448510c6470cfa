"""What own resources may say: the tenant object, the keywords, and what each keyword holds."""

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, Final

from headwater.errors import SchemaError
from headwater.xdm.names import ITEMS, VALUES, dotted

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
_TYPES: Final = ("string", "number", "integer", "boolean", "object", "array")
_MAX_DEPTH: Final = 32


_VALUES: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
}


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_pattern(value: object) -> bool:
    try:
        return bool(re.compile(value)) if isinstance(value, str) else False
    except re.error:
        return False


_KEYWORDS: Final[dict[str, tuple[Callable[[object], bool], str]]] = {
    "$ref": (_is_text, "the name or $id of a data type"),
    "type": (lambda value: value in _TYPES, f"one of {', '.join(_TYPES)}"),
    "format": (_is_text, "the name of a format"),
    "title": (_is_text, "text"),
    "description": (_is_text, "text"),
    "properties": (lambda value: isinstance(value, Mapping) and bool(value), "a mapping with at least one property"),
    "required": (lambda value: isinstance(value, list | tuple) and all(map(_is_text, value)), "a list of names"),
    "items": (lambda value: isinstance(value, Mapping), "one schema"),
    "additionalProperties": (lambda value: isinstance(value, Mapping), "the schema of a map's values"),
    "enum": (lambda value: isinstance(value, list) and bool(value), "a list with at least one value"),
    "const": (lambda value: value is not None, "a value"),
    "default": (lambda value: value is not None, "a value"),
    "examples": (lambda value: isinstance(value, list), "a list of values"),
    "pattern": (_is_pattern, "a valid regular expression"),
    "minimum": (_is_number, "a number"),
    "maximum": (_is_number, "a number"),
    "exclusiveMinimum": (_is_number, "a number"),
    "exclusiveMaximum": (_is_number, "a number"),
    "minLength": (_is_count, "a whole number of 0 or more"),
    "maxLength": (_is_count, "a whole number of 0 or more"),
    "minItems": (_is_count, "a whole number of 0 or more"),
    "maxItems": (_is_count, "a whole number of 0 or more"),
    "minProperties": (_is_count, "a whole number of 0 or more"),
    "maxProperties": (_is_count, "a whole number of 0 or more"),
    "uniqueItems": (lambda value: isinstance(value, bool), "true or false"),
}
"""The keywords of own properties: what a value must be, and how to say so. `meta:…` is free."""


def check_tenant_object(label: str, properties: Mapping[str, Any]) -> None:
    """Refuse root properties other than one tenant object (spec: xdm.md, section 1.2).

    Raises:
        SchemaError: says where to put the properties.
    """
    misplaced = sorted(name for name in properties if not name.startswith("_"))
    if misplaced or len(properties) > 1:
        raise SchemaError(
            f"{label} has the root properties {', '.join(map(repr, sorted(properties)))}. What an organisation adds "
            "itself stands below one object named '_' and its tenant id: put all of them into that object."
        )


def check_own_properties(label: str, body: Mapping[str, Any], inherited: tuple[str, ...] = ()) -> None:
    """Refuse what a property may not be, with its path, the reason and what would do.

    Args:
        label: The resource, as messages name it.
        body: Its JSON Schema; only `properties` and `required` are looked at.
        inherited: Names that its `required` may hold beside its own properties.

    Raises:
        SchemaError: the first thing wrong.
    """
    root = {key: body[key] for key in ("properties", "required") if body.get(key)}
    _check_members(label, root, (), inherited)


def _check_members(label: str, schema: Mapping[str, Any], path: tuple[str, ...], inherited: tuple[str, ...]) -> None:
    properties = schema.get("properties", {})
    for name, child in properties.items():
        if not _NAME.fullmatch(name):
            raise SchemaError(
                f"{label}: {name!r} is no name for a property. Use letters, digits, '_' and, not in front, '-'; in the "
                "short form that data has ('person', not 'xdm:person')."
            )
        _check_property(label, child, (*path, name))
    for name in schema.get("required", ()):
        if "$ref" not in schema and name not in properties and name not in inherited:
            raise SchemaError(
                f"{label}: {dotted(path)} requires {name!r}, which it does not have. "
                f"Its properties are {', '.join(map(repr, [*properties, *inherited])) or 'none'}."
            )


def _check_property(label: str, schema: object, path: tuple[str, ...]) -> None:
    if not isinstance(schema, Mapping):
        raise SchemaError(f"{label}: {dotted(path)} is {schema!r}, not a schema such as {{type: string}}.")
    if len(path) > _MAX_DEPTH:
        raise SchemaError(f"{label}: {dotted(path[:3])}… is nested more than {_MAX_DEPTH} levels deep.")
    _check_keywords(label, schema, path)
    _check_shape(label, schema, path)
    _check_values(label, schema, path)
    _check_members(label, schema, path, ())
    for key, step in (("items", ITEMS), ("additionalProperties", VALUES)):
        if key in schema:
            _check_property(label, schema[key], (*path, step))


def _check_keywords(label: str, schema: Mapping[str, Any], path: tuple[str, ...]) -> None:
    for key, value in schema.items():
        if key.startswith("meta:"):
            continue
        if key not in _KEYWORDS:
            close = get_close_matches(key, _KEYWORDS, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"use {', '.join(sorted(_KEYWORDS))} or meta:…"
            raise SchemaError(f"{label}: {dotted(path)} has the keyword {key!r}, which own properties do not; {hint}")
        is_valid, expected = _KEYWORDS[key]
        if not is_valid(value):
            raise SchemaError(f"{label}: {key} of {dotted(path)} is {value!r}; it must be {expected}.")


def _check_shape(label: str, schema: Mapping[str, Any], path: tuple[str, ...]) -> None:
    """Every property has a type, an object says what is in it, and so does an array."""
    if "$ref" in schema:
        return
    implied = "object" if "properties" in schema or "additionalProperties" in schema else None
    implied = implied or ("array" if "items" in schema else None)
    json_type = schema.get("type", implied)
    if json_type is None:
        raise SchemaError(f"{label}: {dotted(path)} has no type. Give it one of {', '.join(_TYPES)}, or a $ref.")
    if implied and json_type != implied:
        raise SchemaError(f"{label}: {dotted(path)} is of type {json_type} but has what only {implied}s have.")
    if json_type == "object" and implied is None:
        raise SchemaError(
            f"{label}: {dotted(path)} is an object without fields. Give it properties, or additionalProperties (the "
            "schema of its values) for a map with free keys."
        )
    if json_type == "array" and implied is None:
        raise SchemaError(f"{label}: {dotted(path)} is an array without items. Give it the schema of its items.")
    if "properties" in schema and "additionalProperties" in schema:
        raise SchemaError(
            f"{label}: {dotted(path)} has properties and additionalProperties. An object has the one, a map the other."
        )


def _check_values(label: str, schema: Mapping[str, Any], path: tuple[str, ...]) -> None:
    """What `enum`, `const` and `default` hold is of the property's type; YAML reads a bare `yes` as true."""
    json_type = schema.get("type")
    if json_type not in _VALUES:
        return
    for key in ("enum", "const", "default"):
        values = schema.get("enum", []) if key == "enum" else [schema[key]] if key in schema else []
        for value in values:
            if not isinstance(value, _VALUES[json_type]) or (isinstance(value, bool) and json_type != "boolean"):
                raise SchemaError(
                    f"{label}: {key} of {dotted(path)} holds {value!r}, which is no {json_type}. "
                    "In YAML, put text that reads as something else into quotes."
                )
