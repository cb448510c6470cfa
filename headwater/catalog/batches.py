"""Batches: what became visible together, what waits to, and what did not."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from headwater.catalog.base import Store
from headwater.catalog.batch_relations import originals, refuse_while_replayed, replacing_batches, with_replays
from headwater.catalog.batch_rows import (
    Remover,
    batch_of,
    counts_of,
    failure_to_json,
    held_by,
    remover_of,
    select_batches,
    staged_of,
)
from headwater.catalog.tables import batch, batch_group, flow_run, staged_file
from headwater.database.engine import upsert
from headwater.errors import ConflictError, NotFoundError
from headwater.model.records import RecordCounts
from headwater.model.runs import Batch, BatchStatus, ErrorSummary, StagedFile

_OPEN = (BatchStatus.LOADING.value, BatchStatus.STAGED.value)
_PAGE = 500


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

    def create(
        self,
        *,
        batch_id: str,
        dataset: str,
        flow_run_id: str,
        created_at: datetime,
        replaces: Sequence[str] = (),
        replay_of: str | None = None,
    ) -> None:
        """Open a batch, with status `loading`.

        Raises:
            ConflictError: the batch `replay_of` was replayed already, or is being replayed.
        """
        values = {
            "id": batch_id,
            "dataset": dataset,
            "flow_run_id": flow_run_id,
            "status": BatchStatus.LOADING.value,
            "created_at": created_at,
            "errors": [],
            "replaces": list(replaces),
            "replay_of": replay_of,
        }
        with self._begin() as connection:
            made = connection.execute(
                upsert(connection, batch).values(**values).on_conflict_do_nothing().returning(batch.c.id)
            ).scalar_one_or_none()
        if made is None:
            raise replayed_before(replay_of, self.replay(str(replay_of)))

    def replay(self, batch_id: str) -> str | None:
        """The batch that took the rejected records of this one, or takes them now; None if there is none."""
        held = batch.c.status.in_((*_OPEN, BatchStatus.SUCCESS.value))
        row = self._first(sa.select(batch.c.id).where(batch.c.replay_of == batch_id, held))
        return row["id"] if row is not None else None

    def get(self, batch_id: str) -> Batch:
        """The batch.

        Raises:
            NotFoundError: there is none of that id.
        """
        row = self._first(select_batches().where(batch.c.id == batch_id))
        if row is None:
            raise NotFoundError(f"no batch {batch_id!r} in the catalog")
        return batch_of(row)

    def latest(self, *, dataset: str | None = None, limit: int = 100) -> list[Batch]:
        """The newest batches first, of one dataset or of all."""
        newest = (batch.c.created_at.desc(), batch.c.id.desc())
        ids = sa.select(batch.c.id).order_by(*newest).limit(limit)
        if dataset is not None:
            ids = ids.where(batch.c.dataset == dataset)
        return [batch_of(row) for row in self._all(select_batches().where(batch.c.id.in_(ids)).order_by(*newest))]

    def last_completed_at(self, dataset: str) -> datetime | None:
        """When the dataset's batches last came to an end, or None."""
        query = sa.select(sa.func.max(batch.c.completed_at, type_=batch.c.completed_at.type).label("at"))
        row = self._first(query.where(batch.c.dataset == dataset))
        return row["at"] if row is not None else None

    def put_group(self, batch_id: str, report: GroupReport) -> tuple[StagedFile, ...]:
        """Remember a group's result in place of an earlier attempt's; returns the files that attempt had staged.

        Raises:
            ConflictError: the batch is no longer loading: its commit has begun, or it was given up.
        """
        with self._begin() as connection:
            self._move(connection, batch_id, to=BatchStatus.LOADING, of=(BatchStatus.LOADING,))
            here = (staged_file.c.batch_id == batch_id) & (staged_file.c.group_number == report.group)
            earlier = tuple(staged_of(row) for row in connection.execute(sa.select(staged_file).where(here)).mappings())
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
                counts=counts_of(row),
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
        return [staged_of(row) for row in self._all(query)]

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

    def with_replays(self, batch_ids: Iterable[str]) -> tuple[str, ...]:
        """These batches and those in the lake that loaded rejected records of them, and of those in turn."""
        with self._read() as connection:
            return with_replays(connection, batch_ids)

    def loaded(self, batch_ids: Collection[str]) -> set[str]:
        """Those of the batches that are in the lake."""
        found: set[str] = set()
        ids = sorted(batch_ids)
        for start in range(0, len(ids), _PAGE):
            page = ids[start : start + _PAGE]
            query = sa.select(batch.c.id).where(batch.c.id.in_(page), batch.c.status == BatchStatus.SUCCESS.value)
            found.update(row["id"] for row in self._all(query))
        return found

    def require_supersedable(self, batch_ids: Collection[str]) -> None:
        """Hold the batches that are about to lose rows until the end of the transaction.

        Raises:
            ConflictError: a replay is about to bring rows of their files that would stay; it may be over soon.
        """
        with self._begin() as connection:
            for batch_id in sorted(batch_ids):
                connection.execute(sa.select(batch.c.id).where(batch.c.id == batch_id).with_for_update())
                refuse_while_replayed(connection, batch_id)

    def staged(self, dataset: str) -> list[Batch]:
        """The dataset's batches whose commit may be under way."""
        query = select_batches().where(batch.c.dataset == dataset, batch.c.status == BatchStatus.STAGED.value)
        return [batch_of(row) for row in self._all(query.order_by(batch.c.id))]

    def require_original(self, replay: Batch) -> None:
        """Hold what the batch replays until the end of the transaction, and make sure that it stays in the lake.

        Raises:
            ConflictError: the original was removed, or is being replaced.
        """
        with self._begin() as connection:
            for original in originals(connection, replay):
                query = sa.select(batch.c.status).where(batch.c.id == original).with_for_update()
                status = connection.execute(query).scalar_one()
                if status != BatchStatus.SUCCESS or replacing_batches(connection, original, (BatchStatus.STAGED,)):
                    raise ConflictError(
                        f"batch {original}, whose rejected records batch {replay.id} was to load, is no longer in the "
                        "lake or is being replaced. Nothing was loaded."
                    )

    def require_replaceable(self, replacing: Batch) -> None:
        """Hold the batches that this one replaces until the end of the transaction, and make sure that it alone may.

        Raises:
            ConflictError: one of them is no longer in the lake, or another batch is replacing it.
        """
        with self._begin() as connection:
            for replaced in sorted(replacing.replaces):
                status = connection.execute(
                    sa.select(batch.c.status).where(batch.c.id == replaced).with_for_update()
                ).scalar_one()
                if status != BatchStatus.SUCCESS:
                    raise ConflictError(
                        f"batch {replaced}, which batch {replacing.id} was to replace, is {status} by now. Nothing was "
                        "loaded; run again without replacing it."
                    )
                refuse_while_replayed(connection, replaced)
                others = replacing_batches(connection, replaced, (BatchStatus.STAGED,)) - {replacing.id}
                if others:
                    raise ConflictError(
                        f"batch {replaced}, which batch {replacing.id} was to replace, is being replaced by batch "
                        f"{min(others)}. Nothing was loaded; wait for that one, then replace it instead."
                    )

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

    def begin_removal(
        self, batch_id: str, *, release_files: bool, replaced: bool = False, remover: Remover | None = None
    ) -> None:
        """The batch is no longer valid: `inactive`, and its rows are to be removed. Repeating changes nothing.

        The batches that loaded rejected records of it go with it. `remover` goes on with it at once.

        Raises:
            ConflictError: the batch was never in the lake, or a run that is at work replaces it.
        """
        with self._begin() as connection:
            self._move(connection, batch_id, to=BatchStatus.INACTIVE, of=(BatchStatus.SUCCESS, BatchStatus.INACTIVE))
            if not replaced:
                refuse_while_replayed(connection, batch_id)
            for replay in with_replays(connection, [batch_id])[1:]:
                self._move(connection, replay, to=BatchStatus.INACTIVE, of=(BatchStatus.SUCCESS,))
                values = {"removing": True, **held_by(remover)}
                connection.execute(sa.update(batch).where(batch.c.id == replay).values(values))
            replacing = replacing_batches(connection, batch_id, (BatchStatus.LOADING, BatchStatus.STAGED))
            if replacing and not replaced:
                raise ConflictError(
                    f"batch {batch_id} is about to be replaced by batch {min(replacing)}, whose flow run is not "
                    "finished. Nothing was changed. Wait for that run; if it died, `headwater doctor --mend` closes it."
                )
            connection.execute(
                sa.update(batch)
                .where(batch.c.id == batch_id)
                .values(
                    removing=True,
                    release_files=sa.or_(batch.c.release_files, sa.literal(release_files)),
                    **held_by(remover),
                )
            )

    def end_removal(self, batch_id: str) -> bool:
        """Its rows are gone from everywhere; returns whether its files are to be given back."""
        with self._begin() as connection:
            release = connection.execute(
                sa.select(batch.c.release_files).where(batch.c.id == batch_id).with_for_update()
            ).scalar_one()
            connection.execute(
                sa.update(batch)
                .where(batch.c.id == batch_id)
                .values(removing=False, release_files=False, **held_by(None))
            )
        return bool(release)

    def hold_removals(self, batch_ids: Collection[str], remover: Remover) -> None:
        """Say who works on these removals; those that have ended are left alone."""
        self._execute(sa.update(batch).where(batch.c.id.in_(batch_ids), batch.c.removing).values(**held_by(remover)))

    def give_up_removals(self, batch_ids: Collection[str], holder: str) -> None:
        """Say that this holder works no longer on these removals; others' are left alone."""
        mine = batch.c.id.in_(batch_ids) & (batch.c.remover == holder)
        self._execute(sa.update(batch).where(mine).values(**held_by(None)))

    def removals(self) -> list[tuple[Batch, Remover | None]]:
        """The batches whose removal has begun and not ended, oldest first, and who works on it; None for nobody."""
        rows = self._all(select_batches().where(batch.c.removing).order_by(batch.c.id))
        return [(batch_of(row), remover_of(row)) for row in rows]

    def being_removed(self) -> list[Batch]:
        """The batches whose removal has begun and not ended, oldest first."""
        return [each for each, _ in self.removals()]

    def delete(self, batch_id: str) -> None:
        """An inactive batch is `deleted`; what it had staged is forgotten.

        Raises:
            ConflictError: the batch is not inactive.
        """
        with self._begin() as connection:
            self._move(connection, batch_id, to=BatchStatus.DELETED, of=(BatchStatus.INACTIVE, BatchStatus.DELETED))
            connection.execute(sa.delete(staged_file).where(staged_file.c.batch_id == batch_id))

    def settled(self, batch_ids: Collection[str]) -> set[str]:
        """Those of the batches that have come to their end, good or bad; unknown ones are not among them."""
        ended: set[str] = set()
        ids = sorted(batch_ids)
        for start in range(0, len(ids), _PAGE):
            page = ids[start : start + _PAGE]
            query = sa.select(batch.c.id).where(batch.c.id.in_(page), batch.c.status.not_in(_OPEN))
            ended.update(row["id"] for row in self._all(query))
        return ended

    def open_batches(self, dataset: str) -> set[str]:
        """The dataset's batches that may still be committed."""
        query = sa.select(batch.c.id).where(batch.c.dataset == dataset, batch.c.status.in_(_OPEN))
        return {row["id"] for row in self._all(query)}

    def abandoned(self) -> list[Batch]:
        """Batches that may still be committed although their flow run is closed; an intact catalog has none."""
        query = select_batches().join(flow_run, flow_run.c.id == batch.c.flow_run_id)
        query = query.where(batch.c.status.in_(_OPEN), flow_run.c.completed_at.is_not(None)).order_by(batch.c.id)
        return [batch_of(row) for row in self._all(query)]

    def leftovers(self) -> list[Batch]:
        """Batches that loaded nothing and still have staged files; an intact catalog has none."""
        ended = (BatchStatus.FAILED.value, BatchStatus.ABORTED.value)
        has_files = sa.select(staged_file.c.uri).where(staged_file.c.batch_id == batch.c.id).exists()
        query = select_batches().where(batch.c.status.in_(ended), has_files).order_by(batch.c.id)
        return [batch_of(row) for row in self._all(query)]

    def of_dataset(self, dataset: str) -> list[Batch]:
        """All batches of the dataset, oldest first."""
        return [
            batch_of(row) for row in self._all(select_batches().where(batch.c.dataset == dataset).order_by(batch.c.id))
        ]

    def datasets(self) -> list[str]:
        """The names of the datasets that ever had a batch."""
        return [row["dataset"] for row in self._all(sa.select(batch.c.dataset).distinct().order_by(batch.c.dataset))]

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


def replayed_before(batch_id: str | None, replay: str | None) -> ConflictError:
    """The error that says that a batch's rejected records were taken by another batch."""
    return ConflictError(
        f"the rejected records of batch {batch_id} were taken by batch {replay}. What that one rejected again can be "
        f"replayed from there: headwater batch replay {replay}"
    )
