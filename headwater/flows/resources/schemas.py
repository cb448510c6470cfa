"""Do the schemas compose, do mapping sets fit them, and can what is stored live with the changes?"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from headwater.errors import SchemaError
from headwater.flows.resources.problems import Problem
from headwater.flows.resources.read import AuthoredDocument
from headwater.flows.resources.world import World
from headwater.mapping import check_mapping
from headwater.model.documents import Dataset, DataType, Descriptor, FieldGroup, MappingSet, Resource, Schema, XdmClass
from headwater.xdm import ResolvedSchema, SchemaRegistry, compare_schemas

XDM_CLASSES = (DataType, XdmClass, FieldGroup, Schema, Descriptor)

BuildRegistry = Callable[[Iterable[Any]], SchemaRegistry]
"""Makes a registry of these documents and whatever else the installation has."""


def check_schemas(world: World, build_registry: BuildRegistry) -> Iterator[Problem]:
    """Whatever is wrong with schemas and mapping sets once the documents are applied."""
    given = [d for c in XDM_CLASSES for r in world.all_after(c) if (d := world.document(r)) is not None]
    if not given and not any(world.document(mapping_set) for mapping_set in world.all_after(MappingSet)):
        return
    try:
        checks = _SchemaChecks(world, given, build_registry)
    except SchemaError as error:
        if not given:
            raise
        yield given[0].problem(str(error))
        return
    reported: set[str] = set()
    for problem in checks.problems():
        reported.add(problem.message)
        yield problem
    for message in checks.registry.problems():
        document = _named_first(message, given)
        if message not in reported and document is not None:
            yield document.problem(message)


def _named_first(message: str, documents: Iterable[AuthoredDocument]) -> AuthoredDocument | None:
    """The document that a message is about: messages of the registry begin with the resource's kind and name."""
    return next((d for d in documents if message.startswith(f"{d.kind.replace('_', ' ')} {d.resource.name!r}")), None)


class _SchemaChecks:
    """Composes every schema twice, as it is stored and as it will be, and compares."""

    def __init__(self, world: World, given: Sequence[AuthoredDocument], build_registry: BuildRegistry) -> None:
        self._world = world
        self._given = given
        self._before = build_registry(r for c in XDM_CLASSES for r in world.all_before(c))
        self.registry = build_registry(r for c in XDM_CLASSES for r in world.all_after(c))
        self._used = {dataset.xdm_schema for dataset in world.all_before(Dataset)}

    def problems(self) -> Iterator[Problem]:
        """Whatever is wrong with schemas and mapping sets because of the documents."""
        for schema in self._world.all_after(Schema):
            document = self._responsible(schema)
            if document is None:
                continue
            try:
                resolved = self.registry.resolve(schema.name)
            except SchemaError as error:
                yield (_named_first(str(error), self._given) or document).problem(str(error))
            else:
                yield from self._evolution(schema, resolved, document)
        for mapping_set in self._world.all_after(MappingSet):
            yield from self._mapping(mapping_set)

    def _responsible(self, schema: Schema) -> AuthoredDocument | None:
        """The document to blame if a schema is wrong: its own, or one of what it is made of. None if none was given."""
        parts = {schema.xdm_class, *schema.field_groups}
        candidates: list[Resource] = [schema]
        candidates += [d for d in self._world.all_after(Descriptor) if d.xdm_schema == schema.name]
        candidates += [c for c in self._world.all_after(XdmClass) if parts & {c.name, c.id}]
        candidates += [g for g in self._world.all_after(FieldGroup) if parts & {g.name, g.id}]
        candidates += self._world.all_after(DataType)
        given = [(c, document) for c in candidates if (document := self._world.document(c)) is not None]
        changed = [document for candidate, document in given if self._world.changed(candidate)]
        return next(iter(changed), given[0][1] if given else None)

    def _evolution(self, schema: Schema, resolved: ResolvedSchema, document: AuthoredDocument) -> Iterator[Problem]:
        stored = self._world.before(Schema, schema.name)
        if stored is None or not (stored.enabled_for_profile or stored.name in self._used):
            return
        try:
            before = self._before.resolve(schema.name)
        except SchemaError:
            return
        for message in refused_changes(before, resolved):
            yield document.problem(message, is_conflict=True)

    def _mapping(self, mapping_set: MappingSet) -> Iterator[Problem]:
        schema = self._world.after(Schema, mapping_set.xdm_schema)
        document = self._world.document(mapping_set)
        if schema is None or (document is None and self._responsible(schema) is None):
            return
        try:
            resolved = self.registry.resolve(schema.name)
        except SchemaError:
            return
        blamed = document or self._responsible(schema)
        for message in check_mapping(mapping_set, resolved.json_schema):
            if blamed is not None:
                yield blamed.problem(f"mapping set {mapping_set.name!r}: {message}")


def refused_changes(before: ResolvedSchema, after: ResolvedSchema) -> Iterator[str]:
    """Why a schema that has a dataset or is enabled for profile may not become another one; nothing if it may."""
    why = "is enabled for profile" if before.enabled_for_profile else "has a dataset"
    for change in compare_schemas(before, after):
        matters = change.what != "identity" or before.enabled_for_profile
        if change.breaking and matters:
            yield f"schema {before.name!r} {why}; this change would break what is stored: {change.message}"
