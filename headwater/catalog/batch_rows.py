"""Batches between the catalog's tables and the model."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from headwater.catalog.tables import batch, batch_group, staged_file
from headwater.model.records import RecordCounts
from headwater.model.runs import Batch, BatchStatus, ErrorSummary, StagedFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Remover:
    """Who works on the removal of a batch, for as long as the lease (aware UTC) is renewed."""

    holder: str
    lease_until: datetime


def failure_to_json(failure: ErrorSummary) -> dict[str, object]:
    """The form in which errors are stored: None left out."""
    return {key: value for key, value in asdict(failure).items() if value is not None}


def failure_from_json(stored: dict[str, Any]) -> ErrorSummary:
    """The inverse of `failure_to_json`."""
    return ErrorSummary(**stored)


def select_batches() -> sa.Select[Any]:
    """Batches with the sums of their groups and staged files, as `batch_of` reads them."""
    output = sa.select(sa.func.sum(staged_file.c.size_bytes)).where(staged_file.c.batch_id == batch.c.id)
    return sa.select(batch, *group_totals(batch.c.id), output.scalar_subquery().label("output_bytes"))


def group_totals(batch_id: sa.Column[str]) -> list[sa.Label[Any]]:
    """What a batch's groups come to, as columns of a query that has the batch's id: none but its groups are read."""
    counted = ("files", "input_bytes", "records_read", "records_loaded", "records_failed")
    sums = (sa.select(sa.func.sum(batch_group.c[name])).where(batch_group.c.batch_id == batch_id) for name in counted)
    return [each.scalar_subquery().label(name) for name, each in zip(counted, sums, strict=True)]


def counts_of(row: Any) -> RecordCounts:  # noqa: ANN401 - a database row's columns have no static types
    """The numbers of records of a group, or of all; zero where there is no group yet."""
    return RecordCounts(
        read=int(row["records_read"] or 0),
        loaded=int(row["records_loaded"] or 0),
        failed=int(row["records_failed"] or 0),
    )


def batch_of(row: Any) -> Batch:  # noqa: ANN401 - a database row's columns have no static types
    """A row of `select_batches`."""
    return Batch(
        id=row["id"],
        dataset=row["dataset"],
        flow_run_id=row["flow_run_id"],
        status=BatchStatus(row["status"]),
        created_at=row["created_at"],
        completed_at=row["completed_at"],
        snapshot_id=row["snapshot_id"],
        files=int(row["files"] or 0),
        input_bytes=int(row["input_bytes"] or 0),
        output_bytes=int(row["output_bytes"] or 0),
        counts=counts_of(row),
        errors=tuple(failure_from_json(entry) for entry in row["errors"]),
        replaces=tuple(row["replaces"]),
        replay_of=row["replay_of"],
        removing=row["removing"],
    )


def staged_of(row: Any) -> StagedFile:  # noqa: ANN401 - a database row's columns have no static types
    """A row of `staged_file`."""
    return StagedFile(uri=row["uri"], rows=row["rows"], size_bytes=row["size_bytes"], group=row["group_number"])


def held_by(remover: Remover | None) -> dict[str, object]:
    """The columns of `batch` that say who removes it; None for nobody."""
    if remover is None:
        return {"remover": None, "removal_lease_until": None}
    return {"remover": remover.holder, "removal_lease_until": remover.lease_until}


def remover_of(row: Any) -> Remover | None:  # noqa: ANN401 - a database row's columns have no static types
    """Who removes the batch in a row of `select_batches`; None for nobody."""
    return Remover(holder=row["remover"], lease_until=row["removal_lease_until"]) if row["remover"] else None
