"""A resolved schema as a tree to look at."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headwater.xdm import ResolvedSchema


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaNode:
    """One field. `identity` says which namespace it identifies in, if any; `children` are the fields of an object."""

    name: str
    type: str
    title: str
    required: bool
    identity: str | None
    children: tuple["SchemaNode", ...]


def schema_tree(schema: ResolvedSchema) -> tuple[SchemaNode, ...]:
    """The schema's fields, by name, with the identities that its descriptors declare."""
    identities = {
        field.path: f"{field.namespace}, primary" if field.primary else field.namespace for field in schema.identities
    }
    return _children(schema.json_schema, (), identities)


def _children(
    schema: Mapping[str, Any], path: tuple[str, ...], identities: Mapping[tuple[str, ...], str]
) -> tuple[SchemaNode, ...]:
    required = schema.get("required", ())
    return tuple(
        SchemaNode(
            name=name,
            type=_type(field),
            title=str(field.get("title", "")),
            required=name in required,
            identity=identities.get((*path, name)),
            children=_children(_object_of(field), (*path, name), identities),
        )
        for name, field in sorted(schema.get("properties", {}).items())
    )


def _object_of(field: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema that holds a field's own fields: its own, its items' or its map values'."""
    for key in ("items", "additionalProperties"):
        inner = field.get(key)
        if isinstance(inner, Mapping):
            return _object_of(inner)
    return field


def _type(field: Mapping[str, Any]) -> str:
    if isinstance(items := field.get("items"), Mapping):
        return f"array of {_type(items)}"
    if isinstance(values := field.get("additionalProperties"), Mapping):
        return f"map of {_type(values)}"
    return str(field.get("meta:xdmType") or field.get("format") or field.get("type", "any"))
