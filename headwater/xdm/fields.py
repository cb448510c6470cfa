"""Looking into a resolved JSON Schema: one field by its path, or all of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from headwater.xdm.names import ITEMS, VALUES, dotted


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of a resolved schema.

    Attributes:
        path: From the record's root, with `[]` for the items of an array and `{}` for the values of a map.
        schema: Its resolved JSON Schema.
        required: Whether the object that holds it must have it.
    """

    path: tuple[str, ...]
    schema: Mapping[str, Any]
    required: bool

    @property
    def name(self) -> str:
        """The path as people read it: `productListItems[].SKU`."""
        return dotted(self.path)

    @property
    def repeated(self) -> bool:
        """Whether one record may have it more than once."""
        return ITEMS in self.path or VALUES in self.path


def iter_fields(json_schema: Mapping[str, Any]) -> Iterator[Field]:
    """Every field of a resolved schema, objects before what they hold, in the schema's order."""
    yield from _members(json_schema, ())


def find_field(json_schema: Mapping[str, Any], xdm_path: str) -> Field | None:
    """The field that a descriptor's path names, None if there is none.

    Args:
        json_schema: A resolved schema.
        xdm_path: Such as `/person/name`. Arrays are passed through, with or without a `[*]` or `[]` after their name.
    """
    field = Field(path=(), schema=json_schema, required=True)
    for step in xdm_path.strip("/").split("/"):
        name = step.removesuffix("[*]").removesuffix("[]")
        while "items" in field.schema:
            field = Field(path=(*field.path, ITEMS), schema=field.schema["items"], required=False)
        schema = field.schema.get("properties", {}).get(name)
        if schema is None:
            return None
        field = Field(path=(*field.path, name), schema=schema, required=name in field.schema.get("required", ()))
    return field


def _members(schema: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[Field]:
    required = schema.get("required", ())
    for name, child in schema.get("properties", {}).items():
        yield Field(path=(*path, name), schema=child, required=name in required)
        yield from _members(child, (*path, name))
    for key, step in (("items", ITEMS), ("additionalProperties", VALUES)):
        if isinstance(child := schema.get(key), Mapping):
            yield from _members(child, (*path, step))
