"""How columns become fields."""

from typing import Literal, Self

from pydantic import Field, model_validator

from headwater.model.base import Document, Name
from headwater.model.documents.resource import Resource


class Mapping(Document):
    """One mapping: `ATTRIBUTE` copies a column, `STATIC` sets a constant, `EXPRESSION` calculates (data-prep.md)."""

    source_type: Literal["ATTRIBUTE", "STATIC", "EXPRESSION"] = "ATTRIBUTE"
    source: str
    destination: str


class MappingSet(Resource):
    """How the columns of a source become the fields of a schema."""

    kind: Literal["mapping_set"] = "mapping_set"
    xdm_schema: Name = Field(alias="schema")
    mappings: tuple[Mapping, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _each_destination_once(self) -> Self:
        seen: set[str] = set()
        for mapping in self.mappings:
            if mapping.destination in seen:
                raise ValueError(f"destination {mapping.destination!r} is mapped twice; each has one mapping")
            seen.add(mapping.destination)
        return self
