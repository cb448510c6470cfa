"""The documents that people author: one class per kind, the same for YAML files, catalog and API."""

from typing import Annotated

from pydantic import Field

from headwater.model.documents.accounts import Account
from headwater.model.documents.dataflows import Dataflow, Expectation, PartialIngestion, RunRequest, Schedule, Target
from headwater.model.documents.identities import IdentityNamespace, IdentitySettings, IdentityType
from headwater.model.documents.mapping import Mapping, MappingSet
from headwater.model.documents.profiles import AttributeMerge, MergePolicy
from headwater.model.documents.resource import Resource, SecretRef
from headwater.model.documents.schemas import Dataset, DataType, Descriptor, FieldGroup, Schema, XdmClass, XdmPath
from headwater.model.documents.sources import Encryption, Readiness, Source
from headwater.model.documents.subscribers import (
    BatchEventCode,
    EventCode,
    FileEventCode,
    FlowRunEventCode,
    Notifier,
    Webhook,
)

__all__ = [
    "RESOURCE_TYPES",
    "Account",
    "AnyResource",
    "AttributeMerge",
    "BatchEventCode",
    "DataType",
    "Dataflow",
    "Dataset",
    "Descriptor",
    "Encryption",
    "EventCode",
    "Expectation",
    "FieldGroup",
    "FileEventCode",
    "FlowRunEventCode",
    "IdentityNamespace",
    "IdentitySettings",
    "IdentityType",
    "Mapping",
    "MappingSet",
    "MergePolicy",
    "Notifier",
    "PartialIngestion",
    "Readiness",
    "Resource",
    "RunRequest",
    "Schedule",
    "Schema",
    "SecretRef",
    "Source",
    "Target",
    "Webhook",
    "XdmClass",
    "XdmPath",
]

AnyResource = Annotated[
    Account
    | IdentityNamespace
    | IdentitySettings
    | XdmClass
    | FieldGroup
    | DataType
    | Schema
    | Descriptor
    | Dataset
    | MappingSet
    | MergePolicy
    | Webhook
    | Notifier
    | Dataflow,
    Field(discriminator="kind"),
]

RESOURCE_TYPES: dict[str, type[Resource]] = {
    "account": Account,
    "identity_namespace": IdentityNamespace,
    "identity_settings": IdentitySettings,
    "data_type": DataType,
    "class": XdmClass,
    "field_group": FieldGroup,
    "schema": Schema,
    "descriptor": Descriptor,
    "dataset": Dataset,
    "mapping_set": MappingSet,
    "merge_policy": MergePolicy,
    "webhook": Webhook,
    "notifier": Notifier,
    "dataflow": Dataflow,
}
"""Every kind, in the order in which documents that refer to each other are applied."""
