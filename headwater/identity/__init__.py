"""Identities: which values identify a person, which of them belong together.

Start with `namespaces` (what kinds there are), `values` (what counts as an identity), `extract` (from Arrow rows to
identities), `graph` (links, connected components, the limit on their size) and `rules` (what one may decide).
"""

from headwater.identity.graph import GraphEdge, IdentityGraph
from headwater.identity.namespaces import STANDARD_NAMESPACES, Namespace, Namespaces, canonical_code
from headwater.identity.rules import IdentityRules
from headwater.identity.values import Identity, SkipReason, identity_key

__all__ = [
    "STANDARD_NAMESPACES",
    "GraphEdge",
    "Identity",
    "IdentityGraph",
    "IdentityRules",
    "Namespace",
    "Namespaces",
    "SkipReason",
    "canonical_code",
    "identity_key",
]
