"""What a data file's name and footer tell of where its rows come from, without reading them."""

import re
from typing import Final

import pyarrow.parquet as pq
from pyiceberg.io import FileIO

from headwater.lake.schemas import SYSTEM_COLUMN

BATCH: Final = "acp_sourceBatchId"
SOURCE_FILE: Final = "sourceFileId"
_STAGED_NAME: Final = re.compile(r"/data/([0-9A-Z]{26})/\d{5}-[0-9a-z]{26}-\d+\.parquet$")
"""The name of a file that a batch's writer staged: all of its rows are the batch's."""


def only_batch(uri: str) -> str | None:
    """The batch that all rows of a data file are of; None where the name does not tell."""
    staged = _STAGED_NAME.search(uri)
    return staged.group(1) if staged is not None else None


def row_groups_with(footer: pq.FileMetaData, field: str, value: str) -> list[int]:
    """The row groups that may have the value in a text field of the system column."""
    return [
        number
        for number in range(footer.num_row_groups)
        if (bounds := _bounds(footer.row_group(number), field)) is None or bounds[0] <= value <= bounds[1]
    ]


def first_source_file(io: FileIO, uri: str) -> str:
    """The smallest id of a source file in a data file; empty where the footer does not tell."""
    with io.new_input(uri).open() as stream:
        footer = pq.read_metadata(stream)
    bounds = [_bounds(footer.row_group(number), SOURCE_FILE) for number in range(footer.num_row_groups)]
    return min((each[0] for each in bounds if each is not None), default="")


def _bounds(row_group: pq.RowGroupMetaData, field: str) -> tuple[str, str] | None:
    path = f"{SYSTEM_COLUMN}.{field}"
    for number in range(row_group.num_columns):
        column = row_group.column(number)
        if column.path_in_schema == path:
            found = column.statistics
            return (found.min, found.max) if found is not None and found.has_min_max else None
    return None
