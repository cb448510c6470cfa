"""Does whatever a document names exist, and does it fit? Composition of schemas is checked in `schemas`."""

from collections.abc import Iterator
from functools import singledispatch
from typing import get_args

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError

from connectors.errors import ConfigurationError
from headwater.errors import SchemaError
from headwater.flows.account_types import account_model
from headwater.flows.resources.problems import Problem
from headwater.flows.resources.read import AuthoredDocument
from headwater.flows.resources.world import World
from headwater.formats import FormatOptions
from headwater.identity import IdentityRules, Namespaces
from headwater.model.base import Document
from headwater.model.documents import (
    Account,
    Dataflow,
    Dataset,
    Descriptor,
    IdentityNamespace,
    IdentitySettings,
    MappingSet,
    MergePolicy,
    Notifier,
    Resource,
    Schema,
    SecretRef,
    Webhook,
)
from headwater.model.explain import did_you_mean, explain
from headwater.timestamps.options import TimestampOptions


def check_references(document: AuthoredDocument, world: World) -> Iterator[Problem]:
    """Whatever is wrong with the names that a document uses."""
    return _check(document.resource, document, world)


@singledispatch
def _check(resource: Resource, document: AuthoredDocument, world: World) -> Iterator[Problem]:
    """A kind that names nothing that could be missing; an account of a dataflow may be an Airflow Connection."""
    return iter(())


@_check.register
def _account(account: Account, document: AuthoredDocument, world: World) -> Iterator[Problem]:
    try:
        config = account_model(account.type)
    except ConfigurationError as error:
        yield document.problem(str(error), "type")
        return
    known = config.model_fields
    for name, value in account.params.items():
        if name not in known:
            guess = did_you_mean(name, known) or f"; known are {', '.join(f'`{field}`' for field in known)}"
            yield document.problem(f"unknown parameter `{name}` of {account.type}{guess}", "params", name)
        elif _is_secret(config, name) and not _is_secret_ref(value):
            message = "a secret is not written into a document; give `{env: VARIABLE}` or `{file: PATH}`"
            yield document.problem(message, "params", name)
    for name, field in known.items():
        if field.is_required() and name not in account.params:
            yield document.problem(f"parameter `{name}` of {account.type} is missing", "params", name)


@_check.register
def _identity_namespace(namespace: IdentityNamespace, document: AuthoredDocument, world: World) -> Iterator[Problem]:
    standard = Namespaces({}).find(namespace.name)
    if standard is not None:
        message = (
            f"{standard.code!r} is a standard namespace, of type {standard.type.value}, and needs no document; codes "
            "are compared without case and never given twice. Use it as it is, or give yours another code."
        )
        yield document.problem(message, "name", is_conflict=True)
    stored = world.before(IdentityNamespace, namespace.name)
    if stored is None:
        return
    if stored.name != namespace.name:
        message = (
            f"the catalog has identity namespace {stored.name!r}; codes are compared without case and never change"
        )
        yield document.problem(message, "name", is_conflict=True)
    if stored.type != namespace.type:
        message = (
            f"the type of an identity namespace never changes: it is {stored.type.value}, not {namespace.type.value}"
        )
        yield document.problem(message, "type", is_conflict=True)


@_check.register
def _identity_settings(settings: IdentitySettings, document: AuthoredDocument, world: World) -> Iterator[Problem]:
    own = {namespace.name: namespace.type for namespace in world.all_after(IdentityNamespace)}
    try:
        IdentityRules.from_settings(settings, Namespaces(own))
    except SchemaError as error:
        yield document.problem(str(error))
    for other in world.names(IdentitySettings):
        if other != settings.name:
            message = (
                f"identity settings {other!r} exist already, and there is one at most. Change those, or delete them "
                f"with `headwater delete identity_settings {other}`."
            )
            yield document.problem(message, "name")


@_check.register
def _descriptor(descriptor: Descriptor, document: AuthoredDocument, world: World) -> Iterator[Problem]:
    yield from _must_exist(document, world, Schema, descriptor.xdm_schema, "schema")
    if descriptor.namespace is not None and Namespaces({}).find(descriptor.namespace) is None:
        yield from _must_exist(document, world, IdentityNamespace, descriptor.namespace, "namespace")
    if descriptor.destination_schema is not None:
        yield from _must_exist(document, world, Schema, descriptor.destination_schema, "destination_schema")


