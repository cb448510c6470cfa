"""Batches: what became visible together, what waits to, and what did not."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from headwater.catalog.base import Store
from headwater.catalog.tables import batch, batch_group, staged_file
from headwater.errors import ConflictError, NotFoundError
from headwater.model.records import RecordCounts
from headwater.model.runs import Batch, BatchStatus, ErrorSummary, StagedFile


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupReport:
    """What the ingestion of one group of files came to.

    `failed_by_code` counts rejected records by row code. `stopped` says where reading was given up because the batch
    could no longer load, or is None.
    """

    group: int
    files: int
    input_bytes: int
    counts: RecordCounts
    failed_by_code: Mapping[str, int]
    notes: tuple[str, ...]
    staged: tuple[StagedFile, ...]
    stopped: str | None = None


class BatchStore(Store):
    """Batches, the groups of files that fill them, and the files that wait for their commit."""

    def create(self, *, batch_id: str, dataset: str, flow_run_id: str, created_at: datetime) -> None:
        """Open a batch, with status `loading`."""
        self._execute(
            sa.insert(batch).values(
                id=batch_id,
                dataset=dataset,
                flow_run_id=flow_run_id,
                status=BatchStatus.LOADING.value,
                created_at=created_at,
                errors=[],
            )
        )

    def get(self, batch_id: str) -> Batch:
        """The batch.

        Raises:
            NotFoundError: there is none of that id.
        """
        row = self._first(_select().where(batch.c.id == batch_id))
        if row is None:
            raise NotFoundError(f"no batch {batch_id!r} in the catalog")
        return _batch(row)

    def latest(self, *, dataset: str | None = None, limit: int = 100) -> list[Batch]:
        """The newest batches first, of one dataset or of all."""
        query = _select().order_by(batch.c.created_at.desc(), batch.c.id.desc()).limit(limit)
        if dataset is not None:
            query = query.where(batch.c.dataset == dataset)
        return [_batch(row) for row in self._all(query)]

    def put_group(self, batch_id: str, report: GroupReport) -> tuple[StagedFile, ...]:
        """Remember a group's result in place of an earlier attempt's; returns the files that attempt had staged.

        Raises:
            ConflictError: the batch is no longer loading: its commit has begun, or it was given up.
        """
        with self._begin() as connection:
            self._move(connection, batch_id, to=BatchStatus.LOADING, of=(BatchStatus.LOADING,))
            here = (staged_file.c.batch_id == batch_id) & (staged_file.c.group_number == report.group)
            earlier = tuple(_staged(row) for row in connection.execute(sa.select(staged_file).where(here)).mappings())
            connection.execute(sa.delete(staged_file).where(here))
            connection.execute(
                sa.delete(batch_group).where(
                    batch_group.c.batch_id == batch_id, batch_group.c.group_number == report.group
                )
            )
            connection.execute(
                sa.insert(batch_group).values(
                    batch_id=batch_id,
                    group_number=report.group,
                    files=report.files,
                    input_bytes=report.input_bytes,
                    records_read=report.counts.read,
                    records_loaded=report.counts.loaded,
                    records_failed=report.counts.failed,
                    failed_by_code=dict(report.failed_by_code),
                    notes=list(report.notes),
                    stopped=report.stopped,
                )
            )
            if report.staged:
                connection.execute(
                    sa.insert(staged_file),
                    [
                        {
                            "uri": file.uri,
                            "batch_id": batch_id,
                            "group_number": report.group,
                            "rows": file.rows,
                            "size_bytes": file.size_bytes,
                        }
                        for file in report.staged
                    ],
                )
        return earlier

    def group_reports(self, batch_id: str) -> list[GroupReport]:
        """Every group's result so far, by number; `staged` is left empty: see `staged_files`."""
        query = sa.select(batch_group).where(batch_group.c.batch_id == batch_id).order_by(batch_group.c.group_number)
        return [
            GroupReport(
                group=row["group_number"],
                files=row["files"],
                input_bytes=row["input_bytes"],
                counts=_counts(row),
                failed_by_code=row["failed_by_code"],
                notes=tuple(row["notes"]),
                staged=(),
                stopped=row["stopped"],
            )
            for row in self._all(query)
        ]

    def staged_files(self, batch_id: str) -> list[StagedFile]:
        """The batch's data files, by group and name."""
        query = (
            sa.select(staged_file)
            .where(staged_file.c.batch_id == batch_id)
            .order_by(staged_file.c.group_number, staged_file.c.uri)
        )
        return [_staged(row) for row in self._all(query)]

    def forget_staged(self, batch_id: str) -> None:
        """Forget the batch's data files, after they were removed."""
        self._execute(sa.delete(staged_file).where(staged_file.c.batch_id == batch_id))

    def stage(self, batch_id: str) -> None:
        """All groups are in; the commit may follow.

        Raises:
            ConflictError: the batch was given up.
        """
        with self._begin() as connection:
            self._move(connection, batch_id, to=BatchStatus.STAGED, of=(BatchStatus.LOADING, BatchStatus.STAGED))

    def settle(
        self,
        batch_id: str,
        status: BatchStatus,
        *,
        of: Sequence[BatchStatus] = (BatchStatus.LOADING, BatchStatus.STAGED),
        completed_at: datetime,
        snapshot_id: int | None = None,
        errors: Sequence[ErrorSummary] = (),
    ) -> None:
        """Close the batch. `snapshot_id` is None where nothing was committed.

        Raises:
            ConflictError: the batch is in none of the states `of`; somebody else has settled it.
        """
        with self._begin() as connection:
            self._move(connection, batch_id, to=status, of=of)
            connection.execute(
                sa.update(batch)
                .where(batch.c.id == batch_id)
                .values(
                    completed_at=completed_at,
                    snapshot_id=snapshot_id,
                    errors=[failure_to_json(failure) for failure in errors],
                )
            )

    @staticmethod
    def _move(connection: sa.Connection, batch_id: str, *, to: BatchStatus, of: Sequence[BatchStatus]) -> None:
        """Change the status if it is one of `of`; the row stays locked until the end of the transaction."""
        moved = connection.execute(
            sa.update(batch).where(batch.c.id == batch_id, batch.c.status.in_(of)).values(status=to.value)
        )
        if moved.rowcount != 1:
            now = connection.execute(sa.select(batch.c.status).where(batch.c.id == batch_id)).scalar_one_or_none()
            raise ConflictError(
                f"batch {batch_id} is {now or 'unknown'}, not {' or '.join(of)}, so this step changes nothing. "
                "To load its files again, clear the task `discover`, or trigger the dataflow."
            )


