"""Fields that records have and their schema does not: not stored, but never silently."""

from collections import Counter
from collections.abc import Sequence

from headwater.ingest.judge import UnreadableError, parse_record
from headwater.ingest.shape import Kind, Shape, escape

EVERY = 64
"""After a file's first block, one record in so many is looked at."""
_MAX_POINTERS = 1000
_MAX_NAME = 64
_OTHERS = "…"


class UnknownFields:
    """Looks for unknown fields below one shape."""

    def __init__(self, shape: Shape) -> None:
        self._pointer = shape.pointer
        self._kind = shape.kind
        self._known = frozenset(name for name, _ in shape.fields)
        self._nested = {name: UnknownFields(field) for name, field in shape.fields if not _is_leaf(field)}
        self._inner = UnknownFields(shape.element) if shape.element and not _is_leaf(shape.element) else None

    def count(self, records: Sequence[bytes], counts: Counter[str]) -> None:
        """Count the unknown fields of some records into `counts`, by pointer; what is no JSON object has none.

        Pointers beyond the first thousand share the entry `…`.
        """
        for record in records:
            try:
                self._look(parse_record(record), counts)
            except UnreadableError:
                continue

    def _look(self, value: object, counts: Counter[str]) -> None:
        if self._kind is Kind.OBJECT and isinstance(value, dict):
            if not self._known.issuperset(value):
                self._add([name for name in value.keys() - self._known if value[name] is not None], counts)
            for name, field in self._nested.items():
                if name in value:
                    field._look(value[name], counts)
        elif self._inner and isinstance(value, list | dict):
            for member in value.values() if isinstance(value, dict) else value:
                self._inner._look(member, counts)

    def _add(self, names: list[str], counts: Counter[str]) -> None:
        for name in names:
            pointer = f"{self._pointer}/{escape(name[:_MAX_NAME])}"
            counts[pointer if pointer in counts or len(counts) < _MAX_POINTERS else _OTHERS] += 1


def _is_leaf(shape: Shape) -> bool:
    return shape.kind not in (Kind.OBJECT, Kind.ARRAY, Kind.MAP)
