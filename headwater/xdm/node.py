"""A schema under composition, and how two declarations of the same thing become one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from headwater.errors import SchemaError
from headwater.xdm.names import ITEMS, VALUES, dotted
from headwater.xdm.types import INTEGER_BOUNDS, type_of_values, xdm_type

ANNOTATIONS: Final = ("title", "description", "default", "examples", "meta:enum", "meta:xdmField", "meta:status")
"""Keywords that say something and check nothing."""
LEAST: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
MOST: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
EQUAL: Final = ("const", "pattern")
CONSTRAINTS: Final = ("type", "format", "meta:xdmType", "enum", "uniqueItems", *EQUAL, *LEAST, *MOST)
"""Keywords that check a value, beside those that hold schemas themselves."""
_OBJECTS: Final = {"object or map", "object", "map"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A JSON Schema with short names and without references, in parts.

    Attributes:
        origin: The resource that declared it, as messages name it.
        keywords: Annotations and constraints.
        properties: By short name, in the order of declaration.
        required: Short names that must be there.
        items: What an array holds, or None.
        values: What the values of a map are, or None.
        choices: The branches of `oneOf` and `anyOf`.
    """

    origin: str
    keywords: Mapping[str, Any] = field(default_factory=dict)
    properties: "Mapping[str, Node]" = field(default_factory=dict)
    required: tuple[str, ...] = ()
    items: "Node | None" = None
    values: "Node | None" = None
    choices: "Mapping[str, tuple[Node, ...]]" = field(default_factory=dict)

    @property
    def json_type(self) -> str | None:
        """JSON Schema's type, stated or plain from what else is there; None if nothing tells."""
        if stated := self.keywords.get("type"):
            return str(stated)
        if self.properties or self.required or self.values is not None:
            return "object"
        if values := [self.keywords["const"]] if "const" in self.keywords else self.keywords.get("enum"):
            return type_of_values(values)
        return "array" if self.items is not None else None

    @property
    def type_name(self) -> str | None:
        """The XDM type without its size (every integer is `integer`), None if nothing tells."""
        if self.json_type in (None, "integer"):
            return self.json_type
        if self.json_type == "object" and not self.properties and self.values is None:
            return "object or map"
        is_map = self.values is not None and not self.properties
        return xdm_type({**self.keywords, "type": self.json_type}, is_map=is_map)


def merge(first: Node, second: Node, path: tuple[str, ...] = ()) -> Node:
    """Both declarations at once: what either has is there, what either demands is demanded.

    Annotations of `first` win.

    Args:
        first: The earlier declaration.
        second: The later one.
        path: Where they stand, for messages.

    Raises:
        SchemaError: they cannot both hold: another type, or constraints that exclude each other.
    """
    if first is second:
        return first
    _check_types(first, second, path)
    properties = dict(first.properties)
    for name, node in second.properties.items():
        known = properties.get(name)
        properties[name] = node if known is None else merge(known, node, (*path, name))
    return Node(
        origin=first.origin,
        keywords=_merge_keywords(first, second, path),
        properties=properties,
        required=tuple(dict.fromkeys((*first.required, *second.required))),
        items=_merge_optional(first.items, second.items, (*path, ITEMS)),
        values=_merge_optional(first.values, second.values, (*path, VALUES)),
        choices=_merge_choices(first, second, path),
    )


def overlay(declared: Node, over: Node) -> Node:
    """A reference's target with what stands beside the reference, whose annotations win.

    Draft-06 ignores such siblings; AEP's resolved form keeps them.

    Raises:
        SchemaError: the two exclude each other.
    """
    merged = merge(declared, over)
    annotations = {key: value for key, value in over.keywords.items() if key in ANNOTATIONS}
    return replace(merged, origin=over.origin, keywords={**merged.keywords, **annotations})


def unite(first: Node, *others: Node) -> Node:
    """A place for the values of any: every field of each, without a type where they differ.

    Constraints of `first` stay; the others only lend their structure (see `lend`).
    """
    nodes = (first, *others)
    if not _types_agree(*nodes):
        annotations = {key: value for key, value in first.keywords.items() if key in ANNOTATIONS}
        return Node(origin=first.origin, keywords=annotations, choices=first.choices)
    names = dict.fromkeys(name for node in nodes for name in node.properties)
    return replace(
        first,
        keywords={key: value for node in reversed(nodes) for key, value in node.keywords.items()},
        properties={
            name: unite(*(node.properties[name] for node in nodes if name in node.properties)) for name in names
        },
        items=_united(node.items for node in nodes),
        values=_united(node.values for node in nodes),
    )


