"""Writes many small data files together into few large ones. Readers see the same rows, with the same provenance."""

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import pyarrow as pa
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io.pyarrow import ArrowScan
from pyiceberg.manifest import DataFile
from pyiceberg.table import FileScanTask, Table
from ulid import ULID

from headwater.lake.attempts import data_files, growing_waits, single_attempt
from headwater.lake.commits import PATIENCE_SECONDS
from headwater.lake.encoding import dictionary_columns, open_parquet
from headwater.lake.provenance import first_source_file
from headwater.lake.schemas import columns_of
from headwater.lake.staging import FILE_BYTES, ROW_GROUP_BYTES, ROW_GROUP_ROWS
from headwater.lake.storage import delete_files

_log = logging.getLogger(__name__)

SMALL_BYTES: Final = 32 * 1024 * 1024
"""A data file below this size is small."""
MIN_FILES: Final = 5
"""So many small files of a partition are written together; fewer are left as they are."""
_FILES_PER_COMMIT: Final = 32
MAINTENANCE_PROPERTY: Final = "headwater.maintenance"
"""Key that names the work in the summary of a snapshot that holds the same rows as the one before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compaction:
    """How many files were written together, and into how many."""

    replaced: int = 0
    written: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """A new file and those whose rows it holds."""

    uri: str
    old: tuple[DataFile, ...]


def compact(table: Table, *, small_bytes: int = SMALL_BYTES, min_files: int = MIN_FILES) -> Compaction:
    """Replace small files of each partition. Safe beside loads, which it never delays by more than one attempt.

    A file whose rows a load removed meanwhile is left to the next call.
    """
    replaced = written = 0
    bins = list(_bins(table, small_bytes, min_files))
    for start in range(0, len(bins), _FILES_PER_COMMIT):
        done = _replace(table, bins[start : start + _FILES_PER_COMMIT])
        replaced += sum(len(each.old) for each in done)
        written += len(done)
    return Compaction(replaced=replaced, written=written)


def _bins(table: Table, small_bytes: int, min_files: int) -> Iterator[list[FileScanTask]]:
    """Small files that become one, in the order of their source files; those of another partition spec are left."""
    partitions: dict[object, list[FileScanTask]] = {}
    for task in table.scan().plan_files():
        if task.file.file_size_in_bytes < small_bytes and task.file.spec_id == table.metadata.default_spec_id:
            partitions.setdefault(task.file.partition, []).append(task)
    for tasks in partitions.values():
        if len(tasks) >= min_files:
            yield from _of_one_size(sorted(tasks, key=partial(_begins_with, table)))


def _begins_with(table: Table, task: FileScanTask) -> tuple[str, str]:
    """Source files' ids grow in the order of reading; names do not tell where rows were removed from a file."""
    return first_source_file(table.io, task.file.file_path), task.file.file_path


def _of_one_size(tasks: list[FileScanTask]) -> Iterator[list[FileScanTask]]:
    size, some = 0, list[FileScanTask]()
    for task in tasks:
        if some and size + task.file.file_size_in_bytes > FILE_BYTES:
            yield some
            size, some = 0, []
        some.append(task)
        size += task.file.file_size_in_bytes
    if len(some) > 1:
        yield some


def _replace(table: Table, bins: Sequence[list[FileScanTask]]) -> Sequence[_Written]:
    """What was replaced. After any other error than a lost race the new files stay: they may have been committed."""
    written: list[_Written] = []
    done: Sequence[_Written] = ()
    try:
        for tasks in bins:
            uri = table.location_provider().new_data_location(f"compacted/{str(ULID()).lower()}.parquet")
            written.append(_Written(uri=uri, old=tuple(task.file for task in tasks)))
            _write_together(table, tasks, uri)
        done = _commit(table, written)
    except CommitFailedException:
        _log.info("compaction of %s is left to the next time: others write all the time", table.name()[-1])
    delete_files(table.io, [each.uri for each in written if each not in done])
    return done


def _commit(table: Table, written: list[_Written]) -> Sequence[_Written]:
    """Put the new files in the places of the old; those whose old files are all still there are returned."""
    for wait_seconds in growing_waits(PATIENCE_SECONDS):
        live = {task.file.file_path for task in table.scan().plan_files()}
        usable = [each for each in written if all(old.file_path in live for old in each.old)]
        if not usable:
            return ()
        try:
            _commit_once(table, usable)
        except CommitFailedException:
            if wait_seconds is None:
                raise
            time.sleep(wait_seconds)
            table.refresh()
        else:
            return usable
    raise AssertionError("unreachable: the last wait is None")


def _commit_once(table: Table, usable: Sequence[_Written]) -> None:
    transaction = single_attempt(table)
    update = transaction.update_snapshot(snapshot_properties={MAINTENANCE_PROPERTY: "compaction"})
    with update.overwrite() as producer:
        for old in (old for each in usable for old in each.old):
            producer.delete_data_file(old)
        for data_file in data_files(table, [each.uri for each in usable]):
            producer.append_data_file(data_file)
    transaction.commit_transaction()


def _write_together(table: Table, tasks: Iterable[FileScanTask], uri: str) -> None:
    groups = _row_groups(_rows(table, tasks))
    first = next(groups)
    with (
        table.io.new_output(uri).create() as sink,
        open_parquet(sink, first.schema, dictionary_columns(first)) as writer,
    ):
        writer.write_table(first, row_group_size=first.num_rows)
        for rows in groups:
            writer.write_table(rows, row_group_size=rows.num_rows)


def _rows(table: Table, tasks: Iterable[FileScanTask]) -> Iterator[pa.Table]:
    """The rows of one file after the other, in the table's present columns, without what a delete file deletes."""
    columns = columns_of(table.schema())
    scan = ArrowScan(table.metadata, table.io, table.schema(), AlwaysTrue())
    for task in tasks:
        for batch in scan.to_record_batches([task]):
            yield pa.Table.from_batches([batch]).cast(columns)


def _row_groups(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows, joined to row groups."""
    some: list[pa.Table] = []
    for rows in tables:
        some.append(rows)
        if (
            sum(each.num_rows for each in some) >= ROW_GROUP_ROWS
            or sum(each.nbytes for each in some) >= ROW_GROUP_BYTES
        ):
            yield pa.concat_tables(some).combine_chunks()
            some = []
    if some:
        yield pa.concat_tables(some).combine_chunks()
