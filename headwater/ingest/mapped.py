"""Records that go through a mapping row by row: JSON and Parquet sources, and what columns cannot map at once."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import msgspec

from headwater.formats.blocks import Block, Displayed
from headwater.ingest.assemble import Place
from headwater.ingest.convert import Conversion
from headwater.ingest.engine import JsonEngine
from headwater.ingest.judge import TOO_DEEP, UnreadableError, parse_record
from headwater.ingest.nested import ObjectColumn
from headwater.ingest.report import Chunk, Observations
from headwater.mapping.apply import CompiledMapping, apply_mappings
from headwater.model.records import MAX_RAW_BYTES, Problem


class MappedEngine:
    """Maps each record, and has the results read as JSON.

    Args:
        inner: Reads the mapped records.
        root: The columns of a record.
        mappings: What goes where.
        dropping: Whether a value that does not convert is left out, as a mapping set has it, or fails its record.
    """

    def __init__(
        self, inner: JsonEngine, root: ObjectColumn, mappings: tuple[CompiledMapping, ...], *, dropping: bool = True
    ) -> None:
        self._inner = inner
        self._root = root
        self._mappings = mappings
        self._dropping = dropping

    def read(self, block: Block, place: Place, seen: Observations) -> Chunk:
        """Read a block of JSON records."""
        faults = dict(block.faults)
        values: list[dict[str, Any]] = []
        for position, record in enumerate(block.records):
            try:
                values.append({} if position in faults else parse_record(record))
            except UnreadableError as error:
                faults[position] = str(error)
                values.append({})
        return self.read_values(replace(block, faults=faults), values, place, seen)

    def read_values(self, block: Block, values: Iterable[dict[str, Any]], place: Place, seen: Observations) -> Chunk:
        """Read a block whose records are decoded already: one value for each, {} for those with a fault."""
        faults = dict(block.faults)
        mapped: list[bytes] = []
        left_out: dict[int, list[Problem]] = {}
        for position, value in enumerate(values):
            conversion = Conversion(dropping=self._dropping)
            try:
                mapped.append(self._map(value, conversion))
            except RecursionError:
                faults[position] = TOO_DEEP
                mapped.append(b"{}")
            left_out[position] = conversion.problems
            seen.left_out.update(conversion.left_out)
        chunk = self._inner.read(replace(block, records=mapped, faults=faults), place, seen)
        errors = []
        for error in chunk.errors:
            position = error.row_number - place.first_row
            record = block.records[position]
            errors.append(
                replace(
                    error,
                    raw=record[:MAX_RAW_BYTES],
                    problems=(*error.problems, *left_out[position]),
                    is_displayed=isinstance(record, Displayed),
                )
            )
        return replace(chunk, errors=tuple(errors))

    def _map(self, value: dict[str, Any], conversion: Conversion) -> bytes:
        """One record, mapped, as JSON; converted too where what does not convert is to be left out."""
        record = apply_mappings(self._mappings, value)
        return msgspec.json.encode(conversion.record(self._root, record) if self._dropping else record)