def failure_to_json(failure: ErrorSummary) -> dict[str, object]:
    """The form in which errors are stored: None left out."""
    return {key: value for key, value in asdict(failure).items() if value is not None}


def failure_from_json(stored: dict[str, Any]) -> ErrorSummary:
    """The inverse of `failure_to_json`."""
    return ErrorSummary(**stored)


def _select() -> sa.Select[Any]:
    totals = (
        sa.select(
            batch_group.c.batch_id,
            *(
                sa.func.sum(column).label(column.name)
                for column in batch_group.c
                if column.name in ("files", "input_bytes", "records_read", "records_loaded", "records_failed")
            ),
        )
        .group_by(batch_group.c.batch_id)
        .subquery()
    )
    output = (
        sa.select(staged_file.c.batch_id, sa.func.sum(staged_file.c.size_bytes).label("output_bytes"))
        .group_by(staged_file.c.batch_id)
        .subquery()
    )
    columns = [column for column in totals.c if column.name != "batch_id"]
    return (
        sa.select(batch, *columns, output.c.output_bytes)
        .outerjoin(totals, totals.c.batch_id == batch.c.id)
        .outerjoin(output, output.c.batch_id == batch.c.id)
    )


def _counts(row: Any) -> RecordCounts:  # noqa: ANN401 - a database row's columns have no static types
    return RecordCounts(
        read=int(row["records_read"] or 0),
        loaded=int(row["records_loaded"] or 0),
        failed=int(row["records_failed"] or 0),
    )


def _batch(row: Any) -> Batch:  # noqa: ANN401 - a database row's columns have no static types
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
        counts=_counts(row),
        errors=tuple(failure_from_json(entry) for entry in row["errors"]),
    )


def _staged(row: Any) -> StagedFile:  # noqa: ANN401 - a database row's columns have no static types
    return StagedFile(uri=row["uri"], rows=row["rows"], size_bytes=row["size_bytes"], group=row["group_number"])
