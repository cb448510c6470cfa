"""The identity graph: what one sees of it, and how many links a batch may make.

Vertices are numbers that the store hands out, links are pairs of them. The graph is a function of all links that are
there, whatever order they came in: take the links of a batch away, and it is as if they had never been.
Spec: identity-and-profile.md, section 2.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from headwater.identity.values import Identity

GRAPH_LIMIT: Final = 50
"""Identities in one graph; what is too much is removed, see `crowding.choose_removals`."""
BATCH_LINK_LIMIT: Final = 50
"""Links of one identity that one batch may make."""

Link = tuple[int, int]
"""Two vertices, the smaller one first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphEdge:
    """A link as people see it. The times are those of ingestion, aware UTC; `batch_ids` are all that showed it."""

    left: Identity
    right: Identity
    first_seen: datetime
    last_seen: datetime
    datasets: tuple[str, ...]
    batch_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityGraph:
    """The identities of one person, ordered by namespace and value, and the links between them."""

    identities: tuple[Identity, ...]
    edges: tuple[GraphEdge, ...]


def admit_links(links: list[Link], made: bytearray, limit: int = BATCH_LINK_LIMIT) -> list[Link]:
    """The links that one batch may still make, in the order in which they come.

    Args:
        links: New links of the batch, each once.
        made: Links that the batch has made already, by vertex; updated.
        limit: Most links of one identity, 254 or less.
    """
    admitted: list[Link] = []
    for link in links:
        left, right = link
        if made[left] < limit and made[right] < limit:
            made[left] += 1
            made[right] += 1
            admitted.append(link)
    return admitted
