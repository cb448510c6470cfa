"""What a schema is once it is resolved."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any

from headwater.model.xdm import Behavior, IdentityField
from headwater.xdm.node import ANNOTATIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Relationship:
    """A field that names a record of another schema (spec: xdm.md, section 4.1).

    Attributes:
        path: Of the field, from the record's root, with `[]` for the items of an array.
        destination_schema: Resource name of the schema it points to.
        destination_path: Of the field there, None for its primary identity.
        namespace: Identity namespace code of the value, or None.
    """

    path: tuple[str, ...]
    destination_schema: str
    destination_path: tuple[str, ...] | None
    namespace: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedSchema:
    """A schema with everything that it is composed of. Shared and cached: do not change what it holds.

    Attributes:
        id: Its `$id`.
        name: Its resource name.
        title: What people call it.
        behavior: What a record of it is.
        class_id: `$id` of its class.
        class_name: The class's short name, such as `_xdm.context.profile`.
        extends: `$id`s of class, behaviour and field groups (AEP's `meta:extends`).
        json_schema: Draft-06 JSON Schema of a record: short names, no `$ref`, `allOf` or `definitions`, and a
            `meta:xdmType` at every field.
        version_hash: Digest of what records must look like and what they identify, the same in every process.
            Titles and descriptions do not count.
        identities: From the identity descriptors, the primary one first.
        primary_in_identity_map: Whether records carry their primary identity in `identityMap`.
        enabled_for_profile: Whether its records may go to profiles.
        relationships: From the relationship descriptors.
    """

    id: str
    name: str
    title: str
    behavior: Behavior
    class_id: str
    class_name: str
    extends: tuple[str, ...]
    json_schema: dict[str, Any]
    version_hash: str
    identities: tuple[IdentityField, ...]
    primary_in_identity_map: bool
    enabled_for_profile: bool
    relationships: tuple[Relationship, ...]

    @property
    def primary_identity(self) -> IdentityField | None:
        """The identity descriptor that says whose record it is, None if there is none."""
        return next((identity for identity in self.identities if identity.primary), None)


def structure(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A resolved JSON Schema without its annotations."""
    kept = {key: value for key, value in schema.items() if key not in ANNOTATIONS}
    if "properties" in kept:
        kept["properties"] = {name: structure(child) for name, child in kept["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(kept.get(key), Mapping):
            kept[key] = structure(kept[key])
    return kept


def digest(*parts: object) -> str:
    """SHA-256 over JSON values and dataclasses, whatever the order of their keys: 64 hexadecimal digits."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=_as_json)
    return hashlib.sha256(text.encode()).hexdigest()


def _as_json(value: object) -> object:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)
