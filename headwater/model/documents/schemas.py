"""XDM of one's own, and the datasets with its schemas."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from headwater.model.base import Name
from headwater.model.documents.resource import Resource

XdmPath = Annotated[str, StringConstraints(pattern=r"^/[^/].*$", max_length=1024)]
"""A property as descriptors name it: `/person/name`, slashes, without the word "properties"."""


class XdmClass(Resource):
    """An own class. `properties` are JSON Schema in short-name form, below the tenant's object."""

    kind: Literal["class"] = "class"
    id: str | None = None
    behavior: Literal["record", "time-series", "adhoc"]
    properties: dict[str, Any] = Field(default_factory=dict)
    required: tuple[str, ...] = ()


class FieldGroup(Resource):
    """An own field group. `extends` names the classes it may be used with; empty means any."""

    kind: Literal["field_group"] = "field_group"
    id: str | None = None
    extends: tuple[str, ...] = ()
    properties: dict[str, Any] = Field(default_factory=dict)
    required: tuple[str, ...] = ()


class DataType(Resource):
    """A reusable object type; a property refers to it by `$ref: <its name or id>`."""

    kind: Literal["data_type"] = "data_type"
    id: str | None = None
    properties: dict[str, Any] = Field(default_factory=dict)
    required: tuple[str, ...] = ()


class Schema(Resource):
    """One class and any number of field groups, each named by its resource name or its `$id`."""

    kind: Literal["schema"] = "schema"
    id: str | None = None
    xdm_class: str = Field(alias="class")
    field_groups: tuple[str, ...] = ()
    enabled_for_profile: bool = False
    primary_identity_in_identity_map: bool = False


class Descriptor(Resource):
    """An identity field or a relationship of a schema (spec: xdm.md, section 4.1)."""

    kind: Literal["descriptor"] = "descriptor"
    type: Literal["identity", "relationship"]
    xdm_schema: Name = Field(alias="schema")
    property: XdmPath
    namespace: str | None = None
    primary: bool = False
    destination_schema: Name | None = None
    destination_property: XdmPath | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.type == "identity" and self.namespace is None:
            raise ValueError("an identity descriptor needs `namespace`")
        if self.type == "relationship" and self.destination_schema is None:
            raise ValueError("a relationship descriptor needs `destination_schema`")
        return self


class Dataset(Resource):
    """A table of the lake with a schema. `name` is its SQL name. Upsert datasets change only the fields that come.

    Events leave the profiles `event_expiration_days` after they happened, after 100 years at most; the lake keeps them.
    """

    kind: Literal["dataset"] = "dataset"
    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,127}$")]
    xdm_schema: Name = Field(alias="schema")
    enabled_for_profile: bool = False
    upsert: bool = False
    event_expiration_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
