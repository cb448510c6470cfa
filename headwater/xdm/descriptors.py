"""Descriptors checked against the schema they describe (spec: xdm.md, section 4.1)."""

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from headwater.errors import SchemaError
from headwater.model.documents import Descriptor, Schema
from headwater.model.xdm import IdentityField
from headwater.xdm.fields import Field, find_field, iter_fields


def identity_fields(
    schema: Schema,
    json_schema: Mapping[str, Any],
    descriptors: Iterable[Descriptor],
    namespaces: Collection[str] | None = None,
) -> tuple[IdentityField, ...]:
    """A schema's identity fields, the primary one first.

    Args:
        schema: The schema described.
        json_schema: Its resolved form.
        descriptors: Its descriptors, of any type.
        namespaces: Codes of the identity namespaces that exist, compared without case; None to leave them unchecked.

    Raises:
        SchemaError: a descriptor names no string field outside arrays and maps, a namespace that does not exist, or
            a field that has one; there is more than one primary identity, or none where one is needed.
    """
    known = None if namespaces is None else {code.casefold(): code for code in namespaces}
    found: dict[tuple[str, ...], IdentityField] = {}
    for descriptor in descriptors:
        if descriptor.type != "identity" or descriptor.namespace is None:
            continue
        field = described_field(descriptor, descriptor.property, schema.name, json_schema)
        _check_identity_field(descriptor, field)
        if field.path in found:
            raise SchemaError(f"{_label(descriptor)}: {field.name} of schema {schema.name!r} is an identity already.")
        if known is not None and descriptor.namespace.casefold() not in known:
            raise SchemaError(
                f"{_label(descriptor)}: there is no identity namespace {descriptor.namespace!r}. "
                f"There are {', '.join(sorted(known.values())) or 'none'}."
            )
        found[field.path] = IdentityField(path=field.path, namespace=descriptor.namespace, primary=descriptor.primary)
    identities = tuple(sorted(found.values(), key=lambda identity: (not identity.primary, identity.path)))
    _check_primary(schema, json_schema, identities)
    return identities


def described_field(descriptor: Descriptor, xdm_path: str, schema_name: str, json_schema: Mapping[str, Any]) -> Field:
    """The field that a descriptor is about, or points to.

    Raises:
        SchemaError: the schema has no such field; names the nearest one.
    """
    field = find_field(json_schema, xdm_path)
    if field is None:
        paths = ["/" + "/".join(step for step in known.path if step != "[]") for known in iter_fields(json_schema)]
        close = get_close_matches(xdm_path, paths, n=1)
        hint = f"Did you mean {close[0]}?" if close else f"At its root it has {', '.join(json_schema['properties'])}."
        raise SchemaError(f"{_label(descriptor)}: schema {schema_name!r} has no property {xdm_path}. {hint}")
    return field


def _check_identity_field(descriptor: Descriptor, field: Field) -> None:
    if field.repeated:
        raise SchemaError(
            f"{_label(descriptor)}: {field.name} stands in an array, of which one record may have many. "
            "Carry such identities in identityMap."
        )
    if field.schema["meta:xdmType"] != "string":
        raise SchemaError(
            f"{_label(descriptor)}: {field.name} is of type {field.schema['meta:xdmType']}. "
            "An identity is a string: describe a string field, or change the field's type."
        )


def _check_primary(schema: Schema, json_schema: Mapping[str, Any], identities: tuple[IdentityField, ...]) -> None:
    """Exactly one, from a descriptor or in identityMap, where the schema is enabled for profile."""
    primaries = ["/".join(("", *identity.path)) for identity in identities if identity.primary]
    if len(primaries) > 1:
        raise SchemaError(
            f"schema {schema.name!r} has {len(primaries)} primary identities: {', '.join(primaries)}. "
            "Leave `primary: true` in one of their descriptors."
        )
    if schema.primary_identity_in_identity_map and primaries:
        raise SchemaError(
            f"schema {schema.name!r} has the primary identity {primaries[0]} and `primary_identity_in_identity_map`. "
            "Keep one of the two."
        )
    if schema.primary_identity_in_identity_map and "identityMap" not in json_schema["properties"]:
        raise SchemaError(
            f"schema {schema.name!r} has `primary_identity_in_identity_map` but no identityMap. "
            "Add the field group https://ns.adobe.com/xdm/context/identitymap."
        )
    if schema.enabled_for_profile and not primaries and not schema.primary_identity_in_identity_map:
        raise SchemaError(
            f"schema {schema.name!r} is enabled for profile but has no primary identity. Add an identity descriptor "
            "with `primary: true`, or set `primary_identity_in_identity_map` if its records carry one in identityMap."
        )


def _label(descriptor: Descriptor) -> str:
    return f"descriptor {descriptor.name!r}"
