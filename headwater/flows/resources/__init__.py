"""Authored documents on their way into the catalog: read, check, compare, apply.

Start with `read_documents` and `apply_documents`.
"""

from headwater.flows.resources.apply import ApplyPlan, DocumentChange, apply_documents, plan_apply
from headwater.flows.resources.delete import delete_resource
from headwater.flows.resources.differences import FieldChange
from headwater.flows.resources.read import AuthoredDocument, read_documents

__all__ = [
    "ApplyPlan",
    "AuthoredDocument",
    "DocumentChange",
    "FieldChange",
    "apply_documents",
    "delete_resource",
    "plan_apply",
    "read_documents",
]
