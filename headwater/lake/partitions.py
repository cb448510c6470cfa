"""Partitions of event tables: one per UTC day of `timestamp`.

A table is made so, or it is not partitioned; what a table says of itself decides, so that tables of earlier versions go
on as they are. Iceberg's own rule: a data file belongs to exactly one partition.
"""

from collections.abc import Iterator
from datetime import date
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.update.spec import UpdateSpec
from pyiceberg.transforms import DayTransform

from headwater.errors import LakeError

_FIELD: Final = "timestamp_day"
"""The partition's name, as Spark would call it."""


def add_day_partition(update: UpdateSpec, column: str) -> None:
    """Partition a table that is being made by the day of a timestamp column."""
    update.add_field(column, DayTransform(), _FIELD)


def day_column(spec: PartitionSpec, schema: Schema, dataset: str) -> str | None:
    """The column by whose days the table is partitioned; None if it is not partitioned.

    Raises:
        LakeError: the table is partitioned in another way, by another engine.
    """
    if spec.is_unpartitioned():
        return None
    fields = spec.fields
    if len(fields) == 1 and isinstance(fields[0].transform, DayTransform):
        return schema.find_column_name(fields[0].source_id)
    found = ", ".join(f"{field.transform} of {schema.find_column_name(field.source_id)}" for field in fields)
    raise LakeError(
        f"the table of dataset {dataset!r} is partitioned by {found}; Headwater writes tables without partitions, or "
        "partitioned by the day of a top-level timestamp. Nothing was written. Change the table's partition spec back "
        "(Spark: ALTER TABLE … DROP PARTITION FIELD), or load into another dataset."
    )


def split_by_day(rows: pa.Table, column: str) -> Iterator[tuple[date | None, pa.Table]]:
    """The rows of each day, days in order, rows of a day in the order they came; those without a time last."""
    days = rows.column(column).cast(pa.timestamp("us")).cast(pa.date32())
    distinct = pc.unique(days)
    if len(distinct) == 1:
        yield distinct[0].as_py(), rows
        return
    order = pc.sort_indices(days)  # stable, nulls last
    days, rows = days.take(order), rows.take(order)
    runs = pc.run_end_encode(days.combine_chunks())
    start = 0
    for day, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
        yield day, rows.slice(start, end - start)
        start = end