@_check.register
def _dataset(dataset: Dataset, document: AuthoredDocument, world: World) -> Iterator[Problem]:
    yield from _must_exist(document, world, Schema, dataset.xdm_schema, "schema")
    stored = world.before(Dataset, dataset.name)
    if stored is not None and stored.xdm_schema != dataset.xdm_schema:
        message = f"a dataset keeps its schema: it is {stored.xdm_schema!r}; make another dataset for another schema"
        yield document.problem(message, "schema", is_conflict=True)
    schema = world.after(Schema, dataset.xdm_schema)
    if dataset.enabled_for_profile and schema is not None and not schema.enabled_for_profile:
        message = f"schema {schema.name!r} is not enabled for profile; set its `enabled_for_profile` first"
        yield document.problem(message, "enabled_for_profile")


@_check.register
def _mapping_set(mapping_set: MappingSet, document: AuthoredDocument, world: World) -> Iterator[Problem]:
    return _must_exist(document, world, Schema, mapping_set.xdm_schema, "schema")


@_check.register
def _merge_policy(policy: MergePolicy, document: AuthoredDocument, world: World) -> Iterator[Problem]:
    for position, dataset in enumerate(policy.attribute_merge.order):
        yield from _must_exist(document, world, Dataset, dataset, "attribute_merge", "order", position)
    if policy.default:
        for other in world.all_after(MergePolicy):
            if other.default and other.schema_class == policy.schema_class and other.name != policy.name:
                message = (
                    f"merge policy {other.name!r} is the default of {policy.schema_class} already; a class has one"
                )
                yield document.problem(message, "default")


@_check.register
def _webhook(webhook: Webhook, document: AuthoredDocument, world: World) -> Iterator[Problem]:
    for position, dataset in enumerate(webhook.datasets):
        yield from _must_exist(document, world, Dataset, dataset, "datasets", position)
    if world.before(Notifier, webhook.name) is not None and world.after(Notifier, webhook.name) is not None:
        message = f"{webhook.name!r} is the name of a notifier; `notify` names both, so that they need different names"
        yield document.problem(message, "name")


@_check.register
def _notifier(notifier: Notifier, document: AuthoredDocument, world: World) -> Iterator[Problem]:
    for position, dataset in enumerate(notifier.datasets):
        yield from _must_exist(document, world, Dataset, dataset, "datasets", position)
    if world.after(Webhook, notifier.name) is not None:
        message = f"{notifier.name!r} is the name of a webhook; `notify` names both, so that they need different names"
        yield document.problem(message, "name")


@_check.register
def _dataflow(flow: Dataflow, document: AuthoredDocument, world: World) -> Iterator[Problem]:
    yield from _format_options(flow, document)
    yield from _must_exist(document, world, Dataset, flow.target.dataset, "target", "dataset")
    for position, webhook in enumerate(flow.notify):
        if world.after(Notifier, webhook) is None:
            yield from _must_exist(document, world, Webhook, webhook, "notify", position)
    if flow.mapping_set is None:
        return
    yield from _must_exist(document, world, MappingSet, flow.mapping_set, "mapping_set")
    mapping_set = world.after(MappingSet, flow.mapping_set)
    dataset = world.after(Dataset, flow.target.dataset)
    if mapping_set is not None and dataset is not None and mapping_set.xdm_schema != dataset.xdm_schema:
        message = (
            f"mapping set {mapping_set.name!r} is for schema {mapping_set.xdm_schema!r}, "
            f"but dataset {dataset.name!r} has schema {dataset.xdm_schema!r}"
        )
        yield document.problem(message, "mapping_set")


def _format_options(flow: Dataflow, document: AuthoredDocument) -> Iterator[Problem]:
    written: dict[str, object] = dict(flow.source.format_options)
    times = written.pop("timestamps", {})
    parts: tuple[tuple[type[Document], object, tuple[str, ...]], ...] = (
        (FormatOptions, written, ("source", "format_options")),
        (TimestampOptions, times, ("source", "format_options", "timestamps")),
    )
    for options_class, options, place in parts:
        try:
            options_class.from_json(options)
        except ValidationError as error:
            for found in explain(error, options_class):
                yield document.problem(found.message, *place, *found.location)


def _must_exist(
    document: AuthoredDocument, world: World, document_class: type[Resource], name: str, *location: int | str
) -> Iterator[Problem]:
    if world.after(document_class, name) is not None:
        return
    kind = str(document_class.model_fields["kind"].default)
    names = world.names(document_class)
    there = f"there are {', '.join(names[:20])}" if names else "there is none of that kind"
    guess = did_you_mean(name, names) or f"; {there}"
    yield document.problem(f"no {kind} {name!r} in the catalog or among these documents{guess}", *location)


def _is_secret(config: type[BaseModel], name: str) -> bool:
    annotation = config.model_fields[name].annotation
    return any(member in (SecretStr, SecretBytes) for member in (annotation, *get_args(annotation)))


def _is_secret_ref(value: object) -> bool:
    try:
        SecretRef.model_validate(value)
    except ValidationError:
        return False
    return True
