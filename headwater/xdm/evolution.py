"""What changed between two versions of a schema, and what of that would break stored data (xdm.md, section 4.4)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from headwater.xdm.names import ITEMS, VALUES, dotted
from headwater.xdm.node import ANNOTATIONS, LEAST, MOST
from headwater.xdm.resolved import ResolvedSchema

ChangeKind = Literal[
    "added", "removed", "type", "required", "optional", "restricted", "relaxed", "described", "identity", "profile"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaChange:
    """One difference between two versions of a schema.

    Attributes:
        path: The field, such as `productListItems[].SKU`; `(root)` for the record itself.
        what: The kind of difference.
        breaking: Whether data stored under the old version, or whoever reads it, would break.
        message: What changed, and for a breaking change what to do instead.
    """

    path: str
    what: ChangeKind
    breaking: bool
    message: str


def check_evolution(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[SchemaChange, ...]:
    """Every difference between two resolved JSON Schemas, in the order of the fields; empty if there is none.

    Adding fields, making them optional and describing them anew is allowed; removing, renaming or moving a field,
    changing its type, restricting its values, or demanding what was optional is breaking.
    """
    return tuple(_compare(old, new, ()))


def compare_schemas(old: ResolvedSchema, new: ResolvedSchema) -> tuple[SchemaChange, ...]:
    """As `check_evolution`, with what is not in the JSON Schema: class, identities and enabling for profile."""
    changes = []
    if old.class_id != new.class_id:
        message = f"The class changed from {old.class_id} to {new.class_id}. Make a new schema instead."
        changes.append(SchemaChange(path=dotted(()), what="type", breaking=True, message=message))
    if old.enabled_for_profile and not new.enabled_for_profile:
        message = "The schema is no longer enabled for profile; enabling cannot be undone. Make a new schema instead."
        changes.append(SchemaChange(path=dotted(()), what="profile", breaking=True, message=message))
    before, after = _primary(old), _primary(new)
    if before != after:
        changes.append(
            SchemaChange(
                path=dotted(()),
                what="identity",
                breaking=before is not None,
                message=f"The primary identity changed from {before or 'none'} to {after or 'none'}.",
            )
        )
    return (*changes, *check_evolution(old.json_schema, new.json_schema))


def _primary(schema: ResolvedSchema) -> str | None:
    if schema.primary_in_identity_map:
        return "the one in identityMap"
    identity = schema.primary_identity
    return f"{dotted(identity.path)} [{identity.namespace}]" if identity else None


def _compare(old: Mapping[str, Any], new: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[SchemaChange]:
    """Two declarations of the same field, and of everything in it."""
    where = dotted(path)
    if old.get("meta:xdmType") != new.get("meta:xdmType"):
        yield SchemaChange(
            path=where,
            what="type",
            breaking=True,
            message=f"{where} changed its type from {old.get('meta:xdmType')} to {new.get('meta:xdmType')}. "
            "Keep it, and add a new field of the new type.",
        )
        return
    if path and _is_open(old) and not _is_open(new):
        message = f"{where} did not say what it holds and now does; it is stored as text. Keep it, and add a new field."
        yield SchemaChange(path=where, what="type", breaking=True, message=message)
        return
    yield from _compare_values(old, new, where)
    yield from _compare_members(old, new, path)
    for key, step in (("items", ITEMS), ("additionalProperties", VALUES)):
        if isinstance(old.get(key), Mapping) and isinstance(new.get(key), Mapping):
            yield from _compare(old[key], new[key], (*path, step))


def _is_open(schema: Mapping[str, Any]) -> bool:
    """Whether an object or array does not say what it holds, so that its column has JSON text."""
    held = {"object": "properties", "array": "items"}.get(str(schema.get("meta:xdmType")))
    return held is not None and not schema.get(held)


def _compare_members(old: Mapping[str, Any], new: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[SchemaChange]:
    before, after = old.get("properties", {}), new.get("properties", {})
    demanded_before, demanded_after = set(old.get("required", ())), set(new.get("required", ()))
    for name, child in before.items():
        where = dotted((*path, name))
        if name not in after:
            yield _removed(where, child, {key: value for key, value in after.items() if key not in before})
            continue
        if name in demanded_after - demanded_before:
            message = f"{where} became required; records without it are stored already. Leave it optional."
            yield SchemaChange(path=where, what="required", breaking=True, message=message)
        elif name in demanded_before - demanded_after:
            message = f"{where} is no longer required."
            yield SchemaChange(path=where, what="optional", breaking=False, message=message)
        yield from _compare(child, after[name], (*path, name))
    for name in after:
        if name not in before:
            where = dotted((*path, name))
            demanded = ", required" if name in demanded_after else ""
            message = f"{where} is new ({after[name].get('meta:xdmType')}{demanded})."
            yield SchemaChange(path=where, what="added", breaking=False, message=message)


def _removed(where: str, child: Mapping[str, Any], added: Mapping[str, Mapping[str, Any]]) -> SchemaChange:
    twins = [name for name, other in added.items() if other.get("meta:xdmType") == child.get("meta:xdmType")]
    renamed = f" If it was renamed to {twins[0]}, keep both." if len(twins) == 1 else " Keep it."
    message = f"{where} was removed; stored records have it.{renamed}"
    return SchemaChange(path=where, what="removed", breaking=True, message=message)


def _compare_values(old: Mapping[str, Any], new: Mapping[str, Any], where: str) -> Iterator[SchemaChange]:
    """What values a field takes, and how it is described."""
    restricted: list[str] = []
    relaxed: list[str] = []
    for key in (*LEAST, *MOST):
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        tighter = before is None or (after is not None and (after < before) == (key in LEAST))
        (restricted if tighter else relaxed).append(_difference(key, before, after))
    for key in ("const", "pattern", "uniqueItems", "oneOf", "anyOf"):
        before, after = old.get(key), new.get(key)
        if before != after:
            is_gone = after is None or (key == "uniqueItems" and after is False)
            (relaxed if is_gone else restricted).append(_difference(key, before, after))
    before, after = old.get("enum"), new.get("enum")
    if before != after:
        wider = after is None or (before is not None and all(value in after for value in before))
        (relaxed if wider else restricted).append(_difference("enum", before, after))
    if restricted:
        message = f"{where} takes fewer values: {'; '.join(restricted)}. Stored values may not fit: leave it as it was."
        yield SchemaChange(path=where, what="restricted", breaking=True, message=message)
    if relaxed:
        message = f"{where} takes more values: {'; '.join(relaxed)}."
        yield SchemaChange(path=where, what="relaxed", breaking=False, message=message)
    described = [key for key in ("format", *ANNOTATIONS) if old.get(key) != new.get(key)]
    if described:
        message = f"{where} is described anew: {', '.join(described)}."
        yield SchemaChange(path=where, what="described", breaking=False, message=message)


def _difference(key: str, before: object, after: object) -> str:
    if before is None:
        return f"{key} {after!r} is new"
    return f"{key} {before!r} is gone" if after is None else f"{key} {before!r} became {after!r}"
