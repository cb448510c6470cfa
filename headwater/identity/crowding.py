"""What limit and linking rules leave of components, by column.

A hub, such as a shared device, gathers identities for years, and with each batch that shows it, its component is
arranged anew. So nothing here is an object for each identity or link, and only what no column can say is taken in turn.
Spec: identity-and-profile.md, sections 2.1 and 2.2.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headwater.identity.extract import Integers, Mask
from headwater.identity.graph import GRAPH_LIMIT
from headwater.identity.joining import JoinedVertices
from headwater.identity.namespaces import Namespace, canonical_code
from headwater.identity.rules import IdentityRules
from headwater.model.documents import IdentityType

NO_GRAPH: Final = -1
"""Stands for the graph of an identity that is in none."""

_REMOVED_FIRST: Final = {IdentityType.COOKIE: 0, IdentityType.DEVICE: 1}
_REMOVED_LAST: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """Identities of whole components, any number of them, and all links between them, each once.

    Attributes:
        keys: Number of each identity, ascending, 0 or more.
        kinds: Namespace of each identity, by its place in `namespaces`.
        namespaces: The namespaces that occur.
        values: Value of each identity, as an Arrow array.
        left: One end of each link, by its place in `keys`.
        right: The other end.
        seen: When each link was seen last; any number that grows with time.
        shown: The newest batch that showed the link: any number that grows with `seen`, then with the batch's id.
    """

    keys: Integers
    kinds: Integers
    namespaces: tuple[Namespace, ...]
    values: pa.Array
    left: Integers
    right: Integers
    seen: Integers
    shown: Integers


def arrange(members: Members, rules: IdentityRules, limit: int = GRAPH_LIMIT) -> Integers:
    """The graph of each identity, named by its smallest one; `NO_GRAPH` for an identity that was removed.

    First the links that would put two identities of a unique namespace into one graph are dropped, then what is still
    too large shrinks. The order in which identities and links come does not matter.

    Args:
        members: Whole components.
        rules: Unique namespaces, and which namespaces come first.
        limit: Most identities in one graph.
    """
    value_ranks = np.empty(len(members.keys), np.int64)
    value_ranks[pc.sort_indices(members.values).to_numpy()] = np.arange(len(members.keys))
    left, right = members.left, members.right
    if rules.unique:
        kept = _keep_unique(members, rules, value_ranks)
        left, right = left[kept], right[kept]
    order = _removal_order(members, value_ranks)
    turns = np.empty_like(order)
    turns[order] = np.arange(len(order))
    removed = choose_removals(len(order), turns[left], turns[right], limit)[turns]
    stays = ~(removed[left] | removed[right])
    joined = JoinedVertices(members.keys[left[stays]], members.keys[right[stays]])
    return np.where(removed, NO_GRAPH, joined.roots(members.keys))


def _removal_order(members: Members, value_ranks: Integers) -> Integers:
    """Who goes first: cookies, then devices, then the rest; the longest unseen; then by namespace and value."""
    classes = np.array([_REMOVED_FIRST.get(each.type, _REMOVED_LAST) for each in members.namespaces], np.int64)
    codes = _ranks([each.code for each in members.namespaces])
    last_seen = np.full(len(members.keys), np.iinfo(np.int64).min)
    for ends in (members.left, members.right):
        np.maximum.at(last_seen, ends, members.seen)
    return np.lexsort((value_ranks, codes[members.kinds], last_seen, classes[members.kinds]))


def _ranks(texts: list[str]) -> Integers:
    """The place of each text among the different ones in their order."""
    places = {text: place for place, text in enumerate(sorted(set(texts)))}
    return np.array([places[text] for text in texts], np.int64)


def _keep_unique(members: Members, rules: IdentityRules, value_ranks: Integers) -> Integers:
    """Replay the links from the newest to the oldest, without those that would break uniqueness.

    Links of one time and batch go by the importance of their namespaces, then by namespace and value.
    """
    codes = [canonical_code(each.code) for each in members.namespaces]
    importance = np.array([rules.rank(each.code) for each in members.namespaces], np.int64)[members.kinds]
    names = np.empty(len(members.keys), np.int64)
    names[np.lexsort((value_ranks, _ranks(codes)[members.kinds]))] = np.arange(len(names))
    by_importance = [
        which(column[members.left], column[members.right])
        for column in (importance, names)
        for which in (np.minimum, np.maximum)
    ]
    in_turn = np.lexsort((*by_importance[::-1], -members.shown))

    flags = {code: 1 << place for place, code in enumerate(sorted(rules.unique))}
    single = [flags.get(codes[kind], 0) for kind in members.kinds.tolist()]
    sets = DisjointSets(len(single))
    kept: list[int] = []
    ends = zip(in_turn.tolist(), members.left[in_turn].tolist(), members.right[in_turn].tolist(), strict=True)
    for link, left, right in ends:
        one, other = sets.find(left), sets.find(right)
        if one != other:
            if single[one] & single[other]:
                continue
            together = single[one] | single[other]
            single[sets.join(one, other)] = together
        kept.append(link)
    return np.array(kept, np.int64)


def choose_removals(count: int, left: Integers, right: Integers, limit: int = GRAPH_LIMIT) -> Mask:
    """Which vertices to remove so that no component is larger than `limit`.

    The rule: while a component is too large, its first vertex goes, with its links. When it is a vertex's turn, all
    later ones are still there, so it goes exactly if its component among itself and the later ones is too large. Adding
    vertices from the last to the first therefore answers it for all of them in one pass.

    The pass is spared those of whom a glance at neighbours tells it, and those without a link to any other that is
    left: around a hub these are nearly all.

    Args:
        count: Number of vertices; they are numbered from 0 in the order in which they go.
        left: One end of each link, each link once and none from a vertex to itself.
        right: The other end.
        limit: Most vertices in a component.
    """
    low, high = np.minimum(left, right), np.maximum(left, right)
    removed = _removed_at_a_glance(count, low, high, limit)
    # A component among the later ones is too large also from the turn on at which a removed vertex joins it.
    joined_at = np.full(count, -1)
    for ends, across in ((low, high), (high, low)):
        leads_out = removed[across]
        np.maximum.at(joined_at, ends[leads_out], across[leads_out])
    among = ~(removed[low] | removed[high])
    low, high = low[among], high[among]
    waiting = ~removed & (joined_at > np.arange(count))
    waiting[low] = waiting[high] = True

    sets = DisjointSets(count)
    sizes, too_large_at = [1] * count, joined_at.tolist()
    later: dict[int, list[int]] = {}
    for vertex, neighbour in zip(low.tolist(), high.tolist(), strict=True):
        later.setdefault(vertex, []).append(neighbour)
    for vertex in np.flatnonzero(waiting)[::-1].tolist():
        root = vertex
        for neighbour in later.get(vertex, ()):
            other = sets.find(neighbour)
            if other != root:
                size, at = sizes[root] + sizes[other], max(too_large_at[root], too_large_at[other])
                root = sets.join(root, other)
                sizes[root], too_large_at[root] = size, at
        removed[vertex] = sizes[root] > limit or too_large_at[root] > vertex
    return removed


def _removed_at_a_glance(count: int, low: Integers, high: Integers, limit: int) -> Mask:
    """Vertices of whom their neighbours tell that they are removed.

    They have too many later ones; or a later one which has too many that are not earlier than they; or a later one of
    whom that is so.
    """
    removed: Mask = np.bincount(low, minlength=count) >= limit
    # For each hub its neighbours from the last to the first: from the place `limit` - 1 on, the hub and those before,
    # if all of them are later, are too many.
    hubs_and_neighbours = np.concatenate([high * count + low, low * count + high])
    hubs_and_neighbours[::-1].sort()
    hubs, neighbours = np.divmod(hubs_and_neighbours, max(count, 1))
    places = np.arange(len(hubs))
    begins = np.append(True, hubs[1:] != hubs[:-1])[: len(hubs)]
    starts = np.maximum.accumulate(np.where(begins, places, 0))
    too_many = (places - starts >= limit - 1) & (neighbours < hubs)
    removed[neighbours[too_many]] = True
    removed[low[removed[high]]] = True
    return removed


class DisjointSets:
    """Disjoint sets of the numbers below `count`, each its own at first. A set's root is its smallest number."""

    def __init__(self, count: int) -> None:
        self._parents = list(range(count))

    def find(self, key: int) -> int:
        """The root of the number's set."""
        parents = self._parents
        while (parent := parents[key]) != key:
            parents[key] = key = parents[parent]
        return key

    def join(self, left: int, right: int) -> int:
        """Make one set of those of two different roots; the root of the result."""
        left, right = min(left, right), max(left, right)
        self._parents[right] = left
        return left
