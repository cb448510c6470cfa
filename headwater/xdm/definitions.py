"""Every kind of resource as one thing: an id, a name for messages, and a JSON Schema to compose from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast, get_args

from headwater.errors import SchemaError
from headwater.model.documents import DataType, FieldGroup, Schema, XdmClass
from headwater.model.xdm import Behavior
from headwater.xdm.names import ResourceKind, own_id
from headwater.xdm.own import check_own_properties, check_tenant_object

BEHAVIORS: Final[dict[str, Behavior]] = {
    "https://ns.adobe.com/xdm/data/record": "record",
    "https://ns.adobe.com/xdm/data/time-series": "time-series",
    "https://ns.adobe.com/xdm/data/adhoc": "adhoc",
}
"""The behaviours by `$id`."""

_INHERITED: Final = {"record": ("_id",), "time-series": ("_id", "timestamp", "eventType"), "adhoc": ()}
_KINDS: Final = {**{kind: kind for kind in get_args(ResourceKind)}, "mixins": "fieldgroups"}
KIND_WORDS: Final[dict[ResourceKind, str]] = {
    "behaviors": "behaviour",
    "classes": "class",
    "fieldgroups": "field group",
    "datatypes": "data type",
    "schemas": "schema",
}
"""The kinds, as messages name them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A resource to compose from.

    Attributes:
        id: Its `$id`.
        kind: What it is; None for an imported resource that does not tell.
        name: Resource name of an own one, else its title.
        own: Whether people here author it; what is not own comes with Headwater or from Adobe's repository.
        body: JSON Schema: `properties`, `required`, `allOf`, `definitions`.
        extends: The classes that a field group may be used with, as it names them; empty means any.
    """

    id: str
    kind: ResourceKind | None
    name: str
    own: bool
    body: Mapping[str, Any]
    extends: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"{KIND_WORDS[self.kind] if self.kind else 'resource'} {self.name!r}"


def define_own(resource: XdmClass | FieldGroup | DataType, tenant: str) -> Definition:
    """An own class, field group or data type, not yet checked (see `check_own`)."""
    parts: tuple[str, ...] = ()
    extends: tuple[str, ...] = ()
    kind: ResourceKind = "datatypes"
    if isinstance(resource, XdmClass):
        kind = "classes"
        parts = tuple(key for key, behavior in BEHAVIORS.items() if behavior == resource.behavior)
    elif isinstance(resource, FieldGroup):
        kind = "fieldgroups"
        extends = resource.extends
    body = {**_all_of(parts), "properties": resource.properties, "required": list(resource.required)}
    resource_id = resource.id or own_id(tenant, kind, resource.name)
    return Definition(id=resource_id, kind=kind, name=resource.name, own=True, body=body, extends=extends)


def define_schema(resource: Schema, tenant: str, parts: tuple[str, ...]) -> Definition:
    """An own schema, composed of the class and the field groups whose `$id`s are `parts`."""
    resource_id = resource.id or own_id(tenant, "schemas", resource.name)
    return Definition(id=resource_id, kind="schemas", name=resource.name, own=True, body=_all_of(parts))


def define_json(resource: Mapping[str, Any]) -> Definition:
    """A standard or imported resource, which is JSON Schema already.

    Raises:
        SchemaError: it has no `$id`.
    """
    resource_id = resource.get("$id")
    if not isinstance(resource_id, str):
        raise SchemaError(f"An XDM resource titled {resource.get('title')!r} has no $id, by which others refer to it.")
    stated = _KINDS.get(str(resource.get("meta:resourceType")))
    inferred = "fieldgroups" if "meta:intendedToExtend" in resource else None
    return Definition(
        id=resource_id.removesuffix("#"),
        kind=cast("ResourceKind | None", stated or inferred),
        name=str(resource.get("title") or resource_id),
        own=False,
        body=resource,
        extends=tuple(resource.get("meta:intendedToExtend", ())),
    )


def check_own(definition: Definition) -> None:
    """Refuse an own resource whose properties are not what its kind may have.

    Raises:
        SchemaError: says what is wrong, where, and what would do.
    """
    properties: Mapping[str, Any] = definition.body.get("properties", {})
    if not properties and definition.kind in ("fieldgroups", "datatypes"):
        raise SchemaError(f"{definition.label} has no properties. Give it at least one.")
    if definition.kind in ("classes", "fieldgroups"):
        check_tenant_object(definition.label, properties)
    behaviors = [BEHAVIORS.get(part["$ref"]) for part in definition.body["allOf"]]
    inherited = tuple(name for behavior in behaviors if behavior for name in _INHERITED[behavior])
    check_own_properties(definition.label, definition.body, inherited)


def _all_of(references: tuple[str, ...]) -> dict[str, Any]:
    return {"type": "object", "allOf": [{"$ref": reference} for reference in references]}
