"""Executions of dataflows."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from headwater.catalog.base import Store, utc_now
from headwater.catalog.batch_rows import failure_from_json, failure_to_json, group_totals
from headwater.catalog.tables import flow_run
from headwater.errors import ConflictError, NotFoundError
from headwater.model.documents import Dataflow, RunRequest
from headwater.model.records import RecordCounts
from headwater.model.runs import ErrorSummary, FlowRun, FlowRunState


class FlowRunStore(Store):
    """Flow runs, each with the dataflow as it was when the run began."""

    def start(self, run: FlowRun, flow: Dataflow, request: RunRequest, *, holder: str, lease: timedelta) -> None:
        """Remember a run that begins. `holder` says who works on it, for as long as its lease is renewed."""
        self._execute(
            sa.insert(flow_run).values(
                id=run.id,
                flow=run.flow,
                dataset=run.dataset,
                state=run.state.value,
                trigger=run.trigger,
                dag_run_id=run.dag_run_id,
                batch_id=run.batch_id,
                window_start=run.window_start,
                window_end=run.window_end,
                started_at=run.started_at,
                completed_at=None,
                holder=holder,
                lease_until=run.started_at + lease,
                document=flow.to_json(),
                request=request.to_json(),
                profiles={},
                errors=[],
                notes=[],
            )
        )

    def get(self, run_id: str) -> FlowRun:
        """The flow run.

        Raises:
            NotFoundError: there is none of that id.
        """
        row = self._first(_select().where(flow_run.c.id == run_id))
        if row is None:
            raise NotFoundError(f"no flow run {run_id!r} in the catalog")
        return _flow_run(row)

    def document(self, run_id: str) -> tuple[Dataflow, RunRequest]:
        """The dataflow as it was when the run began, and what was asked of the run."""
        row = self._first(sa.select(flow_run.c.document, flow_run.c.request).where(flow_run.c.id == run_id))
        if row is None:
            raise NotFoundError(f"no flow run {run_id!r} in the catalog")
        return Dataflow.from_json(row["document"]), RunRequest.from_json(row["request"])

    def latest(self, *, flow: str | None = None, limit: int = 100) -> list[FlowRun]:
        """The newest runs first, of one dataflow or of all."""
        newest = (flow_run.c.started_at.desc(), flow_run.c.id.desc())
        ids = sa.select(flow_run.c.id).order_by(*newest).limit(limit)
        if flow is not None:
            ids = ids.where(flow_run.c.flow == flow)
        return [_flow_run(row) for row in self._all(_select().where(flow_run.c.id.in_(ids)).order_by(*newest))]

    def of_dag_run(self, flow: str, dag_run_id: str) -> FlowRun | None:
        """The newest flow run of a Dag run, or None if it came to none."""
        query = _select().where(flow_run.c.flow == flow, flow_run.c.dag_run_id == dag_run_id)
        row = self._first(query.order_by(flow_run.c.started_at.desc(), flow_run.c.id.desc()).limit(1))
        return _flow_run(row) if row is not None else None

    def first_started_at(self, flow: str) -> datetime | None:
        """When the dataflow first ran, or None."""
        with self._read() as connection:
            started: datetime | None = connection.execute(
                sa.select(sa.func.min(flow_run.c.started_at, type_=flow_run.c.started_at.type)).where(
                    flow_run.c.flow == flow
                )
            ).scalar_one()
        return started

    def reuse(self, run_id: str, flow: Dataflow, request: RunRequest) -> None:
        """Another attempt of the run begins, with the dataflow as it is now."""
        self._change(run_id, document=flow.to_json(), request=request.to_json())

    def open_runs(self, flow: str) -> list[tuple[str, str, datetime]]:
        """Id, holder and end of the lease of every run of the dataflow that has not finished."""
        query = sa.select(flow_run.c.id, flow_run.c.holder, flow_run.c.lease_until).where(
            flow_run.c.flow == flow, flow_run.c.state == FlowRunState.IN_PROGRESS.value
        )
        return [(row["id"], row["holder"], row["lease_until"]) for row in self._all(query)]

    def all_open_runs(self) -> list[tuple[str, str, datetime]]:
        """Id, holder and end of the lease of every run that has not finished, of any dataflow."""
        query = sa.select(flow_run.c.id, flow_run.c.holder, flow_run.c.lease_until).where(
            flow_run.c.completed_at.is_(None)
        )
        return [(row["id"], row["holder"], row["lease_until"]) for row in self._all(query.order_by(flow_run.c.id))]

    def failed_at(self, step: str) -> dict[str, str]:
        """The batches of runs that remember a failure of the step, each with its run."""
        query = sa.select(flow_run.c.batch_id, flow_run.c.id, flow_run.c.errors).where(
            flow_run.c.batch_id.is_not(None), flow_run.c.state == FlowRunState.FAILED.value
        )
        rows = self._all(query)
        return {row["batch_id"]: row["id"] for row in rows if any(each.get("step") == step for each in row["errors"])}

    def hold(self, run_id: str) -> None:
        """Keep others from changing the run until the end of the transaction."""
        with self._begin() as connection:
            connection.execute(_locked(flow_run.c.id, run_id))

    def require_open(self, run_id: str) -> None:
        """Hold the run's row until the end of the transaction, and make sure that nobody has closed the run.

        Raises:
            ConflictError: it was closed, so that whoever still works on it must stop.
        """
        with self._begin() as connection:
            completed_at = connection.execute(
                sa.select(flow_run.c.completed_at).where(flow_run.c.id == run_id).with_for_update()
            ).scalar_one()
        if completed_at is not None:
            raise ConflictError(
                f"flow run {run_id} was closed at {completed_at:%Y-%m-%d %H:%M:%S} UTC, so this step changes nothing. "
                "To run the dataflow again, clear its task `discover`, or trigger it."
            )

    def renew(self, run_id: str, lease: timedelta) -> None:
        """Say that somebody still works on the run."""
        self._change(run_id, lease_until=utc_now() + lease)

    def set_batch(self, run_id: str, batch_id: str) -> None:
        """Say which batch the run fills."""
        self._change(run_id, batch_id=batch_id)

    def set_profiles(self, run_id: str, counts: dict[str, int]) -> None:
        """Add counts of the identity or profile load."""
        with self._begin() as connection:
            known = connection.execute(_locked(flow_run.c.profiles, run_id)).scalar_one()
            connection.execute(sa.update(flow_run).where(flow_run.c.id == run_id).values(profiles=known | counts))

    def with_profiles(self) -> dict[str, str]:
        """The batches from which identities or profiles were loaded at some time, each with its run."""
        query = sa.select(flow_run.c.batch_id, flow_run.c.id).where(
            flow_run.c.batch_id.is_not(None), flow_run.c.profiles != sa.literal({}, flow_run.c.profiles.type)
        )
        return {row["batch_id"]: row["id"] for row in self._all(query)}

    def add_notes(self, run_id: str, notes: Iterable[str]) -> None:
        """Add remarks for people, each once."""
        with self._begin() as connection:
            known = connection.execute(_locked(flow_run.c.notes, run_id)).scalar_one()
            merged = list(dict.fromkeys([*known, *notes]))
            connection.execute(sa.update(flow_run).where(flow_run.c.id == run_id).values(notes=merged))

    def set_step_error(self, run_id: str, step: str, failure: ErrorSummary | None) -> None:
        """Remember why a step failed, or with None that it no longer does."""
        with self._begin() as connection:
            known = connection.execute(_locked(flow_run.c.errors, run_id)).scalar_one()
            errors = [entry for entry in known if entry.get("step") != step]
            if failure is not None:
                errors.append(failure_to_json(failure))
            if errors != known:
                connection.execute(sa.update(flow_run).where(flow_run.c.id == run_id).values(errors=errors))

    def complete(self, run_id: str, state: FlowRunState, *, completed_at: datetime) -> None:
        """Close the run."""
        self._change(run_id, state=state.value, completed_at=completed_at)

    def _change(self, run_id: str, **values: object) -> None:
        self._execute(sa.update(flow_run).where(flow_run.c.id == run_id).values(**values))


def _locked(column: sa.Column[Any], run_id: str) -> sa.Select[Any]:
    """A column that is read in order to be written: nobody else may do so meanwhile."""
    return sa.select(column).where(flow_run.c.id == run_id).with_for_update()


def _select() -> sa.Select[Any]:
    return sa.select(flow_run, *group_totals(flow_run.c.batch_id))


def _flow_run(row: Any) -> FlowRun:  # noqa: ANN401 - a database row's columns have no static types
    return FlowRun(
        id=row["id"],
        flow=row["flow"],
        dataset=row["dataset"],
        state=FlowRunState(row["state"]),
        trigger=row["trigger"],
        dag_run_id=row["dag_run_id"],
        batch_id=row["batch_id"],
        window_start=row["window_start"],
        window_end=row["window_end"],
        started_at=row["started_at"],
        completed_at=row["completed_at"],
        files=int(row["files"] or 0),
        input_bytes=int(row["input_bytes"] or 0),
        counts=RecordCounts(
            read=int(row["records_read"] or 0),
            loaded=int(row["records_loaded"] or 0),
            failed=int(row["records_failed"] or 0),
        ),
        profiles=dict(row["profiles"]),
        errors=tuple(failure_from_json(entry) for entry in row["errors"]),
        notes=tuple(row["notes"]),
    )
