"""The identity graph: links between identities, connected components, and the limit on their size.

Vertices are identity keys (`identity_key`), links are pairs of them. Spec: identity-and-profile.md, section 2.
"""

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import Final

from headwater.identity.values import Identity
from headwater.model.documents import IdentityType

GRAPH_LIMIT: Final = 50
"""Identities in one graph; what is too much is removed, see `choose_removals`."""
BATCH_LINK_LIMIT: Final = 50
"""Links of one identity that one batch may make."""

Link = tuple[bytes, bytes]
"""Two identity keys, the smaller one first."""

_REMOVED_FIRST: Final = {IdentityType.COOKIE: 0, IdentityType.DEVICE: 1}
_REMOVED_LAST: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphEdge:
    """A link as people see it.

    The times are those of ingestion, aware UTC. `batch_ids` are the first and the last batch of each dataset that had
    the two identities in one record; the batches between them are not kept.
    """

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Vertex:
    """What decides about an identity's removal. `last_seen` is any number that grows with time."""

    key: bytes
    namespace: str
    value: str
    type: IdentityType
    last_seen: int

    @property
    def removal_order(self) -> tuple[int, int, str, str]:
        """Who goes first: cookies, then devices, then the rest; the longest unseen; then by namespace and value."""
        return (_REMOVED_FIRST.get(self.type, _REMOVED_LAST), self.last_seen, self.namespace, self.value)


class Components:
    """Disjoint sets of keys. A set's root is its smallest key, so that the order of joining does not matter."""

    def __init__(self, roots: Mapping[bytes, bytes] | None = None) -> None:
        self._parents = dict(roots or {})
        for root in set(self._parents.values()):
            self._parents.setdefault(root, root)

    def find(self, key: bytes) -> bytes:
        """The root of the key's set; an unknown key is a set of its own."""
        parents = self._parents
        parent = parents.setdefault(key, key)
        while parent != key:
            parents[key] = parents[parent]
            key, parent = parent, parents[parent]
        return key

    def join(self, left: bytes, right: bytes) -> bytes:
        """Make one set of two; the root of the result."""
        low, high = sorted((self.find(left), self.find(right)))
        self._parents[high] = low
        return low


def record_links(keys: Iterable[bytes]) -> Iterator[Link]:
    """A link between each two of one record's identities, of which all join graphs and none comes twice."""
    return combinations(sorted(keys), 2)


def admit_links(
    links: Iterable[Link], made: MutableMapping[bytes, int], limit: int = BATCH_LINK_LIMIT
) -> tuple[list[Link], int]:
    """The links that one batch may still make, and how many it may not.

    Args:
        links: New links of the batch, each once. They are taken in the order of their keys, whatever order they are in.
        made: Links that the batch has made already, by identity; updated.
        limit: Most links of one identity.
    """
    admitted: list[Link] = []
    refused = 0
    for left, right in sorted(links):
        if made.get(left, 0) >= limit or made.get(right, 0) >= limit:
            refused += 1
            continue
        made[left] = made.get(left, 0) + 1
        made[right] = made.get(right, 0) + 1
        admitted.append((left, right))
    return admitted, refused


def choose_removals(vertices: Iterable[Vertex], links: Iterable[Link], limit: int = GRAPH_LIMIT) -> set[bytes]:
    """The identities to remove so that no component is larger than `limit`.

    The rule: while a component is too large, its first vertex in `removal_order` goes, with its links. When it is a
    vertex's turn, all later ones are still there, so it goes exactly if its component among itself and the later ones
    is too large. Adding vertices from the last to the first therefore answers it for all of them in one pass.
    """
    neighbours: dict[bytes, list[bytes]] = {}
    for left, right in links:
        neighbours.setdefault(left, []).append(right)
        neighbours.setdefault(right, []).append(left)
    components = Components()
    sizes: dict[bytes, int] = {}
    removals: set[bytes] = set()
    for vertex in sorted(vertices, key=lambda each: each.removal_order, reverse=True):
        root = vertex.key
        sizes[root] = 1
        for neighbour in neighbours.get(vertex.key, ()):
            if components.find(neighbour) in sizes:
                root = _join_sized(components, sizes, root, neighbour)
        if sizes[root] > limit:
            removals.add(vertex.key)
    return removals


def _join_sized(components: Components, sizes: dict[bytes, int], left: bytes, right: bytes) -> bytes:
    left, right = components.find(left), components.find(right)
    if left == right:
        return left
    total = sizes.pop(left) + sizes.pop(right)
    root = components.join(left, right)
    sizes[root] = total
    return root
