"""Connected components of very many links at once, as columns."""

from typing import Any

import numpy as np

Integers = np.ndarray[Any, np.dtype[np.int64]]


class JoinedVertices:
    """The components that links make. A component's root is its smallest vertex, in whatever order they come."""

    def __init__(self, left: Integers, right: Integers) -> None:
        self._vertices, places = np.unique(np.concatenate([left, right]), return_inverse=True)
        self._roots = self._vertices[_smallest(len(self._vertices), places[: len(left)], places[len(left) :])]

    def roots(self, vertices: Integers) -> Integers:
        """The root of each vertex; a vertex without links is its own."""
        if not len(self._vertices):
            return vertices.copy()
        places = np.minimum(np.searchsorted(self._vertices, vertices), len(self._vertices) - 1)
        return np.where(self._vertices[places] == vertices, self._roots[places], vertices)


def _smallest(count: int, left: Integers, right: Integers) -> Integers:
    """For each of the numbers below `count` the smallest one that links join it with.

    Each round hangs every root below the smallest root that it is linked to, then lets all point to their roots; the
    links between what hangs together are done.
    """
    parents = np.arange(count)
    while len(left):
        np.minimum.at(parents, np.maximum(left, right), np.minimum(left, right))
        while not np.array_equal(higher := parents[parents], parents):
            parents = higher
        left, right = parents[left], parents[right]
        apart = left != right
        left, right = left[apart], right[apart]
    return parents
