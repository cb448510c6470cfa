"""One attempt to change a table, on exactly the snapshot that was looked at; and how to wait before the next.

pyiceberg would carry a lost commit over to the newer state by itself, without looking whether what it does still is
right there. Everything that Headwater changes is therefore tried once, and decided anew after a refusal.
"""

import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.io.pyarrow import (
    MetricModeTypes,
    MetricsMode,
    StatisticsCollector,
    compute_statistics_plan,
    data_file_statistics_from_parquet_metadata,
    parquet_file_to_data_file,
    parquet_path_to_id_mapping,
)
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.table import Table, TableProperties, Transaction
from pyiceberg.table.metadata import TableMetadata

from headwater.lake.provenance import BATCH, SOURCE_FILE
from headwater.lake.schemas import SYSTEM_COLUMN

_FIRST_WAIT_SECONDS: Final = 0.05
_LONGEST_WAIT_SECONDS: Final = 5.0
_FOOTER_READERS: Final = 8
_SOUGHT: Final = frozenset(f"{SYSTEM_COLUMN}.{name}" for name in (BATCH, SOURCE_FILE))
"""Columns by which rows are removed and batches read: their bounds are kept whole."""


class _LeanTransaction(Transaction):
    """A transaction that does not copy the table's metadata while nothing is staged in it.

    pyiceberg copies all of it, every snapshot included, at each of some fifteen looks of one commit.
    """

    @property
    def table_metadata(self) -> TableMetadata:
        """The metadata with what is staged."""
        return super().table_metadata if self._updates else self._table.metadata


def single_attempt(table: Table, properties: dict[str, str] | None = None) -> Transaction:
    """A transaction that is committed on the table as it was last loaded, or fails.

    `properties` hold for this table object, beside the one that switches pyiceberg's own repetition off. In the table
    they stay as they are, for other engines.
    """
    changed = table.metadata.properties | {TableProperties.COMMIT_NUM_RETRIES: "0"} | (properties or {})
    table.metadata = table.metadata.model_copy(update={"properties": changed})
    return _LeanTransaction(table)


def data_files(table: Table, uris: Sequence[str]) -> list[DataFile]:
    """What Iceberg wants to know of Parquet files, from their footers; several are read at once.

    Raises:
        ValueError: a file does not fit the table: a type, or rows of several partitions.
    """
    footers = _Footers(table)
    if len(uris) < 2:
        return [footers.read(uri) for uri in uris]
    with ThreadPoolExecutor(max_workers=_FOOTER_READERS) as pool:
        return list(pool.map(footers.read, uris))


class _Footers:
    """Reads footers for one commit. What depends on the files' schema alone is done once, since it takes far longer."""

    def __init__(self, table: Table) -> None:
        self._io = table.io
        self._metadata = table.metadata
        schema = table.metadata.schema()
        self._columns = _with_bounds(compute_statistics_plan(schema, table.metadata.properties))
        self._field_ids = parquet_path_to_id_mapping(schema)
        self._fitting: list[pa.Schema] = []

    def read(self, uri: str) -> DataFile:
        """What Iceberg wants to know of one file."""
        file = self._io.new_input(uri)
        with file.open() as stream:
            footer = pq.read_metadata(stream)
        schema = footer.schema.to_arrow_schema()
        if not any(map(schema.equals, self._fitting)):
            parquet_file_to_data_file(self._io, self._metadata, uri)  # an error, if it does not fit
            self._fitting.append(schema)
        statistics = data_file_statistics_from_parquet_metadata(
            parquet_metadata=footer, stats_columns=self._columns, parquet_column_mapping=self._field_ids
        )
        return DataFile.from_args(
            content=DataFileContent.DATA,
            file_path=uri,
            file_format=FileFormat.PARQUET,
            partition=statistics.partition(self._metadata.spec(), self._metadata.schema()),
            file_size_in_bytes=len(file),
            sort_order_id=None,
            spec_id=self._metadata.default_spec_id,
            equality_ids=None,
            key_metadata=None,
            **statistics.to_serialized_dict(),
        )


def _with_bounds(columns: dict[int, StatisticsCollector]) -> dict[int, StatisticsCollector]:
    """Keep bounds of fields in structs, too. Without, every file would have to be opened to find a row."""
    whole = MetricsMode(MetricModeTypes.FULL)
    return {
        field_id: replace(column, mode=whole) if column.column_name in _SOUGHT else column
        for field_id, column in columns.items()
    }


def growing_waits(patience_seconds: float) -> Iterator[float | None]:
    """Growing, jittered waits until the patience is used up, then None."""
    jitter = random.SystemRandom()
    deadline = time.monotonic() + patience_seconds
    longest = _FIRST_WAIT_SECONDS
    while time.monotonic() < deadline:
        yield jitter.uniform(longest / 2, longest)
        longest = min(longest * 2, _LONGEST_WAIT_SECONDS)
    yield None
