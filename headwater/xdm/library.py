"""The resources that a registry holds, and how they are referred to."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final

from headwater.errors import SchemaError
from headwater.model.documents import DataType, FieldGroup, XdmClass
from headwater.xdm.definitions import KIND_WORDS, Definition, define_json, define_own
from headwater.xdm.names import ResourceKind, alt_id
from headwater.xdm.standard import standard_resources

_IMPORT_HINT: Final = "If it is one of Adobe's, load their public repository with `headwater schema import`."


class Library:
    """Standard, imported and own classes, field groups and data types.

    Args:
        own: Authored documents.
        imported: JSON Schemas; they take the place of standard ones with the same `$id`.
        tenant: The tenant id without leading underscore.

    Raises:
        SchemaError: two resources have the same `$id`, or an imported one has none.
    """

    def __init__(
        self, own: Iterable[XdmClass | FieldGroup | DataType], imported: Iterable[Mapping[str, Any]], tenant: str
    ) -> None:
        self._by_id = {item["$id"]: define_json(item) for item in standard_resources()}
        self._by_id |= _unique(define_json(item) for item in imported)
        self.own = tuple(_unique(define_own(item, tenant) for item in own).values())
        self._by_id = _unique((*self._by_id.values(), *self.own))
        self._by_name = {(item.kind, item.name): item for item in self.own}
        self._by_alt_id = {alt_id(key): item for key, item in self._by_id.items()}

    def all(self) -> tuple[Definition, ...]:
        """Every resource, by `$id`."""
        return tuple(self._by_id[key] for key in sorted(self._by_id))

    def find(self, reference: str, kinds: tuple[ResourceKind, ...]) -> Definition | None:
        """The resource of one of these kinds that a reference means, None if there is none.

        Args:
            reference: Name of an own resource, `$id`, or `meta:altId`.
            kinds: What it may be; an imported resource that does not say what it is may be anything.
        """
        named = next((self._by_name[kind, reference] for kind in kinds if (kind, reference) in self._by_name), None)
        found = named or self._by_id.get(reference.removesuffix("#")) or self._by_alt_id.get(reference)
        return found if found is not None and (found.kind is None or found.kind in kinds) else None

    def get(self, reference: str, kinds: tuple[ResourceKind, ...], user: str) -> Definition:
        """The resource that a reference means.

        Args:
            reference: Name of an own resource, `$id`, or `meta:altId`.
            kinds: What it may be.
            user: Who refers to it, for the message.

        Raises:
            SchemaError: there is none, or it is of another kind.
        """
        found = self.find(reference, kinds)
        if found is not None:
            return found
        wanted = " or ".join(KIND_WORDS[kind] for kind in kinds)
        every: tuple[ResourceKind, ...] = tuple(KIND_WORDS)
        other = self.find(reference, every)
        if other is not None:
            raise SchemaError(f"{user} refers to {reference!r} as a {wanted}, but it is the {other.label}.")
        known = [item.name if item.own else key for key, item in self._by_id.items() if item.kind in kinds]
        close = get_close_matches(reference, known, n=1)
        hint = f"Did you mean {close[0]!r}?" if close else _IMPORT_HINT
        raise SchemaError(f"{user} refers to the {wanted} {reference!r}, which does not exist. {hint}")


def _unique(definitions: Iterable[Definition]) -> dict[str, Definition]:
    found: dict[str, Definition] = {}
    for definition in definitions:
        known = found.setdefault(definition.id, definition)
        if known is not definition:
            raise SchemaError(
                f"{known.label} and {definition.label} have the same $id {definition.id}. "
                "Give one of them another `id`."
            )
    return found
