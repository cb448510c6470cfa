"""How a connector that can use several connections is told how many it may make.

Whoever builds a connector has room for one connection. Slots are the room for further ones.
"""

from typing import Protocol, runtime_checkable


class Slot(Protocol):
    """Room for one connection."""

    def release(self) -> None:
        """Give it back. May be called twice."""
        ...


class Slots(Protocol):
    """Room for more connections, shared with others who use the same account."""

    def take_free(self) -> Slot | None:
        """Return room for one more connection, or None if there is none at the moment; never waits."""
        ...

    def are_wanted(self) -> bool:
        """Return whether somebody else waits for room: whoever can do with less gives some back."""
        ...


@runtime_checkable
class TakesSlots(Protocol):
    """A connector that can use several connections at once."""

    def use_slots(self, slots: Slots) -> None:
        """Make further connections only with a slot each. Without this call, it keeps to its own configuration."""
        ...


class CountedSlots:
    """Room for a fixed number of connections of one connector, shared with nobody.

    Args:
        count: How many.
    """

    def __init__(self, count: int) -> None:
        self._free = count

    def take_free(self) -> Slot | None:
        """See `Slots.take_free`."""
        if self._free <= 0:
            return None
        self._free -= 1
        return _CountedSlot(self)

    def are_wanted(self) -> bool:
        """See `Slots.are_wanted`; there is nobody else."""
        return False

    def put_back(self) -> None:
        """Make room again."""
        self._free += 1


class _CountedSlot:
    def __init__(self, slots: CountedSlots) -> None:
        self._slots: CountedSlots | None = slots

    def release(self) -> None:
        """See `Slot.release`."""
        slots, self._slots = self._slots, None
        if slots is not None:
            slots.put_back()
