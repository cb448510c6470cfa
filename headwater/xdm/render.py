"""From a composed node to the resolved JSON Schema: every field with its `meta:xdmType`."""

from typing import Any, Final

from headwater.errors import SchemaError
from headwater.xdm.node import ANNOTATIONS, CONSTRAINTS, Node
from headwater.xdm.types import INTEGER_BOUNDS, OPEN, xdm_type

MAX_FIELDS: Final = 20_000
"""How many fields a schema may have, those of objects and arrays included."""


def render(node: Node, label: str) -> dict[str, Any]:
    """The resolved JSON Schema of a node: short names, no `$ref`, `allOf` or `definitions` (draft-06).

    What an imported resource leaves open stays open: a field without a type has the `meta:xdmType` `any` and no `type`,
    and an object or array that does not say what it holds has no `properties` or `items`.

    Args:
        node: A composed resource, an object.
        label: What it is, for messages.

    Raises:
        SchemaError: it has more than `MAX_FIELDS` fields.
    """
    return {"properties": {}} | _Renderer(label).object(node)


class _Renderer:
    def __init__(self, label: str) -> None:
        self._label = label
        self._fields = 0

    def object(self, node: Node) -> dict[str, Any]:
        is_map = node.values is not None and not node.properties
        rendered = _stated(node) | {"type": "object", "meta:xdmType": "map" if is_map else "object"}
        if node.properties:
            rendered["properties"] = {name: self.field(child) for name, child in node.properties.items()}
        elif node.values is not None:
            rendered["additionalProperties"] = self.field(node.values)
        if node.required:
            rendered["required"] = list(node.required)
        return rendered | _choices(node)

    def field(self, node: Node) -> dict[str, Any]:
        self._fields += 1
        if self._fields > MAX_FIELDS:
            raise SchemaError(f"{self._label} has more than {MAX_FIELDS} fields. Compose it of fewer field groups.")
        json_type = node.json_type
        if json_type == "object":
            return self.object(node)
        if json_type is None:
            return _stated(node) | {"meta:xdmType": OPEN} | _choices(node)
        rendered = _stated(node) | {"type": json_type}
        rendered["meta:xdmType"] = name = xdm_type(rendered)
        if name in ("date", "date-time"):
            rendered["format"] = name
        if "meta:xdmType" in node.keywords and name in INTEGER_BOUNDS:
            least, most = INTEGER_BOUNDS[name]
            rendered = {"minimum": least, "maximum": most} | rendered
        if node.items is not None:
            rendered["items"] = self.field(node.items)
        return rendered | _choices(node)


def _stated(node: Node) -> dict[str, Any]:
    return {key: node.keywords[key] for key in (*ANNOTATIONS, *CONSTRAINTS) if key in node.keywords}


def _choices(node: Node) -> dict[str, Any]:
    rendered = {key: [_branch(one) for one in branches] for key, branches in node.choices.items()}
    if "anyOf" not in rendered and "oneOf" in rendered and _differ_in_unchecked_formats(rendered["oneOf"]):
        rendered["anyOf"] = rendered.pop("oneOf")
    return rendered


def _differ_in_unchecked_formats(branches: list[dict[str, Any]]) -> bool:
    """Whether two branches are the same but for a format that is not checked: then one value always fits both."""
    checked = [
        {key: value for key, value in branch.items() if key != "format" or value in ("date", "date-time")}
        for branch in branches
    ]
    return any(branch in checked[:place] for place, branch in enumerate(checked))


def _branch(node: Node) -> dict[str, Any]:
    """A branch of `oneOf` or `anyOf`: only what it checks."""
    rendered = {key: node.keywords[key] for key in CONSTRAINTS if key in node.keywords and key != "meta:xdmType"}
    if node.properties:
        rendered["properties"] = {name: _branch(child) for name, child in node.properties.items()}
    if node.keywords.get("additionalProperties") is False:
        rendered["additionalProperties"] = False
    elif node.values is not None:
        rendered["additionalProperties"] = _branch(node.values)
    if node.items is not None:
        rendered["items"] = _branch(node.items)
    if node.required:
        rendered["required"] = list(node.required)
    return rendered | _choices(node)
