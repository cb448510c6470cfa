"""The schema registry: schemas resolved from the resources there are."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final

from headwater.errors import SchemaError
from headwater.model.documents import DataType, Descriptor, FieldGroup, Schema, XdmClass
from headwater.model.xdm import Behavior
from headwater.xdm.compose import Composer
from headwater.xdm.definitions import BEHAVIORS, Definition, define_schema
from headwater.xdm.descriptors import described_field, identity_fields
from headwater.xdm.library import Library
from headwater.xdm.names import ResourceKind, alt_id, own_id
from headwater.xdm.node import ANNOTATIONS
from headwater.xdm.render import render
from headwater.xdm.resolved import Relationship, ResolvedSchema, digest, structure

XdmResource = XdmClass | FieldGroup | DataType | Schema | Descriptor
"""The documents that a registry takes."""

_ANY_KIND: Final[tuple[ResourceKind, ...]] = ("datatypes", "fieldgroups", "classes", "behaviors", "schemas")


class SchemaRegistry:
    """An immutable view over standard, imported and own XDM resources.

    Own resources are documents; imported ones are JSON Schema (see `import_public_schemas`) and take the place of
    standard ones with the same `$id`. Nothing is composed before it is asked for, so that one wrong resource spoils
    only the schemas that use it; `problems` looks at everything.

    Args:
        resources: Own documents and imported JSON Schemas, in any order.
        tenant: The tenant id, with or without its leading underscore.
        namespaces: Codes of the identity namespaces that exist; None to leave namespaces unchecked.

    Raises:
        SchemaError: two resources have the same `$id`, or an imported one has none.
    """

    def __init__(
        self,
        resources: Iterable[XdmResource | Mapping[str, Any]] = (),
        *,
        tenant: str,
        namespaces: Collection[str] | None = None,
    ) -> None:
        self._tenant = tenant.removeprefix("_")
        self._namespaces = namespaces
        self._schemas: dict[str, Schema] = {}
        self._descriptors: defaultdict[str, list[Descriptor]] = defaultdict(list)
        self._resolved: dict[str, ResolvedSchema] = {}
        own: list[XdmClass | FieldGroup | DataType] = []
        imported: list[Mapping[str, Any]] = []
        for resource in resources:
            if isinstance(resource, Descriptor):
                self._descriptors[resource.xdm_schema].append(resource)
            elif isinstance(resource, Schema):
                self._schemas[resource.name] = resource
            elif isinstance(resource, Mapping):
                imported.append(resource)
            else:
                own.append(resource)
        self._library = Library(own, imported, self._tenant)
        self._composer = Composer(self._referred)

    def resolve(self, schema: str) -> ResolvedSchema:
        """A schema with everything that it is composed of; the same object each time.

        Args:
            schema: Its resource name, `$id` or `meta:altId`.

        Raises:
            SchemaError: there is no such schema, or it does not compose.
        """
        document = self._schema(schema)
        if document.name not in self._resolved:
            self._resolved[document.name] = self._resolve(document)
        return self._resolved[document.name]

    def schemas(self) -> tuple[Schema, ...]:
        """The own schemas, by name."""
        return tuple(self._schemas[name] for name in sorted(self._schemas))

    def definitions(self) -> tuple[Definition, ...]:
        """Every behaviour, class, field group and data type: standard, imported and own, by `$id`."""
        return self._library.all()

    def flatten(self, resource: str) -> dict[str, Any]:
        """The resolved JSON Schema of one resource by itself.

        Args:
            resource: `$id` or `meta:altId` of a class, field group or data type, or the name of an own one.

        Raises:
            SchemaError: there is no such resource, or it does not compose.
        """
        definition = self._library.get(resource, _ANY_KIND, "The request")
        return render(self._composer.compose(definition), definition.label)

    def problems(self) -> tuple[str, ...]:
        """Everything wrong with the own resources, schemas and descriptors; empty if all is well."""
        return tuple(dict.fromkeys(self._problems()))

    def _problems(self) -> Iterator[str]:
        for definition in self._library.own:
            try:
                self._composer.compose(definition)
                self._extended(definition)
            except SchemaError as error:
                yield str(error)
        for name in self._schemas:
            try:
                self.resolve(name)
            except SchemaError as error:
                yield str(error)
        for name in sorted(self._descriptors.keys() - self._schemas.keys()):
            for descriptor in self._descriptors[name]:
                yield f"descriptor {descriptor.name!r} describes the schema {name!r}, which does not exist."

    def _referred(self, reference: str, base: Definition) -> Definition:
        """What a `$ref` in a definition's body means; properties of own resources refer to data types only."""
        in_properties = base.own and base.kind != "schemas" and reference not in BEHAVIORS
        return self._library.get(reference, ("datatypes",) if in_properties else _ANY_KIND, base.label)

    def _schema(self, reference: str) -> Schema:
        if reference in self._schemas:
            return self._schemas[reference]
        for schema in self._schemas.values():
            schema_id = schema.id or own_id(self._tenant, "schemas", schema.name)
            if reference in (schema_id, alt_id(schema_id)):
                return schema
        close = get_close_matches(reference, self._schemas, n=1)
        hint = f"Did you mean {close[0]!r}?" if close else f"There are {', '.join(sorted(self._schemas)) or 'none'}."
        raise SchemaError(f"There is no schema {reference!r}. {hint}")

    def _resolve(self, schema: Schema) -> ResolvedSchema:
        xdm_class, behavior = self._class(schema)
        definition = self._definition(schema, xdm_class)
        composed = render(self._composer.compose(definition), definition.label)
        extends = self._composer.lineage(definition)[1:]
        json_schema = {
            **_heading(schema, definition, xdm_class, extends),
            **{key: value for key, value in composed.items() if key not in ANNOTATIONS},
        }
        descriptors = self._descriptors[schema.name]
        identities = identity_fields(schema, composed, descriptors, self._namespaces)
        relationships = tuple(
            self._relationship(item, schema, composed) for item in descriptors if item.type == "relationship"
        )
        in_identity_map = schema.primary_identity_in_identity_map
        return ResolvedSchema(
            id=definition.id,
            name=schema.name,
            title=schema.title or schema.name,
            behavior=behavior,
            class_id=xdm_class.id,
            class_name=alt_id(xdm_class.id),
            extends=extends,
            json_schema=json_schema,
            version_hash=digest(structure(json_schema), identities, relationships, in_identity_map),
            identities=identities,
            primary_in_identity_map=in_identity_map,
            enabled_for_profile=schema.enabled_for_profile,
            relationships=relationships,
        )

    def _class(self, schema: Schema) -> tuple[Definition, Behavior]:
        user = f"schema {schema.name!r}"
        definition = self._library.get(schema.xdm_class, ("classes",), user)
        behaviors = [BEHAVIORS[key] for key in self._composer.lineage(definition) if key in BEHAVIORS]
        if len(behaviors) != 1:
            raise SchemaError(
                f"{user} has the class {definition.id}, which has {len(behaviors) or 'no'} behaviours. "
                "A class has exactly one: record, time-series or adhoc."
            )
        return definition, behaviors[0]

    def _definition(self, schema: Schema, xdm_class: Definition) -> Definition:
        """The schema as something to compose, its field groups checked against its class."""
        user = f"schema {schema.name!r}"
        groups = [self._library.get(reference, ("fieldgroups",), user) for reference in schema.field_groups]
        lineage = self._composer.lineage(xdm_class)
        for group in groups:
            extended = self._extended(group)
            if extended and not extended & set(lineage):
                raise SchemaError(
                    f"{user} has the {xdm_class.label}, which the {group.label} does not extend; "
                    f"it extends {', '.join(sorted(extended))}. Leave the field group out, or use one of these classes."
                )
        return define_schema(schema, self._tenant, (xdm_class.id, *(group.id for group in groups)))

    def _extended(self, group: Definition) -> set[str]:
        """`$id`s of the classes that a field group may be used with; empty means any."""
        kinds: tuple[ResourceKind, ...] = ("classes", "behaviors")
        if group.own:
            return {self._library.get(reference, kinds, group.label).id for reference in group.extends}
        return set(group.extends)

    def _relationship(self, descriptor: Descriptor, schema: Schema, composed: Mapping[str, Any]) -> Relationship:
        field = described_field(descriptor, descriptor.property, schema.name, composed)
        destination = self._schemas.get(descriptor.destination_schema or "")
        if destination is None:
            raise SchemaError(
                f"descriptor {descriptor.name!r} points to the schema {descriptor.destination_schema!r}, "
                f"which does not exist. There are {', '.join(sorted(self._schemas))}."
            )
        path = None
        if descriptor.destination_property is not None:
            definition = self._definition(destination, self._class(destination)[0])
            target = render(self._composer.compose(definition), definition.label)
            path = described_field(descriptor, descriptor.destination_property, destination.name, target).path
        return Relationship(
            path=field.path,
            destination_schema=destination.name,
            destination_path=path,
            namespace=descriptor.namespace,
        )


def _heading(schema: Schema, definition: Definition, xdm_class: Definition, extends: tuple[str, ...]) -> dict[str, Any]:
    """What a resolved schema says about itself."""
    heading = {
        "$schema": "http://json-schema.org/draft-06/schema#",
        "$id": definition.id,
        "title": schema.title or schema.name,
        "description": schema.description,
        "meta:altId": alt_id(definition.id),
        "meta:class": xdm_class.id,
        "meta:extends": list(extends),
        "meta:immutableTags": ["union"] if schema.enabled_for_profile else None,
    }
    return {key: value for key, value in heading.items() if value is not None}