def lend(node: Node) -> Node:
    """A node's structure: the fields and types that a branch of a choice brings, none of it demanded."""
    return Node(
        origin=node.origin,
        keywords={key: node.keywords[key] for key in ("type", "format", "meta:xdmType") if key in node.keywords},
        properties={name: lend(child) for name, child in node.properties.items()},
        items=None if node.items is None else lend(node.items),
        values=None if node.values is None else lend(node.values),
    )


def _united(nodes: Iterable[Node | None]) -> Node | None:
    present = [node for node in nodes if node is not None]
    return unite(*present) if present else None


def _merge_optional(first: Node | None, second: Node | None, path: tuple[str, ...]) -> Node | None:
    if first is None or second is None:
        return first or second
    return merge(first, second, path)


def _merge_choices(first: Node, second: Node, path: tuple[str, ...]) -> dict[str, tuple[Node, ...]]:
    for key in first.choices.keys() & second.choices.keys():
        if first.choices[key] != second.choices[key]:
            raise SchemaError(
                f"{dotted(path)} has {key} in {first.origin} and another {key} in {second.origin}. "
                "The two cannot be told apart in one schema: use only one of these resources."
            )
    return {**second.choices, **first.choices}


def _types_agree(*nodes: Node) -> bool:
    names = {node.type_name for node in nodes} - {None}
    return len(names) < 2 or ("object or map" in names and len(names) == 2 and names <= _OBJECTS)


def _check_types(first: Node, second: Node, path: tuple[str, ...]) -> None:
    if not _types_agree(first, second):
        raise SchemaError(
            f"{dotted(path)} is {first.type_name} in {first.origin} and {second.type_name} in {second.origin}. "
            "One field has one type: rename one of the two, or use only one of these resources."
        )


def _merge_keywords(first: Node, second: Node, path: tuple[str, ...]) -> dict[str, Any]:
    merged = {**second.keywords, **first.keywords}
    for key in first.keywords.keys() & second.keywords.keys():
        one, other = first.keywords[key], second.keywords[key]
        if key in LEAST:
            merged[key] = min(one, other)
        elif key in MOST:
            merged[key] = max(one, other)
        elif key == "uniqueItems":
            merged[key] = one or other
        elif key == "meta:enum":
            merged[key] = {**other, **one}
        elif key == "enum":
            merged[key] = [value for value in one if value in other]
        elif key == "meta:xdmType" and {one, other} <= INTEGER_BOUNDS.keys():
            merged[key] = min(one, other, key=list(INTEGER_BOUNDS).index)
        elif key in EQUAL and one != other:
            raise _conflict(key, first, second, path)
    if merged.get("enum") == []:
        raise _conflict("enum", first, second, path)
    _refuse_contradiction(merged, first, second, path)
    return merged


def _refuse_contradiction(merged: Mapping[str, Any], first: Node, second: Node, path: tuple[str, ...]) -> None:
    """Refuse rules of two resources that each could be kept, and together by no value."""
    pairs = [(least, most) for most, least in zip(LEAST, MOST, strict=True) if {least, most} <= merged.keys()]
    found = next((pair for pair in pairs if merged[pair[0]] > merged[pair[1]]), None)
    if found is None and {"const", "enum"} <= merged.keys() and merged["const"] not in merged["enum"]:
        found = ("const", "enum")
    if found is not None:
        rules = " and ".join(f"{key} {merged[key]!r}" for key in found)
        raise SchemaError(
            f"{dotted(path)} has {rules} in {first.origin} and {second.origin} together; no value fits both. Change "
            "one of the two, or use only one of these resources."
        )


def _conflict(key: str, first: Node, second: Node, path: tuple[str, ...]) -> SchemaError:
    return SchemaError(
        f"{dotted(path)} has {key} {first.keywords[key]!r} in {first.origin} and {second.keywords[key]!r} in "
        f"{second.origin}; no value fits both. Give both the same {key}, or use only one of these resources."
    )
