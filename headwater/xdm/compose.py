"""Composition: references followed, `allOf` merged, qualified names made short."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import reduce
from typing import Any

from headwater.errors import SchemaError
from headwater.xdm.definitions import Definition, check_own
from headwater.xdm.names import short_path
from headwater.xdm.node import ANNOTATIONS, CONSTRAINTS, Node, lend, merge, overlay, unite
from headwater.xdm.references import References, point

_UNCOMPOSABLE = frozenset({"contains", "dependencies", "multipleOf", "not", "propertyNames"})
"""Rules of draft-06 that the public repository has nowhere (spec: xdm.md, section 5.3)."""


class Composer:
    """Turns definitions into nodes, each once.

    Args:
        find: The definition that a reference in a definition's body means; raises SchemaError if there is none.
    """

    def __init__(self, find: Callable[[str, Definition], Definition]) -> None:
        self._references = References(find)
        self._nodes: dict[str, Node] = {}

    def compose(self, definition: Definition) -> Node:
        """Everything that a definition says, with what it refers to.

        An imported resource that holds itself is cut where it does: the inner field is left without a type.

        Raises:
            SchemaError: a reference leads nowhere, an own resource holds itself or says what it may not, or two
                declarations exclude each other.
        """
        return self._target(definition, "", ())

    def lineage(self, definition: Definition) -> tuple[str, ...]:
        """The `$id`s that a definition is composed of at its root, itself first (AEP's `meta:extends`).

        Raises:
            SchemaError: a reference leads nowhere.
        """
        return self._references.lineage(definition)

    def _target(self, definition: Definition, fragment: str, trail: tuple[str, ...]) -> Node:
        key = f"{definition.id}#{fragment}"
        if key in trail:
            raise _endless(definition, (*trail[trail.index(key) :], key))
        if key not in self._nodes:
            if definition.own and definition.kind != "schemas":
                check_own(definition)
            schema = point(definition, fragment)
            self._nodes[key] = self._expand(schema, definition, (*trail, key), is_field=False)
        return self._nodes[key]

    def _expand(self, schema: object, base: Definition, trail: tuple[str, ...], *, is_field: bool) -> Node:
        if not isinstance(schema, Mapping):
            return Node(origin=base.label)
        node = self._declared(schema, base, trail)
        inherited = list(self._inherited(schema, base, trail, is_field=is_field))
        if inherited:
            node = overlay(reduce(merge, inherited), node)
        lent = [lend(branch) for branches in node.choices.values() for branch in branches]
        return unite(node, *lent) if lent else node

    def _inherited(
        self, schema: Mapping[str, Any], base: Definition, trail: tuple[str, ...], *, is_field: bool
    ) -> Iterator[Node]:
        """What a schema's `$ref` and `allOf` bring; `is_field` where it is a field, and not the resource itself."""
        target, fragment = self._references.locate(schema["$ref"], base) if "$ref" in schema else (None, "")
        if target is not None:
            loop = self._references.loop(trail[-1], target, fragment) if is_field else None
            if loop and base.own:
                raise _endless(base, loop)
            yield Node(origin=base.label) if loop else self._target(target, fragment, trail)
        for part in schema.get("allOf", ()):
            yield self._expand(part, base, trail, is_field=is_field)

    def _declared(self, schema: Mapping[str, Any], base: Definition, trail: tuple[str, ...]) -> Node:
        """What stands in a schema itself, without what it refers to."""
        _refuse_uncomposable(schema, base)
        items, values = schema.get("items"), _map_values(schema)
        node = Node(
            origin=base.label,
            keywords=_keywords(schema),
            items=self._expand(items, base, trail, is_field=True) if isinstance(items, Mapping) else None,
            values=self._expand(values, base, trail, is_field=True) if isinstance(values, Mapping) else None,
            choices={
                key: tuple(self._expand(branch, base, trail, is_field=True) for branch in schema[key])
                for key in ("oneOf", "anyOf")
                if key in schema
            },
        )
        for name, child in schema.get("properties", {}).items():
            if child is not False:
                leaf = self._expand(child, base, trail, is_field=True)
                node = merge(node, _nested(name, leaf, base.label))
        for name in schema.get("required", ()):
            node = merge(node, _demanded(short_path(name), base.label))
        return node


def _refuse_uncomposable(schema: Mapping[str, Any], base: Definition) -> None:
    """Refuse rules that composition does not carry, rather than check less than the resource says."""
    found = sorted(_UNCOMPOSABLE & schema.keys())
    if found:
        raise SchemaError(
            f"{base.label} has {', '.join(found)}, which Headwater does not check in composed schemas. Nothing was "
            "composed. Take the rule out of your copy of the resource, or leave the resource out of the schema."
        )


def _keywords(schema: Mapping[str, Any]) -> dict[str, Any]:
    keywords = {key: schema[key] for key in (*ANNOTATIONS, *CONSTRAINTS) if key in schema}
    if isinstance(stated := keywords.get("type"), list):
        names = [name for name in stated if name != "null"]
        del keywords["type"]
        if len(names) == 1:
            keywords["type"] = names[0]
    if schema.get("additionalProperties") is False:
        keywords["additionalProperties"] = False
    return keywords


def _map_values(schema: Mapping[str, Any]) -> object:
    """The schema of a map's values, None if the object is no map."""
    if schema.get("properties"):
        return None
    if isinstance(schema.get("additionalProperties"), Mapping):
        return schema["additionalProperties"]
    patterns = list(schema.get("patternProperties", {}).values())
    return patterns[0] if len(patterns) == 1 else None


def _nested(name: str, leaf: Node, origin: str) -> Node:
    """An object that has a property where data has it, which remembers its qualified name."""
    path = short_path(name)
    if path != (name,):
        leaf = replace(leaf, keywords={**leaf.keywords, "meta:xdmField": name})
    for step in reversed(path):
        leaf = Node(origin=origin, properties={step: leaf})
    return leaf


def _demanded(path: tuple[str, ...], origin: str) -> Node:
    """A node that demands every step of a path and says nothing else."""
    first, *rest = path
    properties = {first: _demanded(tuple(rest), origin)} if rest else {}
    return Node(origin=origin, properties=properties, required=(first,))


def _endless(definition: Definition, loop: tuple[str, ...]) -> SchemaError:
    return SchemaError(
        f"{definition.label} holds itself: {' → '.join(loop)}. A table cannot hold fields without end: "
        "leave this resource out, or keep the inner part as text."
    )
