"""Which batches lost rows in the lake that identity graph and profiles may still have.

An entry names the batch that lost rows and the one that superseded them, so that each loss is entered once and two of
them are never taken for one: whoever made the profiles follow deletes exactly the entries that were there before.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from headwater.catalog.base import Store
from headwater.catalog.tables import batch, flow_run, profile_reload
from headwater.database.engine import upsert


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload:
    """What is still to be done: `batch_id` lost rows of `dataset` to the batch `superseded_by`."""

    batch_id: str
    superseded_by: str
    dataset: str


class Reloads(Store):
    """Batches whose identities and profiles are to follow the lake."""

    def request(self, batch_ids: Iterable[str], *, superseded_by: str) -> None:
        """Enter that these batches lost rows. Repeating changes nothing."""
        with self._begin() as connection:
            for batch_id in sorted(batch_ids):
                connection.execute(
                    upsert(connection, profile_reload)
                    .values(batch_id=batch_id, superseded_by=superseded_by)
                    .on_conflict_do_nothing()
                )

    def pending(self, dataset: str | None = None) -> list[Reload]:
        """What is to be done, of one dataset or of all, by batch."""
        query = _select()
        if dataset is not None:
            query = query.where(batch.c.dataset == dataset)
        return [_reload(row) for row in self._all(query)]

    def interrupted(self) -> list[Reload]:
        """What is to be done, and nobody is doing: the flow run that superseded the rows is closed."""
        superseding = batch.alias("superseding")
        query = (
            _select()
            .join(superseding, superseding.c.id == profile_reload.c.superseded_by)
            .join(flow_run, flow_run.c.id == superseding.c.flow_run_id)
            .where(flow_run.c.completed_at.is_not(None))
        )
        return [_reload(row) for row in self._all(query)]

    def done(self, reloads: Collection[Reload]) -> None:
        """The profiles have followed; what was entered meanwhile stays."""
        with self._begin() as connection:
            for each in reloads:
                connection.execute(
                    sa.delete(profile_reload).where(
                        profile_reload.c.batch_id == each.batch_id,
                        profile_reload.c.superseded_by == each.superseded_by,
                    )
                )


def _select() -> sa.Select[Any]:
    return (
        sa.select(profile_reload, batch.c.dataset)
        .join(batch, batch.c.id == profile_reload.c.batch_id)
        .order_by(profile_reload.c.batch_id, profile_reload.c.superseded_by)
    )


def _reload(row: sa.RowMapping) -> Reload:
    return Reload(batch_id=row["batch_id"], superseded_by=row["superseded_by"], dataset=row["dataset"])
