"""How many links one batch may make of an identity, by column."""

import numpy as np

from headwater.identity.extract import Integers, Mask
from headwater.identity.graph import BATCH_LINK_LIMIT, admit_links


class LinksMade:
    """How many links a batch has made of each vertex so far, which it brings slice by slice."""

    def __init__(self) -> None:
        self._ids = np.empty(0, np.int64)
        self._counts = np.empty(0, np.uint8)
        self._latest: tuple[Integers, bytearray] | None = None

    def admit(self, ids: Integers, left: Integers, right: Integers) -> Mask:
        """Which links of a slice the batch may still make; they count from now on.

        Only the links of identities that would get too many need to be taken in turn (`admit_links`): those of others
        do not depend on what else is admitted.

        Args:
            ids: The slice's vertices, each once.
            left: One end of each link, by its place in `ids`.
            right: The other end.
        """
        made = self._of(ids)
        self._latest = ids, made
        counts = np.frombuffer(made, np.uint8)
        busy = counts + _degrees(left, right, len(made)) > BATCH_LINK_LIMIT
        in_turn = busy[left] | busy[right]
        admitted: Mask = ~in_turn
        counts += _degrees(left[admitted], right[admitted], len(made)).astype(np.uint8)
        if in_turn.any():
            places = np.flatnonzero(in_turn)
            waiting = list(zip(left[places].tolist(), right[places].tolist(), strict=True))
            taken = set(admit_links(waiting, made))
            admitted[places] = [each in taken for each in waiting]
        return admitted

    def _of(self, ids: Integers) -> bytearray:
        if self._latest is not None:
            self._note(*self._latest)
        found = np.zeros(len(ids), np.uint8)
        if len(self._ids):
            places = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
            same = self._ids[places] == ids
            found[same] = self._counts[places[same]]
        return bytearray(found.tobytes())

    def _note(self, ids: Integers, counts: bytearray) -> None:
        """Put a slice to those before, ordered by vertex."""
        others = ~np.isin(self._ids, ids)
        every = np.concatenate([self._ids[others], ids])
        order = np.argsort(every)
        self._ids = every[order]
        self._counts = np.concatenate([self._counts[others], np.frombuffer(counts, np.uint8)])[order]


def _degrees(left: Integers, right: Integers, count: int) -> Integers:
    """How many links each of the vertices has."""
    return np.bincount(left, minlength=count) + np.bincount(right, minlength=count)
