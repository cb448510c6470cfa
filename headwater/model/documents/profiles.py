"""How fragments become profiles."""

from typing import Literal, Self

from pydantic import model_validator

from headwater.model.base import Document, Name
from headwater.model.documents.resource import Resource


class AttributeMerge(Document):
    """How attributes of fragments merge. `order` names datasets, first wins, and only those take part."""

    type: Literal["timestampOrdered", "dataSetPrecedence"] = "timestampOrdered"
    order: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _order_fits(self) -> Self:
        if (self.type == "dataSetPrecedence") != bool(self.order):
            raise ValueError("`order` names the datasets of `dataSetPrecedence`, and is given with it only")
        return self


class MergePolicy(Resource):
    """How the fragments of one person become one profile (spec: identity-and-profile.md, section 3.1)."""

    kind: Literal["merge_policy"] = "merge_policy"
    schema_class: str = "_xdm.context.profile"
    identity_graph: Literal["none", "pdg"] = "pdg"
    attribute_merge: AttributeMerge = AttributeMerge()
    default: bool = False
