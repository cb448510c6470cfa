"""From rows to the pairs of identities that they show together, by column."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from sqlalchemy.engine import Connection

from headwater.identity.extract import Integers
from headwater.identity.namespaces import Namespace
from headwater.identity.values import SkipReason, identity_keys, key_prefix
from headwater.profile_store.batches import NamespaceNumbers
from headwater.profile_store.keys import sort_by, to_words
from headwater.profile_store.loads import BatchLoad


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Some pairs and their identities, each once. The identities are ordered by key, the pairs as they came.

    Attributes:
        high: First half of each identity's key, as a number.
        low: Its second half.
        namespaces: Number of its namespace.
        values: Its value.
        left: Place of the identity of each pair that has the smaller key.
        right: Place of the other one.
    """

    high: Integers
    low: Integers
    namespaces: Integers
    values: pa.Array
    left: Integers
    right: Integers


class PairReader:
    """Collects the pairs of rows until they are taken.

    Attributes:
        count: Pairs since they were taken last; a pair may count several times.
        placeholders: Identities so far that look like placeholders.
        skipped: Identities left out so far, by reason.
    """

    def __init__(self, connection: Connection, load: BatchLoad) -> None:
        self.count = 0
        self.placeholders = 0
        self.skipped: Counter[SkipReason] = Counter()
        self._reader = load.reader
        self._numbers = NamespaceNumbers(connection)
        self._identities: list[pa.RecordBatch] = []
        self._left: list[Integers] = []
        self._right: list[Integers] = []
        self._size = 0

    def add(self, rows: pa.RecordBatch) -> None:
        """Take some rows."""
        found = self._reader.read(rows)
        self.placeholders += found.placeholders
        self.skipped.update(found.skipped)
        numbers = self._number(found.namespaces)[found.codes]
        joining = np.flatnonzero(numbers)
        if not len(joining):
            return
        prefixes = pa.array([key_prefix(each.code) for each in found.namespaces], pa.binary())
        values = found.values.take(pa.array(joining))
        high, low = to_words(identity_keys(prefixes.take(pa.array(found.codes[joining])), values))
        left, right = _pair(found.rows[joining], high, low)
        identities = [pa.array(each) for each in (high, low, numbers[joining])]
        self._identities.append(
            pa.RecordBatch.from_arrays([*identities, values], ["high", "low", "namespace", "value"])
        )
        self._left.append(left + self._size)
        self._right.append(right + self._size)
        self._size += len(joining)
        self.count += len(left)

    def take(self) -> Slice:
        """What has been collected, of which there must be some; the reader is empty then."""
        identities = pa.concat_batches(self._identities)
        left, right = np.concatenate(self._left), np.concatenate(self._right)
        self._identities, self._left, self._right = [], [], []
        self._size = self.count = 0
        linked = np.zeros(identities.num_rows, np.bool_)
        linked[left] = linked[right] = True
        order, begins = sort_by(*(identities.column(name).to_numpy()[linked] for name in ("high", "low")))
        originals = np.flatnonzero(linked)[order]
        place_of = np.empty(identities.num_rows, np.int64)
        place_of[originals] = np.cumsum(begins) - 1
        left, right = place_of[left], place_of[right]
        chosen = identities.take(pa.array(originals[begins]))
        _, first = np.unique(left * chosen.num_rows + right, return_index=True)
        first.sort()
        return Slice(
            high=chosen.column("high").to_numpy(),
            low=chosen.column("low").to_numpy(),
            namespaces=chosen.column("namespace").to_numpy(),
            values=chosen.column("value"),
            left=left[first],
            right=right[first],
        )

    def _number(self, namespaces: tuple[Namespace, ...]) -> Integers:
        """The number of each namespace, 0 where it joins no graph."""
        numbers = [self._numbers.number(each) if each.type.joins_graphs else 0 for each in namespaces]
        return np.array(numbers, np.int64)


def _pair(rows: Integers, high: Integers, low: Integers) -> tuple[Integers, Integers]:
    """All pairs of different identities of each row, by place, in the order of the rows and then of the keys."""
    order, begins = sort_by(rows, high, low)
    order = order[begins]
    _, starts, sizes = np.unique(rows[order], return_index=True, return_counts=True)
    lefts, rights, owners = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for size in np.unique(sizes[sizes > 1]).tolist():
        of_size = starts[sizes == size, None]
        one, other = np.triu_indices(size, 1)
        lefts.append(order[of_size + one].ravel())
        rights.append(order[of_size + other].ravel())
        owners.append(np.repeat(of_size, len(one)))
    in_turn = np.argsort(np.concatenate(owners), kind="stable")
    return np.concatenate(lefts)[in_turn], np.concatenate(rights)[in_turn]
