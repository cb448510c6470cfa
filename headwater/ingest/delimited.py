"""The engine for delimited files: columns of texts to columns of fields, whole columns at a time."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headwater.formats.blocks import Block
from headwater.formats.fields import TextFields, parse_fields
from headwater.formats.options import FormatOptions
from headwater.ingest.assemble import FastRows, Place, assemble
from headwater.ingest.column import LeafColumn
from headwater.ingest.engine import JsonEngine
from headwater.ingest.judge import Judge, Verdict, unreadable
from headwater.ingest.mapped import MappedEngine
from headwater.ingest.nested import ObjectColumn
from headwater.ingest.report import Chunk, Observations
from headwater.mapping.apply import CompiledMapping, apply_mappings

RULE = "csv"
"""What problems of unreadable records are put down to."""


class DelimitedEngine:
    """Maps and converts whole columns; suspects one by one.

    Args:
        root: The columns of a record.
        judge: The row-by-row path for the same columns.
        mappings: Each from a column of the header, or a constant, to a single value outside arrays and maps.
        header: Names of the file's columns.
        options: The file's dialect.
        mapped: Whether a mapping set says so: then a value that does not convert is left out, and counted.
    """

    def __init__(
        self,
        root: ObjectColumn,
        judge: Judge,
        mappings: tuple[CompiledMapping, ...],
        *,
        header: tuple[str, ...],
        options: FormatOptions,
        mapped: bool,
    ) -> None:
        self._root = root
        self._judge = judge
        self._mappings = mappings
        self._header = header
        self._options = options
        self._mapped = mapped
        self._places = {name: place for place, name in enumerate(header)}
        self._tree = _grow(mappings)
        self._inner = JsonEngine(root, judge, mapped=True, rule=RULE)

    def read(self, block: Block, place: Place, seen: Observations) -> Chunk:
        """Read a block of delimited records."""
        texts = parse_fields(block, len(self._header), self._options)
        array, misfits = self._object(self._root, self._tree, texts, seen)
        suspects = misfits.union(*self._root.check_records(array).values())
        fast = FastRows(
            batch=pa.RecordBatch.from_struct_array(array), positions=texts.positions, suspects=sorted(suspects)
        )

        def look(position: int) -> Verdict:
            if position in texts.faults:
                return Verdict(record=None, problems=(unreadable(texts.faults[position], rule=RULE),))
            row = bisect_left(texts.positions, position)
            record = apply_mappings(self._mappings, row_of(texts, self._header, row))
            return self._judge.judge_value(record, mapped=self._mapped)

        return assemble(block, fast, place, look=look, restore=self._inner.restore)

    def _object(
        self, column: ObjectColumn, tree: Mapping[str, Any], texts: TextFields, seen: Observations
    ) -> tuple[pa.StructArray, set[int]]:
        """An object's fields from their columns; it is absent where all of them are."""
        arrays: dict[str, pa.Array] = {}
        misfits: set[int] = set()
        for name, field in column.fields.items():
            array: pa.Array = pa.nulls(len(texts.positions), field.type)
            found: Iterable[int] = ()
            if name in tree and isinstance(field, ObjectColumn):
                array, found = self._object(field, tree[name], texts, seen)
            elif name in tree and isinstance(field, LeafColumn):
                array, found = self._leaf(field, tree[name], texts, seen)
            arrays[name] = array
            misfits.update(found)
        mask = None if column is self._root else _all_null([arrays[name] for name in tree])
        return pa.StructArray.from_arrays(list(arrays.values()), fields=list(column.type), mask=mask), misfits

    def _leaf(
        self, column: LeafColumn, mapping: CompiledMapping, texts: TextFields, seen: Observations
    ) -> tuple[pa.Array, list[int]]:
        if mapping.path is None:
            values = pa.repeat(pa.scalar(mapping.source, pa.string()), len(texts.positions))
        else:
            values = texts.columns[self._places[mapping.source]]
        array, misfits = column.parse(values, seen.tally)
        if self._mapped and misfits:
            seen.left_out[column.shape.pointer] += len(misfits)
            misfits = []
        return array, misfits


def _all_null(arrays: list[pa.Array]) -> pa.BooleanArray | None:
    """Where all of some arrays are null; None if that is nowhere so."""
    if any(array.null_count == 0 for array in arrays):
        return None
    return reduce(pc.and_, map(pc.is_null, arrays))


class RowwiseDelimitedEngine:
    """For mappings into arrays and maps: row by row, through the mapping for JSON."""

    def __init__(self, inner: MappedEngine, *, header: tuple[str, ...], options: FormatOptions) -> None:
        self._inner = inner
        self._header = header
        self._options = options

    def read(self, block: Block, place: Place, seen: Observations) -> Chunk:
        """Read a block of delimited records."""
        texts = parse_fields(block, len(self._header), self._options)
        values: list[dict[str, Any]] = [{} for _ in block.records]
        for row, position in enumerate(texts.positions):
            values[position] = row_of(texts, self._header, row)
        faulty = Block(records=block.records, offsets=block.offsets, lines=block.lines, faults=texts.faults)
        return self._inner.read_values(faulty, values, place, seen)


def row_of(texts: TextFields, header: tuple[str, ...], row: int) -> dict[str, Any]:
    """One row as a flat object of texts; empty fields are None."""
    return {name: column[row].as_py() for name, column in zip(header, texts.columns, strict=True)}


def _grow(mappings: tuple[CompiledMapping, ...]) -> dict[str, Any]:
    """The mappings as a tree: names of fields, down to the mapping that fills the last one."""
    tree: dict[str, Any] = {}
    for mapping in mappings:
        branch = tree
        for step in mapping.destination[:-1]:
            branch = branch.setdefault(str(step), {})
        branch[str(mapping.destination[-1])] = mapping
    return tree
