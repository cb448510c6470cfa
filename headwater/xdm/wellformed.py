"""Whether a file from elsewhere is JSON Schema in form, so that composing it meets no surprises."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from headwater.xdm.node import LEAST, MOST

_MAX_DEPTH: Final = 64
_SCHEMAS_BY_NAME: Final = ("properties", "patternProperties", "definitions")
_SCHEMA_LISTS: Final = ("allOf", "oneOf", "anyOf")


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_text_list(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_FORMS: Final[dict[str, Callable[[object], bool]]] = {
    "$ref": _is_text,
    "type": lambda value: _is_text(value) or _is_text_list(value),
    "pattern": _is_text,
    "required": _is_text_list,
    "meta:intendedToExtend": _is_text_list,
    "enum": lambda value: isinstance(value, list),
    "meta:enum": lambda value: isinstance(value, Mapping),
    **dict.fromkeys(_SCHEMAS_BY_NAME, lambda value: isinstance(value, Mapping)),
    **dict.fromkeys(_SCHEMA_LISTS, lambda value: isinstance(value, list)),
    **dict.fromkeys((*LEAST, *MOST), _is_number),
}
"""What the keywords that are read must hold; every other keyword may hold anything."""


def find_flaw(schema: Mapping[str, Any]) -> str | None:
    """What makes a JSON value no JSON Schema, with its JSON Pointer; None if nothing does."""
    waiting: list[tuple[object, tuple[str, ...]]] = [(schema, ())]
    while waiting:
        part, path = waiting.pop()
        pointer = "".join(f"/{step}" for step in path)
        if isinstance(part, bool):
            continue
        if not isinstance(part, Mapping):
            return f"not a schema at #{pointer}"
        if len(path) > _MAX_DEPTH:
            return f"nested more than {_MAX_DEPTH} steps deep"
        flawed = next((key for key, fits in _FORMS.items() if key in part and not fits(part[key])), None)
        if flawed is not None:
            return f"{flawed} holds what it cannot at #{pointer}"
        waiting.extend((child, (*path, *steps)) for child, steps in _parts(part))
    return None


def _parts(schema: Mapping[str, Any]) -> Iterator[tuple[object, tuple[str, ...]]]:
    for key in _SCHEMAS_BY_NAME:
        for name, child in schema.get(key, {}).items():
            yield child, (key, name)
    for key in _SCHEMA_LISTS:
        for index, child in enumerate(schema.get(key, ())):
            yield child, (key, str(index))
    for key in ("items", "additionalProperties"):
        if key in schema and not isinstance(schema[key], list):
            yield schema[key], (key,)
