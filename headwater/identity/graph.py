"""The identity graph: links between identities, connected components, and the rules that keep graphs small.

Vertices are numbers that the store hands out, links are pairs of them. The graph is a function of all links that are
there, whatever order they came in: take the links of a batch away, and it is as if they had never been.
Spec: identity-and-profile.md, section 2.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from headwater.identity.namespaces import canonical_code
from headwater.identity.rules import IdentityRules
from headwater.identity.values import Identity
from headwater.model.documents import IdentityType

GRAPH_LIMIT: Final = 50
"""Identities in one graph; what is too much is removed, see `choose_removals`."""
BATCH_LINK_LIMIT: Final = 50
"""Links of one identity that one batch may make."""

Link = tuple[int, int]
"""Two vertices, the smaller one first."""

_REMOVED_FIRST: Final = {IdentityType.COOKIE: 0, IdentityType.DEVICE: 1}
_REMOVED_LAST: Final = 2


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Vertex:
    """What decides about an identity's removal. `last_seen` is any number that grows with time."""

    key: int
    namespace: str
    value: str
    type: IdentityType
    last_seen: int

    @property
    def removal_order(self) -> tuple[int, int, str, str]:
        """Who goes first: cookies, then devices, then the rest; the longest unseen; then by namespace and value."""
        return (_REMOVED_FIRST.get(self.type, _REMOVED_LAST), self.last_seen, self.namespace, self.value)


class Components:
    """Disjoint sets of vertices. A set's root is its smallest vertex, so that the order of joining does not matter."""

    def __init__(self, links: Iterable[Link] = ()) -> None:
        self._parents: dict[int, int] = {}
        parents = self._parents
        for left, right in links:
            if left in parents or right in parents:
                self.join(left, right)
            else:
                parents[left] = parents[right] = min(left, right)

    def roots(self, keys: Iterable[int]) -> list[int]:
        """The root of each vertex's set."""
        parents, find = self._parents, self.find
        return [key if parents.get(key, key) == key else find(key) for key in keys]

    def find(self, key: int) -> int:
        """The root of the vertex's set; an unknown vertex is a set of its own."""
        parents = self._parents
        parent = parents.setdefault(key, key)
        while parent != key:
            parents[key] = parents[parent]
            key, parent = parent, parents[parent]
        return key

    def join(self, left: int, right: int) -> int:
        """Make one set of two; the root of the result."""
        left, right = self.find(left), self.find(right)
        if left > right:
            left, right = right, left
        self._parents[right] = left
        return left


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


def arrange(
    vertices: Iterable[Vertex], links: Mapping[Link, tuple[int, str]], rules: IdentityRules, limit: int = GRAPH_LIMIT
) -> dict[int, int | None]:
    """The graph of each vertex, named by its smallest one; None for an identity that was removed.

    First the links that would put two identities of a unique namespace into one graph are dropped, then what is still
    too large shrinks.

    Args:
        vertices: Whole components, any number of them.
        links: All links between them, and when they were seen last: a time and a batch id.
        rules: Unique namespaces, and which namespaces come first.
        limit: Most identities in one graph.
    """
    by_key = {vertex.key: vertex for vertex in vertices}
    kept = _keep_unique(by_key, links, rules) if rules.unique else list(links)
    removed = choose_removals(by_key.values(), kept, limit)
    components = Components(link for link in kept if removed.isdisjoint(link))
    return {key: None if key in removed else components.find(key) for key in by_key}


def _keep_unique(
    vertices: Mapping[int, Vertex], links: Mapping[Link, tuple[int, str]], rules: IdentityRules
) -> list[Link]:
    """Replay the links from the newest to the oldest, without those that would break uniqueness.

    Links of one time and batch go by the importance of their namespaces, then by namespace and value.
    """
    single = {key: {canonical_code(each.namespace)} & rules.unique for key, each in vertices.items()}
    components = Components()
    kept: list[Link] = []

    def by_importance(link: Link) -> tuple[object, ...]:
        ends = [vertices[key] for key in link]
        return (
            sorted(rules.rank(end.namespace) for end in ends),
            sorted((canonical_code(end.namespace), end.value) for end in ends),
        )

    for link in sorted(sorted(links, key=by_importance), key=lambda each: links[each], reverse=True):
        left, right = (components.find(key) for key in link)
        if left != right and single[left] & single[right]:
            continue
        together = single[left] | single[right]
        single[components.join(left, right)] = together
        kept.append(link)
    return kept


def choose_removals(vertices: Iterable[Vertex], links: Iterable[Link], limit: int = GRAPH_LIMIT) -> set[int]:
    """The identities to remove so that no component is larger than `limit`.

    The rule: while a component is too large, its first vertex in `removal_order` goes, with its links. When it is a
    vertex's turn, all later ones are still there, so it goes exactly if its component among itself and the later ones
    is too large. Adding vertices from the last to the first therefore answers it for all of them in one pass.
    """
    neighbours: dict[int, list[int]] = {}
    for left, right in links:
        neighbours.setdefault(left, []).append(right)
        neighbours.setdefault(right, []).append(left)
    components = Components()
    sizes: dict[int, int] = {}
    removals: set[int] = set()
    for vertex in sorted(vertices, key=lambda each: each.removal_order, reverse=True):
        root = vertex.key
        sizes[root] = 1
        for neighbour in neighbours.get(vertex.key, ()):
            if components.find(neighbour) in sizes:
                root = _join_sized(components, sizes, root, neighbour)
        if sizes[root] > limit:
            removals.add(vertex.key)
    return removals


def _join_sized(components: Components, sizes: dict[int, int], left: int, right: int) -> int:
    left, right = components.find(left), components.find(right)
    if left == right:
        return left
    total = sizes.pop(left) + sizes.pop(right)
    root = components.join(left, right)
    sizes[root] = total
    return root
