"""References between resources: where they lead, and whether they lead back."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Final
from urllib.parse import unquote

from headwater.errors import SchemaError
from headwater.xdm.definitions import Definition

_EXTENSIBLE: Final = "https://ns.adobe.com/xdm/common/extensible"
"""Says which names JSON-LD lets a resource have; it holds no fields, and short names do not follow it."""


class References:
    """Follows `$ref`s. A place is named by its key: `$id`, `#`, and JSON Pointer.

    Args:
        find: The definition that a reference in a definition's body means; raises SchemaError if there is none.
    """

    def __init__(self, find: Callable[[str, Definition], Definition]) -> None:
        self._find = find
        self._places: dict[str, tuple[Definition, str]] = {}
        self._direct: dict[str, tuple[str, ...]] = {}

    def locate(self, reference: str, base: Definition) -> tuple[Definition | None, str]:
        """The definition and the JSON Pointer that a reference means; None for what is left out.

        Raises:
            SchemaError: it leads nowhere.
        """
        resource, _, fragment = reference.partition("#")
        if resource == _EXTENSIBLE:
            return None, fragment
        return (self._find(resource, base) if resource else base), fragment

    def lineage(self, definition: Definition) -> tuple[str, ...]:
        """The `$id`s that a definition is composed of at its root, itself first.

        Raises:
            SchemaError: a reference leads nowhere.
        """
        found: dict[str, None] = {definition.id: None}
        seen: set[str] = set()
        waiting: deque[tuple[object, Definition]] = deque([(definition.body, definition)])
        while waiting:
            schema, base = waiting.popleft()
            for reference in _root_references(schema):
                target, fragment = self.locate(reference, base)
                if target is None or f"{target.id}#{fragment}" in seen:
                    continue
                seen.add(f"{target.id}#{fragment}")
                if not fragment:
                    found[target.id] = None
                waiting.append((point(target, fragment), target))
        return tuple(found)

    def loop(self, here: str, target: Definition, fragment: str) -> tuple[str, ...] | None:
        """The keys on the way from a place over a reference back to the place, None if there is no way back.

        Raises:
            SchemaError: a reference on the way leads nowhere.
        """
        start = self._key(target, fragment)
        came_from: dict[str, str] = {start: here}
        waiting = deque([start])
        while waiting:
            key = waiting.popleft()
            if key == here:
                return _way_back(came_from, here)
            for following in self._directly(key):
                if following not in came_from:
                    came_from[following] = key
                    waiting.append(following)
        return None

    def _key(self, definition: Definition, fragment: str) -> str:
        key = f"{definition.id}#{fragment}"
        self._places[key] = (definition, fragment)
        return key

    def _directly(self, key: str) -> tuple[str, ...]:
        """The keys that the schema at a place refers to."""
        if key not in self._direct:
            definition, fragment = self._places[key]
            located = [self.locate(reference, definition) for reference in _references(point(definition, fragment))]
            self._direct[key] = tuple(self._key(target, pointer) for target, pointer in located if target is not None)
        return self._direct[key]


def point(definition: Definition, fragment: str) -> object:
    """What a JSON Pointer (RFC 6901) in URI form leads to in a definition.

    Raises:
        SchemaError: it leads nowhere.
    """
    found: object = definition.body
    for step in fragment.split("/")[1:]:
        name = unquote(step).replace("~1", "/").replace("~0", "~")
        if not isinstance(found, Mapping) or name not in found:
            raise SchemaError(f"{definition.label} has nothing at '#{fragment}', which is referred to.")
        found = found[name]
    return found


def _way_back(came_from: Mapping[str, str], here: str) -> tuple[str, ...]:
    way = [here]
    while came_from[way[-1]] != here:
        way.append(came_from[way[-1]])
    return (here, *reversed(way))


def _root_references(schema: object) -> Iterator[str]:
    if isinstance(schema, Mapping):
        if "$ref" in schema:
            yield schema["$ref"]
        for part in schema.get("allOf", ()):
            yield from _root_references(part)


def _references(schema: object) -> Iterator[str]:
    """Every reference in a schema, definitions aside."""
    if not isinstance(schema, Mapping):
        return
    if "$ref" in schema:
        yield schema["$ref"]
    for key in ("properties", "patternProperties"):
        for child in schema.get(key, {}).values():
            yield from _references(child)
    for key in ("items", "additionalProperties"):
        yield from _references(schema.get(key))
    for key in ("allOf", "oneOf", "anyOf"):
        for branch in schema.get(key, ()):
            yield from _references(branch)
