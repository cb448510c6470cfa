"""Makes tables, and lets them grow with their schemas, while others may do the same."""

from collections.abc import Sequence
from typing import Final

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import CommitFailedException, NoSuchTableError, TableAlreadyExistsError
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.table import Table
from sqlalchemy.exc import IntegrityError

from headwater.errors import LakeError
from headwater.lake.iceberg_catalog import NAMESPACE
from headwater.lake.partitions import add_day_partition
from headwater.lake.schemas import ColumnChange, compare

_PROPERTIES: Final = {
    "format-version": "2",
    "commit.manifest-merge.enabled": "true",
    "commit.manifest.min-count-to-merge": "10",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
    "write.parquet.compression-codec": "zstd",
    "write.parquet.compression-level": "1",
}
"""Keep the work of a commit and of planning a scan small over thousands of batches."""
_EVOLUTION_ATTEMPTS: Final = 10


def find_table(catalog: Catalog, dataset: str) -> Table | None:
    """The dataset's table as it is now; None if there is none."""
    try:
        return catalog.load_table((NAMESPACE, dataset))
    except NoSuchTableError:
        return None


def prepare_table(catalog: Catalog, dataset: str, wanted: pa.Schema, day_of: str | None) -> None:
    """Create the table, or add what it lacks of the columns; see `Lake.ensure_table`.

    Raises:
        LakeError: a column would have to change its type.
        pyiceberg.exceptions.CommitFailedException: others changed the table all the time.
    """
    for attempts_left in reversed(range(_EVOLUTION_ATTEMPTS)):
        table = _load_or_create(catalog, dataset, wanted, day_of)
        changes = list(compare(wanted, schema_to_pyarrow(table.schema(), include_field_ids=False)))
        _refuse_breaking(dataset, changes)
        if not changes:
            return
        try:
            with table.update_schema() as update:
                update.union_by_name(wanted)
        except CommitFailedException:
            if attempts_left == 0:
                raise
        else:
            return


def _load_or_create(catalog: Catalog, dataset: str, wanted: pa.Schema, day_of: str | None) -> Table:
    if (table := find_table(catalog, dataset)) is not None:
        return table
    creation = catalog.create_table_transaction((NAMESPACE, dataset), wanted, properties=_PROPERTIES)
    try:
        if day_of is not None:
            with creation.update_spec() as update:
                add_day_partition(update, day_of)
        return creation.commit_transaction()
    except (TableAlreadyExistsError, IntegrityError, CommitFailedException):
        return catalog.load_table((NAMESPACE, dataset))


def _refuse_breaking(dataset: str, changes: Sequence[ColumnChange]) -> None:
    breaking = [change.message for change in changes if change.breaking]
    if breaking:
        raise LakeError(
            f"the table of dataset {dataset!r} cannot take rows of this schema: {'; '.join(breaking)}. Nothing was "
            "changed. Give the changed field another name, or load into another dataset."
        )
