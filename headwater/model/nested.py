"""Finding one's way in nested records."""

from collections.abc import Mapping, Sequence
from typing import Any


def flatten(record: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """The record's fields with dotted names, in their order; a list is one value."""
    fields: list[tuple[str, Any]] = []
    for key, value in record.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            fields += flatten(value, f"{name}.")
        else:
            fields.append((name, value))
    return fields


def value_at(document: Any, pointer: str) -> Any:  # noqa: ANN401 - JSON values
    """What a JSON Pointer (RFC 6901) points to; None if nothing is there."""
    value = document
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping):
            value = value.get(key)
        elif isinstance(value, Sequence) and not isinstance(value, str) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value
