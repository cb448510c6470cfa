"""The engine for Parquet: typed columns to columns of fields; suspects one by one, as JSON."""

from collections.abc import Iterator

import pyarrow as pa

from headwater.formats.blocks import Block
from headwater.formats.parquet_rows import ParquetRows, UnreadableRowError
from headwater.ingest.assemble import FastRows, Place, assemble
from headwater.ingest.engine import JsonEngine
from headwater.ingest.judge import Judge, Verdict, unreadable
from headwater.ingest.nested import ArrayColumn, ObjectColumn
from headwater.ingest.report import Chunk, Observations
from headwater.ingest.shape import escape
from headwater.ingest.typed import TypedReader, count_unknown, struct_members
from headwater.timestamps.options import TimestampOptions

RULE = "parquet"
"""What problems of unreadable records are put down to."""


class ParquetEngine:
    """Reads blocks whose records are `ParquetRows`.

    Args:
        root: The columns of a record.
        judge: The row-by-row path for the same columns.
        timestamps: What the dataflow declares about timestamps.
    """

    def __init__(self, root: ObjectColumn, judge: Judge, timestamps: TimestampOptions) -> None:
        self._root = root
        self._judge = judge
        self._reader = TypedReader(timestamps)
        self._json = JsonEngine(root, judge, mapped=True, rule=RULE)

    def read(self, block: Block, place: Place, seen: Observations) -> Chunk:
        """Read a block of rows."""
        rows = block.records
        if not isinstance(rows, ParquetRows):
            raise TypeError("the engine for Parquet reads rows of Parquet files only")
        batch = rows.batch
        members = dict(zip(batch.schema.names, batch.columns, strict=True))
        for pointer, count in _unknown(self._root, members):
            seen.unknown_fields[pointer] += count
        seen.sampled += batch.num_rows
        present = pa.array([False] * batch.num_rows, pa.bool_())
        struct, suspects = self._reader.read_object(self._root, members, present, seen.tally)
        fast = FastRows(
            batch=pa.RecordBatch.from_struct_array(struct),
            positions=range(batch.num_rows),
            suspects=sorted(set(suspects)),
        )

        def look(position: int) -> Verdict:
            try:
                value = rows.value(position)
            except UnreadableRowError as error:
                return Verdict(record=None, problems=(unreadable(str(error), rule=RULE),))
            return self._judge.judge_value(value, mapped=False)

        return assemble(block, fast, place, look=look, restore=self._json.restore)


def _unknown(column: ObjectColumn, members: dict[str, pa.Array]) -> Iterator[tuple[str, int]]:
    """Pointers of fields that the schema does not have, and how many values they have."""
    for name, count in count_unknown(column, members).items():
        if count:
            yield f"{column.shape.pointer}/{escape(name)}", count
    for name, field in column.fields.items():
        below, array = field, members.get(name)
        if array is not None and isinstance(field, ArrayColumn) and pa.types.is_list(array.type):
            below, array = field.element, array.flatten()
        if array is not None and isinstance(below, ObjectColumn) and pa.types.is_struct(array.type):
            yield from _unknown(below, struct_members(array))
