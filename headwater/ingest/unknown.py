"""Fields that records have and their schema does not: not stored, but never silently."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from headwater.ingest.judge import UnreadableError, parse_record
from headwater.ingest.shape import Kind, Shape, escape

_FIRST = 1000
"""So many records at a file's beginning are all looked at."""
_EVERY = 64
"""After them, one in so many."""
_MAX_POINTERS = 1000
_MAX_NAME = 64
_OTHERS = "…"


def choose_sample(records: Sequence[bytes], read: int) -> Sequence[bytes]:
    """Those of a block's records that are looked at, if so many of the file came before them."""
    beginning = max(0, _FIRST - read)
    return [*records[:beginning], *records[beginning::_EVERY]]


class UnknownFields:
    """Looks for unknown fields in records of one shape.

    Most records have none: then the typed decode, told to refuse unknown fields, shows it at a tenth of the cost.
    """

    def __init__(self, shape: Shape) -> None:
        self._below = _Below(shape)
        self._refuse_unknown = msgspec.json.Decoder(_closed_type(shape)).decode

    def count(self, records: Sequence[bytes], counts: Counter[str]) -> None:
        """Count the unknown fields of some records into `counts`, by pointer; what is no JSON object has none.

        Pointers beyond the first thousand share the entry `…`.
        """
        for record in records:
            try:
                self._refuse_unknown(record)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                self._look(record, counts)

    def _look(self, record: bytes, counts: Counter[str]) -> None:
        try:
            self._below.look(parse_record(record), counts)
        except UnreadableError:
            return


class _Below:
    """The unknown fields of one value."""

    def __init__(self, shape: Shape) -> None:
        self._pointer = shape.pointer
        self._kind = shape.kind
        self._known = frozenset(name for name, _ in shape.fields)
        self._nested = {name: _Below(field) for name, field in shape.fields if not _is_leaf(field)}
        self._inner = _Below(shape.element) if shape.element and not _is_leaf(shape.element) else None

    def look(self, value: object, counts: Counter[str]) -> None:
        if self._kind is Kind.OBJECT and isinstance(value, dict):
            if not self._known.issuperset(value):
                self._add([name for name in value.keys() - self._known if value[name] is not None], counts)
            for name, field in self._nested.items():
                if name in value:
                    field.look(value[name], counts)
        elif self._inner and isinstance(value, list | dict):
            for member in value.values() if isinstance(value, dict) else value:
                self._inner.look(member, counts)

    def _add(self, names: list[str], counts: Counter[str]) -> None:
        for name in names:
            pointer = f"{self._pointer}/{escape(name[:_MAX_NAME])}"
            counts[pointer if pointer in counts or len(counts) < _MAX_POINTERS else _OTHERS] += 1


def _closed_type(shape: Shape) -> Any:  # noqa: ANN401  (a type)
    """What a value without unknown fields decodes into; what is below a single value is not looked at."""
    match shape.kind:
        case Kind.OBJECT:
            fields = [(f"f{place}", _closed_type(field), None) for place, (_, field) in enumerate(shape.fields)]
            names = {f"f{place}": name for place, (name, _) in enumerate(shape.fields)}
            return msgspec.defstruct("Closed", fields, rename=names, forbid_unknown_fields=True, gc=False) | None
        case Kind.ARRAY:
            return list[_closed_type(shape.inner)] | None  # type: ignore[misc]
        case Kind.MAP:
            return dict[str, _closed_type(shape.inner)] | None  # type: ignore[misc]
        case _:
            return msgspec.Raw


def _is_leaf(shape: Shape) -> bool:
    return shape.kind not in (Kind.OBJECT, Kind.ARRAY, Kind.MAP)
